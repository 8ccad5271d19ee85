"""Small matrices are trained beside those of the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Literal

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.surroundings import seeded
from polyalign.models.training.weights.attached import Attached, freeze, new_rows, vocabulary


@dataclass(frozen=True, slots=True)
class LoRA:
    """Train matrices of low rank that are added to the model's own, and the rows of new pieces.

    A matrix W becomes ``W + (alpha / rank) B A`` with A of ``rank`` rows and B, 0 at first, of ``rank`` columns; only these
    change. Afterwards they are added to W, or kept as an adapter of peft's, which is a small folder. With ``bits`` the model's
    own matrices are held in as few bits while it is trained (QLoRA), which takes a GPU and bitsandbytes.

    Args:
        rank: Rows of A.
        alpha: What the product is scaled by, over the rank; none for twice the rank.
        dropout: Share of A's inputs that are left out at random; 0 gives the same weights again by a seed.
        modules: Names of the matrices; none for all of the layers.
        rows: Whether the rows of new pieces are trained too, or all.
        new_from: Number that new pieces begin with, where it is not known which are new.
        merge: Whether the matrices are added to the model's own afterwards.
        bits: Bits of the model's own matrices; 32 leaves them as they are.
        seed: Of A.

    Raises:
        ValueError: A parameter out of range, few bits that are to be merged, or all rows that are not.

    Complexity: Memory for gradients and moments of the new weights alone; a step takes about two thirds of the time that
        training everything takes.

    References: hu2022lora, dettmers2023qlora
    """

    rank: int = 16
    alpha: int | None = None
    dropout: float = 0.0
    modules: tuple[str, ...] = ()
    rows: Literal["none", "new", "all"] = "new"
    new_from: int | None = None
    merge: bool = True
    bits: Literal[4, 8, 32] = 32
    seed: int = 1

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"rank must be at least 1, got {self.rank}")
        if self.alpha is not None and not self.alpha > 0:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")
        if self.bits != 32 and self.merge:
            raise ValueError(f"bits = {self.bits} cannot be merged without loss; set merge = false")
        if self.rows == "all" and not self.merge:
            raise ValueError(
                "rows = 'all' are the model's own, which an adapter does not keep; set merge = true or other rows"
            )

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Put the matrices beside the model's.

        Args:
            made: The model.
            new: Numbers of its new pieces; without any the rows stay as they are, unless all are trained.

        Raises:
            ConfigError: No such modules, new rows that there are not, or few bits without what they need.
        """
        import peft

        if self.bits != 32:
            _few_bits(made, self.bits)
        freeze(made)
        settings: dict[str, Any] = {}
        if self.rows == "new" and (new is not None or self.new_from is not None):
            rows = new_rows(made, new, self.new_from, where="weights").tolist()
            ends = {id(made.model.get_input_embeddings())}
            if not made.tied:
                ends.add(id(made.model.get_output_embeddings()))
            names = [name for name, module in made.model.named_modules() if id(module) in ends]
            settings["trainable_token_indices"] = dict.fromkeys(names, rows)
        config = peft.LoraConfig(
            r=self.rank,
            lora_alpha=2 * self.rank if self.alpha is None else self.alpha,
            lora_dropout=self.dropout,
            target_modules=list(self.modules) or "all-linear",
            task_type="CAUSAL_LM" if made.causal else None,
            **settings,
        )
        try:
            with seeded(self.seed):
                model: Any = peft.get_peft_model(made.model, config)
        except ValueError as error:
            raise ConfigError(f"weights: {str(error).splitlines()[0]}; name other modules") from None
        if self.rows == "all":
            for p in vocabulary(made):
                p.requires_grad_(True)
        wrapped = replace(made, model=model)

        def finish() -> LanguageModel:
            freeze(wrapped)
            if not self.merge:
                return wrapped
            merged = model.merge_and_unload()
            merged.tie_weights()
            return replace(made, model=merged)

        return Attached(wrapped, finish)


def _few_bits(made: LanguageModel, bits: int) -> None:
    """Refuse what bitsandbytes cannot do; the model is read in few bits, not turned into them.

    Raises:
        ConfigError: No GPU, no bitsandbytes, or a model that was not read so.
    """
    lack = [what for what, there in (("a GPU", made.device.type == "cuda"), ("bitsandbytes", find_spec("bitsandbytes") is not None)) if not there]  # fmt: skip
    if lack:
        raise ConfigError(f"weights: bits = {bits} needs {' and '.join(lack)}, found none here; set bits = 32")
    _quantise(made.model, bits)


def _quantise(model: Any, bits: int) -> None:
    """Replace the matrices of a model on a GPU, but the head, by ones of few bits."""
    import bitsandbytes
    import torch

    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, torch.nn.Linear) or child is head:
                continue
            shape = (child.in_features, child.out_features, child.bias is not None)
            if bits == 4:
                small = bitsandbytes.nn.Linear4bit(*shape, compute_dtype=torch.bfloat16, quant_type="nf4")
            else:
                small = bitsandbytes.nn.Linear8bitLt(*shape, has_fp16_weights=False)
            small.load_state_dict(child.state_dict())
            setattr(parent, name, small.to(child.weight.device))
