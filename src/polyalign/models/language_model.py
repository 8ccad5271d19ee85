"""A language model to be changed and saved: its weights, its tokenizer, and the folder it is written to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import whole_folder
from polyalign.core.jit import F32
from polyalign.encoders.adapters.artefact import attach_kept, keep
from polyalign.encoders.causal import readable
from polyalign.encoders.model_files import identity
from polyalign.encoders.torch_load import Device, Dtype, load, place, quiet, weights_there

Kind = Literal["causal", "masked"]
#: A file of those model folders whose embeddings are of low rank.
FACTORISED = "factorised.json"
#: Settings of a generation that are numbers of pieces, beside those whose names say so.
_NUMBERS = ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "force_words_ids", "forced_decoder_ids")


@dataclass(frozen=True, slots=True, eq=False)
class LanguageModel:
    """A causal or masked language model with its head, and its tokenizer.

    What changes it works on the model itself, which is therefore never one that others hold: `read_model` loads anew.

    Args:
        model: The transformers model.
        tokenizer: Its tokenizer, a fast one.
        name: What it was read from, for messages.
        key: What tells it from another model, and from itself with other weights.
    """

    model: Any
    tokenizer: Any
    name: str
    key: str

    @property
    def causal(self) -> bool:
        """Whether it predicts what comes next, rather than what is masked."""
        return type(self.model).__name__.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration"))

    @property
    def tied(self) -> bool:
        """Whether the head is the embedding matrix itself."""
        head, embeddings = self.model.get_output_embeddings(), self.model.get_input_embeddings()
        # Of embeddings of low rank the head has the same table (`models.rows/ofa`).
        return head is None or head.weight is embeddings.weight or getattr(head, "table", None) is embeddings

    @property
    def device(self) -> Any:
        """Where its weights are."""
        return self.model.device

    def matrices(self) -> list[F32]:
        """Copies of the rows of the vocabulary: the embeddings, and the head's if it has its own; each of shape (v, d)."""
        modules = [self.model.get_input_embeddings()]
        if not self.tied:
            modules.append(self.model.get_output_embeddings())
        return [np.array(m.weight.detach().float().cpu().numpy(), np.float32) for m in modules]


def read_model(name: str, *, kind: Kind = "causal", device: Device = "cpu", dtype: Dtype = "float32") -> LanguageModel:
    """Load a language model from a folder, a name on the hub or a GGUF file, to be changed.

    Args:
        name: Folder, name on the Hugging Face hub, or a .gguf file, whose weights are turned back into floats.
        kind: Whether its head says what comes next, or what is masked.
        device: Where to put it.
        dtype: Type of its weights.

    Raises:
        ConfigError: No such model, or its tokenizer is not a fast one.
        DataError: It is damaged, or its tokenizer has pieces that the model has no rows for.
        MissingExtraError: What reads it is not installed.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    path = readable(name)
    target = place(device)
    if (path / FACTORISED).is_file():
        from polyalign.models.vocabulary.rows.factors import read_factorised

        low = read_factorised(path)
        model = low.model.to(target, getattr(torch, dtype))
        attach_kept(model, path)
        return LanguageModel(model, low.tokenizer, str(name), identity(name))
    tokenizer = read_tokenizer(name)
    auto = AutoModelForCausalLM if kind == "causal" else AutoModelForMaskedLM
    model, report = load(auto, path, "the model", dtype=getattr(torch, dtype), output_loading_info=True)
    weights_there(path, report)
    if hasattr(model.config, "quantization_config"):
        model = _whole(model)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise DataError(
            f"{path}: found a tokenizer of {len(tokenizer):,} pieces and a model of {rows:,} rows, expected as many rows at least; "
            "they are not of one model"
        )
    model = model.eval().to(target)
    attach_kept(model, path)
    return LanguageModel(model, tokenizer, str(name), identity(name))


def read_tokenizer(name: str) -> Any:
    """The tokenizer of a model, by the same names.

    Raises:
        ConfigError: It is not a fast one (tokenizer.json), so that its pieces cannot be changed.
        DataError: It is damaged.
    """
    from transformers import AutoTokenizer

    path = readable(name)
    tokenizer = load(AutoTokenizer, path, "its tokenizer")
    if not tokenizer.is_fast:
        raise ConfigError(
            f"{path}: its tokenizer is {type(tokenizer).__name__}, expected a fast one (tokenizer.json), whose pieces can be read; "
            "convert it with transformers first"
        )
    if path.is_file():
        _as_trained(tokenizer, path)
    return tokenizer


def _as_trained(tokenizer: Any, path: Path) -> None:
    """Put back what transformers leaves out of a GGUF file's tokenizer: that digits stand alone."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(str(path)).fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        backend = tokenizer.backend_tokenizer
        digits = pre_tokenizers.Digits(individual_digits=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([digits, backend.pre_tokenizer])


def _whole(model: Any) -> Any:
    """The same weights in a model that does not think itself quantised, which transformers would not save."""
    config = model.config
    del config.quantization_config
    state = model.state_dict()
    made = type(model)(config).to(model.dtype)
    made.load_state_dict(state)
    made.tie_weights()
    made.generation_config = model.generation_config
    return made


def write_model(made: LanguageModel, folder: Path) -> None:
    """Write a model as an ordinary folder of transformers, whole or not at all; one of low rank as its factors.

    Raises:
        DataError: The folder is there already and not empty, or cannot be written; what is there stays.
    """
    from polyalign.models.vocabulary.rows.factors import is_factorised, save_factors

    with whole_folder(folder, "the model") as part:
        with quiet():
            save_factors(made.model, part) if is_factorised(made.model) else made.model.save_pretrained(part)
            made.tokenizer.save_pretrained(part)
        keep(made.model, part)
        _without_file_of(part)


def _without_file_of(folder: Path) -> None:
    """Forget the GGUF file that a tokenizer was read from, which the folder does not have."""
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings.pop("gguf_file", None) is not None:
        path.write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def with_rows(made: LanguageModel, tokenizer: Any, matrices: list[F32]) -> LanguageModel:
    """The model with another tokenizer and the rows of its pieces.

    The model itself is changed; one of low rank has whole matrices afterwards. Rows of the head that are tied stay tied; a
    head's bias, and the numbers of pieces in the configurations (size of the vocabulary, marks), go with the pieces: what
    both tokenizers have keeps them.

    Args:
        made: The model.
        tokenizer: The new tokenizer; row i is of its piece i.
        matrices: Embeddings, and the head if it is not tied, each of shape (v, d) with v at least the tokenizer's size.

    Raises:
        ValueError: Other shapes than the model takes.
    """
    import torch

    from polyalign.models.vocabulary.rows.factors import whole

    model, tied = made.model, made.tied
    size, width = matrices[0].shape
    if len(matrices) != 2 - tied or any(m.shape != (size, width) for m in matrices) or size < len(tokenizer):
        raise ValueError(
            f"rows: found {[m.shape for m in matrices]}, expected {2 - tied} of at least {len(tokenizer)} rows"
        )
    whole(made)
    number = _numbers(made.tokenizer, tokenizer)
    bias = getattr(model.get_output_embeddings(), "bias", None)
    biases = np.zeros(0, np.float32) if bias is None else bias.detach().float().cpu().numpy()
    with quiet():
        model.resize_token_embeddings(size, mean_resizing=False)
    modules = [model.get_input_embeddings(), model.get_output_embeddings()]
    with torch.no_grad():
        for module, rows in zip(modules[: len(matrices)], matrices, strict=True):
            module.weight.copy_(torch.from_numpy(rows))
        if bias is not None:
            moved = np.zeros(size, np.float32)
            moved[list(number.values())] = biases[list(number)]
            modules[1].bias.copy_(torch.from_numpy(moved))
    if tied:
        model.tie_weights()
    _renumber(model, number)
    return LanguageModel(model, tokenizer, made.name, made.key)


def _numbers(old: Any, new: Any) -> dict[int, int]:
    """The new number of each piece that both tokenizers have, by its old one."""
    there = new.get_vocab()
    return {at: there[piece] for piece, at in old.get_vocab().items() if piece in there}


def _renumber(model: Any, number: dict[int, int]) -> None:
    """Have the configurations name pieces by their new numbers; none for one that is gone."""

    def moved(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [new for new in map(moved, value) if new is not None]
        return number.get(value)

    for config in configurations(model):
        for name in numbered(config):
            setattr(config, name, moved(getattr(config, name)))


def configurations(model: Any) -> list[Any]:
    """The model's configuration, that of its text part if it is another, and that of generation if there is one."""
    found = (model.config, model.config.get_text_config(), getattr(model, "generation_config", None))
    return list({id(c): c for c in found if c is not None}.values())


def numbered(config: Any) -> list[str]:
    """The settings of a configuration that are numbers of pieces."""
    names = [n for n in vars(config) if n in _NUMBERS or n.endswith(("_token_id", "_token_ids"))]
    return [n for n in names if isinstance(getattr(config, n), (int, list, tuple))]
