"""Which source each row of a training step is taken from: the new language, or one that is replayed, by a schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from polyalign.core.errors import ConfigError, DataError, did_you_mean
from polyalign.core.jit import F64, I64
from polyalign.core.rng import generator
from polyalign.models.training.objective import Data

#: How a share goes from its first value to its last.
Schedule = Literal["constant", "linear", "cosine"]
#: Multiples of this, modulo 1, are spread more evenly than chance would.
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of the sources, from the first step to the last.

    A source is a language, or a language and a name, ``deu_Latn/news``. Those of the new language share ``1 - replay``, the
    others ``replay``; within each group a source's share is its rate, or, where no rates are given, its characters to the
    power of ``smoothing``. Where there is only one of the groups it has all.

    Args:
        steps: How many losses there are.
        replay: Share of the languages other than the new one at the first step.
        replay_end: At the last; none for the same.
        schedule: How it goes from the one to the other.
        rates: Rates by source, 1 for those not named; 0 leaves one out.
        smoothing: 1 is by size, 0 alike.
        mark: Token between documents and before each row; none for the tokenizer's own.
        seed: Of the order.
    """

    steps: int
    replay: float = 0.25
    replay_end: float | None = None
    schedule: Schedule = "constant"
    rates: Mapping[str, float] = field(default_factory=dict)
    smoothing: float = 0.3
    mark: str = ""
    seed: int = 1

    def replayed(self, at: F64) -> F64:
        """The share of replay at shares of the steps, each from 0 to 1.

        Example:
            >>> Mix(10, replay=0.5, replay_end=0.1, schedule="linear").replayed(np.array([0.0, 0.5, 1.0])).round(3).tolist()
            [0.5, 0.3, 0.1]
        """
        last = self.replay if self.replay_end is None else self.replay_end
        way = {"constant": np.zeros_like(at), "linear": at, "cosine": (1 - np.cos(np.pi * at)) / 2}[self.schedule]
        out: F64 = self.replay + (last - self.replay) * way
        return out

    def drawn(self, documents: Mapping[str, Sequence[str]], lang: str, batch: int) -> tuple[list[str], I64, I64]:
        """The source of each row of all steps, and which row of its source it is.

        Args:
            documents: By source.
            lang: The new language.
            batch: Rows of a step.

        Returns:
            The sources; the number of each row's, shape (steps, batch); and how many rows of it came before, likewise.

        Raises:
            DataError: No documents.
            ConfigError: A rate of a source that there is not, or no source with a rate above 0.
        """
        names = [name for name, some in documents.items() if len(some)]
        if not names:
            raise DataError(
                "train: found no documents, expected some to learn from; name a step or files that have text"
            )
        shares = self._within(documents, names, lang)
        fresh = np.array([name.split("/")[0] == lang for name in names])
        if not shares[fresh].sum() or not shares[~fresh].sum():
            replay = np.full(self.steps, float(shares[~fresh].sum() > 0))
        else:
            replay = self.replayed(np.arange(self.steps) / max(1, self.steps - 1))
        ends = np.cumsum(np.where(fresh, 1 - replay[:, None], replay[:, None]) * shares, axis=1)
        # As even as can be, so that shares hold for few steps as well, and the row alone says where it is from.
        at = (generator(self.seed, "mix").random() + _GOLDEN * np.arange(self.steps * batch)) % 1.0
        which = (at.reshape(self.steps, batch)[:, :, None] >= ends[:, None, :-1]).sum(axis=2)
        before = np.zeros(self.steps * batch, np.int64)
        for k in range(len(names)):
            mine = np.flatnonzero(which.ravel() == k)
            before[mine] = np.arange(len(mine))
        return names, which.astype(np.int64), before.reshape(which.shape)

    def _within(self, documents: Mapping[str, Sequence[str]], names: list[str], lang: str) -> F64:
        """Shares of the sources within their groups."""
        for name in self.rates:
            if name not in documents:
                raise ConfigError(
                    f"rates: no documents of {name!r}, found {', '.join(documents)}{did_you_mean(name, documents)}; correct it"
                )
        fresh = np.array([name.split("/")[0] == lang for name in names])
        sizes = np.array([float(self.rates.get(name, 1.0)) for name in names])
        if not self.rates:
            # Texts are only read for their sizes where it matters.
            for group in (fresh, ~fresh):
                if group.sum() > 1:
                    some = [float(sum(map(len, documents[names[k]]))) for k in np.flatnonzero(group)]
                    sizes[group] = np.array(some) ** self.smoothing
        for group in (fresh, ~fresh):
            total = sizes[group].sum()
            sizes[group] = sizes[group] / total if total else 0.0
        if not sizes.sum():
            raise ConfigError("rates: found none above 0, expected one at least; raise one")
        return sizes


@dataclass(frozen=True, slots=True)
class Stream(Data):
    """What a model learns from, and in which shares.

    Args:
        mix: The shares.
    """

    mix: Mix = field(default_factory=lambda: Mix(1))


def mix_of(data: Data, *, seed: int) -> Mix:
    """The shares that data comes with, or the usual ones over a thousand steps."""
    return data.mix if isinstance(data, Stream) else Mix(1000, seed=seed)
