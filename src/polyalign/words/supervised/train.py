"""The training loop: questions in batches of one length, a step a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from polyalign.core.jit import F32, threads
from polyalign.core.progress import track
from polyalign.core.rng import generator
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

    AdamW, its rate rising over the first steps and falling to 0 in a line; gradients are cut to length 1. The questions of
    an epoch are shuffled, then sorted by length within runs of 16 batches, so that there is little padding.

    Args:
        method: Its loss, and how long to train.
        reader: What is trained.
        reading: The sentence pairs.
        windows: The questions.
        answers: What is known of each pair.
    """
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), threads()))
    priors = {k: reading.prior(k) for k in {w.pair for w in windows}}
    weights = [*reader.layers, *reader.own.values()]
    optimiser: Any = torch.optim.AdamW(weights, lr=method.learning_rate, weight_decay=0.01)
    random = generator(method.seed, "train")
    total = method.epochs * -(-len(windows) // method.batch)
    step = 0
    with track("train words", total=total, unit="steps") as progress:
        for _ in range(method.epochs):
            for some in batches(windows, method.batch, random):
                batch = reading.batch(some, priors, answers)
                pieces, none = reader.logits(batch)
                loss = method.loss(pieces, none, tensors(reader, batch))
                optimiser.zero_grad()
                loss.backward()
                rising = max(1, round(total * method.warmup))
                share = min((step + 1) / rising, (total - step) / max(1, total - rising))
                for group in optimiser.param_groups:
                    group["lr"] = method.learning_rate * share
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimiser.step()
                step += 1
                progress.advance()
    for p in weights:
        p.requires_grad_(False)


def batches(windows: Sequence[Window], size: int, random: np.random.Generator) -> list[list[Window]]:
    """All questions once, in an order by chance, those of a batch about equally long.

    Args:
        windows: The questions.
        size: Of a batch.
        random: Chance.
    """
    order = random.permutation(len(windows)).tolist()
    out: list[list[Window]] = []
    for start in range(0, len(order), SORTED * size):
        run = sorted(order[start : start + SORTED * size], key=lambda i: windows[i].size)
        out += [[windows[i] for i in run[a : a + size]] for a in range(0, len(run), size)]
    return [out[i] for i in random.permutation(len(out)).tolist()]


def tensors(reader: Reader, batch: Batch) -> Any:
    """A batch's arrays as tensors, by their names."""
    names = [f.name for f in fields(Batch) if f.name != "states"]
    return SimpleNamespace(**{name: reader.tensor(getattr(batch, name)) for name in names})
