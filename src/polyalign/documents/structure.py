"""Documents paired by their shape: lengths, paragraphs, numbers and addresses, the first heading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.jit import F32, F64, I64
from polyalign.core.ragged import offsets
from polyalign.core.space import unit
from polyalign.documents.candidates import Candidates, choose, logit, neighbours_both
from polyalign.documents.method import Pairing
from polyalign.documents.terms import Terms, cosines, shared_counts, similar_both, unit_rows, weighted

#: Places of a document at which the course of its paragraphs is compared.
_PLACES = 16
#: Documents that a number may be in and still count; a hundredth of all, if that is more.
_COMMON = 1000
#: Pairs up to which every one is looked at.
_ALL = 250_000
#: Log-odds of a pair: constant, then the weight of each column of `Shapes.compare`; fitted as `Auto` says. There the ratios of
#: sentences and of paragraphs got no weight beside these.
CALIBRATION = (-4.48, -4.17, -29.24, 5.87, 3.04)
#: Log-odds of a pair from those above: constant, weights of margin, lead and level.
CONTRAST = (-0.25, 0.0, 1.09, 0.08)


@dataclass(frozen=True, slots=True)
class Structure(Pairing):
    """Pair documents by what can be told without reading them: lengths, paragraphs, numbers, first heading.

    The evidence for a pair is a sum of weighted features: how far its ratio of characters is from the usual one, how far
    apart the paragraphs (or, where a version has one only, the sentences) lie along the text,
    the TF-IDF cosine of numbers, dates and addresses, and that of the first sentences. The score is a probability, from the
    evidence and from how much it exceeds that for the next best pairs.

    Args:
        candidates: How many of the other side are considered for each document, of those alike in numbers and those alike in
            shape; up to 250,000 pairs all are.

    Complexity: O(n m) for the shapes of n and m documents, in blocks.

    References: resnik2003web

    Example:
        >>> src = [Document.from_lines(["Eins.", "", "Zwei, 1848!", "Drei."]), Document.from_lines(["Ein Satz von 1291."])]
        >>> tgt = [Document.from_lines(["A sentence of 1291."]), Document.from_lines(["One.", "", "Two, 1848!", "Three."])]
        >>> Structure(min_score=0).align(src, tgt, ("deu_Latn", "eng_Latn")).as_dict()
        {0: 1, 1: 0}
    """

    candidates: int = 20

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections."""
        shapes = Shapes.of(Terms.of(src), Terms.of(tgt))
        found = shapes.candidates(self.candidates)
        value = logit(found.valued(shapes.log_odds(found)).contrast(), CONTRAST)
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
    def of(cls, src: Terms, tgt: Terms) -> Shapes:
        """Look at all documents."""
        most = max(len(src), len(tgt))
        numbers = shared_counts(src, tgt, (src.counts(), tgt.counts()), words=False)
        numbers = weighted(*numbers, max(_COMMON, most // 100))
        headings = weighted(*shared_counts(src, tgt, (src.counts_first(), tgt.counts_first())), most)
        sizes, course = zip(*(_shape(side.documents) for side in (src, tgt)), strict=True)
        return cls(
            sizes,
            course,
            (unit_rows(numbers[0]), unit_rows(numbers[1])),
            (unit_rows(headings[0]), unit_rows(headings[1])),
        )

    def candidates(self, k: int) -> Candidates:
        """Pairs worth a look: all that hold something if there are few, else those alike in numbers and in shape."""
        here = [np.flatnonzero(np.isfinite(x[:, 0])) for x in self.sizes]
        shape = (len(self.sizes[0]), len(self.sizes[1]))
        if len(here[0]) * len(here[1]) <= _ALL:
            return Candidates.build(np.repeat(here[0], len(here[1])), np.tile(here[1], len(here[0])), shape)
        return self.nearest(k)

    def nearest(self, k: int) -> Candidates:
        """The k pairs of each document most alike in numbers, and in shape."""
        return neighbours_both(*self._vectors(), k).joined(similar_both(*self.numbers, k))

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
        out[:, 2] = cosines(self.numbers, candidates)
        out[:, 3] = cosines(self.headings, candidates)
        return out

    def log_odds(self, candidates: Candidates) -> F64:
        """The evidence for each pair."""
        return logit(self.compare(candidates), CALIBRATION)


def _shape(side: Sequence[Document]) -> tuple[F64, F64]:
    """Sizes and courses of all documents, as `Shapes` has them."""
    lengths = np.asarray([len(s) for d in side for s in d.sentences], np.float64)
    starts = offsets([len(d) for d in side])
    of = np.repeat(np.arange(len(side)), np.diff(starts))
    paragraph = np.concatenate([np.zeros(0, np.int32), *(d.paragraphs for d in side)])
    new = np.ones(len(of), np.bool_)
    new[1:] = (np.diff(of) > 0) | (np.diff(paragraph) > 0)
    heads = np.flatnonzero(new)
    chars = np.bincount(of, lengths, len(side))
    paragraphs = np.bincount(of[heads], minlength=len(side))
    sizes = np.stack([chars, np.diff(starts), paragraphs], axis=1).astype(np.float64)
    runs = np.add.reduceat(lengths, heads) if len(heads) else lengths
    course = np.stack([_course(runs, offsets(paragraphs)), _course(lengths, starts)], axis=1)
    return np.log(np.where(sizes > 0, sizes, np.nan)), course


def _course(lengths: F64, starts: I64) -> F64:
    """Where evenly spaced runs of characters end along each text, from 0 to 1, shape (n, 16).

    Args:
        lengths: Characters of each run.
        starts: First run of each document, shape (n + 1,).
    """
    count = np.diff(starts)
    ends = np.concatenate([np.zeros(1), np.cumsum(lengths)])
    place = count[:, None] * ((np.arange(_PLACES) + 0.5) / _PLACES)
    whole = np.minimum(place.astype(np.int64), np.maximum(count - 1, 0)[:, None])
    low = starts[:-1, None] + whole
    passed = (
        ends[low] + (place - whole) * (ends[np.minimum(low + 1, len(lengths))] - ends[low]) - ends[starts[:-1], None]
    )
    total = (ends[starts[1:]] - ends[starts[:-1]])[:, None]
    return np.asarray(np.divide(passed, total, out=np.zeros_like(passed), where=total > 0), np.float64)
