"""The default sentence aligner: by meaning, each sentence encoded once, and by words learnt from the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.jit import F32, I32, I64
from polyalign.core.progress import note
from polyalign.core.ragged import offsets
from polyalign.encoders.centre import centre
from polyalign.encoders.known import knows
from polyalign.encoders.named import named_encoder
from polyalign.kernels.beads_pooled import Scoring, Vectors
from polyalign.kernels.beads_search import align_batch
from polyalign.kernels.evidence import Beliefs
from polyalign.sentences.batch import Alignment, Paragraphs, check_pairs, chunks
from polyalign.sentences.lexical import Lexical
from polyalign.sentences.model import Model
from polyalign.sentences.moved import Inside, Moved, Span, explain, find_moved
from polyalign.sentences.numbering import strip_numbering
from polyalign.sentences.pooled import LENGTH, anchors, length_ratio, mutual, side_of, whole, with_gaps

#: Nodes of the lattice up to which a document is searched as a whole, and nodes kept around anchors in others.
_WHOLE, _NEAR = 4_096, 4
#: Half a band's nodes at most where no anchors are, down to bands of a few dozen: what bounds the memory of a book.
_ROOM = 1_000_000
#: Share of sentences that are anchors from which an encoder knows the languages without further tests.
_KNOWN = 0.5
#: A bead less probable than this may hide sentences that stand elsewhere; how far such may be from one another.
_DOUBTFUL, _GAP = 0.5, 4
#: What the lexical aligner's log odds of words are weighted and all its log odds divided by (see there).
_LEXICAL_WEIGHT, _LEXICAL_TEMPERATURE = 1.3, 2.0

Rows = tuple[F32, F32]


@dataclass(frozen=True, slots=True)
class BeadAligner:
    """Align sentences by meaning and words, in time linear in their number, with a probability for each bead.

    Each sentence is encoded once, and centred with all others of its language in the batch; the vector of a bead's side
    is the sum of its sentences' unit vectors, weighted by the logarithms of their lengths. With t and z the sentences
    just outside the bead on either side and l1, l2 its lengths in characters, one scaled by the ratio of the texts', it
    scores ``s = (cos(x, y) - 1/2 [mean cos(x, t) + mean cos(z, y)]) log2(1 + min(l1, l2) / max(l1, l2)) ** e``, or
    ``-skip`` for every sentence without a counterpart. Its probability is taken over all paths (forward-backward),
    paths being as likely as ``exp(sum of s / temperature)``. What these beads teach of bead types, lengths and words
    gives log odds o as in `sentences.align/lexical`, and in a second search ``(1 - w) s / temperature + w o`` takes the
    place of ``s / temperature``. The path with most expected right beads is returned, a bead's score is its probability;
    that of a sentence without a counterpart is summed over all places where it might stand.

    Anchors lead the search, wherever they lie, so that a missing chapter leads nobody astray: sentences that are each
    other's nearest by margin, and of these the heaviest rising chain. Where one side is far longer between two of them,
    most of its sentences are expected to have no counterpart, and cost little (`sentences.pooled.with_gaps`). Sentences
    left without a counterpart that have one out of order are reported. If the encoder does not know the languages,
    words and lengths alone decide.

    **Differs:** the score is Bertalign's second pass, which encodes every run of sentences and searches near the
    diagonal; centring, pooling, anchors, words, probabilities and decoding are ours.

    Args:
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind
            a colon, `e5:layer=7`.
        max_size: Most sentences in a bead, both sides together.
        length_exponent: How much unequal lengths count, e.
        skip: What a sentence without counterpart costs.
        temperature: Divisor of the vectors' scores; higher is less sure.
        words: Weight of words, lengths and bead types against vectors, w, from 0 for vectors alone to 1.
        bead_cost: Expected right beads that one more bead must bring; higher gives fewer, wider beads.
        paragraphs: With "respect" no bead spans a paragraph break, and breaks that meet count as evidence; a version of
            one paragraph says nothing.
        moved: Whether blocks that correspond out of order are only reported, with the reason why their sentences have
            no counterpart in order, or aligned as well.
        fallback: Whether to align by `sentences.align/lexical` if the encoder does not know the languages.

    Complexity: O(n) time and memory after encoding; see `sentences.pooled.anchors`.

    References: liu2022bertalign, thompson2019vecalign, artetxe2019margin

    Example:
        >>> BeadAligner().align([], [])
        []
    """

    encoder: str = "e5"
    max_size: int = 6
    length_exponent: float = 2.0
    skip: float = 0.2
    temperature: float = 0.1
    words: float = 0.3
    bead_cost: float = 0.4
    paragraphs: Paragraphs = "respect"
    moved: Literal["report", "align"] = "report"
    fallback: bool = True

    def __post_init__(self) -> None:
        if not 2 <= self.max_size <= 20:
            raise ValueError(f"max_size must be from 2 to 20, found {self.max_size}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, found {self.temperature}")
        for name in ("length_exponent", "skip"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if not 0 <= self.words <= 1:
            raise ValueError(f"words must be from 0 to 1, found {self.words}")
        if not 0 <= self.bead_cost < 1:
            raise ValueError(f"bead_cost must be from 0 to below 1, found {self.bead_cost}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align each source document with the target document at the same place.

        Raises:
            ConfigError: No such encoder.
            DataError: The numbers of documents differ.
            MissingExtraError: What the encoder needs is not installed.
        """
        check_pairs(src, tgt, "sentences.align/beads")
        if not src:
            return []
        encoder = named_encoder(self.encoder)
        plain = strip_numbering([*src, *tgt])
        src, tgt = plain[: len(src)], plain[len(src) :]
        rows = [encoder.encode([s for d in side for s in d.sentences]) for side in (src, tgt)]
        return self.align_vectors(src, tgt, (rows[0], rows[1]))

    def align_vectors(self, src: Sequence[Document], tgt: Sequence[Document], rows: Rows) -> list[Beads]:
        """Align documents whose sentences' vectors are at hand.

        Args:
            src: Source documents.
            tgt: Target documents.
            rows: Unit vectors of all sentences of either side, document after document, shape (n, d).
        """
        centred = centre(*rows)
        found = self._search(src, tgt, (whole(centred[0]), whole(centred[1])), test=True)
        if found is None:
            return [explain(b, []) for b in Lexical(max_size=self.max_size, paragraphs=self.paragraphs).align(src, tgt)]
        docs = [offsets([len(d) for d in side]) for side in (src, tgt)]
        blocks = []
        for k, beads in enumerate(found):
            pair = src[k], tgt[k]
            own = tuple(x[at[k] : at[k + 1]] for x, at in zip(centred, docs, strict=True))
            blocks.append(self._moved(pair, (own[0], own[1]), beads))
        self._tell(src, blocks)
        return [explain(b, m, align=self.moved == "align") for b, m in zip(found, blocks, strict=True)]

    def _search(
        self, src: Sequence[Document], tgt: Sequence[Document], rows: Rows, *, test: bool = False
    ) -> list[Beads] | None:
        """Align documents in order by whole-numbered vectors; None if tests are wanted, and say to fall back."""
        model = Model.start(src, tgt, paragraphs=self.paragraphs, max_size=self.max_size, letters=4, dictionary="")
        texts = model.sides
        sides = (side_of(rows[0], texts[0]), side_of(rows[1], texts[1]))
        docs = (texts[0].docs, texts[1].docs)
        cuts, at = _chains(sides)
        if test and self._unknown(rows, docs, len(cuts) - 2 * len(src)):
            return None
        nodes = np.prod([np.diff(x) + 1 for x in docs], axis=0)
        chains = (cuts, at, np.where(nodes <= _WHOLE, -1, _NEAR).astype(np.int32))
        reach = np.zeros((len(texts[0].chars), 2), np.int32)
        ratio = length_ratio(*texts, cuts, at, model.ratio)
        sides = with_gaps(sides, texts, cuts, at, ratio)
        aligned = self._pass(sides, model, ratio, 1.0 / self.temperature, chains, reach, again=False)
        if self.words > 0:
            model = model.learn(aligned, 5)
            weight = (1.0 - self.words) / self.temperature
            aligned = self._pass(sides, model, model.ratio, weight, chains, reach, again=True)
        return aligned.beads()

    def _pass(
        self,
        sides: tuple[Vectors, Vectors],
        model: Model,
        ratio: float,
        weight: float,
        chains: tuple[I32, I64, I32],
        reach: I32,
        *,
        again: bool,
    ) -> Alignment:
        """Search near anchors by vectors, or again by words too where `reach` says, which is made anew."""
        null = (model.da == 0) | (model.db == 0)
        scoring = Scoring(
            model.da,
            model.db,
            np.where(null, -float(self.skip), 0.0),
            float(ratio),
            float(self.length_exponent),
            float(weight),
            float(self.bead_cost),
        )
        beliefs = Beliefs(
            model.da,
            model.db,
            np.log(model.prior),
            model.ratio,
            model.variance,
            _LEXICAL_WEIGHT,
            _LEXICAL_TEMPERATURE / self.words if again else 1.0,
            0.0,
        )
        docs = (sides[0].docs, sides[1].docs)
        far = np.clip(_ROOM // np.maximum(np.diff(docs[0]), 1), 20, 100).astype(np.int32)
        clues = [x.clues() for x in model.matches]
        found, score, count = align_batch(
            sides[0], sides[1], scoring, model.sides[0], model.sides[1], clues[0], clues[1], beliefs,
            *chains, far, reach, again, chunks(docs),
        )  # fmt: skip
        return Alignment.pack(docs, found, score, count)

    def _unknown(self, rows: Rows, docs: tuple[I64, I64], anchored: int) -> bool:
        """Whether the encoder does not know the languages, and words are to decide; said in a note."""
        if anchored >= _KNOWN * np.minimum(*(np.diff(x) for x in docs)).sum():
            return False
        known = knows(*rows, *docs)
        if known.knows:
            return False
        what = "aligned by words and lengths alone" if self.fallback else "aligned by its vectors all the same"
        note(f"sentences.align/beads: {known.warning('the source language', 'the target language')}; {what}")
        return self.fallback

    def _moved(self, pair: tuple[Document, Document], rows: Rows, beads: Beads) -> list[Moved]:
        """Blocks of a document pair that correspond out of order."""
        if not _astray(beads, rows):
            return []
        units = (rows[0] / np.float32(LENGTH), rows[1] / np.float32(LENGTH))
        return find_moved(*units, beads, inside=self._inside(pair, rows))

    def _inside(self, pair: tuple[Document, Document], rows: Rows) -> Inside:
        """What aligns parts of a document pair, by vectors alone."""
        plain = replace(self, words=0.0)

        def align(spans: Sequence[tuple[Span, Span]]) -> list[Beads]:
            parts = [[_part(pair[k], span[k]) for span in spans] for k in (0, 1)]
            some = [np.concatenate([rows[k][slice(*span[k])] for span in spans]) for k in (0, 1)]
            return plain._search(parts[0], parts[1], (some[0], some[1])) or []

        return align

    def _tell(self, src: Sequence[Document], blocks: Sequence[Sequence[Moved]]) -> None:
        named = [d.id or str(k) for k, (d, b) in enumerate(zip(src, blocks, strict=True)) if b]
        if named:
            total = sum(map(len, blocks))
            first = ", ".join(named[:3]) + (", ..." if len(named) > 3 else "")
            what = "" if self.moved == "align" else '; moved="align" aligns them'
            many = f"{total} block{'s' * (total > 1)} out of order in {len(named)} document{'s' * (len(named) > 1)}"
            note(f"sentences.align/beads: {many} ({first}){what}")


def _chains(sides: tuple[Vectors, Vectors]) -> tuple[I32, I64]:
    """Anchors of every document, its ends among them."""
    src, tgt = sides
    chains = [np.zeros((0, 2), np.int32)]
    for a, b, c, d in zip(src.docs[:-1], src.docs[1:], tgt.docs[:-1], tgt.docs[1:], strict=True):
        chains.append(anchors(src.rows[a:b], tgt.rows[c:d]))
    return np.concatenate(chains), offsets([len(c) for c in chains[1:]])


def _astray(beads: Beads, rows: Rows) -> bool:
    """Whether three doubtful source sentences in a row are nearest to as many elsewhere: cheaper than a search for blocks."""
    sizes = beads.src_end - beads.src_start, beads.tgt_end - beads.tgt_start
    doubtful = (sizes[0] == 0) | (sizes[1] == 0) | (beads.score < _DOUBTFUL)
    bead = [np.repeat(np.arange(len(beads)), size) for size in sizes]
    free = [np.flatnonzero(doubtful[k]) for k in bead]
    if min(map(len, free)) < 3:
        return False
    near = mutual(rows[0][free[0]], rows[1][free[1]])
    i, j = free[0][near[0]], free[1][near[1]]
    away = np.abs(bead[0][i] - bead[1][j]) > 2
    next_to = (np.diff(i[away]) <= _GAP) & (np.diff(j[away]) <= _GAP) & (np.diff(j[away]) > 0)
    return bool((next_to[1:] & next_to[:-1]).any())


def _part(document: Document, span: Span) -> Document:
    """Some sentences of a document."""
    return Document(document.id, document.sentences[slice(*span)], document.paragraphs[slice(*span)])
