"""How far two people agree on what they both corrected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.view.changes import words
from polyalign.view.edits import Corrected

Cells = frozenset[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Both:
    """An item that two people have finished.

    Args:
        first: The first one's correction.
        second: The second one's.
    """

    first: Corrected
    second: Corrected

    @property
    def differing(self) -> int:
        """How many links or beads only one of them has."""
        a, b = (_decided(c, kinds_too=True) for c in (self.first, self.second))
        return len(a ^ b)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two people agree on.

    Args:
        authors: Who.
        scores: Kappa and F of links, F of beads; those that there is something to count for.
        items: What both have finished, the most differing first.
        retold: Pairs both have finished whose texts they corrected differently; they are not counted.
    """

    authors: tuple[str, str]
    scores: tuple[Score, ...]
    items: tuple[Both, ...]
    retold: int


def agreement(
    corrections: Iterable[Corrected], authors: tuple[str, str], *, samples: int = 1000, seed: int = 1
) -> Agreement:
    r"""How far two authors agree on the items both have marked done.

    Of word links every pair of a source and a target word is one decision, linked or not: with p_o the share that is
    decided alike and p_e the share expected of two people who link as often as these, but by chance,
    ``kappa = (p_o - p_e) / (1 - p_e)``. Since most words are not linked, F, ``2 |A & B| / (|A| + |B|)``, is given of all
    links, and of sure ones. Of documents it is F of beads, which must be the same on both sides.

    Args:
        corrections: Everybody's.
        authors: The two.
        samples: Resamples of items for the intervals.
        seed: Of the resampling.

    References:
        cohen1960coefficient
    """
    found: dict[object, dict[str, Corrected]] = {}
    for c in corrections:
        if c.author in authors and c.value is not None and c.value["mark"] == "done":
            found.setdefault(c.item, {})[c.author] = c
    both = [Both(pair[authors[0]], pair[authors[1]]) for pair in found.values() if len(pair) == 2]
    same = [x for x in both if _texts(x.first) == _texts(x.second)]
    pairs = [x for x in same if x.first.item.kind == "pair"]
    documents = [x for x in same if x.first.item.kind == "document"]
    scores: list[Score] = []
    if pairs:
        cells = [_table(x) for x in pairs]
        scores.append(_score("kappa", np.asarray(cells, np.float64), _kappa, "links", samples, seed))
        for name, kinds in (("F of links", ("sure", "possible")), ("F of sure links", ("sure",))):
            items = [_overlap(_decided(x.first, kinds), _decided(x.second, kinds)) for x in pairs]
            scores.append(_score(name, np.asarray(items, np.float64), _f, "-".join(kinds), samples, seed))
    if documents:
        items = [_overlap(_decided(x.first), _decided(x.second)) for x in documents]
        scores.append(_score("F of beads", np.asarray(items, np.float64), _f, "beads", samples, seed))
    ordered = sorted(same, key=lambda x: (-x.differing, x.first.row))
    return Agreement(authors, tuple(scores), tuple(ordered), len(both) - len(same))


def _score(name: str, items: F64, aggregate: object, of: str, samples: int, seed: int) -> Score:
    told = signature(metric=name.split()[0].lower(), of=of, samples=samples, seed=seed)
    return Score.of(name, items, aggregate, told, samples=samples, seed=seed)  # type: ignore[arg-type]


def _texts(c: Corrected) -> object:
    value = c.value or {}
    return (words(value, "src"), words(value, "tgt")) if c.item.kind == "pair" else None


def _decided(c: Corrected, kinds: Sequence[str] = ("sure", "possible"), *, kinds_too: bool = False) -> Cells:
    """The links or the beads of a correction."""
    value = c.value or {}
    if c.item.kind == "document":
        return frozenset((tuple(s), tuple(t)) for s, t in value["beads"])
    return frozenset((name, kind) if kinds_too else (name,) for name, kind in value["links"].items() if kind in kinds)


def _table(x: Both) -> list[int]:
    """Word pairs that both link, only the first, only the second, neither."""
    a, b = _decided(x.first), _decided(x.second)
    value = x.first.value or {}
    total = len(value["src_spans"]) * len(value["tgt_spans"])
    return [len(a & b), len(a - b), len(b - a), total - len(a | b)]


def _overlap(a: Cells, b: Cells) -> list[int]:
    return [len(a & b), len(a), len(b)]


def _f(sums: F64) -> F64:
    total = sums[..., 1] + sums[..., 2]
    return np.where(total > 0, 2 * sums[..., 0] / np.where(total > 0, total, 1), 1.0)


def _kappa(sums: F64) -> F64:
    """From the fourfold table; 1 where nothing was left to chance."""
    both, first, second, neither = (sums[..., k] for k in range(4))
    n = np.maximum(both + first + second + neither, 1)
    observed = (both + neither) / n
    a, b = (both + first) / n, (both + second) / n
    expected = a * b + (1 - a) * (1 - b)
    return np.where(expected < 1, (observed - expected) / np.where(expected < 1, 1 - expected, 1), 1.0)
