"""Merging by direction: experts that translate into the pivot are merged in groups, the others stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import F32
from polyalign.models.adapters.merge.deltas import Delta
from polyalign.models.adapters.merge.linear import Linear
from polyalign.models.adapters.merge.ties import TIES


@dataclass(frozen=True, slots=True)
class Groups:
    """Merge the experts that translate into a pivot, group by group of languages, and leave the others as they are.

    Languages help each other when they are translated into, and get in each other's way when they are translated from. So
    one expert is trained for each direction X to the pivot, one for a whole group from the pivot to X, and only the former
    are merged, those of a group with each other (direction-aware post-training).

    Args:
        pivot: The language that experts translate into.
        groups: Languages of each group, by its name; empty for one group of all, named ``all``.
        merge: How the experts of a group are merged.
        density: Of TIES.
        scale: Times the merged change.

    Raises:
        ValueError: A language in two groups, or a parameter out of range.

    Complexity: O(experts x weights).

    References: yadav2023ties
    """

    pivot: str = "eng_Latn"
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    merge: Literal["ties", "linear"] = "ties"
    density: float = 0.2
    scale: float = 1.0

    def __post_init__(self) -> None:
        every = [lang for some in self.groups.values() for lang in some]
        if twice := sorted({lang for lang in every if every.count(lang) > 1}):
            raise ValueError(f"groups has {', '.join(twice)} twice; a language is in one group")
        self._method()

    def fit(self, experts: Mapping[str, Delta]) -> dict[str, dict[str, F32]]:
        """Merge.

        Args:
            experts: What training changed, by direction, ``roh_Latn-eng_Latn``.

        Returns:
            Changes by direction: ``GROUP-eng_Latn`` for those that were merged, the others under their own names.

        Raises:
            ConfigError: A name that is no direction, or a language that is in no group.
            DataError: No expert into the pivot, experts of different models, or values that are no numbers.
        """
        into: dict[str, list[Delta]] = {}
        out: dict[str, dict[str, F32]] = {}
        for name, delta in experts.items():
            src, _, tgt = name.partition("-")
            if not src or not tgt:
                raise ConfigError(
                    f"merge: found an expert {name!r}, expected a direction such as roh_Latn-{self.pivot}; name it so"
                )
            if tgt != self.pivot:
                out[name] = dict(delta)
                continue
            into.setdefault(self._group(src), []).append(delta)
        if not into:
            raise DataError(
                f"merge: found no expert into {self.pivot} among {', '.join(experts) or 'none'}, expected some; name another pivot"
            )
        return {**{f"{group}-{self.pivot}": self._method().fit(some) for group, some in into.items()}, **out}

    def _group(self, lang: str) -> str:
        if not self.groups:
            return "all"
        found = [name for name, some in self.groups.items() if lang in some]
        if not found:
            raise ConfigError(f"groups: {lang} is in none, expected each language in one; add it to a group")
        return found[0]

    def _method(self) -> TIES | Linear:
        return TIES(self.density, self.scale) if self.merge == "ties" else Linear(scale=self.scale)
