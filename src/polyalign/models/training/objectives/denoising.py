"""Restore spans that were taken out of a text, by a mixture of denoisers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.mix import mix_of
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only
from polyalign.models.training.packing import SKIP, Marks, Packs, Row


@dataclass(frozen=True, slots=True)
class Denoising:
    """Restore spans that were taken out of a text, each row by a denoiser drawn from a mixture.

    A row is a name of the denoiser, the text with a sentinel in place of each span, and then each sentinel with what its span
    was, which alone is predicted. A denoiser of span 0 takes out the end of the text: it predicts the rest from its beginning.

    **Differs:** the paper adds tokens for sentinels and names; here both are written in the tokens that the model has. Spans
    are drawn by their number and mean length, uniformly among all ways to place them.

    Args:
        denoisers: Name, mean length of a span in tokens and share of the tokens that is taken out, of each denoiser.
        sentinel: How a sentinel is written; ``{}`` is its number.

    Raises:
        ValueError: No denoisers, or numbers that are out of range.

    References: tay2023ul2
    """

    takes: ClassVar[Takes] = "documents"

    denoisers: tuple[tuple[str, float, float], ...] = (
        ("[R]", 3, 0.15), ("[R]", 8, 0.15), ("[S]", 0, 0.25),
        ("[X]", 3, 0.5), ("[X]", 8, 0.5), ("[X]", 64, 0.15), ("[X]", 64, 0.5),
    )  # fmt: skip
    sentinel: str = "<{}>"

    def __post_init__(self) -> None:
        if not self.denoisers:
            raise ValueError("denoisers: found none, expected one at least")
        for name, span, share in self.denoisers:
            if not (span == 0 or span >= 1) or not 0 < share < 1:
                raise ValueError(
                    f"denoisers: a span is 0 or at least 1 and a share between 0 and 1, got {name} with {span} and {share}"
                )
        if self.sentinel.count("{}") != 1:
            raise ValueError(f"sentinel must have {{}} once, for its number, got {self.sentinel!r}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Pack the documents.

        Raises:
            ConfigError: The model is no causal one, or a length without room for what is taken out.
            DataError: No documents.
        """
        causal_only(made, "denoising")
        around = Marks.of(made, mix_of(data, seed=seed).mark)

        def coded(text: str) -> list[int]:
            return list(made.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

        names = {name: coded(name) for name, _, _ in self.denoisers}
        sentinels: dict[int, list[int]] = {}

        def sentinel(k: int) -> list[int]:
            return sentinels.setdefault(k, coded(self.sentinel.replace("{}", str(k))))

        # A passage is as short as the denoiser that takes out the most spans needs, each of which has two sentinels.
        most = max(1 / (length if span == 0 else span) * share for _, span, share in self.denoisers)
        marked = len(around.before) + len(around.after) + max(map(len, names.values())) + 2 * len(sentinel(length))
        room = int((length - marked) / (1 + 2 * most * len(sentinel(length))))
        if room < 4:
            raise ConfigError(
                f"denoising: length = {length} leaves no room for a passage with its sentinels, expected some 64 at least; raise length"
            )
        packs = Packs.read(made, data, batch=batch, length=room + len(around.before), seed=seed)

        def row(ids: I32, random: np.random.Generator) -> Row:
            name, span, share = self.denoisers[int(random.integers(len(self.denoisers)))]
            own = ids[len(around.before) :]
            kept: list[int] = []
            taken: list[int] = []
            at = 0
            for k, (start, end) in enumerate(spans(len(own), span, share, random)):
                kept += [*own[at:start].tolist(), *sentinel(k)]
                taken += [*sentinel(k), *own[start:end].tolist()]
                at = end
            kept += own[at:].tolist()
            read = [*around.before, *names[name], *kept]
            whole = np.asarray([*read, *taken, *around.after], np.int32)
            labels = whole.copy()
            labels[: len(read)] = SKIP
            return whole, labels

        def rows(step: int) -> Sequence[Row]:
            random = generator(seed, f"denoising {step}")
            return [row(ids, random) for ids, _ in packs.rows(step)]

        return Rows(made, rows)


def spans(length: int, span: float, share: float, random: np.random.Generator) -> list[tuple[int, int]]:
    """Where spans lie that together have a share of so many tokens; they do not touch.

    Args:
        length: How many tokens there are.
        span: Mean length of a span; 0 for one at the end.
        share: Share of the tokens in spans.
        random: Chance.

    Example:
        >>> spans(8, 0, 0.25, np.random.default_rng(1))
        [(6, 8)]
    """
    taken = min(max(1, round(length * share)), length - 1)
    if taken < 1:
        return []
    if span == 0:
        return [(length - taken, length)]
    count = min(max(1, round(taken / span)), taken, length - taken + 1)
    sizes = _parts(taken, count, 1, random)
    # Between two spans at least one token stays.
    gaps = _parts(length - taken + 2, count + 1, 1, random)
    gaps[0], gaps[-1] = gaps[0] - 1, gaps[-1] - 1
    out, at = [], 0
    for gap, size in zip(gaps, sizes, strict=False):
        out.append((at + gap, at + gap + size))
        at += gap + size
    return out


def _parts(total: int, count: int, least: int, random: np.random.Generator) -> list[int]:
    """So many numbers of at least that, of a sum, all ways alike."""
    free = total - least * count
    cuts = np.sort(random.choice(free + count - 1, count - 1, replace=False)) if count > 1 else np.zeros(0, np.int64)
    edges = np.concatenate([[-1], cuts, [free + count - 1]])
    return [int(x) + least - 1 for x in np.diff(edges)]
