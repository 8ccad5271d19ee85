"""Transformers loaded into torch, with errors that say what is wrong with the model."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import threads

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Dtype: TypeAlias = Literal["float32", "bfloat16", "float16"]
#: Window of a model that does not say how much it reads.
UNSAID = 512


def text_config(config: Any) -> Any:
    """The part of a configuration that is about text."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def place(device: Device) -> str:
    """The device to run on.

    Raises:
        ConfigError: It is not there.
    """
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(d for d in ("cuda", "mps", "cpu") if there[d])
    if not there[device]:
        raise ConfigError(
            f"device = {device!r}: torch finds none here, only {', '.join(d for d in there if there[d])}; use 'auto'"
        )
    return device


def limit_threads() -> None:
    """Have torch use no more threads than the kernels do."""
    import torch

    torch.set_num_threads(min(torch.get_num_threads(), threads()))


def window_of(tokenizer: Any, config: Any, window: int | None) -> int:
    """Most tokens at once: what is asked for, else what the model reads.

    Raises:
        ConfigError: More is asked for than the model has positions for.
    """
    text = text_config(config)
    positions = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    relative = text.model_type in ("t5", "mt5", "umt5", "bloom", "mpt", "xlnet")
    if positions and text.model_type in (
        "roberta",
        "xlm-roberta",
        "camembert",
        "xlm-roberta-xl",
        "mpnet",
        "longformer",
    ):
        # Their positions are counted from the padding's index on.
        positions -= (text.pad_token_id or 0) + 1
    limit = None if relative else positions
    if window is not None:
        if limit and window > limit:
            raise ConfigError(f"window = {window}: the model reads {limit} tokens at most; lower it or leave it out")
        return window
    said = [x for x in (limit, tokenizer.model_max_length) if x and x < 1_000_000]
    return min(said, default=UNSAID)


def layer_of(config: Any, layer: int | None) -> int | None:
    """The layer, if the model has it.

    Raises:
        ConfigError: It has not.
    """
    count = int(text_config(config).num_hidden_layers)
    if layer is not None and not 0 <= layer <= count:
        raise ConfigError(f"layer = {layer}: the model has layers 1 to {count}, and 0 for its embeddings")
    return layer


def marks(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens that a tokenizer puts before and after a text."""
    bare = list(tokenizer("a", add_special_tokens=False)["input_ids"])
    full = list(tokenizer("a")["input_ids"])
    for at in range(len(full) - len(bare) + 1):
        if full[at : at + len(bare)] == bare:
            return full[:at], full[at + len(bare) :]
    return [], []


def beginning(tokenizer: Any) -> list[int]:
    """The marks that a text begins with: those that the tokenizer puts there, else its mark for a beginning or an end, if any."""
    named = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    return marks(tokenizer)[0] or [int(x) for x in named if x is not None][:1]


def shorten(model: Any, layer: int | None) -> None:
    """Drop the layers above the one after the wanted, which nothing is taken from; they are more than half the time."""
    if layer is None:
        return
    import torch

    config = text_config(model.config)
    for module in model.modules():
        for name, child in list(module.named_children()):
            # One layer more: the states of the last are normalised in some models.
            if isinstance(child, torch.nn.ModuleList) and len(child) == config.num_hidden_layers > layer + 1:
                setattr(module, name, child[: layer + 1])
                config.num_hidden_layers = layer + 1
                return


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and the remarks of transformers, whose errors are told as ours."""
    import transformers

    log: Any = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        # The reader of GGUF files has a bar that nothing turns off.
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def load(kind: Any, path: Path, what: str, **options: Any) -> Any:
    """``kind.from_pretrained``, its errors in one line.

    Raises:
        DataError: The folder or file is not such a model, damaged, or lacks weights.
    """
    folder, name = (path, None) if path.is_dir() else (path.parent, path.name)
    if name is not None:
        options["gguf_file"] = name
    try:
        with quiet():
            return kind.from_pretrained(str(folder), **options)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        ImportError,
        AttributeError,
        AssertionError,
    ) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path}: {what} cannot be loaded ({reason}); check that the model is whole and of this kind"
        ) from None
    except Exception as error:
        # The tokenizers library raises Exception itself, and safetensors an error of its own.
        raise DataError(
            f"{path}: {what} cannot be loaded ({error}); check that the model is whole and of this kind"
        ) from None


def weights_there(path: Path, report: Any) -> None:
    """Refuse a model that would run with random weights.

    Raises:
        DataError: Weights are missing, other than of the pooler that is not used.
    """
    missing = sorted(k for k in report["missing_keys"] if "pooler" not in k and not k.startswith("lm_head"))
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of the model's weights are missing, such as {missing[0]}; "
            "its config.json names another kind of model than its weights are of, or the folder is not whole"
        )
