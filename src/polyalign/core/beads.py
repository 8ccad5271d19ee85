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
#: A bead as it is written: source indices, target indices, score, and the reason if a side is empty.
BeadRow = tuple[tuple[int, ...], tuple[int, ...], float, str]
#: The reason of a bead that stands out of order.
MOVED = "moved"


@dataclass(frozen=True, slots=True, eq=False)
class Beads:
    """An alignment of two documents: half-open sentence ranges that cover both, in order.

    Args:
        src_start: First source sentence of each bead, shape (n,); likewise the others.
        src_end: One past its last source sentence; equal to `src_start` when nothing corresponds.
        tgt_start: First target sentence.
        tgt_end: One past its last target sentence.
        score: How good the bead is, higher is better, shape (n,).
        reasons: Why a side of each bead is empty, empty if none is: "no counterpart", "moved: target 201-220"; n of
            them, or none at all.
        moved: Beads that are out of order, each with its score. Their sentences are in beads with an empty side above,
            for those keep the order; `rows` gives each sentence once.

    Raises:
        ValueError: Ranges that leave a gap, overlap, or are empty on both sides; reasons that are not one a bead; a moved
            bead with an empty side, or with a sentence that already has a counterpart or is in two of them.
    """

    src_start: I32
    src_end: I32
    tgt_start: I32
    tgt_end: I32
    score: F32
    reasons: tuple[str, ...] = ()
    moved: tuple[tuple[IndexBead, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("src_start", "src_end", "tgt_start", "tgt_end"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.int32))
        object.__setattr__(self, "score", frozen(self.score, np.float32))
        arrays = (self.src_start, self.src_end, self.tgt_start, self.tgt_end, self.score)
        if len({len(a) for a in arrays}) != 1:
            raise ValueError("Beads: the five arrays must have one length")
        for start, end in ((self.src_start, self.src_end), (self.tgt_start, self.tgt_end)):
            if len(start) and (start[0] != 0 or bool((start[1:] != end[:-1]).any()) or bool((end < start).any())):
                raise ValueError("Beads: ranges must follow one another from 0 without a gap")
        if bool(((self.src_start == self.src_end) & (self.tgt_start == self.tgt_end)).any()):
            raise ValueError("Beads: a bead must hold at least one sentence")
        if self.reasons and len(self.reasons) != len(self):
            raise ValueError(f"Beads: expected one reason for each of {len(self)} beads, found {len(self.reasons)}")
        if self.moved:
            self._check_moved()

    def _check_moved(self) -> None:
        sides = ((self.src_start, self.src_end), (self.tgt_start, self.tgt_end))
        for side, (own, other) in enumerate((sides, sides[::-1])):
            alone = np.repeat(other[0] == other[1], own[1] - own[0])
            taken = np.asarray([k for bead, _ in self.moved for k in bead[side]], np.int64)
            if not all(bead[side] for bead, _ in self.moved):
                raise ValueError("Beads: a moved bead must have sentences on both sides")
            if bool((taken < 0).any() or (taken >= len(alone)).any()) or not bool(alone[taken].all()):
                raise ValueError("Beads: a moved bead may hold only sentences of beads with an empty side")
            if len(np.unique(taken)) < len(taken):
                raise ValueError("Beads: a sentence is in two moved beads")

    @classmethod
    def from_cuts(
        cls,
        cuts: Iterable[tuple[int, int]],
        score: Sequence[float] | F32 | None = None,
        *,
        reasons: Iterable[str] = (),
    ) -> Beads:
        """From the points where both sides are cut, (0, 0) first and (n, m) last.

        Example:
            >>> b = Beads.from_cuts([(0, 0), (1, 1), (2, 3)])
            >>> b.to_vecalign()
            ['[0]:[0]:0.0000', '[1]:[1, 2]:0.0000']
        """
        c = np.asarray(list(cuts), np.int32).reshape(-1, 2)
        n = max(0, len(c) - 1)
        s = np.zeros(n, np.float32) if score is None else np.asarray(score, np.float32)
        return cls(c[:-1, 0], c[1:, 0], c[:-1, 1], c[1:, 1], s, tuple(reasons))

    def __len__(self) -> int:
        return len(self.src_start)

    def _repr_html_(self) -> str:
        from polyalign.core.notebook import beads_html

        return beads_html(self)

    def types(self) -> dict[str, int]:
        """How many of its `rows` have each shape, most frequent first: ``{"1-1": 40, "1-2": 3}``."""
        counts = Counter(f"{len(src)}-{len(tgt)}" for src, tgt, _, _ in self.rows())
        return dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))

    def to_indices(self) -> list[IndexBead]:
        """Each bead as its source and target sentence indices, in order; moved beads are not among them."""
        columns = (self.src_start.tolist(), self.src_end.tolist(), self.tgt_start.tolist(), self.tgt_end.tolist())
        return [(tuple(range(a, b)), tuple(range(c, d))) for a, b, c, d in zip(*columns, strict=True)]

    def rows(self) -> list[BeadRow]:
        """Every sentence once: the beads, with the moved ones where their first source sentences stand.

        What a moved bead takes is taken out of the beads with an empty side, of which the rest stays.

        Example:
            >>> from dataclasses import replace
            >>> beads = Beads.from_cuts([(0, 0), (2, 0), (3, 1), (3, 2)], reasons=["moved: target 1-1", "", "moved"])
            >>> for row in replace(beads, moved=((((1,), (1,)), 0.5),)).rows():
            ...     print(row)
            ((0,), (), 0.0, 'moved: target 1-1')
            ((1,), (1,), 0.5, 'moved')
            ((2,), (0,), 0.0, '')
        """
        beads = zip(self.to_indices(), self.score.tolist(), self.reasons or ("",) * len(self), strict=True)
        if not self.moved:
            return [(src, tgt, score, reason) for (src, tgt), score, reason in beads]
        first = {min(bead[0]): (*bead, float(score), MOVED) for bead, score in self.moved}
        taken = [{k for bead, _ in self.moved for k in bead[side]} for side in (0, 1)]
        out: list[BeadRow] = []
        for (src, tgt), score, reason in beads:
            if src and tgt:
                out.append((src, tgt, score, reason))
                continue
            side = 0 if src else 1
            run: list[int] = []
            for k in (*(src or tgt), -1):
                if run and (k < 0 or k in taken[side]):
                    out.append((tuple(run), (), score, reason) if src else ((), tuple(run), score, reason))
                    run = []
                if src and k in first:
                    out.append(first[k])
                elif k >= 0 and k not in taken[side]:
                    run.append(k)
        return out

    def to_vecalign(self) -> list[str]:
        """Lines of vecalign's format, ``[src]:[tgt]:score``, one for each of its `rows`."""
        return [f"{list(src)}:{list(tgt)}:{score:.4f}" for src, tgt, score, _ in self.rows()]


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
