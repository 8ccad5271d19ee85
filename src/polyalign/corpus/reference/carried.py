"""Thresholds that are known for one language, carried over to another by the values of both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError
from polyalign.core.jit import F64
from polyalign.corpus.reference.thresholds import Thresholds, scores


@dataclass(frozen=True, slots=True)
class CarriedOver(ABC):
    """A rule by which a threshold of a base language becomes that of another.

    Args:
        minimum: The threshold of each score column in the base language.
    """

    rule: ClassVar[str]
    minimum: dict[str, float] = field(default_factory=dict)

    @abstractmethod
    def carried(self, name: str, own: F64, known: F64) -> float:
        """The threshold of a score in the language whose sorted values are `own`; `known` are those of the base language."""

    def learn(self, reference: Iterable[Bitext | pa.Table], base: Iterable[Bitext | pa.Table]) -> Thresholds:
        """Carry the thresholds of a base language over to the language of a reference.

        Args:
            reference: Text of the language with scores.
            base: Text of the base language with the same scores.

        Raises:
            ConfigError: No minimum is given.
            DataError: A score is missing, or its values in the base language do not allow the rule.
        """
        if not self.minimum:
            raise ConfigError(
                'corpus.thresholds: found no minimum, expected the thresholds of the base language, such as {"score.x" = 0.2}'
            )
        own, known = scores(reference, tuple(self.minimum)), scores(base, tuple(self.minimum))
        minimum = {name: self.carried(name, own[name], known[name]) for name in self.minimum}
        return Thresholds(minimum, f"corpus.thresholds/{self.rule}", {name: len(own[name]) for name in minimum})
