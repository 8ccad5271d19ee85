"""Predict what is masked in a sentence and its translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.joined import room_of
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.mlm import Hide, check_masking
from polyalign.models.training.objectives.rows import Rows, masked_only
from polyalign.models.training.packing import Row
from polyalign.models.training.pairs import Pairs
from polyalign.models.training.reading import Reader
from polyalign.models.training.scripts import both_scripts, check_script


@dataclass(frozen=True, slots=True)
class TLM:
    """Predict tokens that are masked in a sentence and in its translation, read as one row.

    As `mlm`, on rows ``x mark y``, so that what is hidden in one language can be told from the other. Which sentence comes
    first is drawn. With a script method a row is a line of a document and the same line in the other script (PPA).

    **Differs:** no language embeddings and no positions that begin anew, which newer models do not have.

    Args:
        share: Share of the tokens that are predicted.
        masked: Share of those that become the mask.
        random: Share of those that become another token.
        script: Table of a script method, by which rows are of lines of documents and the same in another script: ``use``
            names one of `models.script`, the rest are its parameters. Without one, rows are of sentence pairs.

    Raises:
        ValueError: Shares that are not between 0 and 1, or a table that names no method.

    References: conneau2019cross, xhelili2024breaking
    """

    share: float = 0.15
    masked: float = 0.8
    random: float = 0.1
    script: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_masking(self.share, self.masked, self.random)
        if self.script:
            check_script(self.script)

    @property
    def takes(self) -> Takes:
        """What it learns from."""
        return "documents" if self.script else "bitext"

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Read the pairs.

        Raises:
            ConfigError: The model is no masked one, a length without room for two sentences, or no such script method.
            DataError: Fewer than two pairs, or no text.
            MissingExtraError: What transliterates is not installed.
        """
        masked_only(made, "tlm")
        if self.script:
            texts = both_scripts(self.script, data, batch=batch, seed=seed, name="tlm")
        else:
            texts = Pairs.read(data, batch=batch, seed=seed, name="tlm").texts
        reader = Reader.of(made, length, "tlm")
        room = room_of(reader)
        hide = Hide.of(made, self.share, self.masked, self.random)

        def rows(step: int) -> Sequence[Row]:
            random = generator(seed, f"tlm {step}")
            sides = [[x for x, _ in reader.placed(some, room=room)] for some in texts(step)]
            out = []
            for x, y in zip(*sides, strict=True):
                first, second = (x, y) if random.random() < 0.5 else (y, x)
                whole = [*reader.before, *first, *reader.after, *second, *reader.after]
                out.append(hide(np.asarray(whole, np.int32), random))
            return out

        return Rows(made, rows)
