"""The lexical table: how probable each pair of words that met in training is, in both directions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.files import open_output, read_text, write_text
from polyalign.core.jit import F32, F64, I32, I64, frozen
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.cooccurrence import count_entries, fill_entries, locate
from polyalign.words.text import Reading, encode
from polyalign.words.tokens import Block, Encoded
from polyalign.words.units import Units, View, has_pieces

_ARRAYS = {
    "starts": np.int64,
    "entries": np.int32,
    "probs": np.float64,
    "weight": np.float32,
    "src_null": np.float64,
    "tgt_null": np.float64,
}


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


def entries_of(block: Block, starts: I64, entries: I32, tgt_types: int) -> I32:
    """The entry of every cell of a block, -1 for none."""
    b = block
    return locate(b.order, b.groups, b.src.values, b.rows, b.first, b.tgt.values, starts, entries, tgt_types)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Lexical probabilities of both directions over the pairs of types that met in training.

    Args:
        src: Source units; which words they are of is not known.
        tgt: Target units.
        reading: How words are read before they are looked up.
        starts: Where each source type's entries begin, and the end, shape (src_types + 1,).
        entries: Target type of each entry, shape (e,).
        probs: t(tgt | src) and t(src | tgt) of each entry, shape (e, 2).
        weight: Expected links of each entry, mean of both directions, shape (e,).
        src_null: p(src | NULL), shape (src_types,).
        tgt_null: p(tgt | NULL), shape (tgt_types,).
        floor: What an entry, and a pair without one, is worth at least.
    """

    src: Units
    tgt: Units
    reading: Reading
    starts: I64
    entries: I32
    probs: F64
    weight: F32
    src_null: F64
    tgt_null: F64
    floor: float

    def __post_init__(self) -> None:
        for name, dtype in _ARRAYS.items():
            object.__setattr__(self, name, frozen(getattr(self, name), dtype))

    def views(self, bitext: Bitext) -> tuple[View, View]:
        """A bitext in this table's units.

        Raises:
            DataError: A sentence has more than 65,535 words or units.
        """
        src, tgt = (units.see(*encode(bitext, side, self.reading, known={"": 0})) for side, units in self._sides())
        return src, tgt

    def _sides(self) -> tuple[tuple[Side, Units], tuple[Side, Units]]:
        return ("src", self.src), ("tgt", self.tgt)

    def locate(self, block: Block) -> I32:
        """The entry of every cell of a block, -1 for none."""
        return entries_of(block, self.starts, self.entries, len(self.tgt.names))

    def pruned(self) -> Table:
        """Without the entries that are worth no more than a pair without one in both directions."""
        keep = (self.probs > self.floor).any(axis=1)
        owner = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))[keep]
        starts = offsets(np.bincount(owner, minlength=len(self.starts) - 1))
        kept = {name: getattr(self, name)[keep] for name in ("entries", "probs", "weight")}
        return replace(self, starts=starts, **kept)

    def save(self, folder: Path) -> None:
        """Write the units and p(unit | NULL) of either side, ``table.parquet`` (the entries), and subword tokenizers."""
        folder.mkdir(parents=True, exist_ok=True)
        sizes = np.diff(self.starts)
        columns: dict[str, dict[str, Any]] = {
            "src": {"unit": self.src.names, "null": self.src_null, "entries": sizes},
            "tgt": {"unit": self.tgt.names, "null": self.tgt_null},
            "table": {
                "tgt": self.entries,
                "forward": self.probs[:, 0],
                "backward": self.probs[:, 1],
                "weight": self.weight,
            },
        }
        for name, table in columns.items():
            with open_output(folder / f"{name}.parquet") as file:
                parquet.write_table(pa.table({k: pa.array(v) for k, v in table.items()}), file)
        for name, units in self._sides():
            if units.tokenizer:
                write_text(folder / f"{name}.tokenizer.json", units.tokenizer)

    @classmethod
    def load(cls, folder: Path, *, reading: Reading, granularity: str, floor: float) -> Table:
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
            units = []
            for name, columns in (("src", src), ("tgt", tgt)):
                tokenizer = read_text(folder / f"{name}.tokenizer.json") if has_pieces(granularity) else ""
                units.append(only_units(tuple(columns["unit"].to_pylist()), granularity, tokenizer))
            nulls = src["null"].to_numpy(), tgt["null"].to_numpy()
            entries = table["tgt"].to_numpy(), probs, table["weight"].to_numpy()
            return cls(units[0], units[1], reading, starts, *entries, *nulls, floor)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None


def only_units(names: tuple[str, ...], granularity: str, tokenizer: str) -> Units:
    """Units by their names, knowing no word but NULL."""
    index = {name: k for k, name in enumerate(names)}
    return Units(granularity, names, index, Ragged.from_lists([[0]]), np.zeros(0, np.float32), tokenizer)
