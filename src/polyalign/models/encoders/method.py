"""What the ways of tuning an encoder have in common: their parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from polyalign.models.training.runner import OWN

#: What a method learns from: sentence pairs; those and links of their words; documents; judged sentence pairs.
Takes = Literal["bitext", "links", "documents", "judgements"]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What the ways of tuning an encoder have in common.

    A copy of the encoder's transformer is tuned by AdamW in transformers' ``Trainer``: all weights but those of the
    embeddings, without dropout, so that on one device a seed gives the same weights again.

    Args:
        steps: Batches to tune on; the data is gone through as often as they need.
        batch: Texts, or pairs of them, in a batch, on each device.
        learning_rate: Highest rate; it rises over the first tenth of the steps and falls to 0 in a line.
        max_tokens: Of longer texts the first tokens are tuned on, which is said; encoding reads all of any length.
        save_every: Steps between two checkpoints, from which a run that was stopped goes on; 0 for none.
        seed: Of the batches and of whatever else is drawn.
        trainer: Further settings of transformers' ``TrainingArguments``, such as ``{"bf16": true}``.

    Raises:
        ValueError: A parameter out of range.
    """

    takes: ClassVar[Takes] = "bitext"

    steps: int = 400
    batch: int = 32
    learning_rate: float = 2e-5
    max_tokens: int = 128
    save_every: int = 100
    seed: int = 1
    trainer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        above(self, "steps", "batch", "learning_rate", "max_tokens")
        if self.batch < 2:
            raise ValueError(f"batch must be at least 2, since texts are told from each other, got {self.batch}")
        at_least(self, 0, "save_every", "seed")
        for name in self.trainer:
            if name in OWN:
                raise ValueError(f"trainer sets {name}, which the method's own parameters say; leave it out")


def above(method: Tuning, *names: str) -> None:
    """Refuse parameters that are not above 0."""
    for name in names:
        if not getattr(method, name) > 0:
            raise ValueError(f"{name} must be above 0, got {getattr(method, name)}")


def at_least(method: Tuning, least: float, *names: str) -> None:
    """Refuse parameters that are less than that."""
    for name in names:
        if not getattr(method, name) >= least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(method, name)}")


def between(method: Tuning, *names: str) -> None:
    """Refuse parameters that are not from 0 to 1."""
    for name in names:
        if not 0 <= getattr(method, name) <= 1:
            raise ValueError(f"{name} must be from 0 to 1, got {getattr(method, name)}")
