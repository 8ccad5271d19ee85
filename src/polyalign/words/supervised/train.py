"""The training loop: questions in batches of one length, a step a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from polyalign.core.jit import F32
from polyalign.core.rng import generator
from polyalign.encoders.descent import batches, descend
from polyalign.words.supervised.questions import Batch, Reading, Window
from polyalign.words.supervised.reader import Reader

if TYPE_CHECKING:
    from polyalign.words.supervised.method import FromGold

#: Batches whose questions are sorted by length together.
SORTED = 16


def train(
    method: FromGold, reader: Reader, reading: Reading, windows: Sequence[Window], answers: dict[int, F32]
) -> None:
    """Train a reader in place.

    The questions of an epoch are shuffled, then sorted by length within runs of 16 batches; for the rest see `descend`.

    Args:
        method: Its loss, and how long to train.
        reader: What is trained.
        reading: The sentence pairs.
        windows: The questions.
        answers: What is known of each pair.
    """
    priors = {k: reading.prior(k) for k in {w.pair for w in windows}}
    random, lengths = generator(method.seed, "train"), np.array([w.size for w in windows], np.int64)
    drawn = (some for _ in range(method.epochs) for some in batches(lengths, method.batch, SORTED, random))

    def loss() -> Any:
        batch = reading.batch([windows[i] for i in next(drawn)], priors, answers)
        return method.loss(*reader.logits(batch), tensors(reader, batch))

    steps = method.epochs * -(-len(windows) // method.batch)
    descend(
        loss,
        [*reader.layers, *reader.own.values()],
        steps=steps,
        learning_rate=method.learning_rate,
        label="train words",
        rising=round(steps * method.warmup),
    )


def tensors(reader: Reader, batch: Batch) -> Any:
    """A batch's arrays as tensors, by their names."""
    names = [f.name for f in fields(Batch) if f.name != "states"]
    return SimpleNamespace(**{name: reader.tensor(getattr(batch, name)) for name in names})
