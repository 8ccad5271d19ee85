"""The loop that all ways of tuning share: transformers' Trainer, whose item is a step.

What a step reads is its own business, so the Trainer is given the numbers of the steps alone and a loss of a number. Of
the Trainer are the optimiser, several devices, precision, checkpoints, going on from them, and logging.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, MissingExtraError, did_you_mean
from polyalign.core.params import to_dict
from polyalign.core.progress import Track, note, track
from polyalign.core.store import key_of
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.torch_load import limit_threads
from polyalign.encoders.tune import Model, trainable
from polyalign.models.encoders.checkpoints import last_checkpoint, told
from polyalign.models.encoders.method import Tuning


def steps_of(method: Tuning) -> int:
    """How many batches there are on all devices together."""
    return method.steps * int(os.environ.get("WORLD_SIZE", "1"))


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
    import torch

    weights = trainable(made.network.model)
    for p in weights:
        p.requires_grad_(True)
    folder = None if work is None else work / key_of(_recipe(method, encoder, data, stage))
    try:
        # The Trainer seeds every generator there is; outside they are to be what they were.
        with (
            torch.random.fork_rng(),
            _numpy_and_python(),
            _without_remarks(),
            tempfile.TemporaryDirectory() as temporary,
        ):
            _run(method, encoder, made, loss, dict(more or {}), folder, temporary, stage)
        if not all(bool(torch.isfinite(p).all()) for p in weights):
            raise _no_number(f"after {method.steps} steps the weights are no numbers", method)
    finally:
        for p in weights:
            p.requires_grad_(False)
            p.grad = None


def _run(
    method: Tuning,
    encoder: Encoder,
    made: Model,
    loss: Callable[[int], Any],
    more: dict[str, Any],
    folder: Path | None,
    temporary: str,
    stage: str,
) -> None:
    import transformers
    from torch.utils.data import SequentialSampler

    class InOrder(transformers.Trainer):
        """A trainer whose steps come in order, and that says how far it is."""

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(steps)

        def training_step(self, *args: Any, **named: Any) -> Any:
            out = super().training_step(*args, **named)
            progress.advance()
            return out

    limit_threads()
    last = None if folder is None else last_checkpoint(folder)
    module = _module(made, loss, more, method)
    steps = [{"step": k} for k in range(steps_of(method))]
    label = f"tune, {stage}" if stage else "tune"
    try:
        with track(label, total=method.steps, unit="steps") as progress:
            trainer = InOrder(
                model=module,
                args=_arguments(method, encoder, str(folder or temporary), checkpoints=folder is not None),
                train_dataset=steps,
                data_collator=lambda items: items[0],
            )
            trainer.remove_callback(transformers.PrinterCallback)
            if last is not None:
                _tell(progress, last)
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
    except (OSError, RuntimeError, MemoryError) as error:
        raise told(error, method, folder) from error
    except Exception as error:
        # safetensors has an error of its own.
        if "safetensor" in type(error).__name__.lower():
            raise told(error, method, folder) from error
        raise


def _module(made: Model, loss: Callable[[int], Any], more: dict[str, Any], method: Tuning) -> Any:
    import torch

    frozen = {id(p) for p in made.network.model.parameters() if not p.requires_grad}

    class Objective(torch.nn.Module):
        """A loss with all the weights that it depends on."""

        def __init__(self) -> None:
            super().__init__()
            self.network = made.network.model
            self.more = torch.nn.ModuleDict(more)

        def forward(self, step: int) -> dict[str, Any]:
            value = loss(int(step))
            if not bool(torch.isfinite(value)):
                raise _no_number(f"the loss of step {int(step)} is {float(value.detach())}", method)
            return {"loss": value}

        def train(self, mode: bool = True) -> Any:
            # No dropout.
            return super().train(False)

        def state_dict(self, *args: Any, **named: Any) -> Any:
            # Embeddings, most of the weights, do not change.
            whole = super().state_dict(*args, keep_vars=True, **{k: v for k, v in named.items() if k != "keep_vars"})
            return {name: x.detach() for name, x in whole.items() if id(x) not in frozen}

        def load_state_dict(self, *args: Any, **named: Any) -> Any:
            found = super().load_state_dict(*args, **named)
            # What is not kept is not missing.
            found.missing_keys[:] = [name for name in found.missing_keys if name in self.state_dict()]
            return found

    return Objective().eval()


def _no_number(found: str, method: Tuning) -> ConfigError:
    return ConfigError(
        f"tune: {found}, expected numbers; lower learning_rate, now {method.learning_rate:g}, with which it begins anew"
    )


def _arguments(method: Tuning, encoder: Encoder, folder: str, *, checkpoints: bool) -> Any:
    try:
        importlib.import_module("accelerate")
    except ImportError as error:
        raise MissingExtraError(
            f"tuning an encoder needs accelerate ({error}); install with: pip install 'polyalign[neural]'"
        ) from error
    from transformers import TrainingArguments

    known = [f.name for f in fields(TrainingArguments)]
    for name in method.trainer:
        if name not in known:
            raise ConfigError(f"trainer: TrainingArguments have no {name!r}{did_you_mean(name, known)}")
    settings: dict[str, Any] = {
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "lr_scheduler_type": "linear",
        "warmup_steps": method.steps // 10,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "save_total_limit": 1,
        "use_cpu": getattr(encoder, "device", "auto") == "cpu",
        **method.trainer,
    }
    kind: Any = TrainingArguments
    try:
        arguments = kind(
            output_dir=folder,
            max_steps=method.steps,
            per_device_train_batch_size=1,
            learning_rate=method.learning_rate,
            seed=method.seed,
            data_seed=method.seed,
            save_strategy="steps" if checkpoints and method.save_every else "no",
            save_steps=method.save_every or 1,
            remove_unused_columns=False,
            **settings,
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"trainer: {str(error).splitlines()[0]}; change the setting") from None
    # Without it several GPUs of one process would each be given a part of a step, which is one thing.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _tell(progress: Track, last: Path) -> None:
    step = int(last.name.rsplit("-", 1)[1])
    note(f"tune: goes on after step {step}")
    progress.advance(step)


def _recipe(method: Tuning, encoder: Encoder, data: Iterable[str], stage: str) -> dict[str, Any]:
    seen = hashlib.blake2b(digest_size=16)
    for text in data:
        seen.update(text.encode("utf-8", "surrogatepass") + b"\0")
    asked = to_dict(replace(method, save_every=0))
    name = type(method).__name__
    return {"method": name, "params": asked, "encoder": encoder.key, "data": seen.hexdigest(), "stage": stage}


@contextlib.contextmanager
def _numpy_and_python() -> Iterator[None]:
    theirs, own = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(theirs)  # noqa: NPY002
        random.setstate(own)


@contextlib.contextmanager
def _without_remarks() -> Iterator[None]:
    import transformers

    log: Any = transformers.utils.logging
    level = log.get_verbosity()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make modules whose weights depend on the seed alone."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
