"""Train a language model on a new language, with its old ones replayed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from polyalign.core import params
from polyalign.core.errors import DataError
from polyalign.core.files import write_text
from polyalign.core.jit import I32
from polyalign.core.progress import note
from polyalign.core.store import key_of
from polyalign.encoders.model_files import identity
from polyalign.encoders.torch_load import Dtype
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.fingerprint import of_data, of_model
from polyalign.models.training.mix import Mix, Schedule, Stream
from polyalign.models.training.mixture import Mixture, Part, named
from polyalign.models.training.number_type import faster_type
from polyalign.models.training.objective import Data
from polyalign.models.training.reading import check_length
from polyalign.models.training.runner import OWN, Plan, run, world
from polyalign.models.training.surroundings import computed_twice
from polyalign.models.training.weights.attached import Attached, Weights

#: How the learning rate goes after its rise, by the names of transformers.
_DECAYS = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
#: Settings of the Trainer that have a parameter here.
_NAMED = ("lr_scheduler_type", "warmup_steps", "warmup_ratio", "gradient_accumulation_steps", "bf16", "fp16")


@dataclass(frozen=True, slots=True)
class Training:
    """Train a language model by objectives that are mixed by weight, on a new language with the old ones replayed.

    A step lowers ``sum_i w_i loss_i`` by AdamW in transformers' ``Trainer``, without dropout, so that on one device a seed
    gives the same weights again, also after a stop in between. Several devices, and FSDP, are as accelerate is configured.

    Args:
        steps: Steps of the optimiser.
        batch: Rows of a step on each device: blocks of tokens, or pairs.
        length: Most tokens of a row.
        learning_rate: Highest rate; larger models and longer training want lower ones.
        objectives: Tables of an objective each: ``use`` names it, ``weight`` is its weight, ``begin`` and ``end`` the shares of
            the steps between which it is trained, and the rest are its parameters.
        mixture: Whether a step lowers the weighted sum of the objectives, or that of one drawn by weight.
        weights: Table of what is trained: ``use`` names it, the rest are its parameters.
        replay: Share of the rows that are of languages other than the new one, so that they are not forgotten.
        replay_end: That share at the last step; none for the same.
        replay_schedule: How it goes from the one to the other.
        rates: Rates of languages, or of sources such as ``deu_Latn/news``, within the new and the old ones; 1 for those not
            named, 0 leaves one out. Without any, sources share by size.
        smoothing: Power of the size by which sources share: 1 is by size, 0 alike.
        mark: Token between documents and before each row; by default what the tokenizer puts there.
        warmup: Share of the steps in which the rate rises.
        decay: How it falls afterwards.
        precision: Type to compute in; auto tries which is fastest on the device. Weights stay in float32.
        accumulate: Parts that a step's batch is computed in, one after the other: more of them need less memory.
        gradient_checkpointing: Compute states twice, which needs less memory.
        save_every: Steps between two checkpoints, from which a run that was stopped goes on; 0 for none.
        seed: Of whatever is drawn.
        trainer: Further settings of transformers' ``TrainingArguments``, such as ``{"weight_decay": 0.1}``.

    Raises:
        ValueError: A parameter out of range, or an objective or weights that there are not.

    Complexity: A step takes about three times what reading its rows takes.

    References: loshchilov2019decoupled, li2025rethinking, ibrahim2024simple, conneau2020unsupervised
    """

    steps: int = 200
    batch: int = 4
    length: int = 256
    learning_rate: float = 5e-4
    objectives: tuple[dict[str, Any], ...] = ({"use": "causal-lm"},)
    mixture: Literal["sum", "draw"] = "sum"
    weights: dict[str, Any] = field(default_factory=lambda: {"use": "full"})
    replay: float = 0.25
    replay_end: float | None = None
    replay_schedule: Schedule = "constant"
    rates: dict[str, float] = field(default_factory=dict)
    smoothing: float = 0.3
    mark: str = ""
    warmup: float = 0.1
    decay: Literal["linear", "cosine", "constant"] = "linear"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    accumulate: int = 1
    gradient_checkpointing: bool = False
    save_every: int = 100
    seed: int = 1
    trainer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "length", "learning_rate", "accumulate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("replay", "replay_end", "warmup", "smoothing"):
            if not 0 <= (0 if getattr(self, name) is None else getattr(self, name)) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        for name in ("seed", "save_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if any(x < 0 for x in self.rates.values()):
            raise ValueError(f"rates must be at least 0, got {min(self.rates.values())}")
        if self.batch % self.accumulate:
            raise ValueError(f"accumulate must divide batch, got {self.accumulate} and {self.batch}")
        for name in self.trainer:
            if name in OWN or name in _NAMED:
                raise ValueError(f"trainer sets {name}, which the method's own parameters say; leave it out")
        self._parts()
        self._weights()

    @property
    def takes(self) -> frozenset[str]:
        """What its objectives learn from: documents, bitext, links."""
        return frozenset(part.objective.takes for part in self._parts())

    def fit(
        self, made: LanguageModel, data: Data, *, new: I32 | None = None, work: Path | None = None
    ) -> LanguageModel:
        """Train a model, which is itself changed.

        Args:
            made: The model.
            data: What to learn from.
            new: Numbers of the pieces that the model did not have, where only their rows are trained.
            work: Folder of the checkpoints, by which a run that was stopped goes on; none for no checkpoints.

        Returns:
            The trained model.

        Raises:
            ConfigError: The model does not fit an objective or the weights, a setting that the Trainer does not take, a loss
                that is no number, or too little memory.
            DataError: The model's tokenizer is not its own, the data lacks what an objective needs, or a checkpoint cannot be
                written.
            MissingExtraError: What it needs is not installed.
        """
        _fits(made, self.length)
        given = Stream(data.documents, data.parallel, data.lang, self._mix())
        key = key_of(self._recipe(made, given, new))
        folder = None if work is None else work / key
        dtype = self._dtype(made.device.type, folder)
        attached = self._weights().attach(made, new=new)
        model = attached.made.model
        mixture = Mixture.fit(
            self._parts(),
            attached.made,
            given,
            batch=self.batch // self.accumulate,
            length=self.length,
            steps=given.mix.steps,
            draw=self.mixture == "draw",
            seed=self.seed,
        )
        plan = self._plan(attached, dtype, folder)
        with computed_twice(model, self.gradient_checkpointing):
            run(plan, model, mixture.told("train"), {**attached.modules, **mixture.modules})
        note(f"train: {self.steps:,} steps on {mixture.read:,} tokens, in {dtype}")
        done = attached.finish()
        done.model.eval()
        return replace(done, key=key)

    def _parts(self) -> list[Part]:
        if not self.objectives:
            raise ValueError("objectives: found none, expected one at least")
        return [Part.read(table) for table in self.objectives]

    def _weights(self) -> Weights:
        found: Weights = named(self.weights, "models.weights", "weights")
        return found

    def _mix(self) -> Mix:
        return Mix(
            self.steps * self.accumulate * world(),
            self.replay,
            self.replay_end,
            self.replay_schedule,
            self.rates,
            self.smoothing,
            self.mark,
            self.seed,
        )

    def _plan(self, attached: Attached, dtype: Dtype, folder: Path | None) -> Plan:
        change = attached.before
        settings = {
            "lr_scheduler_type": _DECAYS[self.decay],
            "warmup_steps": round(self.warmup * self.steps),
            "gradient_accumulation_steps": self.accumulate,
            "bf16": dtype == "bfloat16",
            "fp16": dtype == "float16",
            **self.trainer,
        }
        return Plan(
            name="train",
            label="train",
            what="training a model",
            smaller=f"batch = {self.batch}, length = {self.length} and accumulate = {self.accumulate}; lower batch or length, "
            "raise accumulate, or set gradient_checkpointing",
            steps=self.steps,
            learning_rate=self.learning_rate,
            seed=self.seed,
            save_every=self.save_every,
            cpu=attached.made.device.type == "cpu",
            folder=folder,
            settings=settings,
            rate=attached.rate,
            before=None if change is None else lambda step: change(step / self.steps),
        )

    def _dtype(self, device: str, folder: Path | None) -> Dtype:
        """The type to compute in: what is asked for, else what this run began with, else the fastest."""
        if self.precision != "auto":
            return self.precision
        held = None if folder is None else folder / "precision"
        if held is None:
            return faster_type(device)
        if not held.exists():
            held.parent.mkdir(parents=True, exist_ok=True)
            write_text(held, faster_type(device))
        return cast(Dtype, held.read_text(encoding="utf-8"))

    def _recipe(self, made: LanguageModel, data: Data, new: I32 | None) -> dict[str, Any]:
        return {
            "params": params.to_dict(replace(self, save_every=0)),
            "model": of_model(made),
            "data": of_data(data),
            "new": None if new is None else new.tolist(),
            "devices": world(),
            "files": self._files(),
        }

    def _files(self) -> list[str]:
        """What its objectives read besides: lexica, and models that guide."""
        named = [getattr(part.objective, name, None) for part in self._parts() for name in ("lexicon", "guide")]
        return [identity(str(name)) for name in named if name]


def _fits(made: LanguageModel, length: int) -> None:
    """Refuse a tokenizer with pieces that the model has no rows for, and more tokens than it has positions for.

    Raises:
        ConfigError: There are more.
        DataError: It has such pieces.
    """
    check_length(made, length, "train")
    rows = made.model.get_input_embeddings().weight.shape[0]
    if len(made.tokenizer) > rows:
        raise DataError(
            f"{made.name}: found a tokenizer of {len(made.tokenizer):,} pieces and a model of {rows:,} rows, expected as many rows "
            "at least; give the new pieces rows first (models.rows)"
        )
