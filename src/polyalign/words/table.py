"""The lexical table: how probable each pair of words that met in training is, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import open_output
from polyalign.core.jit import F32, I32, I64, frozen
from polyalign.core.ragged import offsets
from polyalign.core.vocab import Vocab
from polyalign.kernels.cooccurrence import count_entries, fill_entries, locate
from polyalign.kernels.posteriors import FLOOR
from polyalign.words.tokens import Block, Encoded

_ARRAYS = {"starts": np.int64, "entries": np.int32, "probs": np.float32, "src_null": np.float32, "tgt_null": np.float32}


def cooccurring(corpus: Encoded, src_types: int, tgt_types: int) -> tuple[I64, I32]:
    """Every pair of types that occur in one sentence pair.

    Returns:
        Where each source type's entries begin, and the end, shape (src_types + 1,); their target types, sorted.
    """
    block = Block.build(corpus.src, corpus.tgt)
    widths = np.diff(block.rows)
    shape = (block.order, block.groups, block.first, widths, corpus.tgt.values, tgt_types)
    found = count_entries(*shape)
    sizes = np.zeros(src_types, np.int64)
    sizes[corpus.src.values[block.order[block.groups[:-1]]] if len(found) else np.zeros(0, np.int64)] = found
    return offsets(sizes), fill_entries(*shape, offsets(found))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Lexical probabilities of both directions over the pairs of types that met in training.

    Args:
        src_vocab: Source words.
        tgt_vocab: Target words.
        lowercase: Whether text is lower-cased before it is looked up.
        starts: Where each source type's entries begin, and the end, shape (src_types + 1,).
        entries: Target type of each entry, shape (e,).
        probs: t(tgt | src) and t(src | tgt) of each entry, shape (e, 2).
        src_null: p(src | NULL), shape (src_types,).
        tgt_null: p(tgt | NULL), shape (tgt_types,).
    """

    src_vocab: Vocab
    tgt_vocab: Vocab
    lowercase: bool
    starts: I64
    entries: I32
    probs: F32
    src_null: F32
    tgt_null: F32

    def __post_init__(self) -> None:
        for name, dtype in _ARRAYS.items():
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))

    def encode(self, bitext: Bitext) -> Encoded:
        """A bitext in this table's words."""
        return Encoded.encode(bitext, self.src_vocab, self.tgt_vocab, lowercase=self.lowercase)

    def locate(self, block: Block) -> I32:
        """The entry of every cell of a block, -1 for none."""
        return locate(
            block.order,
            block.groups,
            block.src.values,
            block.rows,
            block.first,
            block.tgt.values,
            self.starts,
            self.entries,
            len(self.tgt_vocab),
        )

    def pruned(self) -> Table:
        """Without the entries that are worth no more than an unseen pair in both directions."""
        keep = (self.probs > FLOOR).any(axis=1)
        owner = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))[keep]
        starts = offsets(np.bincount(owner, minlength=len(self.starts) - 1))
        return Table(
            self.src_vocab,
            self.tgt_vocab,
            self.lowercase,
            starts,
            self.entries[keep],
            self.probs[keep],
            self.src_null,
            self.tgt_null,
        )

    def save(self, folder: Path) -> None:
        """Write ``src.parquet``, ``tgt.parquet`` (words and p(word | NULL)) and ``table.parquet`` (the entries)."""
        folder.mkdir(parents=True, exist_ok=True)
        sizes = np.diff(self.starts)
        columns: dict[str, dict[str, Any]] = {
            "src": {"word": self.src_vocab.words, "null": self.src_null, "entries": sizes},
            "tgt": {"word": self.tgt_vocab.words, "null": self.tgt_null},
            "table": {"tgt": self.entries, "forward": self.probs[:, 0], "backward": self.probs[:, 1]},
        }
        for name, table in columns.items():
            with open_output(folder / f"{name}.parquet") as file:
                parquet.write_table(pa.table({k: pa.array(v) for k, v in table.items()}), file)

    @classmethod
    def load(cls, folder: Path, *, lowercase: bool) -> Table:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing, damaged, or does not fit the others.
        """
        try:
            src, tgt, table = (parquet.read_table(folder / f"{name}.parquet") for name in ("src", "tgt", "table"))
            starts = offsets(src["entries"].to_numpy())
            if starts[-1] != len(table):
                raise ValueError(f"{len(table)} entries where {starts[-1]} are announced")
            probs = np.stack([table["forward"].to_numpy(), table["backward"].to_numpy()], axis=1)
            vocabs = Vocab(tuple(src["word"].to_pylist())), Vocab(tuple(tgt["word"].to_pylist()))
            nulls = src["null"].to_numpy(), tgt["null"].to_numpy()
            return cls(*vocabs, lowercase, starts, table["tgt"].to_numpy(), probs, *nulls)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None
