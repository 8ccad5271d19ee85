"""Alignment of subtitles by their time codes: cues that are said at the same time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from polyalign.core.beads import Beads
from polyalign.core.document import Document
from polyalign.core.jit import F32, F64, I32, I64, frozen
from polyalign.core.progress import note
from polyalign.kernels.lattice import best_path, posteriors, row_offsets
from polyalign.sentences.batch import check_pairs
from polyalign.sentences.gale_church import GaleChurch
from polyalign.sentences.lexical import Lexical

_CODE = re.compile(r"(\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d+):(\d\d):(\d\d)[.,](\d{3})")
#: Frames a second of films and their conversions: what one version may run faster than the other.
_SPEEDS = tuple(sorted({1.0, 25 / 24, 24 / 25, 25 / 23.976, 23.976 / 25, 24 / 23.976, 23.976 / 24}))
#: Seconds of a step of the signals that are laid over each other, and that a cut may be away from its counterpart.
_STEP, _WINDOW = 0.1, 30.0
#: Seconds within which any start is as likely by chance, and share of starts that are wrong altogether.
_CHANCE, _WRONG = 10.0, 0.1
#: Times the square root of the cues, the best correlation of two films that have nothing to do with each other (3.9 to 4.6).
_BY_CHANCE = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class TimedDocument(Document):
    """A document whose sentences have a time.

    Args:
        times: When each begins and ends, in seconds, NaN where that is not told, shape (n, 2).

    Raises:
        ValueError: Not one pair of times a sentence.
    """

    times: F64

    def __post_init__(self) -> None:
        Document.__post_init__(self)
        object.__setattr__(self, "times", frozen(np.asarray(self.times, np.float64).reshape(-1, 2), np.float64))
        if len(self.times) != len(self.sentences):
            raise ValueError(
                f"TimedDocument {self.id}: found {len(self.times)} times for {len(self.sentences)} sentences"
            )

    @classmethod
    def of(cls, document: Document, marks: Sequence[str | None]) -> TimedDocument:
        """A document with the times that its sentences' marks tell; those of one cue share it by their lengths.

        Args:
            document: The document.
            marks: The mark each sentence stands under, ``00:00:01.000 --> 00:00:03.500``; others tell no time.

        Example:
            >>> TimedDocument.of(Document.from_lines(["No.", "Yes."]), ["00:00:01.000 --> 00:00:03.000"] * 2).times.tolist()
            [[1.0, 1.8571428571428572], [1.8571428571428572, 3.0]]
        """
        times = np.full((len(document), 2), np.nan)
        edges = [k for k, mark in enumerate(marks) if k == 0 or mark != marks[k - 1]] + [len(marks)]
        for a, b in zip(edges, edges[1:], strict=False):
            code = _CODE.fullmatch(marks[a] or "")
            if code:
                h, m, s, t, *end = map(int, code.groups())
                cuts = np.cumsum([0, *(max(1, len(x)) for x in document.sentences[a:b])])
                begins = h * 3600 + m * 60 + s + t / 1000
                length = end[0] * 3600 + end[1] * 60 + end[2] + end[3] / 1000 - begins
                at = begins + length * cuts / cuts[-1]
                times[a:b, 0], times[a:b, 1] = at[:-1], at[1:]
        return cls(document.id, document.sentences, document.paragraphs, times)


@dataclass(frozen=True, slots=True)
class TimeCodes:
    """Align the cues of subtitles by when they are shown, and by their lengths.

    Two versions of subtitles may begin at different times and run at different speeds (film at 24, television at 25
    frames a second). So first a speed and an offset are found that lay the one version's talk over the other's, by the
    correlation of talk and silence at every offset and speed; then they are made exact by the cues that overlap
    most, as a line through their starts and ends. A bead (cues i.. of the source, j.. of the target) then gets
    ``s = ln P(type) + sum over start and end of ln [(1 - e) L(d) + e/W] + ln W - w z²/2``: d is how far the starts
    (ends) are apart in seconds, L a Laplace distribution of scale `tolerance`, and z what Gale and Church's
    model says of the lengths. Beads of cues that are not shown together do not exist. The path with the most
    sentences expected in right beads is taken, and a bead's score is its probability (forward-backward).

    Documents without times, and pairs whose talk cannot be laid over each other, are aligned by `fallback`.

    **Differs:** Tiedemann joins cues to sentences first and finds offset and speed from two pairs of them that cognates make
    sure; here from all times, and the sentences of a cue share its time by their lengths.

    Args:
        tolerance: Seconds that starts and ends of cues that correspond are apart, typically.
        max_size: Most cues or sentences in a bead, both sides together.
        max_offset: Most seconds by which one version begins before the other.
        least_correlation: Correlation of talk and silence below which two versions are taken for different cuts of a film. An
            offset or speed is believed only where it is above 5 by the square root of the cues, which chance does not reach.
        length_weight: Weight of lengths in characters against times, w.
        fallback: How the others are aligned.

    Complexity: O(n) for n cues, but O(t log t) for t seconds of film to lay them over each other.

    References: tiedemann2007improved, gale1993program

    Example:
        >>> marks = ["00:00:01.000 --> 00:00:03.000", "00:00:08.000 --> 00:00:09.500"]
        >>> other = ["00:00:01.100 --> 00:00:02.000", "00:00:02.100 --> 00:00:03.000", "00:00:08.000 --> 00:00:09.500"]
        >>> src = TimedDocument.of(Document.from_lines(["Who is there? I know it.", "Me."]), marks)
        >>> tgt = TimedDocument.of(Document.from_lines(["Wer ist da?", "Ich weiss es.", "Ich."]), other)
        >>> TimeCodes().align([src], [tgt])[0].to_indices()
        [((0,), (0, 1)), ((1,), (2,))]
    """

    tolerance: float = 0.5
    max_size: int = 5
    max_offset: float = 300.0
    least_correlation: float = 0.3
    length_weight: float = 0.5
    fallback: Literal["lexical", "gale-church"] = "lexical"

    def __post_init__(self) -> None:
        if not (self.tolerance > 0 and self.max_offset >= 0 and self.length_weight >= 0):
            raise ValueError(
                f"tolerance must be above 0, max_offset and length_weight 0 or more, found {self.tolerance}, {self.max_offset} and {self.length_weight}"
            )
        if not 2 <= self.max_size <= 20:
            raise ValueError(f"max_size must be from 2 to 20, found {self.max_size}")
        if not -1 <= self.least_correlation <= 1:
            raise ValueError(f"least_correlation must be from -1 to 1, found {self.least_correlation}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
        """Align each source document with the target document at the same place.

        Raises:
            DataError: The numbers of documents differ.
        """
        check_pairs(src, tgt, "sentences.align/time-codes")
        found: list[Beads | None] = [self._pair(s, t) for s, t in zip(src, tgt, strict=True)]
        left = [k for k, beads in enumerate(found) if beads is None]
        if left:
            note(
                f"time codes: {len(left)} of {len(found)} pairs of documents have none that fit; aligned by {self.fallback}"
            )
            method = Lexical() if self.fallback == "lexical" else GaleChurch()
            for k, beads in zip(left, method.align([src[k] for k in left], [tgt[k] for k in left]), strict=True):
                found[k] = beads
        return [beads for beads in found if beads is not None]

    def _pair(self, src: Document, tgt: Document) -> Beads | None:
        if not (isinstance(src, TimedDocument) and isinstance(tgt, TimedDocument)) or not (len(src) and len(tgt)):
            return None
        if np.isnan(src.times).any() or np.isnan(tgt.times).any():
            return None
        laid = synchronised(src.times, tgt.times, max_offset=self.max_offset)
        if laid.correlation < _BY_CHANCE / np.sqrt(min(len(src), len(tgt))):
            # With few cues there is always an offset that fits: only none at all is to be believed then.
            laid = _laid(src.times, tgt.times, 1.0, 0.0)
        if laid.correlation < self.least_correlation:
            return None
        return self._align(replace(src, times=laid.times), tgt)

    def _align(self, src: TimedDocument, tgt: TimedDocument) -> Beads:
        types = [(1, 0), (0, 1)]
        types += [(a, b) for n in range(2, self.max_size + 1) for a in range(1, n) for b in (n - a,)]
        da, db = np.array(types, np.int32).T.copy()
        low, high = _band(src.times, tgt.times)
        rows = row_offsets(low, high)
        edges = self._edges(src, tgt, low, rows, types)
        posteriors(low, high, rows, da, db, edges)
        # What counts is how many sentences are in a right bead, however many beads that makes.
        gains = edges * (da + db).astype(np.float32)
        cuts, score = np.zeros((len(src) + len(tgt), 2), np.int32), np.zeros(len(src) + len(tgt), np.float32)
        count = best_path(low, high, rows, da, db, gains, cuts, score)
        cuts = np.concatenate([np.zeros((1, 2), np.int32), cuts[:count]])
        sizes = np.diff(cuts, axis=0).sum(axis=1)
        return Beads.from_cuts([(a, b) for a, b in cuts.tolist()], np.clip(score[:count] / sizes, 0, 1))

    def _edges(self, src: TimedDocument, tgt: TimedDocument, low: I32, rows: I64, types: list[tuple[int, int]]) -> F32:
        """Log scores of every bead by the node it ends in, shape (nodes, types)."""
        i = np.repeat(np.arange(len(low)), np.diff(rows))
        j = np.arange(rows[-1]) - rows[i] + low[i]
        sums = [np.concatenate([[0.0], np.cumsum([len(s) for s in d.sentences])]) for d in (src, tgt)]
        ratio = sums[1][-1] / max(1.0, sums[0][-1])
        ends = [np.maximum.accumulate(d.times[:, 1]) for d in (src, tgt)]
        out = np.full((len(i), len(types)), -np.inf, np.float32)
        for k, (a, b) in enumerate(types):
            at = np.flatnonzero((i >= a) & (j >= b))
            p, q = i[at] - a, j[at] - b
            if min(a, b) == 0:
                out[at, k] = -2.5
                continue
            s0, s1, t0, t1 = src.times[p, 0], ends[0][i[at] - 1], tgt.times[q, 0], ends[1][j[at] - 1]
            value = _near(s0 - t0, self.tolerance) + _near(s1 - t1, self.tolerance)
            l1, l2 = sums[0][i[at]] - sums[0][p], sums[1][j[at]] - sums[1][q]
            z2 = (ratio * l1 - l2) ** 2 / (6.8 * np.maximum(1.0, (ratio * l1 + l2) / 2))
            value -= self.length_weight * np.minimum(z2, 16.0) / 2
            value -= 0.0 if a == b == 1 else 2.3 + 0.7 * (a + b - 3)
            out[at, k] = np.where(np.minimum(s1, t1) > np.maximum(s0, t0), value, -np.inf)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Synchronised:
    """Times laid over those of another version.

    Args:
        times: The first version's times in the second's, shape (n, 2).
        speed: What they were multiplied by.
        offset: What was added after that, in seconds.
        correlation: Of the two versions' talk and silence, as they now lie.
    """

    times: F64
    speed: float
    offset: float
    correlation: float


def synchronised(src: F64, tgt: F64, *, max_offset: float = 300.0) -> Synchronised:
    """Find the speed and the offset at which two versions of subtitles talk at the same time.

    Args:
        src: Starts and ends of the one's cues in seconds, shape (n, 2).
        tgt: Those of the other's, shape (m, 2).
        max_offset: Most seconds between their beginnings.

    Example:
        >>> times = np.array([[1.0, 2], [5, 9], [10, 11], [40, 43], [44, 48], [60, 63]])
        >>> found = synchronised(times, times * 25 / 24 + 7)
        >>> round(found.speed, 4), round(found.offset, 2)
        (1.0417, 7.0)
    """
    length = int((max(src.max() * _SPEEDS[-1], tgt.max()) + max_offset) / _STEP) + 2
    size = 1 << (2 * length - 1).bit_length()
    other = np.conj(np.fft.rfft(_talk(tgt, length), size))
    reach = int(max_offset / _STEP)
    best = (-np.inf, 1.0, 0.0)
    for speed in _SPEEDS:
        found = np.fft.irfft(np.fft.rfft(_talk(src * speed, length), size) * other, size)
        # A shift of k steps to the left is at place k, one to the right at size - k.
        near = np.concatenate([found[: reach + 1], found[size - reach :]] if reach else [found[:1]])
        k = int(np.argmax(near))
        shift = k if k <= reach else k - 2 * reach - 1
        best = max(best, (float(near[k]), speed, -shift * _STEP), key=lambda x: x[0])
    _, speed, offset = best
    for _ in range(3):
        speed, offset = _fitted(src, tgt, speed, offset)
    return _laid(src, tgt, speed, offset)


def _laid(src: F64, tgt: F64, speed: float, offset: float) -> Synchronised:
    times = src * speed + offset
    ahead = max(0.0, -float(times.min()))
    length = int((max(times.max(), tgt.max()) + ahead) / _STEP) + 2
    signals = [_talk(x + ahead, length) for x in (times, tgt)]
    norm = float(np.linalg.norm(signals[0]) * np.linalg.norm(signals[1]))
    return Synchronised(times, speed, offset, float(signals[0] @ signals[1]) / norm if norm else 0.0)


def _talk(times: F64, length: int) -> F64:
    """1 in each step in which something is said, else 0, less its mean."""
    change = np.zeros(length + 1)
    at = np.clip(np.rint(times / _STEP), 0, length).astype(np.int64)
    np.add.at(change, at[:, 0], 1)
    np.add.at(change, at[:, 1], -1)
    talk = (np.cumsum(change[:-1]) > 0).astype(np.float64)
    return np.asarray(talk - talk.mean(), np.float64)


def _fitted(src: F64, tgt: F64, speed: float, offset: float) -> tuple[float, float]:
    """Speed and offset by the cues that overlap each other most, as a line through their starts and ends."""
    laid = src * speed + offset
    middle = laid.mean(axis=1)
    k = np.clip(np.searchsorted(tgt.mean(axis=1), middle), 1, len(tgt) - 1) if len(tgt) > 1 else np.zeros(len(src), int)
    k = np.where(np.abs(tgt[k - 1].mean(axis=1) - middle) < np.abs(tgt[k].mean(axis=1) - middle), k - 1, k)
    apart = np.abs(laid - tgt[k]).sum(axis=1)
    good = apart <= max(0.2, float(np.median(apart)))
    x, y = src[good].ravel(), tgt[k[good]].ravel()
    if np.ptp(x) < 60:
        return speed, offset + float(np.median(y - x * speed - offset))
    slope, more = np.polyfit(x, y, 1)
    # No more than a frame in a thousand from a speed that there is.
    return (float(slope), float(more)) if abs(slope / speed - 1) < 2e-3 else (speed, offset)


def _band(src: F64, tgt: F64) -> tuple[I32, I32]:
    """The nodes at which both sides' times are near each other, connected, first and last of each row."""
    a = np.maximum.accumulate(np.append(src[:, 0], src[:, 1].max()))
    b = np.maximum.accumulate(np.append(tgt[:, 0], tgt[:, 1].max()))
    low = np.minimum(np.searchsorted(b, a - _WINDOW), len(tgt)).astype(np.int32)
    high = np.minimum(np.searchsorted(b, a + _WINDOW), len(tgt)).astype(np.int32)
    low[0], high[-1] = 0, len(tgt)
    low[1:] = np.minimum(low[1:], high[:-1])
    return low, high


def _near(apart: F64, scale: float) -> F64:
    """Log odds of two times that far apart against chance."""
    laplace = np.exp(-np.abs(apart) / scale) / (2 * scale)
    odds: F64 = np.log((1 - _WRONG) * laplace * _CHANCE + _WRONG)
    return odds
