"""Aligners by expectation-maximisation: their common parameters, and the model that fitting one gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError
from polyalign.core.files import open_output
from polyalign.core.jit import F64, I32, frozen
from polyalign.core.progress import track
from polyalign.core.registry import find, load
from polyalign.kernels.posteriors import posteriors
from polyalign.kernels.quantise import ONE, quantise
from polyalign.words.known import Known
from polyalign.words.model import WordModel, reading_model, write_manifest
from polyalign.words.positions import Positions, Shapes
from polyalign.words.posteriors import Posteriors
from polyalign.words.priors import rows
from polyalign.words.symmetrize import Symmetrization
from polyalign.words.table import Table
from polyalign.words.tokens import Block, Encoded
from polyalign.words.units import View, check_granularity, to_words

#: Pseudo-counts below this are not exported.
LEAST_WEIGHT = 0.01


@dataclass(frozen=True, slots=True)
class EM(Known):
    """What the aligners by expectation-maximisation have in common besides.

    Args:
        iterations: Passes of EM.
        null_prior: Prior probability that a word has no counterpart, in (0, 1).
        alpha: Dirichlet prior of every lexical entry; 0 for maximum likelihood.
        granularity: How words are seen: full, prefix-N, suffix-N, bpe-N, unigram-N, or tokenizer:PATH.
    """

    id: ClassVar[str]

    symmetrize: Symmetrization = "grow-diag-final-and"
    threshold: float | None = 0.45
    iterations: int = 5
    null_prior: float = 0.1
    alpha: float = 0.1
    granularity: str = "full"

    def __post_init__(self) -> None:
        Known.__post_init__(self)
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")
        if not 0 < self.null_prior < 1:
            raise ValueError(f"null_prior must lie between 0 and 1, got {self.null_prior}")
        if not 0 <= self.alpha < math.inf:
            raise ValueError(f"alpha must not be negative, got {self.alpha}")
        check_granularity(self.granularity)

    @property
    def knows(self) -> bool:
        """Whether anything is known before training."""
        return self.spelling > 0 or any((self.dictionary, self.priors, self.src_space))


@dataclass(frozen=True, slots=True, eq=False)
class EMModel(WordModel):
    """A lexical table and what is known of word order.

    Args:
        method: How it was trained and how it aligns.
        table: Lexical probabilities.
        positions: Word order.
        log_likelihood: Of the training corpus before each pass, forward and backward, shape (passes, 2).
    """

    kind: ClassVar[str] = "em"
    method: EM
    table: Table
    positions: Positions
    log_likelihood: F64

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_likelihood", frozen(self.log_likelihood, np.float64))

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time.

        Args:
            bitext: Sentence pairs; one with an empty side has no cells.
            label: What to call the work where progress is shown.

        Raises:
            DataError: A sentence has more than 65,535 words.
        """
        views = self.table.views(bitext)
        with track(label, total=len(bitext), unit="pairs") as progress:
            for a, b in Encoded(views[0].text, views[1].text).runs():
                yield self._posteriors(*(_slice(v, a, b) for v in views))
                progress.advance(b - a)

    def _posteriors(self, src: View, tgt: View) -> Posteriors:
        block, t = Block.build(src.text, tgt.text), self.table
        shapes, at = Shapes.of(src.text.lengths, tgt.text.lengths)
        sides = block.src.offsets, block.tgt.offsets
        uniform = float(getattr(self.method, "uniform", 0.0)) if self.positions.jumps.size else 0.0
        forward, backward, tgt_null, src_null, _, _ = posteriors(
            *sides,
            block.src.values,
            block.tgt.values,
            block.cells,
            t.locate(block),
            t.probs,
            t.src_null,
            t.tgt_null,
            self.positions.jumps,
            frozen(self.positions.table(shapes), np.float64),
            at,
            self.method.null_prior,
            uniform,
            t.floor,
        )
        cells = quantise(*sides, block.cells, forward, backward, tgt_null, src_null)
        return Posteriors(words_in(src), words_in(tgt), *to_words(*cells, src, tgt), one=ONE)

    def priors(self) -> pa.Table:
        """The expected links as a table of priors, to train another model with."""
        t = self.table
        keep = np.flatnonzero(t.weight >= LEAST_WEIGHT)
        owner = np.repeat(np.arange(len(t.starts) - 1), np.diff(t.starts))[keep]
        src, tgt = np.asarray(t.src.names, object)[owner], np.asarray(t.tgt.names, object)[t.entries[keep]]
        return rows(self.method.granularity, "link", t.weight[keep], src=src.tolist(), tgt=tgt.tolist())

    def save(self, folder: Path) -> None:
        """Write the model to a folder."""
        self.table.save(folder)
        arrays = {f.name: getattr(self.positions, f.name) for f in fields(Positions)}
        for name, array in {**arrays, "log_likelihood": self.log_likelihood}.items():
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        method = {"id": self.method.id, **asdict(self.method)}
        write_manifest(folder, self.kind, method=method, floor=self.table.floor)

    @classmethod
    def load(cls, folder: Path) -> EMModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        with reading_model(folder, ConfigError) as settings:
            parameters = settings["method"]
            method: EM = load(find(parameters.pop("id")))(**parameters)
            arrays = {f.name: np.load(folder / f"{f.name}.npy") for f in fields(Positions)}
            floor = float(settings["floor"])
            table = Table.load(folder, reading=method.reading, granularity=method.granularity, floor=floor)
            return cls(method, table, Positions(**arrays), np.load(folder / "log_likelihood.npy"))


def words_in(view: View) -> I32:
    """Number of words of each sentence."""
    if view.owner is None:
        return view.text.lengths.astype(np.int32)
    out = np.zeros(len(view.text), np.int32)
    filled = view.text.lengths > 0
    out[filled] = view.owner[view.text.offsets[1:][filled] - 1] + np.int32(1)
    return out


def _slice(view: View, start: int, stop: int) -> View:
    owner = view.owner if view.owner is None else view.owner[view.text.offsets[start] : view.text.offsets[stop]]
    return View(view.text[start:stop], owner)
