"""Predict what comes next, in easy text first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from polyalign.core.jit import F64, I64
from polyalign.core.progress import track
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.mix import mix_of
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only, mean_cross_entropy, predicted
from polyalign.models.training.packing import Packs, Row


@dataclass(frozen=True, slots=True)
class Curriculum:
    """Predict what comes next, in the rows that are easiest first, then in more and more of them.

    At a share t of the steps rows are drawn from the easiest ``c(t) = sqrt(t (1 - start^2) + start^2)`` of their language, by
    how rare its tokens are, how many tokens its text takes, or how high its loss is before training. Languages keep
    their shares.

    Args:
        by: What makes a row hard: the mean ``-log`` of the shares of its tokens in the text, tokens for each byte, or the model's
            own loss.
        start: The easiest share that the first steps draw from.

    Raises:
        ValueError: A start that is not above 0 and at most 1.

    Complexity: All rows are held in memory, and by loss each is read once.

    References: platanios2019competence
    """

    takes: ClassVar[Takes] = "documents"

    by: Literal["rarity", "tokens", "loss"] = "rarity"
    start: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.start <= 1:
            raise ValueError(f"start must be above 0 and at most 1, got {self.start}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Pack the documents and sort their rows.

        Raises:
            ConfigError: The model is no causal one.
            DataError: No documents.
        """
        causal_only(made, "curriculum")
        packs = Packs.read(made, data, batch=batch, length=length, seed=seed)
        held = [self._sorted(made, source.once()) for source in packs.sources]
        steps = mix_of(data, seed=seed).steps

        def rows(step: int) -> Sequence[Row]:
            step %= steps
            random = generator(seed, f"curriculum {step}")
            return [held[k][int(random.random() * self.open(step / steps, len(held[k])))] for k in packs.which[step]]

        return Rows(made, rows)

    def open(self, at: float, count: int) -> int:
        """How many of so many rows are drawn from at a share of the steps.

        Example:
            >>> [Curriculum(start=0.1).open(t, 100) for t in (0.0, 0.5, 1.0)]
            [10, 71, 100]
        """
        return max(1, min(count, round(count * float(np.sqrt(at * (1 - self.start**2) + self.start**2)))))

    def _sorted(self, made: LanguageModel, rows: list[Row]) -> list[Row]:
        hard = {"rarity": _rarity, "tokens": _tokens, "loss": _loss}[self.by](made, rows)
        order: I64 = np.argsort(hard, kind="stable")
        return [rows[k] for k in order]


def _rarity(_: LanguageModel, rows: list[Row]) -> F64:
    counts = Counter(t for ids, _ in rows for t in ids.tolist())
    total = sum(counts.values())
    return np.array([-np.mean([np.log(counts[t] / total) for t in ids.tolist()]) for ids, _ in rows])


def _tokens(made: LanguageModel, rows: list[Row]) -> F64:
    texts = made.tokenizer.batch_decode([ids for ids, _ in rows], clean_up_tokenization_spaces=False)
    return np.array([len(ids) / max(1, len(t.encode())) for (ids, _), t in zip(rows, texts, strict=True)])


def _loss(made: LanguageModel, rows: list[Row]) -> F64:
    import torch

    out = []
    with torch.inference_mode(), track("curriculum", total=len(rows), unit="rows") as progress:
        for row in rows:
            out.append(float(mean_cross_entropy(*predicted(made, [row]))))
            progress.advance()
    return np.array(out)
