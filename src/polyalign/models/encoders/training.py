"""The loop that all ways of tuning an encoder share: that of `models.training.runner`, told of an encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyalign.core.params import to_dict
from polyalign.core.store import key_of
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.tune import Model, trainable
from polyalign.models.encoders.method import Tuning
from polyalign.models.training.runner import Plan, run, world


def steps_of(method: Tuning) -> int:
    """How many batches there are on all devices together."""
    return method.steps * world()


def train(
    method: Tuning,
    encoder: Encoder,
    made: Model,
    loss: Callable[[int], Any],
    *,
    data: Iterable[str],
    more: Mapping[str, Any] | None = None,
    work: Path | None = None,
    stage: str = "",
) -> None:
    """Lower a loss by the weights of a model.

    Args:
        method: Steps, rate, seed and what else the Trainer is told.
        encoder: What the model is a copy of.
        made: The model; its weights are changed, but those of the embeddings.
        loss: The loss of a step, a scalar tensor; steps are `steps_of` many.
        data: What the loss depends on besides: texts, links. A checkpoint made of other data is not gone on from.
        more: Further modules by name, which are trained too if their weights need gradients, and kept in checkpoints.
        work: Folder of the checkpoints; none for no checkpoints.
        stage: Name of this part of a method that has several.

    Raises:
        ConfigError: A setting that the Trainer does not take, a loss that is no number, or too little memory.
        DataError: A checkpoint cannot be written.
        MissingExtraError: accelerate is not installed.
    """
    weights = trainable(made.network.model)
    for p in weights:
        p.requires_grad_(True)
    plan = Plan(
        name="tune",
        label=f"tune, {stage}" if stage else "tune",
        what="tuning an encoder",
        smaller=f"batch = {method.batch} and max_tokens = {method.max_tokens}; lower one of them",
        steps=method.steps,
        learning_rate=method.learning_rate,
        seed=method.seed,
        save_every=method.save_every,
        cpu=getattr(encoder, "device", "auto") == "cpu",
        folder=None if work is None else work / key_of(_recipe(method, encoder, data, stage)),
        settings=method.trainer,
    )
    try:
        run(plan, made.network.model, loss, more)
    finally:
        for p in weights:
            p.requires_grad_(False)


def _recipe(method: Tuning, encoder: Encoder, data: Iterable[str], stage: str) -> dict[str, Any]:
    seen = hashlib.blake2b(digest_size=16)
    for text in data:
        seen.update(text.encode("utf-8", "surrogatepass") + b"\0")
    asked = to_dict(replace(method, save_every=0))
    name = type(method).__name__
    return {"method": name, "params": asked, "encoder": encoder.key, "data": seen.hexdigest(), "stage": stage}
