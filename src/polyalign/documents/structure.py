"""Documents paired by their shape: lengths, paragraphs, numbers and addresses, the first heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.jit import F32, F64
from polyalign.documents.candidates import Assign, Candidates, check_choice, choose, logit, neighbours_both
from polyalign.documents.terms import Terms, inner, shared_counts, similar_both, unit_rows, weighted
from polyalign.encoders.encoder import unit

#: Places of a document at which the course of its paragraphs is compared.
_PLACES = 16
#: Pairs up to which every one is looked at.
_ALL = 250_000
#: Log-odds of a pair: constant, then the weight of each column of `Shapes.compare`; fitted as `Auto` says. There the ratios of
#: sentences and of paragraphs got no weight beside these.
CALIBRATION = (-4.48, -4.17, -29.24, 5.87, 3.04)
#: Log-odds of a pair from those above: constant, weights of margin and lead.
MARGIN = (-0.8, 0.08, 1.08)


@dataclass(frozen=True, slots=True)
class Structure:
    """Pair documents by what can be told without reading them: lengths, paragraphs, numbers, first heading.

    The evidence for a pair is a sum of weighted features: how far its ratio of characters is from the usual one, how far
    apart the paragraphs (or, where a version has one only, the sentences) lie along the text,
    the TF-IDF cosine of numbers, dates and addresses, and that of the first sentences. The score is a probability, from the
    evidence and from how much it exceeds that for the next best pairs.

    Args:
        candidates: How many of the other side are considered for each document, of those alike in numbers and those alike in
            shape; up to 250,000 pairs all are.
        min_score: The least probability of a pair.
        assign: ``optimal`` for the greatest sum of log-odds, ``greedy`` for the best pair first.

    Raises:
        ValueError: A value out of range.

    Complexity: O(n m) for the shapes of n and m documents, in blocks.

    References: resnik2003web

    Example:
        >>> src = [Document.from_lines(["Eins.", "", "Zwei, 1848!", "Drei."]), Document.from_lines(["Ein Satz von 1291."])]
        >>> tgt = [Document.from_lines(["A sentence of 1291."]), Document.from_lines(["One.", "", "Two, 1848!", "Three."])]
        >>> Structure(min_score=0).align(src, tgt, ("deu_Latn", "eng_Latn")).as_dict()
        {0: 1, 1: 0}
    """

    candidates: int = 20
    min_score: float = 0.5
    assign: Assign = "optimal"

    def __post_init__(self) -> None:
        check_choice(self.candidates, self.min_score)

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections."""
        shapes = Shapes.of(src, tgt)
        found = shapes.candidates(self.candidates)
        value = logit(found.valued(shapes.log_odds(found)).contrast(), MARGIN)
        return choose(found.valued(value), src, tgt, min_score=self.min_score, assign=self.assign)


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """What two collections look like.

    Args:
        sizes: Logarithms of characters, sentences and paragraphs of each document, NaN where there is none, shape (n, 3).
        course: Where 16 evenly spaced paragraphs or sentences lie along each text, from 0 to 1, shapes (n, 2, 16).
        numbers: Unit TF-IDF rows of numbers and addresses.
        headings: Unit TF-IDF rows of first sentences.
    """

    sizes: tuple[F64, F64]
    course: tuple[F64, F64]
    numbers: tuple[Any, Any]
    headings: tuple[Any, Any]

    @classmethod
    def of(cls, src: Sequence[Document], tgt: Sequence[Document]) -> Shapes:
        """Look at all documents."""
        both = (src, tgt)
        most = max(len(src), len(tgt), 1)
        counts = [Terms.of([d.sentences for d in side]) for side in both]
        first = [Terms.of([d.sentences[:1] for d in side]) for side in both]
        numbers = [unit_rows(x) for x in weighted(*shared_counts(counts[0], counts[1], words=False), most)]
        headings = [unit_rows(x) for x in weighted(*shared_counts(first[0], first[1]), most)]
        sizes = [np.log(_sizes(side)) for side in both]
        course = [np.asarray([_course(d) for d in side], np.float64).reshape(-1, 2, _PLACES) for side in both]
        return cls((sizes[0], sizes[1]), (course[0], course[1]), (numbers[0], numbers[1]), (headings[0], headings[1]))

    def candidates(self, k: int) -> Candidates:
        """Pairs worth a look: all that hold something if there are few, else those alike in numbers and in shape."""
        here = [np.flatnonzero(np.isfinite(x[:, 0])) for x in self.sizes]
        shape = (len(self.sizes[0]), len(self.sizes[1]))
        if len(here[0]) * len(here[1]) <= _ALL:
            return Candidates.build(np.repeat(here[0], len(here[1])), np.tile(here[1], len(here[0])), shape)
        return self.nearest(k)

    def nearest(self, k: int) -> Candidates:
        """The k pairs of each document most alike in numbers, and in shape."""
        near, alike = neighbours_both(*self._vectors(), k), similar_both(*self.numbers, k)
        return Candidates.build(
            np.concatenate([near.src, alike.src]), np.concatenate([near.tgt, alike.tgt]), near.shape
        )

    def _vectors(self) -> tuple[F32, F32]:
        # Points whose nearest neighbours by cosine are about the nearest in size and course.
        out = []
        for sizes, course in zip(self.sizes, self.course, strict=True):
            known = np.isfinite(sizes[:, 0])
            x = np.concatenate([np.nan_to_num(sizes, neginf=0.0), course[:, 1]], axis=1)
            x = x - (np.median(x[known], axis=0) if known.any() else 0)
            radius = 4.0 * max(1.0, float(np.sqrt((x[known] ** 2).sum(axis=1)).mean()) if known.any() else 1.0)
            lifted = np.concatenate([x, np.full((len(x), 1), radius)], axis=1)
            lifted[~known] = 0
            out.append(unit(lifted.astype(np.float32)))
        return out[0], out[1]

    def compare(self, candidates: Candidates) -> F64:
        """Features of each pair, shape (c, 4): ratio of characters, course, numbers, heading."""
        i, j = candidates.src, candidates.tgt
        chars = [
            x[:, 0] - np.median(x[:, 0][np.isfinite(x[:, 0])]) if np.isfinite(x[:, 0]).any() else x[:, 0]
            for x in self.sizes
        ]
        out = np.zeros((len(candidates), 4))
        out[:, 0] = np.minimum(np.abs(chars[0][i] - chars[1][j]), 3.0)
        # Where a version has no paragraphs, its sentences say how it runs.
        which = np.where((self.sizes[0][i, 2] > 0) & (self.sizes[1][j, 2] > 0), 0, 1)
        out[:, 1] = np.abs(self.course[0][i, which] - self.course[1][j, which]).mean(axis=1)
        out[:, 2] = inner(*self.numbers, candidates)
        out[:, 3] = inner(*self.headings, candidates)
        return out

    def log_odds(self, candidates: Candidates) -> F64:
        """The evidence for each pair."""
        return logit(self.compare(candidates), CALIBRATION)


def _sizes(side: Sequence[Document]) -> F64:
    rows = [(sum(map(len, d.sentences)), len(d), len(np.unique(d.paragraphs))) for d in side]
    sizes = np.asarray(rows, np.float64).reshape(-1, 3)
    return np.asarray(np.where(sizes > 0, sizes, np.nan), np.float64)


def _course(document: Document) -> F64:
    """Where evenly spaced paragraphs, and sentences, end along the text."""
    lengths = np.asarray([len(s) for s in document.sentences], np.float64)
    out = np.zeros((2, _PLACES))
    if not lengths.sum():
        return out
    at = (np.arange(_PLACES) + 0.5) / _PLACES
    for row, group in enumerate((np.unique(document.paragraphs, return_inverse=True)[1], np.arange(len(lengths)))):
        ends = np.concatenate([np.zeros(1), np.cumsum(np.bincount(group, lengths))]) / lengths.sum()
        out[row] = np.interp(at, np.linspace(0, 1, len(ends)), ends)
    return out
