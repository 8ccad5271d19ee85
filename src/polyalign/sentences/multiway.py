"""Sentence alignment of any number of languages at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from polyalign.core import params, registry
from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, Mask
from polyalign.core.multibeads import MultiBeads
from polyalign.core.progress import track
from polyalign.core.ragged import offsets
from polyalign.kernels.multiway import add_language, agreement, tidy

Versions = Mapping[str, Sequence[Document | None]]


@dataclass(frozen=True, slots=True)
class Joint:
    """Align the versions of a document in all languages at once; every pairwise view is a projection of one result.

    The result is a sequence of units, each of which has at most one sentence of every language; a sentence that
    corresponds to two in another language stands in both their units. The languages are aligned two by two with an
    ordinary aligner, whose bead around sentence s says with probability p(s) which sentences t correspond to it. The units
    returned are those of greatest worth: the sum over all pairs of sentences s and t in different languages
    that share a unit of ``[t in the bead of s] p(s) - price (p(s) + p(t)) / 2``. So the languages vote on every pair,
    each as loudly as it is sure. The sum is maximised over one language at a time, as in progressive alignment of biological
    sequences and its refinement: that language's sentences along the units of the others, by dynamic programming.

    A unit's score is how far the pairwise alignments agree with it: the mean over its sentences and the other languages of
    p(s) times the overlap (Jaccard) of the bead of s and the sentences that share a unit with s; 1 where all agree and are
    sure. `MultiBeads.project` gives the view of two languages, which is no wider for what the others do; all views keep
    to the segments of ``MultiBeads.select(langs)``, which no sentence crosses.

    **Differs:** from ProbCons in that sentences may stand in several columns, and that probabilities are not
    transformed: the sum over all pairs of languages does what the transformation is for.

    Args:
        aligner: The pairwise aligner, a method of `sentences.align`. Scores outside 0 to 1 count as certainty.
        aligner_options: Its parameters that differ from their defaults.
        price: Share of the votes above which two sentences share a unit; lower gives wider beads and fewer unaligned sentences.
        partners: Other languages that each is aligned with at the least; all of them if there are no more than
            that, and always the language with most sentences.
        rounds: Times that every language is taken out and put back, at most; it ends when nothing improves.

    Complexity: The pairwise alignments, and O(L^2 n) time and O(L n) memory for L languages of n sentences.

    References: do2005probcons

    Example:
        >>> from polyalign.core.document import Document
        >>> de = Document.from_lines(["Anna kam 1990.", "In Berlin war es kalt.", "Der Fluss fror zu.", "Sie ging."])
        >>> en = Document.from_lines(["Anna came in 1990.", "It was cold in Berlin and the river froze.", "She left."])
        >>> nl = Document.from_lines(["Anna kwam in 1990.", "Het was koud in Berlijn en de rivier bevroor.", "Ze ging."])
        >>> joint = Joint(aligner="lexical").align({"deu_Latn": [de], "eng_Latn": [en], "nld_Latn": [nl]})[0]
        >>> joint.select(joint.langs).cuts.tolist(), joint.project("deu_Latn", "nld_Latn").types()
        ([[0, 0, 0], [1, 1, 1], [3, 2, 2], [4, 3, 3]], {'1-1': 2, '2-1': 1})
    """

    aligner: str = "beads"
    aligner_options: dict[str, Any] = field(default_factory=dict)
    price: float = 0.5
    partners: int = 6
    rounds: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.price < 1:
            raise ValueError(f"price must be between 0 and 1, found {self.price}")
        for name, low, high in (("partners", 1, 1000), ("rounds", 0, 1000)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be from {low} to {high}, found {getattr(self, name)}")

    def align(self, versions: Versions) -> list[MultiBeads]:
        """Align every document's versions.

        Args:
            versions: The documents of each language, None where a language lacks one; as many in each.

        Returns:
            A joint alignment of each document, over all languages; one that lacks the document has no sentences there.

        Raises:
            DataError: No language, or languages with different numbers of documents.
            UnknownMethodError: No such aligner.
            ConfigError: Options that the aligner does not take.
        """
        langs = tuple(versions)
        counts = {lang: len(documents) for lang, documents in versions.items()}
        if len(set(counts.values())) != 1:
            found = ", ".join(f"{n} of {lang}" for lang, n in counts.items()) or "no language"
            raise DataError(
                f"sentences.multiway/joint: found {found}, expected equally many documents in one language or more; give None where a version is missing"
            )
        row = registry.find(self.aligner, task="sentences.align")
        aligner = params.build(row, self.aligner_options, where="aligner_options")
        number = counts[langs[0]]
        sizes = np.array([[len(d) if d else 0 for d in versions[lang]] for lang in langs], np.int64)
        evidence = [_Evidence.empty(sizes[:, d]) for d in range(number)]
        wanted = _pairs(sizes.sum(axis=1), self.partners)
        with track(f"align {len(langs)} languages two by two", total=len(wanted), unit="pairs") as progress:
            for a, b in wanted:
                both = np.flatnonzero((sizes[a] > 0) & (sizes[b] > 0)).tolist()
                sides = [[versions[langs[x]][d] for d in both] for x in (a, b)]
                found_beads = aligner.align(*sides) if both else []
                for d, beads in zip(both, found_beads, strict=True):
                    evidence[d].add(a, b, beads)
                progress.advance()
        return [self._solve(langs, e) for e in evidence]

    def _solve(self, langs: tuple[str, ...], evidence: _Evidence) -> MultiBeads:
        """One document's units."""
        order, e = evidence.order(), evidence
        inside = np.zeros(len(langs), np.bool_)
        members = np.zeros((0, len(langs)), np.int32)
        worth = np.full(len(langs), -np.inf)
        # First every language in turn, then each anew against all others.
        for number in range(1 + self.rounds):
            gained = False
            for new in order.tolist():
                inside[new] = False
                rest = members.copy()
                rest[:, new] = -1
                found, total = add_language(
                    tidy(rest), new, e.first, e.low, e.high, e.prob, e.known, inside, float(self.price)
                )
                members, inside[new] = tidy(found), True
                gained |= bool(total > worth[new] + 1e-6)
                worth[new] = total
            if number and not gained:
                break
        return MultiBeads.from_units(langs, members, agreement(members, e.first, e.low, e.high, e.prob, e.known))


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What the pairwise alignments of one document say, as `polyalign.kernels.multiway` wants it."""

    first: I64
    low: I32
    high: I32
    prob: F32
    known: Mask

    @classmethod
    def empty(cls, sizes: I64) -> _Evidence:
        first, shape = offsets(sizes), (int(sizes.sum()), len(sizes))
        known = np.zeros((len(sizes), len(sizes)), np.bool_)
        return cls(first, np.zeros(shape, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32), known)

    def add(self, a: int, b: int, beads: Beads) -> None:
        """Take in the alignment of languages a and b."""
        self.known[a, b] = self.known[b, a] = True
        score = beads.score
        if bool(((score < 0) | (score > 1) | np.isnan(score)).any()):
            score = np.ones_like(score)
        sides = ((a, beads.src_start, beads.src_end), (b, beads.tgt_start, beads.tgt_end))
        for (lang, start, end), (other, begin, until) in (sides, sides[::-1]):
            rows, size = slice(self.first[lang], self.first[lang + 1]), end - start
            self.low[rows, other], self.high[rows, other] = np.repeat(begin, size), np.repeat(until, size)
            self.prob[rows, other] = np.repeat(score, size)

    def order(self) -> I64:
        """The languages that have the document, each after one it was aligned with, the best supported first."""
        count = len(self.known)
        links = np.zeros((count, count))
        for a in range(count):
            rows = slice(self.first[a], self.first[a + 1])
            # A hair for being aligned at all, so that a pair without any link still counts as one.
            links[a] = (self.prob[rows] * (self.high[rows] > self.low[rows])).sum(axis=0) + 1e-9 * self.known[a]
        links += links.T
        left = np.diff(self.first) > 0
        score, out = links.sum(axis=1), np.zeros(0, np.int64)
        while left.any():
            best = np.argmax(np.where(left, score if not len(out) else links[out].sum(axis=0), -1.0))
            left[best] = False
            out = np.append(out, best)
        return out


def _pairs(sizes: I64, partners: int) -> list[tuple[int, int]]:
    """Which languages are aligned with which: all if few; else along a ring, and all with the one of most sentences.

    Example:
        >>> len(_pairs(np.array([5, 5, 9, 5]), 6)), _pairs(np.array([5, 5, 9, 5, 5]), 2)
        (6, [(0, 1), (0, 2), (0, 4), (1, 2), (2, 3), (2, 4), (3, 4)])
    """
    count = len(sizes)
    every = combinations(range(count), 2)
    if count - 1 <= partners:
        return list(every)
    pivot, reach = int(np.argmax(sizes)), (partners + 1) // 2
    return [(a, b) for a, b in every if pivot in (a, b) or min(b - a, count - b + a) <= reach]
