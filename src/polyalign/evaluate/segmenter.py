"""A model's tokenizer by the model's name, whatever library reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core import registry
from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.jit import I32
from polyalign.encoders.encoder import clean
from polyalign.encoders.model_files import identity, locate

#: Texts to ids, and where each token is in its text or None if the tokenizer does not say.
Split = Callable[[list[str]], tuple[list[I32], list[I32] | None]]
#: Encoders that read what the tokenizer of ``e5`` gives.
_E5 = ("e5", "distilled")
#: Endings of tokenizers' own files; no model on the hub is named so.
_SENTENCEPIECE = (".model", ".spm")
_FILES = (".json", *_SENTENCEPIECE)


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """A tokenizer.

    Args:
        name: What it is called.
        size: How many tokens it knows.
        unknown: The token for what it does not know, or None.
        split: Texts to ids, and spans in code points, shape (t, 2), or None; without marks of beginning and end.
    """

    name: str
    size: int
    unknown: int | None
    split: Split


def named_segmenter(model: str) -> Segmenter:
    """The tokenizer of a model.

    Args:
        model: ``e5``; a model's folder, its name on the Hugging Face hub, or a .gguf file; or a tokenizer's own file:
            tokenizer.json, or a .model or .spm of SentencePiece.

    Raises:
        ConfigError: Nothing is there, or what is there has no tokenizer.
        DataError: The file is damaged or of another kind.
        MissingExtraError: What reads it is not installed.

    Example:
        >>> named_segmenter("no/such/file")
        Traceback (most recent call last):
        polyalign.core.errors.ConfigError: model 'no/such/file': no such file or folder ...
    """
    if model in _E5:
        return _e5()
    if f"encode/{model}" in registry.rows():
        raise ConfigError(f"model {model!r}: has no tokenizer of its own; name a model's folder or file, or e5")
    if Path(model).suffix in _FILES and not Path(model).expanduser().is_file():
        raise ConfigError(f"model {model!r}: no such file; check the path")
    return _read(model, identity(model))


@lru_cache(maxsize=8)
def _read(model: str, same: str) -> Segmenter:
    path = locate(model)
    if path.suffix in _SENTENCEPIECE:
        return _sentencepiece(path)
    file = path / "tokenizer.json" if path.is_dir() and not (path / "tokenizer_config.json").is_file() else path
    if file.suffix == ".json":
        return _tokenizers(file)
    return _transformers(path)


def _needs(path: Path, *modules: str) -> None:
    absent = [m for m in modules if find_spec(m) is None]
    if absent:
        raise MissingExtraError(
            f"{path}: to read its tokenizer needs {', '.join(absent)}; install with: pip install 'polyalign[neural]'"
        )


@lru_cache(maxsize=1)
def _e5() -> Segmenter:
    from polyalign.encoders.e5_file import UNKNOWN, load_tokenizer, normalise, origins, read_wheel

    file = read_wheel()
    tokenizer = load_tokenizer(file)

    def split(texts: list[str]) -> tuple[list[I32], list[I32] | None]:
        found = tokenizer.encode_batch([normalise(t, file.characters) for t in texts], add_special_tokens=False)
        spans = []
        for text, encoding in zip(texts, found, strict=True):
            at = np.asarray(encoding.offsets, np.int64).reshape(-1, 2)
            origin = origins(text, file.characters)
            ends = np.where(at[:, 1] > at[:, 0], origin[at[:, 1] - 1] + 1, origin[at[:, 0]])
            spans.append(np.stack([origin[at[:, 0]], ends], axis=1).astype(np.int32))
        return [np.asarray(x.ids, np.int32) for x in found], spans

    return Segmenter("e5", len(file.pieces), UNKNOWN, split)


def _tokenizers(path: Path) -> Segmenter:
    _needs(path, "tokenizers")
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # The library raises nothing narrower.
        raise DataError(f"{path}: not a tokenizer ({error}); expected a tokenizer.json or a whole model") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    named = getattr(tokenizer.model, "unk_token", None) or "<unk>"

    def split(texts: list[str]) -> tuple[list[I32], list[I32] | None]:
        found = tokenizer.encode_batch(texts, add_special_tokens=False)
        return [np.asarray(x.ids, np.int32) for x in found], [_spans(x.offsets) for x in found]

    return Segmenter(str(path), tokenizer.get_vocab_size(), tokenizer.token_to_id(named), split)


def _transformers(path: Path) -> Segmenter:
    _needs(path, "transformers", *(("gguf",) if path.is_file() else ()))
    from transformers import AutoTokenizer

    from polyalign.encoders.torch_load import load

    tokenizer = load(AutoTokenizer, path, "its tokenizer")

    def split(texts: list[str]) -> tuple[list[I32], list[I32] | None]:
        if not texts:
            return [], []
        fast = bool(tokenizer.is_fast)
        found = tokenizer(
            texts, add_special_tokens=False, return_offsets_mapping=fast, return_attention_mask=False, verbose=False
        )
        ids = [np.asarray(x, np.int32) for x in found["input_ids"]]
        return ids, [_spans(x) for x in found["offset_mapping"]] if fast else None

    return Segmenter(str(path), len(tokenizer), tokenizer.unk_token_id, split)


def _sentencepiece(path: Path) -> Segmenter:
    _needs(path, "sentencepiece")
    from sentencepiece import SentencePieceProcessor

    try:
        model: Any = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: not a SentencePiece model ({error}); fetch it again") from None

    def split(texts: list[str]) -> tuple[list[I32], list[I32] | None]:
        # Where pieces are, its versions say in different ways, in characters or in bytes.
        return [np.asarray(model.encode(t, out_type=int), np.int32) for t in texts], None

    return Segmenter(str(path), model.get_piece_size(), model.unk_id(), split)


def _spans(found: Sequence[tuple[int, int]]) -> I32:
    return np.asarray(found, np.int32).reshape(-1, 2)


def tokens_of(segmenter: Segmenter, texts: Sequence[str]) -> tuple[list[I32], list[I32] | None]:
    """Ids and spans of texts' tokens; lone surrogates, which no tokenizer takes, are read as U+FFFD."""
    return segmenter.split([clean(t) for t in texts])
