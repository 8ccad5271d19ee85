"""Subword tokenizers over words: trained, read and applied by the library ``tokenizers``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.files import read_text
from polyalign.core.jit import I64

if TYPE_CHECKING:
    from tokenizers import Tokenizer

#: Stands before a piece that continues a word.
CONTINUES = "##"
_UNKNOWN = "[UNK]"
#: Between the log probabilities that the library gives to characters that are no pieces by themselves.
_STEP = 1e-4
#: Words for which starting the library's threads pays.
_MANY = 256


def train(words: Sequence[str], frequency: I64, *, kind: str, size: int) -> str:
    """Train a tokenizer on words as often as they occur.

    Pieces never reach over a word's end, and the same words give the same text. For unigram pieces the
    library alone does not see to that: it adds up probabilities in an order that changes, so they are rounded to
    six digits; and it gives the characters that are no pieces by themselves slightly different probabilities in
    such an order, instead of which all get the least.

    Args:
        words: Distinct words.
        frequency: How often each occurs; one that never does is left out.
        kind: "bpe" or "unigram".
        size: Number of pieces; every character is one, also where they are more.

    Returns:
        The text of a ``tokenizer.json``.

    Raises:
        MissingExtraError: The library is not installed.

    References: sennrich2016neural, kudo2018subword
    """
    library = _library()
    counts = sorted((w, n) for w, n in zip(words, frequency.tolist(), strict=True) if n and w)
    repeated = ([word] * n for word, n in counts)
    settings: dict[str, Any] = {"vocab_size": size, "special_tokens": [_UNKNOWN], "show_progress": False}
    if kind == "bpe" or not counts:
        bpe = library.Tokenizer(library.models.BPE(unk_token=_UNKNOWN))
        bpe.train_from_iterator(repeated, library.trainers.BpeTrainer(**settings))
        # Of the trained tokenizer only its model: a special token would be cut out of words that contain it.
        return str(library.Tokenizer(bpe.model).to_str())
    unigram = library.Tokenizer(library.models.Unigram())
    unigram.train_from_iterator(repeated, library.trainers.UnigramTrainer(unk_token=_UNKNOWN, **settings))
    scores = {piece: float(f"{score:.6g}") for piece, score in json.loads(unigram.to_str())["model"]["vocab"]}
    characters = [piece for piece in scores if len(piece) == 1]
    least = min(scores[c] for c in characters)
    for c in characters:
        if scores[c] <= least + _STEP * len(characters):
            scores[c] = least
    # The unknown piece first: it is known by its number.
    pieces = sorted(scores.items(), key=lambda p: (p[0] != _UNKNOWN, p))
    return str(library.Tokenizer(library.models.Unigram(pieces, unk_id=0)).to_str())


def read(path: str | Path) -> str:
    """The text of a ``tokenizer.json``.

    Raises:
        MissingExtraError: The library is not installed.
        DataError: No such file, or not a tokenizer.
    """
    text = read_text(path)
    library = _library()
    try:
        library.Tokenizer.from_str(text)
    except Exception as error:  # The library raises nothing narrower.
        raise DataError(
            f"{path}: not a tokenizer ({error}); expected a tokenizer.json as the library tokenizers writes it"
        ) from None
    return text


def split(tokenizer: str, words: Sequence[str]) -> list[list[str]]:
    """The pieces of each word, tokenized by itself; those that continue it are marked.

    A word of which some is unknown to the tokenizer, or nothing is left, stays whole.

    Args:
        tokenizer: The text of a ``tokenizer.json``.
        words: Any words.

    Raises:
        MissingExtraError: The library is not installed.
    """
    if not words:
        return []
    model, unknown = _load(tokenizer)
    out = []
    if len(words) < _MANY:
        encodings = [model.encode(word, add_special_tokens=False) for word in words]
    else:
        encodings = model.encode_batch(list(words), add_special_tokens=False)
    for word, encoding in zip(words, encodings, strict=True):
        pieces = encoding.tokens
        if not pieces or unknown in pieces:
            out.append([word])
        else:
            out.append(pieces[:1] + [p if p.startswith(CONTINUES) else CONTINUES + p for p in pieces[1:]])
    return out


@lru_cache(maxsize=16)
def _load(tokenizer: str) -> tuple[Tokenizer, str | None]:
    model = _library().Tokenizer.from_str(tokenizer)
    model.no_truncation()
    model.no_padding()
    state = json.loads(tokenizer)["model"]
    unknown = state.get("unk_token")
    if state.get("unk_id") is not None:
        unknown = state["vocab"][state["unk_id"]][0]
    return model, unknown


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise MissingExtraError(
            "words.align: subword granularities need the library tokenizers, which is not installed; "
            "install it with: pip install 'polyalign[subwords]'"
        ) from None
    return tokenizers
