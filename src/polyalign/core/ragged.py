"""Ragged: a list of int32 sequences of different lengths in two flat arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np

from polyalign.core.jit import I32, I64, Mask, frozen


def offsets(lengths: Sequence[int] | I64 | Mask) -> I64:
    """Where runs of these lengths begin when laid end to end, and where the last ends, shape (n + 1,).

    Example:
        >>> offsets([2, 0, 1]).tolist()
        [0, 2, 2, 3]
    """
    at = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(np.asarray(lengths, np.int64), out=at[1:])
    return at


def gather(starts: I64, rows: I64) -> tuple[I64, I64]:
    """Where the items of some runs lie, and where those runs begin when taken out.

    Args:
        starts: Where each run begins, and the end of the last, shape (n + 1,).
        rows: The runs wanted, shape (m,).

    Returns:
        Index of every item of those runs, in their order; their own `offsets`, shape (m + 1,).

    Example:
        >>> at, begin = gather(offsets([2, 1, 2]), np.asarray([2, 0]))
        >>> at.tolist(), begin.tolist()
        ([3, 4, 0, 1], [0, 2, 4])
    """
    lengths = starts[rows + 1] - starts[rows]
    begin = offsets(lengths)
    return np.repeat(starts[:-1][rows] - begin[:-1], lengths) + np.arange(begin[-1]), begin


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Sequences of token ids: sequence ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Args:
        values: All sequences end to end, shape (t,).
        offsets: Where each begins, and the end of the last, shape (n + 1,).

    Raises:
        ValueError: Offsets that do not start at 0, fall, or do not end at t.

    Example:
        >>> r = Ragged.from_lists([[1, 2], [], [3]])
        >>> len(r), r[0].tolist(), r[-1].tolist(), len(r[1:])
        (3, [1, 2], [3], 2)
    """

    values: I32
    offsets: I64

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values, np.int32))
        object.__setattr__(self, "offsets", frozen(self.offsets, np.int64))
        o = self.offsets
        if len(o) == 0 or o[0] != 0 or o[-1] != len(self.values) or bool((np.diff(o) < 0).any()):
            raise ValueError(f"Ragged: offsets must rise from 0 to {len(self.values)}, the number of values")

    @classmethod
    def from_lists(cls, rows: Iterable[Sequence[int]]) -> Ragged:
        """Pack Python sequences."""
        rows = list(rows)
        lengths = np.fromiter((len(r) for r in rows), np.int64, len(rows))
        values = np.fromiter((v for r in rows for v in r), np.int32, int(lengths.sum()))
        return cls(values, offsets(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[I32]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> I32: ...
    @overload
    def __getitem__(self, index: slice) -> Ragged: ...
    def __getitem__(self, index: int | slice) -> I32 | Ragged:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return Ragged.from_lists([self.row(i).tolist() for i in range(start, stop, step)])
            stop = max(start, stop)
            a, b = self.offsets[start], self.offsets[stop]
            return Ragged(self.values[a:b], self.offsets[start : stop + 1] - a)
        return self.row(index)

    def row(self, index: int) -> I32:
        """One sequence, a view; negative indices count from the end.

        Raises:
            IndexError: Out of range.
        """
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"Ragged: index {index} out of range for {n} sequences")
        i = index % n
        return self.values[self.offsets[i] : self.offsets[i + 1]]

    def take(self, rows: I64) -> Ragged:
        """Those sequences, in that order."""
        at, begin = gather(self.offsets, rows)
        return Ragged(self.values[at], begin)

    @property
    def lengths(self) -> I64:
        """Length of each sequence, shape (n,)."""
        return np.diff(self.offsets)
