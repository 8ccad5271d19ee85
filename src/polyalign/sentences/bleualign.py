"""Bleualign: sentences aligned by how far their machine translation agrees with the other side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_lines
from polyalign.core.jit import F64, I32, I64, Mask
from polyalign.core.ragged import offsets
from polyalign.kernels.anchors import heaviest_chain, rare_matches
from polyalign.kernels.bleu import Grams, align_batch, pair_bleu
from polyalign.sentences.batch import Alignment, check_pairs, chunks, cumulative
from polyalign.sentences.tokens import encode

#: Nodes of the lattice up to which a document is searched as a whole, and nodes kept beside the anchors of others.
_WHOLE, _NEAR = 250_000, 20
#: Words and pairs of words that occur more often than this in a document propose no anchors.
_RARE = 5
#: Log of a bead type's probability over that of 1-1: of one with an empty side, and for each sentence above two.
_NULL, _MORE = -4.5, -2.3

Sides = tuple[Grams, Grams]


@dataclass(frozen=True, slots=True)
class Bleualign:
    """Align sentences by the BLEU of a translation that you supply, and by their lengths.

    A bead scores ``weight * BLEU(translation of its source, its target) + ln P(type) + ln P(lengths)``, where BLEU goes
    up to pairs of words, pairs smoothed by one, taken both ways (translation against target, target against translation)
    with the harmonic mean of the two; lengths are judged as Gale and Church do, where both
    sides have some. The best path is returned, and a bead's
    score is its probability over all paths, forward-backward. Long documents are searched near anchors: the chain of
    pairs of sentences with the greatest sum of BLEU, rising on both sides, among pairs that are each other's best.

    **Differs:** the published method takes that chain for right, joins sentences to its pairs where that raises BLEU
    and leaves small gaps to Gale and Church's method; here one search weighs BLEU against length for beads of all
    sizes, gaps and pairs alike. It counts a pair of sentences only if they share a pair of words; here smoothing lets
    single words count a little. Words are casefolded, and pairs of words do not reach across the sentences of a bead.

    Args:
        translations: A file of translations, a line for each sentence; with `{doc}` in it for several documents, in whose
            place the document's name is put: `mt/{doc}.txt`. Empty lines may be left out where the document has them.
        translated: Which side was translated into the language of the other.
        back_translations: Translations of the other side, if there are any; then each counts half.
        weight: What BLEU is multiplied by.
        max_size: Most sentences in a bead, both sides together.

    Complexity: O(n) time and memory, O(n m) for documents of up to 250,000 pairs of sentences.

    References: sennrich2010mt, sennrich2011iterative, papineni2002bleu, lin2004orange, gale1993program
    """

    translations: PathText
    translated: Literal["src", "tgt"] = "src"
    back_translations: PathText = ""
    weight: float = 40.0
    max_size: int = 5

    def __post_init__(self) -> None:
        if not self.translations:
            raise ValueError("translations must name a file; this method cannot do without them")
        if not self.weight > 0:
            raise ValueError(f"weight must be above 0, found {self.weight}")
        if not 2 <= self.max_size <= 20:
            raise ValueError(f"max_size must be from 2 to 20, found {self.max_size}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align each source document with the target document at the same place.

        Raises:
            DataError: The numbers of documents differ; a file of translations is not readable, or has not a line for each
                sentence; or it is one file for several documents.
        """
        check_pairs(src, tgt, "sentences.align/bleualign")
        paths = (self.translations, self.back_translations)
        if self.translated == "tgt":
            paths = (self.back_translations, self.translations)
        into_tgt, into_src = _translations(paths[0], src), _translations(paths[1], tgt)
        sources, targets = (tuple(s for d in side for s in d.sentences) for side in (src, tgt))
        texts, width = _grams(
            (into_tgt, targets) if into_tgt else ((), ()), (sources, into_src) if into_src else ((), ())
        )
        docs = offsets([len(d) for d in src]), offsets([len(d) for d in tgt])
        share = self.weight / (2 if into_tgt and into_src else 1)
        weights = share if into_tgt else 0.0, share if into_src else 0.0
        nodes = (np.diff(docs[0]) + 1) * (np.diff(docs[1]) + 1)
        cuts, at = _anchors(texts, weights, docs, nodes > _WHOLE, width)
        types = [(a, b) for a in range(self.max_size) for b in range(self.max_size) if 0 < a + b <= self.max_size]
        types = [(a, b) for a, b in types if (a and b) or a + b == 1]
        found, score, count = align_batch(
            docs,
            (cumulative(docs[0], _lengths(src)), cumulative(docs[1], _lengths(tgt))),
            *texts[0],
            *texts[1],
            weights,
            width,
            np.array([a for a, _ in types], np.int32),
            np.array([b for _, b in types], np.int32),
            np.array([_MORE * (a + b - 2) if a and b else _NULL for a, b in types]),
            cuts,
            at,
            np.where(nodes > _WHOLE, _NEAR, 0).astype(np.int32),
            chunks(docs),
        )
        return Alignment.pack(docs, found, score, count).beads()


def _lengths(documents: Sequence[Document]) -> F64:
    return np.array([len(s.replace(" ", "")) for d in documents for s in d.sentences], np.float64)


def _translations(path: str, side: Sequence[Document]) -> tuple[str, ...]:
    """The translation of each sentence of a side; none without a path."""
    if path and "{doc}" not in path and len(side) > 1:
        raise DataError(
            f"{path}: is one file of translations, found {len(side)} documents; name it with '{{doc}}' where the document's name stands"
        )
    out: list[str] = []
    for document in side if path else ():
        file = path.replace("{doc}", document.id)
        lines = [line.strip() for line in read_lines(file)]
        if len(lines) != len(document):
            full = [line for line in lines if line not in ("", "<p>")]
            if len(full) != len(document):
                raise DataError(
                    f"{file}: found {len(lines)} lines, expected {len(document)}, one for each sentence of document {document.id!r}; translate line by line"
                )
            lines = full
        out += lines
    return tuple(out)


def _grams(*versions: tuple[Sequence[str], Sequence[str]]) -> tuple[tuple[Sides, Sides], int]:
    """Words and pairs of words of both sides in either language, and the number of ids."""
    ids: dict[str, int] = {}
    words = [encode(side, ids) for sides in versions for side in sides]
    pairs, ats = [], []
    for word, at in words:
        # Every two neighbours, less those of which a sentence's end lies between.
        inside = np.ones(max(len(word) - 1, 0), np.bool_)
        ends = at[1:-1]
        inside[ends[(ends > 0) & (ends < len(word))] - 1] = False
        pairs.append((word[:-1].astype(np.int64) * len(ids) + word[1:])[inside])
        ats.append(offsets(np.maximum(np.diff(at) - 1, 0)))
    _, number = np.unique(np.concatenate(pairs), return_inverse=True)
    split = np.split(number.reshape(-1) + len(ids), np.cumsum([len(p) for p in pairs])[:-1])
    made = [
        Grams(word, at, pair.astype(np.int32), pair_at)
        for (word, at), pair, pair_at in zip(words, split, ats, strict=True)
    ]
    return ((made[0], made[1]), (made[2], made[3])), len(ids) + int(number.max(initial=-1)) + 1


def _anchors(
    texts: tuple[Sides, Sides], weights: tuple[float, float], docs: tuple[I64, I64], wanted: Mask, width: int
) -> tuple[I32, I64]:
    """Cuts each document's path should come near: its ends and, where wanted, the best chain of pairs."""
    chains: list[I32] = []
    for k, (a, b, c, d) in enumerate(zip(docs[0][:-1], docs[0][1:], docs[1][:-1], docs[1][1:], strict=True)):
        cuts = _best_pairs(texts, weights, (a, b), (c, d), width) if wanted[k] else np.zeros((0, 2), np.int32)
        chains.append(np.concatenate([np.zeros((1, 2), np.int32), cuts, np.array([[b - a, d - c]], np.int32)]))
    return np.concatenate([np.zeros((0, 2), np.int32), *chains]), offsets([len(c) for c in chains])


def _best_pairs(
    texts: tuple[Sides, Sides], weights: tuple[float, float], src: tuple[int, int], tgt: tuple[int, int], width: int
) -> I32:
    """The rising chain of greatest BLEU, of pairs of one document's sentences that are each other's best."""
    used = [sides for sides, weight in zip(texts, weights, strict=True) if weight > 0]
    same = np.arange(width + 1, dtype=np.int64), np.arange(width, dtype=np.int32), np.ones(width)
    slot, seen = np.full(width, -1, np.int32), np.zeros((2, width), np.int32)
    rows_at, columns_at = slice(src[0], src[1] + 1), slice(tgt[0], tgt[1] + 1)
    keys = [
        rare_matches(x, x_at[rows_at], y, y_at[columns_at], *same, _RARE, slot, seen)[0]
        for one, other in used
        for x, x_at, y, y_at in (
            (one.word, one.word_at, other.word, other.word_at),
            (one.pair, one.pair_at, other.pair, other.pair_at),
        )
    ]
    m = tgt[1] - tgt[0]
    pairs = np.unique(np.concatenate(keys))
    rows, columns = pairs // m, pairs % m
    score = np.zeros(len(pairs))
    for one, other in used:
        score += pair_bleu(one, other, rows + src[0], columns + tgt[0], width)
    best = np.zeros(src[1] - src[0]), np.zeros(m)
    np.maximum.at(best[0], rows, score)
    np.maximum.at(best[1], columns, score)
    keep = np.flatnonzero((score == best[0][rows]) & (score == best[1][columns]))
    # Of pairs that tie, in falling order of columns, no two of one row make a chain.
    keep = keep[np.lexsort((-columns[keep], rows[keep]))]
    chain = keep[heaviest_chain(rows[keep], columns[keep], score[keep], m)]
    return np.stack([rows[chain], columns[chain]], axis=1).astype(np.int32)
