"""Several objectives as one loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError, MissingExtraError
from polyalign.core.progress import note
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Loss, Objective

_GOLDEN = (math.sqrt(5) - 1) / 2
#: How often it is said how high the loss is.
_TOLD = 10


@dataclass(frozen=True, slots=True)
class Part:
    """An objective with its weight, and the shares of the steps between which it is trained."""

    objective: Objective
    weight: float = 1.0
    begin: float = 0.0
    end: float = 1.0

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Part:
        """One as a project names it.

        Raises:
            ValueError: No ``use``, no such objective, or a parameter that is wrong.
        """
        given = dict(table)
        numbers = {name: given.pop(name) for name in ("weight", "begin", "end") if name in given}
        if any(isinstance(x, bool) or not isinstance(x, (int, float)) for x in numbers.values()):
            raise ValueError(f"objectives: weight, begin and end must be numbers, got {numbers}")
        part = cls(named(given, "models.objective", "objectives"), **numbers)
        if not part.weight > 0:
            raise ValueError(f"objectives: weight must be above 0, got {part.weight}")
        if not 0 <= part.begin < part.end <= 1:
            raise ValueError(f"objectives: begin and end must rise from 0 to 1, got {part.begin} and {part.end}")
        return part


def named(table: Mapping[str, Any], task: str, where: str) -> Any:
    """The method that a table names by ``use``.

    Raises:
        ValueError: It names none, there is none of that name, or a parameter is wrong.
    """
    given = dict(table)
    name = given.pop("use", None)
    if not isinstance(name, str):
        raise ValueError(
            f"{where}: found a table without use, expected the name of one; `polyalign methods {task}` lists them"
        )
    try:
        return params.build(registry.find(name, task=task), given, where=where)
    except (ConfigError, MissingExtraError) as error:
        raise ValueError(str(error)) from None


@dataclass(slots=True, eq=False)
class Mixture:
    """The losses of several objectives for a model and data.

    Args:
        parts: The objectives.
        losses: Of each.
        steps: How many losses there are.
        draw: Whether a step's loss is that of one objective, drawn by weight, or the weighted sum of all.
        seed: Of that.
        read: How many tokens were read, counted as it is called.
    """

    parts: Sequence[Part]
    losses: Sequence[Loss]
    steps: int
    draw: bool
    seed: int
    read: int = field(default=0, init=False)

    @classmethod
    def fit(
        cls,
        parts: Sequence[Part],
        made: LanguageModel,
        data: Data,
        *,
        batch: int,
        length: int,
        steps: int,
        draw: bool,
        seed: int,
    ) -> Mixture:
        """Prepare each objective; each draws from a seed of its own.

        Raises:
            ConfigError: The model does not fit one, or none is trained at some step.
            DataError: The data lacks what one needs.
        """
        for step in range(steps):
            if not any(p.begin <= step / steps < p.end for p in parts):
                raise ConfigError(
                    f"objectives: none is trained at step {step} of {steps}, expected one at least; let begin and end cover all "
                    "steps"
                )
        losses = [p.objective.fit(made, data, batch=batch, length=length, seed=seed + k) for k, p in enumerate(parts)]
        return cls(parts, losses, steps, draw, seed)

    @property
    def modules(self) -> dict[str, Any]:
        """Further modules that are trained, of all objectives."""
        return {f"{k}_{name}": module for k, loss in enumerate(self.losses) for name, module in loss.modules.items()}

    def active(self, step: int) -> list[int]:
        """Which objectives a step trains."""
        at = step / self.steps
        there = [k for k, p in enumerate(self.parts) if p.begin <= at < p.end]
        if not self.draw or len(there) < 2:
            return there
        share = (generator(self.seed, "objectives").random() + _GOLDEN * step) % 1.0
        total, sofar = sum(self.parts[k].weight for k in there), 0.0
        for k in there:
            sofar += self.parts[k].weight / total
            if share < sofar:
                return [k]
        return there[-1:]

    def __call__(self, step: int) -> Any:
        """The loss of a step, a scalar tensor."""
        there = self.active(step)
        self.read += sum(self.losses[k].tokens(step) for k in there)
        losses = [(1.0 if self.draw else self.parts[k].weight) * self.losses[k](step) for k in there]
        return sum(losses[1:], losses[0])

    def told(self, name: str) -> Callable[[int], Any]:
        """The same, which says now and then how high the loss has been."""
        every, held = max(1, self.steps // _TOLD), list[float]()

        def loss(step: int) -> Any:
            value = self(step)
            held.append(float(value.detach()))
            if (step + 1) % every == 0:
                note(f"{name}: {step + 1:,} of {self.steps:,} batches, loss {sum(held) / len(held):.3f}")
                held.clear()
            return value

        return loss
