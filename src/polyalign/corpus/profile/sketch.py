"""What a profile keeps between runs: bounded, and the same whatever the size of the runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from polyalign.core.jit import F64, I64, U64

#: Lengths up to here are counted one by one, longer ones in bins that are half a percent wide.
_FINE, _PER_OCTAVE = 4096, 128


@dataclass(slots=True)
class Distinct:
    """How many of many things are different, and how often each is there.

    Things are known by a 64-bit hash. When there are more than `capacity` different ones, those whose hash begins with a
    1 are forgotten, then those whose hash begins 01, and so on: what is left is a fair sample of the different things, each
    counted from the first time on, and does not depend on their order (adaptive sampling, Wegman 1984).

    Args:
        capacity: Most hashes that are kept, 16 bytes each; below it every figure is exact.
    """

    capacity: int = 1 << 20
    level: int = 0
    keys: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    counts: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    _waiting: list[U64] = field(default_factory=list)
    _held: int = 0

    def add(self, hashes: U64) -> None:
        """Count some more."""
        self._waiting.append(hashes)
        self._held += len(hashes)
        if self._held >= self.capacity:
            self.settle()

    def settle(self) -> None:
        """Take in what is waiting."""
        if not self._waiting:
            return
        fresh = np.concatenate(self._waiting)
        self._waiting, self._held = [], 0
        if self.level:
            fresh = fresh[fresh < self._limit()]
        keys, counts = np.unique(fresh, return_counts=True)
        keys, back = np.unique(np.concatenate([self.keys, keys]), return_inverse=True)
        self.counts = np.bincount(back, np.concatenate([self.counts, counts]), len(keys)).astype(np.int64)
        self.keys = keys
        while len(self.keys) > self.capacity:
            self.level += 1
            keep = int(np.searchsorted(self.keys, self._limit()))
            self.keys, self.counts = self.keys[:keep], self.counts[:keep]

    def _limit(self) -> np.uint64:
        return np.uint64(1 << (64 - self.level))

    def number(self) -> int:
        """How many different ones there are; an estimate (within a thousandth or two) once `level` is above 0."""
        self.settle()
        return len(self.keys) << self.level

    def once(self) -> int:
        """How many are there just once."""
        self.settle()
        return int((self.counts == 1).sum()) << self.level

    def of(self, hashes: U64) -> I64:
        """How often each of some is there, 0 where it is not known."""
        self.settle()
        if not len(self.keys):
            return np.zeros(len(hashes), np.int64)
        at = np.minimum(np.searchsorted(self.keys, hashes), len(self.keys) - 1)
        return np.where(self.keys[at] == hashes, self.counts[at], 0)


@dataclass(slots=True)
class Lengths:
    """The distribution of lengths: exact to 4,096, to half a percent above."""

    counts: I64 = field(default_factory=lambda: np.zeros(_FINE + 32 * _PER_OCTAVE, np.int64))
    total: int = 0
    most: int = 0

    def add(self, lengths: I64) -> None:
        """Count some more."""
        if len(lengths):
            codes = np.where(
                lengths < _FINE, lengths, _FINE + np.log2(np.maximum(lengths, 1) / _FINE) * _PER_OCTAVE
            ).astype(np.int64)
            self.counts += np.bincount(codes, minlength=len(self.counts))
            self.total += int(lengths.sum())
            self.most = max(self.most, int(lengths.max()))

    def number(self) -> int:
        """How many there are."""
        return int(self.counts.sum())

    def quantiles(self, shares: list[float]) -> list[int]:
        """The length that a share of all do not exceed, for each share."""
        sums = np.cumsum(self.counts)
        if not sums[-1]:
            return [0] * len(shares)
        codes = np.searchsorted(sums, np.maximum(np.ceil(np.asarray(shares) * sums[-1]), 1))
        return [min(int(_length(code)), self.most) for code in codes.tolist()]

    def histogram(self, bins: int = 48) -> tuple[list[int], int]:
        """Counts in bins of equal width from 0, and where the axis ends; the longest half percent may lie in the last bin."""
        usual = self.quantiles([0.995])[0] + 1
        width = max(1, -(-min(self.most + 1, usual + usual // 10 + 1) // bins))
        at = np.flatnonzero(self.counts)
        held = np.bincount(np.minimum(_length(at) // width, bins - 1).astype(np.int64), self.counts[at], bins)
        return held.astype(np.int64).tolist(), width * bins

    def octaves(self, parts: int = 4) -> tuple[list[int], int, int]:
        """Counts in bins equally wide on a logarithmic axis, with the powers of two where it begins and ends."""
        at = np.flatnonzero(self.counts)
        if not len(at):
            return [], 0, 0
        logs = np.log2(np.maximum(_length(at), 1))
        low, high = int(np.floor(logs.min())), int(np.floor(logs.max())) + 1
        held = np.bincount(((logs - low) * parts).astype(np.int64), self.counts[at], (high - low) * parts)
        return held.astype(np.int64).tolist(), low, high


def _length(code: Any) -> Any:
    code = np.asarray(code)
    return np.where(code < _FINE, code, np.floor(_FINE * 2.0 ** ((code - _FINE) / _PER_OCTAVE)))


@dataclass(slots=True)
class Sample:
    """Rows picked at random: those whose number hashes lowest, which are the same in runs of any size.

    Args:
        size: How many are kept at most.
    """

    size: int
    keys: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    rows: pa.Table | None = None
    _limit: int = 0xFFFFFFFFFFFFFFFF

    def add(self, keys: U64, rows: pa.Table) -> None:
        """Offer rows with the hash of each one's number."""
        chosen = np.flatnonzero(keys < np.uint64(self._limit))
        if not len(chosen):
            return
        keys, rows = keys[chosen], rows.take(pa.array(chosen))
        if self.rows is not None:
            keys, rows = (
                np.concatenate([self.keys, keys]),
                pa.concat_tables([self.rows, rows], promote_options="default"),
            )
        if len(keys) > 2 * self.size:
            keys, rows = self._lowest(keys, rows)
            self._limit = int(keys.max())
        self.keys, self.rows = keys, rows

    def table(self) -> pa.Table | None:
        """The rows, in the order of their hashes."""
        if self.rows is None:
            return None
        self.keys, self.rows = self._lowest(self.keys, self.rows)
        order = np.argsort(self.keys, kind="stable")
        return self.rows.take(pa.array(order)).combine_chunks()

    def _lowest(self, keys: U64, rows: pa.Table) -> tuple[U64, pa.Table]:
        if len(keys) <= self.size:
            return keys, rows
        best = np.sort(np.argpartition(keys, self.size)[: self.size])
        return keys[best], rows.take(pa.array(best)).combine_chunks()


@dataclass(slots=True)
class Ratios:
    """Histogram of a logarithm to base 2 in bins of an eighth, from 1/16 to 16."""

    counts: I64 = field(default_factory=lambda: np.zeros(64, np.int64))

    def add(self, logs: F64) -> None:
        """Count some more; what lies beyond the ends falls into the outer bins."""
        places = np.clip(np.floor((logs + 4) * 8), 0, len(self.counts) - 1).astype(np.int64)
        self.counts += np.bincount(places, minlength=len(self.counts))


def row_keys(first: int, number: int, seed: int) -> U64:
    """A hash of each row number from `first` on (SplitMix64), the same wherever a run begins."""
    x = np.arange(first, first + number, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64((seed * 0xD1B54A32D192ED03 + 1) & 0xFFFFFFFFFFFFFFFF)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return x ^ (x >> np.uint64(31))
