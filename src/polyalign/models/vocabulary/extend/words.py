"""The words of texts, each once, as a tokenizer segments them: what new pieces are learnt from."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.jit import I32, I64, Mask
from polyalign.core.ragged import offsets
from polyalign.encoders.encoder import clean
from polyalign.models.vocabulary.pieces import BYTE, Pieces

_BATCH = 1 << 25  # characters of text counted at once
_JOINED = 20_000  # characters segmented as one text


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Distinct pre-tokens of texts, cut into pieces.

    Args:
        ids: Pieces of all words, end to end, shape (t,).
        offsets: Where each word begins, shape (n + 1,).
        counts: How often it occurs, shape (n,).
    """

    ids: I32
    offsets: I64
    counts: I64


def stretches(texts: Iterable[str]) -> tuple[list[str], I64]:
    """What stands between spaces, each once with how often it occurs, in order of code points.

    Example:
        >>> stretches(["a b a", "b  c"])[0], stretches(["a b a", "b  c"])[1].tolist()
        (['', 'a', 'b', 'c'], [1, 2, 2, 1])
    """
    schema = pa.schema([("text", pa.large_string()), ("count", pa.int64())])
    total = schema.empty_table()
    for batch in _batches(texts):
        found = pc.value_counts(pc.list_flatten(pc.split_pattern(pa.array(batch, pa.large_string()), " ")))
        table = pa.table({"text": found.field("values"), "count": found.field("counts")}, schema)
        total = (
            pa.concat_tables([total, table])
            .group_by("text")
            .aggregate([("count", "sum")])
            .select(["text", "count_sum"])
        )
        total = total.rename_columns(["text", "count"]).cast(schema)
    total = total.sort_by("text")
    return total["text"].to_pylist(), np.asarray(total["count"].to_numpy(), np.int64)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch, size = [], 0
    for text in texts:
        batch.append(clean(text))
        size += len(text)
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def words_of(pieces: Pieces, found: list[str], counts: I64) -> Words:
    """Segment stretches between spaces, each after a space, and part them where the tokenizer's pre-tokenizer does.

    Args:
        pieces: The tokenizer.
        found: The stretches.
        counts: How often each occurs, shape (n,).
    """
    backend = whole(pieces)
    groups = list(_groups(found))
    joined = ["".join(" " + found[i] for i in range(a, b)) for a, b in groups]
    every_id, every_word, every_row = [], [], []
    for (a, b), encoding in zip(groups, backend.encode_batch(joined, add_special_tokens=False), strict=True):
        starts = offsets([len(found[i]) + 1 for i in range(a, b)])
        ends = np.asarray([end for _, end in encoding.offsets], np.int64)
        every_id.append(np.asarray(encoding.ids, np.int32))
        every_word.append(np.asarray([-1 if w is None else w for w in encoding.word_ids], np.int64))
        every_row.append(a + np.searchsorted(starts, np.maximum(ends - 1, 0), side="right") - 1)
    if not every_id:
        return Words(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros(0, np.int64))
    ids, word, row = np.concatenate(every_id), np.concatenate(every_word), np.concatenate(every_row)
    new = np.ones(len(ids), np.bool_)
    new[1:] = (row[1:] != row[:-1]) | (word[1:] != word[:-1])
    at = np.flatnonzero(new)
    return Words(ids, np.append(at, len(ids)).astype(np.int64), counts[row[at]])


def whole(pieces: Pieces) -> Any:
    """The tokenizer's backend without a limit of length and without padding."""
    if pieces.content["truncation"] is None and pieces.content["padding"] is None:
        return pieces.tokenizer.backend_tokenizer
    from tokenizers import Tokenizer

    return Tokenizer.from_str(json.dumps({**pieces.content, "truncation": None, "padding": None}))


def _groups(found: list[str]) -> Iterator[tuple[int, int]]:
    start, size = 0, 0
    for i, text in enumerate(found):
        size += len(text) + 1
        if size > _JOINED:
            yield start, i + 1
            start, size = i + 1, 0
    if start < len(found):
        yield start, len(found)


def new_characters(pieces: Pieces, found: list[str], counts: I64, minimum: int, *, punctuation: bool) -> list[str]:
    """Characters that the tokenizer has no piece for and that occur often enough, the most frequent first.

    Byte-level tokenizers have none: bytes are merged to characters as to anything else.
    """
    if pieces.style == "byte-level":
        return []
    backend = pieces.tokenizer.backend_tokenizer
    total: dict[str, int] = {}
    for a, b in _groups(found):
        text = "\n".join(found[a:b])
        normalised = backend.normalizer.normalize_str(text) if backend.normalizer is not None else text
        rows = normalised.split("\n")
        weights = counts[a:b].tolist() if len(rows) == b - a else [int(counts[a:b].min())] * len(rows)
        for row, count in zip(rows, weights, strict=True):
            for c in row:
                total[c] = total.get(c, 0) + count
    vocabulary = pieces.content["model"]["vocab"]
    known = vocabulary if isinstance(vocabulary, dict) else {text for text, _ in vocabulary}
    lacking = [
        (c, n)
        for c, n in total.items()
        if n >= minimum
        and c not in known
        and not c.isspace()
        and (punctuation or lettered(c))
        and unicodedata.category(c) != "Cc"
    ]
    return [c for c, _ in sorted(lacking, key=lambda x: (-x[1], x[0]))]


def lettered(text: str) -> bool:
    """Whether a text is letters, their marks and joiners alone.

    Example:
        >>> lettered("stà"), lettered("हिन्दी"), lettered("l’"), lettered("a1")
        (True, True, False, False)
    """
    return text.isalpha() or all(unicodedata.category(c)[0] in "LM" or unicodedata.category(c) == "Cf" for c in text)


def joins(pieces: Pieces, *, digits: bool, punctuation: bool) -> Mask:
    """Which pieces may be part of new ones: no tokens outside the model, no white space, and what new pieces may have, shape (v,)."""
    space = pieces.space
    out = np.zeros(len(pieces.texts), np.bool_)
    for i, text in enumerate(pieces.texts):
        short = text[1:] if text[:1] == space else text
        if short.isascii() and short.isalpha():
            out[i] = True
        elif text and not (pieces.style == "sentencepiece" and BYTE.fullmatch(text)):
            content = pieces.as_bytes(i).decode(errors="ignore").removeprefix(" ")
            kept = "".join(c for c in content if not c.isnumeric()) if digits else content
            out[i] = not any(c.isspace() for c in content) and (
                lettered(kept) or (punctuation and (digits or not any(c.isnumeric() for c in content)))
            )
    out[pieces.added] = False
    return out
