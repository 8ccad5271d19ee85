"""Beads: which run of source sentences corresponds to which run of target sentences."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, frozen

#: A gold bead as vecalign's format writes it: any source indices, any target indices.
IndexBead = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Beads:
    """An alignment of two documents: half-open sentence ranges that cover both, in order.

    Args:
        src_start: First source sentence of each bead, shape (n,); likewise the others.
        src_end: One past its last source sentence; equal to `src_start` when nothing corresponds.
        tgt_start: First target sentence.
        tgt_end: One past its last target sentence.
        score: How good the bead is, higher is better, shape (n,).

    Raises:
        ValueError: Ranges that leave a gap, overlap, or are empty on both sides.
    """

    src_start: I32
    src_end: I32
    tgt_start: I32
    tgt_end: I32
    score: F32

    def __post_init__(self) -> None:
        for name in ("src_start", "src_end", "tgt_start", "tgt_end"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.int32))
        object.__setattr__(self, "score", frozen(self.score, np.float32))
        if len({len(getattr(self, f)) for f in self.__slots__}) != 1:
            raise ValueError("Beads: the five arrays must have one length")
        for start, end in ((self.src_start, self.src_end), (self.tgt_start, self.tgt_end)):
            if len(start) and (start[0] != 0 or bool((start[1:] != end[:-1]).any()) or bool((end < start).any())):
                raise ValueError("Beads: ranges must follow one another from 0 without a gap")
        if bool(((self.src_start == self.src_end) & (self.tgt_start == self.tgt_end)).any()):
            raise ValueError("Beads: a bead must hold at least one sentence")

    @classmethod
    def from_cuts(cls, cuts: Iterable[tuple[int, int]], score: Sequence[float] | F32 | None = None) -> Beads:
        """From the points where both sides are cut, (0, 0) first and (n, m) last.

        Example:
            >>> b = Beads.from_cuts([(0, 0), (1, 1), (2, 3)])
            >>> b.to_vecalign()
            ['[0]:[0]:0.0000', '[1]:[1, 2]:0.0000']
        """
        c = np.asarray(list(cuts), np.int32).reshape(-1, 2)
        n = max(0, len(c) - 1)
        s = np.zeros(n, np.float32) if score is None else np.asarray(score, np.float32)
        return cls(c[:-1, 0], c[1:, 0], c[:-1, 1], c[1:, 1], s)

    def __len__(self) -> int:
        return len(self.src_start)

    def types(self) -> dict[str, int]:
        """How many beads of each shape, most frequent first: ``{"1-1": 40, "1-2": 3}``."""
        sizes = zip((self.src_end - self.src_start).tolist(), (self.tgt_end - self.tgt_start).tolist(), strict=True)
        counts = Counter(f"{a}-{b}" for a, b in sizes)
        return dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))

    def to_indices(self) -> list[IndexBead]:
        """Each bead as its source and target sentence indices."""
        columns = (self.src_start.tolist(), self.src_end.tolist(), self.tgt_start.tolist(), self.tgt_end.tolist())
        return [(tuple(range(a, b)), tuple(range(c, d))) for a, b, c, d in zip(*columns, strict=True)]

    def to_vecalign(self) -> list[str]:
        """Lines of vecalign's format, ``[src]:[tgt]:score``."""
        pairs = zip(self.to_indices(), self.score.tolist(), strict=True)
        return [f"{list(src)}:{list(tgt)}:{score:.4f}" for (src, tgt), score in pairs]


def parse_vecalign(lines: Iterable[str], where: str) -> list[IndexBead]:
    """Read vecalign's format: a bead a line, ``[src]:[tgt]`` with an optional score behind.

    Gold in this format may skip sentences, use one twice or cross; it is returned as written.

    Raises:
        DataError: A line that is not of this form; `where` names the file.

    Example:
        >>> parse_vecalign(["[0]:[0, 1]", "[]:[2]:0.5"], "gold")
        [((0,), (0, 1)), ((), (2,))]
    """
    beads: list[IndexBead] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        fields = text.split(":")
        try:
            src, tgt = ast.literal_eval(fields[0].strip()), ast.literal_eval(fields[1].strip())
            beads.append((tuple(int(i) for i in src), tuple(int(j) for j in tgt)))
        except (ValueError, SyntaxError, IndexError, TypeError):
            raise DataError(
                f"{where} line {number}: found {text[:60]!r}, expected a bead such as '[3]:[4, 5]' (0-based sentence numbers)"
            ) from None
    return beads
