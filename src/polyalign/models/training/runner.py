"""The loop that all training shares: transformers' Trainer, whose item is a step.

What a step reads is its own business, so the Trainer is given the numbers of the steps alone and a loss of a number. Of
the Trainer are the optimiser, several devices, precision, checkpoints, going on from them, and logging.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from polyalign.core.errors import ConfigError, MissingExtraError, did_you_mean
from polyalign.core.progress import Track, note, track
from polyalign.encoders.torch_load import limit_threads
from polyalign.models.training.checkpoints import last_checkpoint, told
from polyalign.models.training.surroundings import generators_as_they_were, without_remarks

#: What the Trainer is told by a method's own parameters.
OWN = (
    "output_dir", "max_steps", "per_device_train_batch_size", "learning_rate", "seed", "data_seed", "save_steps",
    "save_strategy", "train_sampling_strategy", "remove_unused_columns", "num_train_epochs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What the loop is told.

    Args:
        name: What messages begin with, such as ``train``.
        label: What the progress bar says.
        what: What needs accelerate, for the message that it is missing.
        smaller: What memory was short with, and what to do then.
        steps: Steps of the optimiser.
        learning_rate: Highest rate.
        seed: Of whatever the Trainer draws.
        save_every: Steps between two checkpoints; 0 for none.
        cpu: Whether to stay on the CPU.
        folder: Of the checkpoints; none for no checkpoints.
        settings: Further ``TrainingArguments``, before the house's own.
        rate: Times the learning rate that the weights of a name have.
        before: Called with the number of each step before it.
    """

    name: str
    label: str
    what: str
    smaller: str
    steps: int
    learning_rate: float
    seed: int
    save_every: int
    cpu: bool
    folder: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    rate: Callable[[str], float] | None = None
    before: Callable[[int], None] | None = None

    @property
    def losses(self) -> int:
        """How many losses there are in all: those of each step on each device."""
        return self.steps * int(self.settings.get("gradient_accumulation_steps", 1)) * world()


def world() -> int:
    """How many devices train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def run(plan: Plan, network: Any, loss: Callable[[int], Any], more: Mapping[str, Any] | None = None) -> None:
    """Lower a loss by the weights of a model that need gradients.

    Args:
        plan: Steps, rate, seed and what else the Trainer is told.
        network: The module; weights of it that need no gradient stay as they are.
        loss: The loss of a number below `Plan.losses`, a scalar tensor.
        more: Further modules by name, which are trained too if their weights need gradients, and kept in checkpoints.

    Raises:
        ConfigError: A setting that the Trainer does not take, a loss that is no number, or too little memory.
        DataError: A checkpoint cannot be written.
        MissingExtraError: accelerate is not installed.
    """
    import torch

    modules = dict(more or {})
    weights = [p for m in (network, *modules.values()) for p in m.parameters() if p.requires_grad]
    try:
        # The Trainer seeds every generator there is; outside they are to be what they were.
        with generators_as_they_were(), without_remarks(), tempfile.TemporaryDirectory() as temporary:
            _run(plan, network, loss, modules, temporary)
        if not all(bool(torch.isfinite(p).all()) for p in weights):
            raise _no_number(f"after {plan.steps} steps the weights are no numbers", plan)
    finally:
        for p in weights:
            p.grad = None


def _run(plan: Plan, network: Any, loss: Callable[[int], Any], more: dict[str, Any], temporary: str) -> None:
    import transformers
    from torch.utils.data import SequentialSampler

    class InOrder(transformers.Trainer):
        """A trainer whose steps come in order, and that says how far it is."""

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(steps)

        def get_decay_parameter_names(self, model: Any) -> list[str]:
            # A row of the vocabulary that does not occur would only shrink.
            return [n for n in super().get_decay_parameter_names(model) if n not in rows]

        def create_optimizer(self, *args: Any, **named: Any) -> Any:
            made = super().create_optimizer(*args, **named)
            if plan.rate is not None:
                names = {id(p): n.removeprefix("network.") for n, p in module.named_parameters()}
                made.param_groups[:] = _by_rate(made.param_groups, names, plan.rate)
            return made

        def training_step(self, *args: Any, **named: Any) -> Any:
            if plan.before is not None:
                plan.before(self.state.global_step)
            out = super().training_step(*args, **named)
            if self.accelerator.sync_gradients:
                progress.advance()
            return out

    limit_threads()
    last = None if plan.folder is None else last_checkpoint(plan.folder)
    module = _module(network, loss, more, plan)
    rows = _vocabulary(network)
    steps = [{"step": k} for k in range(plan.losses)]
    try:
        with track(plan.label, total=plan.steps, unit="steps") as progress:
            trainer = InOrder(
                model=module,
                args=_arguments(plan, str(plan.folder or temporary)),
                train_dataset=steps,
                data_collator=lambda items: items[0],
            )
            trainer.remove_callback(transformers.PrinterCallback)
            if last is not None:
                _tell(plan, progress, last)
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
    except (OSError, RuntimeError, MemoryError) as error:
        raise told(error, plan.name, plan.folder, plan.smaller) from error
    except Exception as error:
        # safetensors has an error of its own.
        if "safetensor" in type(error).__name__.lower():
            raise told(error, plan.name, plan.folder, plan.smaller) from error
        raise


def _module(network: Any, loss: Callable[[int], Any], more: dict[str, Any], plan: Plan) -> Any:
    import torch

    frozen = {id(p) for p in network.parameters() if not p.requires_grad}

    class Objective(torch.nn.Module):
        """A loss with all the weights that it depends on."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network
            self.more = torch.nn.ModuleDict(more)

        def forward(self, step: int) -> dict[str, Any]:
            value = loss(int(step))
            if not bool(torch.isfinite(value)):
                raise _no_number(f"the loss of step {int(step)} is {float(value.detach())}", plan)
            return {"loss": value}

        def train(self, mode: bool = True) -> Any:
            # No dropout.
            super().train(False)
            for layer in _checkpointed(network):
                layer.training = mode
            return self

        def state_dict(self, *args: Any, **named: Any) -> Any:
            # What does not change is not kept, often most of the weights; and tied ones once.
            whole = super().state_dict(*args, keep_vars=True, **{k: v for k, v in named.items() if k != "keep_vars"})
            once = {id(x): name for name, x in reversed(whole.items()) if id(x) not in frozen}
            return {name: x.detach() for name, x in whole.items() if once.get(id(x)) == name}

        def load_state_dict(self, *args: Any, **named: Any) -> Any:
            found = super().load_state_dict(*args, **named)
            # What is not kept is not missing.
            found.missing_keys[:] = [name for name in found.missing_keys if name in self.state_dict()]
            return found

    return Objective().eval()


def _checkpointed(network: Any) -> list[Any]:
    """The layers that compute their states twice to save memory, which they do only if they alone think they are trained."""
    named = ("gradient_checkpointing", "_gradient_checkpointing_func")
    return [m for m in network.modules() if all(getattr(m, name, False) for name in named)]


def _vocabulary(network: Any) -> set[str]:
    """The names of the rows of the vocabulary among the weights, as the module that is trained names them."""
    ends = [getattr(network, f"get_{end}_embeddings", lambda: None)() for end in ("input", "output")]
    held = {id(p) for module in ends if module is not None for p in module.parameters()}
    return {f"network.{name}" for name, p in network.named_parameters() if id(p) in held}


def _by_rate(groups: list[dict[str, Any]], names: Mapping[int, str], rate: Callable[[str], float]) -> list[Any]:
    """The optimiser's groups, each with the weights of one rate."""
    out = []
    for group in groups:
        by: dict[float, list[Any]] = {}
        for p in group["params"]:
            by.setdefault(rate(names[id(p)]), []).append(p)
        out += [{**group, "params": some, "lr": group["lr"] * times} for times, some in by.items()]
    return out


def _no_number(found: str, plan: Plan) -> ConfigError:
    return ConfigError(
        f"{plan.name}: {found}, expected numbers; lower learning_rate, now {plan.learning_rate:g}, with which it begins anew"
    )


def _arguments(plan: Plan, folder: str) -> Any:
    try:
        importlib.import_module("accelerate")
    except ImportError as error:
        raise MissingExtraError(
            f"{plan.what} needs accelerate ({error}); install with: pip install 'polyalign[neural]'"
        ) from error
    from transformers import TrainingArguments

    known = [f.name for f in fields(TrainingArguments)]
    for name in plan.settings:
        if name not in known:
            raise ConfigError(f"trainer: TrainingArguments have no {name!r}{did_you_mean(name, known)}")
    settings: dict[str, Any] = {
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "lr_scheduler_type": "linear",
        "warmup_steps": plan.steps // 10,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "save_total_limit": 1,
        "use_cpu": plan.cpu,
        **plan.settings,
    }
    kind: Any = TrainingArguments
    try:
        arguments = kind(
            output_dir=folder,
            max_steps=plan.steps,
            per_device_train_batch_size=1,
            learning_rate=plan.learning_rate,
            seed=plan.seed,
            data_seed=plan.seed,
            save_strategy="steps" if plan.folder is not None and plan.save_every else "no",
            save_steps=plan.save_every or 1,
            remove_unused_columns=False,
            **settings,
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"trainer: {str(error).splitlines()[0]}; change the setting") from None
    # Without it several GPUs of one process would each be given a part of a step, which is one thing.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _tell(plan: Plan, progress: Track, last: Path) -> None:
    step = int(last.name.rsplit("-", 1)[1])
    note(f"{plan.name}: goes on after step {step}")
    progress.advance(step)
