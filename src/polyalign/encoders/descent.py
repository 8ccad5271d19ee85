"""How a network is trained: batches of texts of about one length, and a loss lowered batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from polyalign.core.jit import I64
from polyalign.core.progress import track
from polyalign.encoders.torch_load import limit_threads


def descend(
    loss: Callable[[], Any],
    weights: Sequence[Any],
    *,
    steps: int,
    learning_rate: float,
    label: str,
    rising: int | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    decay: float = 0.01,
) -> None:
    """Lower a loss by AdamW, the rate rising over the first steps and falling to 0 in a line, gradients cut to length 1.

    Args:
        loss: The loss of the next batch, a scalar tensor.
        weights: What it is lowered by; they need gradients from here on, and no longer afterwards.
        steps: Batches.
        learning_rate: Highest rate.
        label: What the progress bar says.
        rising: Steps in which the rate rises; none for a tenth of them.
        betas: How much of the gradients' means, and of their squares', stays from step to step.
        decay: How much of the weights is taken away, of the rate.
    """
    import torch

    limit_threads()
    for p in weights:
        p.requires_grad_(True)
    optimiser: Any = torch.optim.AdamW(weights, lr=learning_rate, betas=betas, weight_decay=decay)
    warm = max(1, steps // 10 if rising is None else rising)
    with track(label, total=steps, unit="steps") as progress:
        for step in range(steps):
            optimiser.zero_grad()
            loss().backward()
            share = min((step + 1) / warm, (steps - step) / max(1, steps - warm))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * share
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            progress.advance()
    for p in weights:
        p.requires_grad_(False)
        p.grad = None


def batches(lengths: I64, size: int, pool: int, random: np.random.Generator) -> list[I64]:
    """All texts once, in batches in random order, those of a batch about equally long.

    Args:
        lengths: Of the texts.
        size: Texts in a batch.
        pool: Batches whose texts are sorted by length together, so that there is little padding.
        random: Chance.
    """
    every = [batch for some in pools(lengths, size, pool, random) for batch in some]
    return [every[k] for k in random.permutation(len(every))]


def pools(lengths: I64, size: int, pool: int, random: np.random.Generator) -> Iterator[list[I64]]:
    """As `batches`, each pool's, shortest texts first."""
    order = random.permutation(len(lengths))
    for start in range(0, len(order), size * pool):
        some = order[start : start + size * pool]
        some = some[np.argsort(lengths[some], kind="stable")]
        yield [some[k : k + size] for k in range(0, len(some), size)]
