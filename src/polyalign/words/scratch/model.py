"""What training a neural aligner from scratch gives: a network and its vocabularies, which align any bitext."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from polyalign.core.bitext import Bitext, Side
from polyalign.core.files import open_output, read_text, write_text
from polyalign.core.jit import I64
from polyalign.core.ragged import Ragged, offsets
from polyalign.encoders.torch_load import place
from polyalign.words.model import WordModel, in_runs, method_of, reading_model, settings_of, write_manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.scratch import training
from polyalign.words.scratch.training import SIDES, Scratch, need_torch, padded
from polyalign.words.text import Reading, encode
from polyalign.words.units import Units, View, to_words

#: Sentence pairs aligned at a time.
RUN = 1024
#: Probability below which a cell is left out.
LEAST = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The words of one side, and their units.

    Args:
        words: Words, the empty one first.
        frequency: How often each occurs.
        index: Their numbers.
        units: How they are seen.
    """

    words: tuple[str, ...]
    frequency: I64
    index: dict[str, int]
    units: Units

    @classmethod
    def build(cls, words: Sequence[str], frequency: I64, granularity: str, tokenizer: str = "") -> Vocabulary:
        """Of these words."""
        units = Units.build(words, frequency, granularity, tokenizer)
        return cls(tuple(words), frequency, {w: k for k, w in enumerate(words)}, units)

    @property
    def size(self) -> int:
        """How many units there are, with the one for unknown ones."""
        return len(self.units.names) + 1

    def see(self, bitext: Bitext, side: Side, lowercase: bool) -> tuple[Ragged, View]:
        """The words and the units of sentences."""
        text, fresh = encode(bitext, side, Reading(lowercase), known=self.index)
        return text, self.units.see(text, fresh)


@dataclass(frozen=True, slots=True, eq=False)
class ScratchModel(WordModel):
    """A trained network with its vocabularies.

    Args:
        method: What was trained.
        vocabularies: Source and target.
        p: Weights, torch tensors.
    """

    kind: ClassVar[str] = "scratch"
    called: ClassVar[str] = "a neural aligner"
    method: Scratch
    vocabularies: tuple[Vocabulary, Vocabulary]
    p: dict[str, Any]

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time."""
        for run in in_runs(bitext, RUN, label):
            yield self._run(run)

    def _run(self, bitext: Bitext) -> Posteriors:
        sides = [v.see(bitext, s, self.method.lowercase) for v, s in zip(self.vocabularies, SIDES, strict=True)]
        (src, src_view), (tgt, tgt_view) = sides
        cells = cells_of(self.method, self.p, src_view.text, tgt_view.text)
        return Posteriors(
            src.lengths.astype(np.int32), tgt.lengths.astype(np.int32), *to_words(*cells, src_view, tgt_view)
        )

    def save(self, folder: Path) -> None:
        """Write the model to a folder; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        for side, v in zip(SIDES, self.vocabularies, strict=True):
            with open_output(folder / f"{side}.parquet") as file:
                parquet.write_table(pa.table({"word": list(v.words), "frequency": v.frequency}), file)
            write_text(folder / f"{side}.tokenizer", v.units.tokenizer)
        with open_output(folder / "weights.npz") as file:
            np.savez(file, **{name: x.detach().cpu().numpy() for name, x in self.p.items()})
        write_manifest(folder, self.kind, **settings_of(self.method))

    @classmethod
    def load(cls, folder: Path) -> ScratchModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
            MissingExtraError: Torch is not installed.
        """
        need_torch()
        import torch

        with reading_model(folder) as settings:
            method = method_of(settings)
            tables = [parquet.read_table(folder / f"{side}.parquet") for side in SIDES]
            src, tgt = (
                Vocabulary.build(
                    table["word"].to_pylist(),
                    table["frequency"].to_numpy(),
                    method.granularity,
                    read_text(folder / f"{side}.tokenizer"),
                )
                for table, side in zip(tables, SIDES, strict=True)
            )
            device = place(method.device)
            with np.load(folder / "weights.npz") as arrays:
                p = {name: torch.from_numpy(arrays[name]).to(device) for name in arrays.files}
            return cls(method, (src, tgt), p)


def cells_of(method: Scratch, p: dict[str, Any], src: Ragged, tgt: Ragged) -> tuple[I64, Any, Any, Any]:
    """The cells of sentence pairs: where each pair's begin, their positions and their posteriors in fixed point."""
    import torch

    device = next(iter(p.values())).device
    n, m = src.lengths, tgt.lengths
    order = np.flatnonzero((n > 0) & (m > 0))
    order = order[np.lexsort((m[order], n[order]))]
    keys, ps = [np.zeros(0, np.int64)], [np.zeros((2, 0), np.uint16)]
    start = 0
    with torch.inference_mode():
        while start < len(order):
            stop, wide = start + 1, int(m[order[start]])
            while (
                stop < len(order)
                and (stop + 1 - start) * int(n[order[stop]]) * (wide := max(wide, int(m[order[stop]])))
                <= training.CELLS
            ):
                stop += 1
            rows = order[start:stop]
            for direction, first, block in method.blocks(p, padded(src, rows, device), padded(tgt, rows, device)):
                b, row, column = (x.cpu().numpy() for x in torch.nonzero(block >= LEAST, as_tuple=True))
                p_some = np.zeros((2, len(b)), np.uint16)
                p_some[direction] = np.rint(block[b, row, column].cpu().numpy().clip(0, 1) * 65535)
                i, j = (column, row + first) if direction == 0 else (row + first, column)
                keys.append((rows[b] << 32) | (i << 16) | j)
                ps.append(p_some)
            start = stop
    key, at = np.unique(np.concatenate(keys), return_inverse=True)
    total = np.zeros((2, len(key)), np.uint16)
    every = np.concatenate(ps, axis=1)
    for direction in (0, 1):
        # A cell has one value either way, so the greatest is the one that is not 0.
        np.maximum.at(total[direction], at, every[direction])
    cells = offsets(np.bincount(key >> 32, minlength=len(src)))
    return cells, (key >> 16 & 0xFFFF).astype(np.uint16), (key & 0xFFFF).astype(np.uint16), total
