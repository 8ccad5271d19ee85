"""An n-gram language model of characters or words, smoothed after Kneser and Ney."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from polyalign.core.errors import DataError
from polyalign.core.files import open_output
from polyalign.core.jit import F32, F64, I32, I64, U64, frozen
from polyalign.core.ragged import offsets
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.score.texts import decoded
from polyalign.kernels.ngrams import build_table, extend, keys_of, text_log_probs

BEGIN, END, UNKNOWN_SYMBOL, FIRST = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class NgramModel:
    """An n-gram model with all probabilities interpolated.

    Args:
        unit: ``characters`` or ``words``.
        order: Longest n-gram.
        symbols: Sorted code points, or hashes of words, that have a number of their own, shape (v,).
        keys: Of n-grams and histories, shape (m,).
        values: log2 probabilities and weights, shape (m,).
    """

    unit: str
    order: int
    symbols: U64
    keys: U64
    values: F32

    @cached_property
    def _table(self) -> tuple[U64, F32]:
        return build_table(self.keys, self.values)

    def bits(self, texts: pa.LargeStringArray | Decoded) -> tuple[F64, I64]:
        """The bits that each text costs, and its symbols, its end among them, shape (n,) each."""
        symbols, first = encode(texts if isinstance(texts, Decoded) else decoded(texts), self.unit, self.symbols)
        unseen = -float(np.log2(len(self.symbols) + 2))
        bits = -text_log_probs(symbols, first, self.order, *self._table, unseen)
        return bits, np.diff(first) + 1

    def save(self, path: str | Path) -> None:
        """Write the model as an Arrow file.

        Raises:
            DataError: It cannot be written.
        """
        meta = {"polyalign": json.dumps({"ngrams": self.unit, "order": self.order, "symbols": len(self.symbols)})}
        rows = max(len(self.symbols), len(self.keys))
        columns = [
            pa.array(np.append(values, np.zeros(rows - len(values), values.dtype)))
            for values in (self.keys, self.values, self.symbols)
        ]
        table = pa.table(
            columns, schema=pa.schema([("key", pa.uint64()), ("value", pa.float32()), ("symbol", pa.uint64())], meta)
        )
        with open_output(path) as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)

    @classmethod
    def load(cls, path: str | Path) -> NgramModel:
        """Read what `save` wrote.

        Raises:
            DataError: It is not such a file.
        """
        try:
            with pa.memory_map(str(path)) as file:
                table = pa.ipc.open_file(file).read_all()
            meta: dict[str, Any] = json.loads(table.schema.metadata[b"polyalign"])
            keys, values, symbols = (table[name].to_numpy() for name in ("key", "value", "symbol"))
            used = keys != 0
            return cls(
                meta["ngrams"], meta["order"], frozen(symbols[: meta["symbols"]], np.uint64), keys[used], values[used]
            )
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: found no n-gram model ({error}), expected a file that corpus.score/perplexity saved"
            ) from None


def encode(texts: Decoded, unit: str, symbols: U64) -> tuple[I32, I64]:
    """Texts as numbers of symbols, end to end, and where each text's begin, and the end."""
    found: U64 = texts.points.astype(np.uint64) if unit == "characters" else texts.words.hashes
    first = texts.offsets if unit == "characters" else texts.words.first
    at = np.minimum(np.searchsorted(symbols, found), max(0, len(symbols) - 1))
    known = symbols[at] == found if len(symbols) else np.zeros(len(found), np.bool_)
    return np.where(known, at + FIRST, UNKNOWN_SYMBOL).astype(np.int32), first


def train(parts: Iterable[pa.LargeStringArray], *, unit: str, order: int, min_count: int, most: int) -> NgramModel:
    r"""Count n-grams and smooth them.

    Modified Kneser-Ney, interpolated:

    .. math:: p(w | h) = \frac{\max(0, c(hw) - D_{c(hw)})}{c(h \cdot)} + \gamma(h)\, p(w | h')

    The counts of the longest n-grams are occurrences, those of shorter ones the number of different symbols before them;
    the three discounts of each order come from how many n-grams there are of counts 1 to 4.

    Args:
        parts: Texts.
        unit: What a symbol is.
        order: Longest n-gram.
        min_count: Symbols seen less often are one unknown symbol.
        most: Symbols to learn from; the texts beyond them are left out.

    Raises:
        DataError: No text.
    """
    texts: list[Decoded] = []
    seen = 0
    for part in parts:
        texts.append(Decoded(part))
        seen += int(texts[-1].offsets[-1]) if unit == "characters" else len(texts[-1].words.hashes)
        if seen >= most:
            break
    if not seen:
        raise DataError("corpus.score/perplexity: found no text in the clean sample, expected sentences to learn from")
    raw = [t.points.astype(np.uint64) if unit == "characters" else t.words.hashes for t in texts]
    values, counts = np.unique(np.concatenate(raw), return_counts=True)
    symbols = values[counts >= min_count]
    stream, predicted = _padded([encode(t, unit, symbols) for t in texts], order)
    keys, held = _smoothed(stream, predicted, order, len(symbols) + 2)
    return NgramModel(unit, order, symbols, keys, held)


def _padded(encoded: Sequence[tuple[I32, I64]], order: int) -> tuple[I32, I64]:
    """All texts end to end, each after enough begins to be every n-gram's history; and the places of what is predicted."""
    parts, lengths = [], []
    for symbols, first in encoded:
        counts = np.diff(first)
        at = offsets(counts + order)
        out = np.zeros(int(at[-1]), np.int32)
        rows = np.repeat(np.arange(len(counts)), counts)
        out[np.arange(len(symbols)) - first[:-1][rows] + at[:-1][rows] + order - 1] = symbols
        out[at[1:] - 1] = END
        parts.append(out)
        lengths.append(counts)
    stream = np.concatenate(parts)
    return stream, np.flatnonzero(stream != BEGIN)


def _smoothed(stream: I32, places: I64, order: int, vocabulary: int) -> tuple[U64, F32]:
    """The keys and the log2 values of all n-grams and histories."""
    hashes = [np.zeros(len(stream), np.uint64)]
    for k in range(1, order + 1):
        hashes.append(extend(hashes[-1], stream, k))
    # Distinct n-grams of each order: where one is first, and its count.
    found: list[tuple[U64, I64, I64]] = [(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for k in range(1, order + 1):
        unique, first, counts = np.unique(hashes[k][places], return_index=True, return_counts=True)
        found.append((unique, places[first], counts))
    all_keys, all_values = [], []
    lower, shorter = np.full(1, 1.0 / vocabulary), np.zeros(1, np.uint64)
    for k in range(1, order + 1):
        ngrams, at, counts = found[k]
        if k < order:
            endings, counts = np.unique(hashes[k][found[k + 1][1]], return_counts=True)
            assert len(endings) == len(ngrams)
        history = hashes[k - 1][at - 1] if k > 1 else np.zeros(len(at), np.uint64)
        histories, group = np.unique(history, return_inverse=True)
        discount = _discounts(counts)[np.minimum(counts, 3)]
        total = np.bincount(group, counts)
        weight = np.bincount(group, discount) / total
        ending = hashes[k - 1][at] if k > 1 else np.zeros(len(at), np.uint64)
        lower = (counts - discount) / total[group] + weight[group] * lower[np.searchsorted(shorter, ending)]
        shorter = ngrams
        all_keys += [keys_of(ngrams, k, False), keys_of(histories, k, True)]
        all_values += [np.log2(lower), np.log2(weight)]
    return np.concatenate(all_keys), np.concatenate(all_values).astype(np.float32)


def _discounts(counts: I64) -> F64:
    """What is taken from counts of 0, 1, 2, and 3 or more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(np.float64)
    usual = np.array([0.0, 0.5, 1.0, 1.5])
    if not n.all():
        return usual
    y = n[0] / (n[0] + 2 * n[1])
    found = np.array([0.0, *(c - (c + 1) * y * n[c] / n[c - 1] for c in (1, 2, 3))])
    # Too few n-grams can make them fall or leave their range; then the usual ones are safer.
    good = all(0 < found[c] < c for c in (1, 2, 3))
    return found if good else usual
