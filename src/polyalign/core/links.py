"""Links: which source word corresponds to which target word, sentence pair by sentence pair."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, Mask, frozen
from polyalign.core.ragged import gather, offsets

Pair = tuple[int, int]
_LINK = re.compile(r"(\d+)([-p?])(\d+)(?::((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))?\Z")


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Word links of n sentence pairs; pair ``k`` owns ``offsets[k]:offsets[k + 1]``.

    Args:
        offsets: Where each pair's links begin, shape (n + 1,).
        src: 0-based source word of each link, shape (t,); sorted by (src, tgt) within a pair, unique.
        tgt: 0-based target word of each link, shape (t,).
        prob: Optional probability of each link, shape (t,).
        sure: Optional mark of sure links; where absent every link is sure.

    Raises:
        ValueError: Arrays of different lengths, or links that are not sorted and unique.
    """

    offsets: I64
    src: I32
    tgt: I32
    prob: F32 | None = None
    sure: Mask | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", frozen(self.offsets, np.int64))
        object.__setattr__(self, "src", frozen(self.src, np.int32))
        object.__setattr__(self, "tgt", frozen(self.tgt, np.int32))
        if self.prob is not None:
            object.__setattr__(self, "prob", frozen(self.prob, np.float32))
        if self.sure is not None:
            object.__setattr__(self, "sure", frozen(self.sure, np.bool_))
        o, t = self.offsets, len(self.src)
        if len(o) == 0 or o[0] != 0 or o[-1] != t or bool((np.diff(o) < 0).any()) or len(self.tgt) != t:
            raise ValueError("Links: offsets must rise from 0 to the number of links, src and tgt have one length")
        if any(a is not None and len(a) != t for a in (self.prob, self.sure)):
            raise ValueError("Links: prob and sure must have one entry a link")
        if t:
            key = (self.src.astype(np.int64) << 32) | self.tgt
            within = np.ones(t, np.bool_)
            within[o[:-1][o[:-1] < t]] = False
            if bool(((np.diff(key) <= 0) & within[1:]).any()) or int(self.src.min()) < 0 or int(self.tgt.min()) < 0:
                raise ValueError(
                    "Links: within a sentence pair links must be sorted by (src, tgt), unique and not negative"
                )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def _repr_html_(self) -> str:
        from polyalign.core.notebook import links_html

        return links_html(self)

    @classmethod
    def from_pairs(cls, pairs: Iterable[Iterable[Pair]], possible: Iterable[Iterable[Pair]] | None = None) -> Links:
        """From one set of (src, tgt) links a sentence pair; `possible` adds links that are not sure.

        Example:
            >>> Links.from_pairs([[(1, 0), (0, 0)], []]).to_pharaoh()
            ['0-0 1-0', '']
        """
        sure = [set(p) for p in pairs]
        maybe = [set() for _ in sure] if possible is None else [set(p) for p in possible]
        rows = [sorted(s | m) for s, m in zip(sure, maybe, strict=True)]
        flat = np.asarray([link for row in rows for link in row], np.int32).reshape(-1, 2)
        mark = (
            None
            if possible is None
            else np.asarray([link in s for s, row in zip(sure, rows, strict=True) for link in row], np.bool_)
        )
        return cls(offsets([len(r) for r in rows]), flat[:, 0], flat[:, 1], None, mark)

    @classmethod
    def from_pharaoh(cls, lines: Iterable[str], *, where: str = "links", one_based: bool = False) -> Links:
        """Read Pharaoh lines: ``i-j`` sure, ``ipj`` or ``i?j`` possible, optionally ``i-j:prob``.

        Args:
            lines: One sentence pair a line; an empty line has no links.
            where: The file's name, for error messages.
            one_based: Whether words are counted from 1 (as in the awesome-align gold files).

        Raises:
            DataError: A token of another form, or a word 0 in one-based links.
        """
        low = 1 if one_based else 0
        ends, keys, sure, prob = [0], [], [], []
        for number, line in enumerate(lines, 1):
            row: dict[int, tuple[bool, float]] = {}
            for token in line.split():
                match = _LINK.match(token)
                if match is None:
                    raise DataError(
                        f"{where} line {number}: found {token!r}, expected links such as '0-0 1-2' (sure), '1p2' (possible) or '0-0:0.9' (with probability)"
                    )
                i, j = int(match[1]) - low, int(match[3]) - low
                if i < 0 or j < 0:
                    raise DataError(
                        f"{where} line {number}: found {token!r}, expected words counted from 1; drop the one-based option if they start at 0"
                    )
                p = float(match[4]) if match[4] else np.nan
                was_sure = row.get((i << 32) | j, (False, p))[0]
                row[(i << 32) | j] = (was_sure or match[2] == "-", p)
            for key in sorted(row):
                keys.append(key)
                sure.append(row[key][0])
                prob.append(row[key][1])
            ends.append(len(keys))
        key64 = np.asarray(keys, np.int64)
        probs = np.asarray(prob, np.float32)
        sures = np.asarray(sure, np.bool_)
        return cls(
            np.asarray(ends, np.int64),
            (key64 >> 32).astype(np.int32),
            (key64 & 0xFFFFFFFF).astype(np.int32),
            None if np.isnan(probs).any() or not len(probs) else probs,
            None if sures.all() else sures,
        )

    def to_pharaoh(self, *, probabilities: bool = False) -> list[str]:
        """Pharaoh lines, 0-based; possible links as ``ipj``; with probabilities ``i-j:0.873``."""
        marks = ["-"] * len(self.src) if self.sure is None else ["-" if s else "p" for s in self.sure.tolist()]
        tokens = [f"{i}{m}{j}" for i, m, j in zip(self.src.tolist(), marks, self.tgt.tolist(), strict=True)]
        if probabilities and self.prob is not None:
            tokens = [f"{t}:{p:.3f}" for t, p in zip(tokens, self.prob.tolist(), strict=True)]
        o = self.offsets.tolist()
        return [" ".join(tokens[a:b]) for a, b in zip(o[:-1], o[1:], strict=True)]

    def pairs(self, k: int) -> list[Pair]:
        """The links of sentence pair k, possible ones included."""
        a, b = self.offsets[k], self.offsets[k + 1]
        return list(zip(self.src[a:b].tolist(), self.tgt[a:b].tolist(), strict=True))

    def to_pairs(self) -> list[set[Pair]]:
        """Each sentence pair's links as a set."""
        return [set(self.pairs(k)) for k in range(len(self))]

    def __iter__(self) -> Iterator[list[Pair]]:
        return (self.pairs(k) for k in range(len(self)))

    @classmethod
    def concat(cls, parts: Sequence[Links]) -> Links:
        """Those of one run of sentence pairs after the other; `prob` is kept if every link has one."""
        if not parts:
            return cls.from_pairs([])
        filled = [p for p in parts if len(p.src)] or parts[:1]
        probs = [p.prob for p in filled if p.prob is not None]
        sures = [np.ones(len(p.src), np.bool_) if p.sure is None else p.sure for p in filled]
        return cls(
            offsets(np.concatenate([np.diff(p.offsets) for p in parts])),
            np.concatenate([p.src for p in parts]),
            np.concatenate([p.tgt for p in parts]),
            np.concatenate(probs) if len(probs) == len(filled) else None,
            np.concatenate(sures) if any(p.sure is not None for p in filled) else None,
        )

    def surer(self, least: float) -> Links:
        """Only the links whose probability is at least `least`.

        Raises:
            DataError: The links have no probabilities.
        """
        if not len(self.src):
            return self
        if self.prob is None:
            raise DataError(
                "links: they have no probabilities, expected some; align with probabilities to filter by them"
            )
        keep: Mask = self.prob >= least
        sure = None if self.sure is None else self.sure[keep]
        return Links(offsets(keep)[self.offsets], self.src[keep], self.tgt[keep], self.prob[keep], sure)

    def take(self, rows: Sequence[int] | range | I64) -> Links:
        """The links of those sentence pairs, in that order."""
        at, begin = gather(self.offsets, np.asarray(rows, np.int64))
        return Links(
            begin,
            self.src[at],
            self.tgt[at],
            None if self.prob is None else self.prob[at],
            None if self.sure is None else self.sure[at],
        )

    def transpose(self) -> Links:
        """Source and target exchanged."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        order = np.lexsort((self.src, self.tgt, owner))
        return Links(
            self.offsets,
            self.tgt[order],
            self.src[order],
            None if self.prob is None else self.prob[order],
            None if self.sure is None else self.sure[order],
        )

    def to_table(self) -> pa.Table:
        """An Arrow table, one row a sentence pair: lists `src`, `tgt`, and `prob`, `sure` if present."""
        columns = {"src": self.src, "tgt": self.tgt, "prob": self.prob, "sure": self.sure}
        offsets = pa.array(self.offsets)
        return pa.table(
            {n: pa.LargeListArray.from_arrays(offsets, pa.array(v)) for n, v in columns.items() if v is not None}
        )

    @classmethod
    def from_table(cls, table: pa.Table) -> Links:
        """The inverse of `to_table`."""
        flat = {}
        offsets = np.zeros(1, np.int64)
        for name in table.column_names:
            column = table[name].combine_chunks()
            flat[name] = column.flatten().to_numpy(zero_copy_only=False)
            offsets = column.offsets.to_numpy() - column.offsets[0].as_py() if len(column) else offsets
        return cls(offsets, flat["src"], flat["tgt"], flat.get("prob"), flat.get("sure"))
