"""Sentence alignment by lengths, words and paragraph breaks, with everything learnt from the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.files import PathText
from polyalign.core.jit import I32, I64, Mask
from polyalign.core.ragged import offsets
from polyalign.kernels.anchors import heaviest_chain, rare_matches
from polyalign.kernels.corridor import align_batch
from polyalign.kernels.evidence import Beliefs
from polyalign.sentences.batch import Alignment, Paragraphs, check_pairs, chunks
from polyalign.sentences.model import Model
from polyalign.sentences.numbering import strip_numbering

#: Nodes of the lattice up to which a document is searched as a whole, in the first pass and later.
_WHOLE, _SMALL = 250_000, 900
#: Share of sentences that one version has more than the other if a stretch may be missing.
_GAP = 0.1
#: Nodes kept on each side of the path of the pass before, and of the anchors in the first pass.
_NEAR, _FAR = 4, 100
#: Half a first band's nodes at most, down to bands of a few dozen: what bounds the memory of a whole book.
_ROOM = 2_000_000
#: Words that occur more often than this in a document anchor nothing.
_RARE = 3


@dataclass(frozen=True, slots=True)
class Lexical:
    """Align sentences by length and words, learning a lexicon from the documents themselves.

    Every bead gets the log odds of its two sides belonging together,
    ``s = ln P(type) + ln [P(l2 | l1) / P(l2)] + w/2 [g(tgt | src) + g(src | tgt)]``, with normal lengths as Gale
    and Church's and ``g(Y | X) = sum over words y of ln(1 + sum over x in X of r(y, x) / (|X| r0))``, where
    ``r(y, x) = sum over kinds k of weight_k P_k(y | x) / P(y)`` mixes identical words, cognates (a common stem),
    a dictionary and IBM model 1. A bead's probability is taken over all paths (forward-backward over ``s``
    divided by the temperature); the path with most expected right beads is returned, and the probability is
    the bead's score. Each further pass learns bead types, lengths, lexicon and weights from the pass before,
    over all documents.

    **Differs:** hunalign's idea with other means: probabilities in place of hand-set scores, and a lexicon that
    discounts what one bead alone attests, so that short documents are not talked into their own mistakes.
    Numbers and ids that merely count a document's sentences are left out, other numbers count little.
    Words that nothing explains cost nothing (in Moore's model they do), for the lexicon always knows too little.

    Args:
        passes: Alignments made; each after the first uses what the one before taught.
        max_size: Most sentences in a bead, both sides together.
        dictionary: A file of ``source<TAB>target`` lines, or hunalign's ``target @ source``; none if empty.
        paragraphs: With "respect" no bead spans a paragraph break and breaks that meet count as evidence;
            a version of one paragraph says nothing.
        stem_letters: First letters that make two words cognates; 0 for no cognates.
        iterations: Of model 1 in each pass.
        lexical_weight: Weight of words against lengths, w.
        temperature: Divisor of the log odds, as a text's words are not independent; higher is less sure.
        bead_cost: Expected right beads that one more bead must bring; higher gives fewer, wider beads.

    Complexity: O(n m) up to 250,000 cells a document in the first pass, else O(n); memory likewise, a byte a cell in the
        first pass.

    References: varga2005parallel, moore2002fast, brown1993mathematics, gale1993program

    Example:
        >>> from polyalign.core.document import Document
        >>> src = Document.from_lines(["Anna came in 1990.", "It was cold in Berlin and the river froze.", "She left."])
        >>> tgt = Document.from_lines(["Anna kam 1990.", "In Berlin war es kalt.", "Der Fluss fror zu.", "Sie ging."])
        >>> Lexical().align([src], [tgt])[0].to_indices()
        [((0,), (0,)), ((1,), (1, 2)), ((2,), (3,))]
    """

    passes: int = 3
    max_size: int = 6
    dictionary: PathText = ""
    paragraphs: Paragraphs = "respect"
    stem_letters: int = 4
    iterations: int = 5
    lexical_weight: float = 1.3
    temperature: float = 2.0
    bead_cost: float = 0.4

    def __post_init__(self) -> None:
        for name, low, high in (
            ("passes", 1, 100),
            ("max_size", 2, 20),
            ("iterations", 1, 1000),
            ("stem_letters", 0, 20),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, found {getattr(self, name)}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, found {self.temperature}")
        if not self.lexical_weight >= 0:
            raise ValueError(f"lexical_weight must be 0 or more, found {self.lexical_weight}")
        if not 0 <= self.bead_cost < 1:
            raise ValueError(f"bead_cost must be from 0 to below 1, found {self.bead_cost}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align each source document with the target document at the same place.

        Raises:
            DataError: The numbers of documents differ, or the dictionary cannot be read.
        """
        check_pairs(src, tgt, "sentences.align/lexical")
        plain = strip_numbering([*src, *tgt])
        src, tgt = plain[: len(src)], plain[len(src) :]
        model = Model.start(
            src, tgt, paragraphs=self.paragraphs, max_size=self.max_size, letters=self.stem_letters,
            dictionary=self.dictionary,
        )  # fmt: skip
        nodes, gap = _sizes(model)
        cuts, at = _anchors(model, nodes > _WHOLE)
        # Simple beads to begin with, and no reach before there is an alignment.
        simple = model.da + model.db <= 3
        first = replace(model, da=model.da[simple], db=model.db[simple], prior=model.prior[simple])
        reach = np.tile(np.array([1, 0], np.int32), (len(model.sides[0].chars), 1))
        aligned, reach = self._align(first, cuts, at, reach, np.where(nodes <= _WHOLE, 0, _far(model)))
        for number in range(self.passes - 1):
            model = model.learn(aligned, self.iterations)
            cuts, at, widths = aligned.cuts, aligned.at, np.where(nodes <= _SMALL, 0, _NEAR)
            if number == 0 and gap.any():
                # Where a stretch is missing the first path may have lost its way: along new anchors, by the lexicon.
                cuts, at = _choose(gap, _anchors(model, gap), (cuts, at))
                widths = np.where(gap, _far(model), widths)
            aligned, reach = self._align(model, cuts, at, reach, widths)
        return aligned.beads()

    def _align(self, model: Model, cuts: I32, at: I64, reach: I32, widths: I64) -> tuple[Alignment, I32]:
        """Align each document in a band of its width around its cuts and what is within reach, or whole if 0.

        Returns:
            The alignment, and where its plausible paths reach.
        """
        src, tgt = model.sides
        docs = (src.docs, tgt.docs)
        beliefs = Beliefs(
            model.da,
            model.db,
            np.log(model.prior),
            model.ratio,
            model.variance,
            float(self.lexical_weight),
            float(self.temperature),
            float(self.bead_cost),
        )
        src_clues, tgt_clues = (m.clues() for m in model.matches)
        found, score, count, reach = align_batch(
            src, tgt, src_clues, tgt_clues, beliefs, cuts, at, widths.astype(np.int32), reach, chunks(docs)
        )
        return Alignment.pack(docs, found, score, count), reach


def _sizes(model: Model) -> tuple[I64, Mask]:
    """Nodes of each document's lattice, and whether the versions differ so much that a stretch may be missing."""
    n, m = (np.diff(side.docs) for side in model.sides)
    nodes = (n + 1) * (m + 1)
    return nodes, (nodes > _SMALL) & (np.abs(n - m) > np.maximum(_GAP * np.maximum(n, m), 50))


def _far(model: Model) -> I64:
    """Nodes on each side of each document's anchors."""
    room = _ROOM // np.maximum(np.diff(model.sides[0].docs), 1)
    return np.asarray(np.clip(room, 40, _FAR), np.int64)


def _choose(mask: Mask, yes: tuple[I32, I64], no: tuple[I32, I64]) -> tuple[I32, I64]:
    """One chain of cuts for each document, from either of two collections."""
    chains = [(yes if chosen else no, k) for k, chosen in enumerate(mask.tolist())]
    picked = [cuts[at[k] : at[k + 1]] for (cuts, at), k in chains]
    return np.concatenate(picked), offsets([len(c) for c in picked])


def _anchors(model: Model, wanted: Mask) -> tuple[I32, I64]:
    """Cuts each document's path should come near: its ends and, where wanted, sentences sharing rare words."""
    src, tgt = model.sides
    clues, width = model.matches[1].clues(), len(model.probs[0])
    slot, seen = np.full(width, -1, np.int32), np.zeros((2, width), np.int32)
    chains: list[I32] = []
    for k, (a, b, c, d) in enumerate(zip(src.docs[:-1], src.docs[1:], tgt.docs[:-1], tgt.docs[1:], strict=True)):
        n, m = int(b - a), int(d - c)
        cuts = np.zeros((0, 2), np.int32)
        if wanted[k]:
            keys, weights = rare_matches(
                src.words,
                src.starts[a : b + 1],
                tgt.words,
                tgt.starts[c : d + 1],
                clues.at,
                clues.word,
                clues.ratio,
                _RARE,
                slot,
                seen,
            )
            pairs, place = np.unique(keys, return_inverse=True)
            weight = np.bincount(place, weights=weights, minlength=len(pairs))
            rows, columns = pairs // m, pairs % m
            order = np.lexsort((-columns, rows))  # descending, so that no two of one sentence make a chain
            chain = heaviest_chain(rows[order], columns[order], np.asarray(weight[order], np.float64), m)
            cuts = np.stack([rows[order][chain], columns[order][chain]], axis=1).astype(np.int32)
            cuts = cuts[_supported(cuts)]
        chains.append(np.concatenate([np.zeros((1, 2), np.int32), cuts, np.array([[n, m]], np.int32)]))
    return np.concatenate([np.zeros((0, 2), np.int32), *chains]), offsets([len(c) for c in chains])


def _supported(cuts: I32) -> Mask:
    """Which anchors have at least two others nearby on about the same diagonal: chance matches do not."""
    count = np.zeros(len(cuts), np.int64)
    for step in range(1, 6):
        apart = cuts[step:] - cuts[:-step]
        near = (np.abs(apart[:, 1] - apart[:, 0]) <= 10) & (apart[:, 0] <= 40)
        count[step:] += near
        count[:-step] += near
    return count >= 2
