"""Two runs beside each other: the links of one laid over the other's, and what differs in steps and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.jit import I64
from polyalign.view.opening import Opening
from polyalign.view.prepare import Aligned, Given
from polyalign.view.source import Source
from polyalign.view.table import ROWS


@dataclass(frozen=True, slots=True)
class Against:
    """A run or a file, with the links of another over its pairs; pairs go together by their ids.

    Args:
        own: What is shown.
        other: What it is compared with.
    """

    own: Opening
    other: Opening

    @property
    def path(self) -> Path:
        """What is shown."""
        return self.own.path

    @property
    def is_run(self) -> bool:
        """Whether what is shown is a run folder."""
        return self.own.is_run

    def units(self) -> list[str]:
        """The language pairs of what is shown."""
        return self.own.units()

    def lexicon(self, unit: str) -> Path | None:
        """The lexicon of what is shown."""
        return self.own.lexicon(unit)

    def given(self, unit: str) -> Given:
        """The files of a language pair, with the other's links behind."""
        given = self.own.given(unit)
        if unit not in self.other.units():
            return given
        theirs = self.other.given(unit)
        added = (Aligned(self.named(a.name), a.path, a.pairs or theirs.pairs) for a in theirs.aligners)
        return replace(given, aligners=(*given.aligners, *added))

    def named(self, aligner: str) -> str:
        """What an aligner of the other is called."""
        return f"{aligner} of {self.other.path.resolve().name}"


@dataclass(frozen=True, slots=True)
class Overlap:
    """How alike the links of two aligners are.

    Args:
        first: One aligner.
        second: The other.
        pairs: Pairs that both have seen.
        only_first: Links that the first alone has.
        both: Links that both have.
        only_second: Links that the second alone has.
    """

    first: str
    second: str
    pairs: int
    only_first: int
    both: int
    only_second: int

    @property
    def f1(self) -> float:
        """F of one set of links by the other; 1 of no links."""
        links = self.only_first + 2 * self.both + self.only_second
        return 2 * self.both / links if links else 1.0


@lru_cache(maxsize=64)
def overlap(source: Source, first: str, second: str) -> Overlap:
    """Compare two aligners on all pairs that both have seen."""
    counts = np.zeros(4, np.int64)
    for a, b in zip(source.links_of(first), source.links_of(second), strict=True):
        seen = a["src"].is_valid().to_numpy(zero_copy_only=False) & b["src"].is_valid().to_numpy(zero_copy_only=False)
        one, two = (_keys(x, seen) for x in (a, b))
        shared = len(np.intersect1d(one, two, assume_unique=True))
        counts += (int(seen.sum()), len(one) - shared, shared, len(two) - shared)
    return Overlap(first, second, *counts.tolist())


def _keys(links: Any, seen: Any) -> I64:
    """A number for each link of a batch, equal for equal ones."""
    counts = np.diff(links["src"].offsets.to_numpy())
    owner = np.repeat(np.arange(len(counts)), counts)
    src, tgt = (links[side].flatten().to_numpy() for side in ("src", "tgt"))
    # 4,096 pairs, and words of up to 2^25 on a side.
    keys = (owner << 50) | (src.astype(np.int64) << 25) | tgt
    return np.asarray(keys[seen[owner]], np.int64)


assert ROWS <= 1 << 13

#: Of a step: its method, its parameters, and what it counted.
Steps = Mapping[tuple[str, str], Mapping[str, Any]]


def steps_of(run: Path) -> Steps:
    """The steps of a finished run by step and language pair; none of one that has not ended or is damaged."""
    try:
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        return {(s["step"], s["unit"]): s for s in record["steps"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def differences(own: Steps, other: Steps) -> list[tuple[str, tuple[str, ...], str, str, str]]:
    """What differs: step, its language pairs, what, here and there; an empty text for what is not there.

    Example:
        >>> a = {("links", "x-y"): {"method": "words.align/hmm", "params": {"iterations": 5}, "counts": {"out": 3}}}
        >>> b = {("links", "x-y"): {"method": "words.align/hmm", "params": {"iterations": 2}, "counts": {"out": 3}}}
        >>> differences(a, b)
        [('links', ('x-y',), 'iterations', '5', '2')]
    """
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for step, unit in dict.fromkeys((*own, *other)):
        here, there = own.get((step, unit), {}), other.get((step, unit), {})
        rows = [("method", here.get("method", ""), there.get("method", ""))]
        params = [s.get("params") or {} for s in (here, there)]
        rows += [(name, *(p.get(name, "") for p in params)) for name in dict.fromkeys((*params[0], *params[1]))]
        rows.append(("out", *((s.get("counts") or {}).get("out", "") for s in (here, there))))
        for what, a, b in rows:
            if a != b:
                found.setdefault((step, what, _told(a), _told(b)), []).append(unit)
    return [(step, tuple(units), what, a, b) for (step, what, a, b), units in found.items()]


def _told(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else json.dumps(value)
