"""What fitting an EM word aligner gives: a frozen model that links the words of any bitext."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import open_output, read_text, write_text
from polyalign.core.jit import F32, I64, frozen
from polyalign.core.links import Links
from polyalign.core.progress import track
from polyalign.core.ragged import offsets
from polyalign.kernels.choose import choose
from polyalign.kernels.posteriors import posteriors
from polyalign.words.symmetrize import GrowDiag, GrowDiagFinal, GrowDiagFinalAnd, Intersection, Union
from polyalign.words.table import Table
from polyalign.words.tokens import Block

Symmetrization = Literal["posterior", "grow-diag-final-and", "grow-diag-final", "grow-diag", "intersection", "union"]
JOIN: dict[str, Callable[[Links, Links], Links]] = {
    "grow-diag-final-and": GrowDiagFinalAnd(),
    "grow-diag-final": GrowDiagFinal(),
    "grow-diag": GrowDiag(),
    "intersection": Intersection(),
    "union": Union(),
}


@dataclass(frozen=True, slots=True, eq=False)
class WordModel:
    """Lexical table, jump weights and the settings to align with.

    Args:
        table: Lexical probabilities and vocabularies.
        jumps: Weight of each distance, forward and backward, shape (2, 2 * reach + 3); no columns for Model 1.
        null_prior: Prior probability that a word has no counterpart.
        uniform: Share of jumps that go anywhere with equal probability.
        symmetrize: How `align` joins both directions.
        threshold: Posterior from which ``posterior`` keeps a link.
        log_likelihood: Of the training corpus before each iteration, forward and backward, shape (iterations, 2).
    """

    table: Table
    jumps: F32
    null_prior: float
    uniform: float
    symmetrize: Symmetrization
    threshold: float
    log_likelihood: np.ndarray[tuple[int, ...], np.dtype[np.float64]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "jumps", frozen(self.jumps, np.float32))
        object.__setattr__(self, "log_likelihood", frozen(self.log_likelihood, np.float64))

    def align(self, bitext: Bitext) -> Links:
        """Link the words of each sentence pair, both directions joined.

        Args:
            bitext: Sentence pairs; those with an empty side get no links.

        Returns:
            Links with `prob`, the mean of both directions' posteriors.
        """
        parts = []
        for block, forward, backward, f_rows, b_rows in self._blocks(bitext, "align words"):
            mean = (forward + backward) * np.float32(0.5)
            if self.symmetrize == "posterior":
                cells = np.flatnonzero(mean > self.threshold)
            else:
                f, b = _links(block, f_rows, mean), _links(block, b_rows, mean)
                joined = JOIN[self.symmetrize](f, b)
                owner = np.repeat(np.arange(len(joined)), np.diff(joined.offsets))
                cells = block.place(owner, joined.src, joined.tgt)
            parts.append(_links(block, cells, mean))
        return _concat(parts)

    def forward(self, bitext: Bitext) -> Links:
        """The best source word of each target word, where it beats NULL; `prob` is its posterior."""
        return _concat([_links(block, f, p) for block, p, _, f, _ in self._blocks(bitext, "align words forward")])

    def backward(self, bitext: Bitext) -> Links:
        """The best target word of each source word, where it beats NULL; `prob` is its posterior."""
        return _concat([_links(block, b, p) for block, _, p, _, b in self._blocks(bitext, "align words backward")])

    def _blocks(self, bitext: Bitext, label: str) -> Iterator[tuple[Block, F32, F32, I64, I64]]:
        with track(label, total=len(bitext), unit="pairs") as progress:
            for block in self.table.encode(bitext).blocks():
                ids = self.table.locate(block)
                forward, backward, tgt_null, src_null, _, _ = posteriors(
                    block.src.offsets,
                    block.tgt.offsets,
                    block.src.values,
                    block.tgt.values,
                    block.cells,
                    ids,
                    self.table.probs,
                    self.table.src_null,
                    self.table.tgt_null,
                    self.jumps,
                    self.null_prior,
                    self.uniform,
                )
                chosen = choose(
                    block.src.offsets, block.tgt.offsets, block.cells, forward, backward, tgt_null, src_null
                )
                yield block, forward, backward, np.sort(chosen[0][chosen[0] >= 0]), chosen[1][chosen[1] >= 0]
                progress.advance(len(block.src))

    def save(self, folder: Path) -> None:
        """Write the model to a folder."""
        self.table.save(folder)
        for name, array in (("jumps", self.jumps), ("log_likelihood", self.log_likelihood)):
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        settings = {
            "format": 1,
            "lowercase": self.table.lowercase,
            "null_prior": self.null_prior,
            "uniform": self.uniform,
            "symmetrize": self.symmetrize,
            "threshold": self.threshold,
        }
        write_text(folder / "manifest.json", json.dumps(settings, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> WordModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        text = read_text(folder / "manifest.json")
        try:
            s = json.loads(text)
            if s.pop("format") != 1:
                raise ValueError("written by a newer version")
            table = Table.load(folder, lowercase=s.pop("lowercase"))
            return cls(table, np.load(folder / "jumps.npy"), log_likelihood=np.load(folder / "log_likelihood.npy"), **s)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None


def _links(block: Block, cells: I64, prob: F32) -> Links:
    # Cells lie in (pair, src, tgt) order, so sorted cells are sorted links.
    token = np.searchsorted(block.rows, cells, "right") - 1
    owner = np.repeat(np.arange(len(block.src)), block.src.lengths)[token]
    counts = np.bincount(owner, minlength=len(block.src))
    src = token - block.src.offsets[owner]
    return Links(offsets(counts), src.astype(np.int32), (cells - block.rows[token]).astype(np.int32), prob[cells])


def _concat(parts: list[Links]) -> Links:
    counts = [np.diff(p.offsets) for p in parts]
    if not parts:
        return Links.from_pairs([])
    probs = [p.prob for p in parts if p.prob is not None]
    return Links(
        offsets(np.concatenate(counts)),
        np.concatenate([p.src for p in parts]),
        np.concatenate([p.tgt for p in parts]),
        np.concatenate(probs),
    )
