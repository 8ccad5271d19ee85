"""MirrorAlign: word vectors of two languages in which the words of a sentence find those of its translation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.ragged import Ragged
from polyalign.core.rng import generator
from polyalign.words.scratch.training import Scratch, rows_at_a_time

#: Words of the other side that a unit's share of NULL is taken over.
SAMPLE = 4096
#: Highest logarithm of a fit, and the least sum of them.
MOST, TINY = 30.0, 1e-20


@dataclass(frozen=True, slots=True)
class MirrorAlign(Scratch):
    r"""Align by word vectors that are trained so that words find their sentence's translation among others.

    ``S_ij = x_i . y_j / sqrt(d) - w |i / n - j / m|`` is how well source word i and target word j fit, symmetric but for
    the word's place. Both directions are read from it,

        forward_ij = e^S_ij / (N_j + sum_i' e^S_i'j),    backward_ij = e^S_ij / (N_i + sum_j' e^S_ij')

    with N_j, for NULL, how well the word fits a sentence that is not its own, on average. Training makes small

        mean_j -log (sum_i e^S_ij / sum over the source words of all sentences of the batch)
            + the same of the source words + agreement * mean of (forward_ij - backward_ij)^2

    so that the batch's other sentences are the negatives, of each word rather than of the sentence.

    **Differs:** the paper has no code, and of it we follow what its abstract says: a symmetric model over word vectors, a
    contrastive loss with negative sentences, agreement of both directions' attention. Ours are the form of S, the place's
    share in it, contrast word by word, NULL, and all numbers.

    Args:
        agreement: Weight of the agreement of both directions.

    Raises:
        ValueError: A parameter out of range.

    Complexity: Training O(b^2 n m d) a batch of b pairs; aligning O(n m d) a pair.

    References: wu2022mirroralign
    """

    agreement: float = 1.0

    def __post_init__(self) -> None:
        Scratch.__post_init__(self)
        if self.agreement < 0:
            raise ValueError(f"agreement must not be negative, got {self.agreement}")

    def weights(self, units: tuple[int, int], random: Any) -> dict[str, Any]:
        """Vectors of both sides, what places weigh, and how well each unit fits words in general, as a logarithm."""
        import torch

        p = {}
        for side, size in zip(("src", "tgt"), units, strict=True):
            p[side] = torch.randn((size, self.dim), generator=random) / 3
            # Padding and unknown units are like none.
            p[side][[0, -1]] = 0
            p[f"{side}_null"] = torch.zeros(size)
        p["place"] = torch.tensor([4.0])
        return p

    def loss(self, p: dict[str, Any], src: Any, tgt: Any) -> Any:
        """Contrast and agreement, see the class."""
        x, y = p["src"][src], p["tgt"][tgt]
        here, there = src > 0, tgt > 0
        every = _exp(x[here] @ y[there].T / self.dim**0.5)
        fit = x @ y.transpose(1, 2) / self.dim**0.5
        pairs = here[:, :, None] & there[:, None]
        plain = _exp(fit).masked_fill(~pairs, 0)
        own = _exp(fit - p["place"] * _apart(src, tgt)).masked_fill(~pairs, 0)
        total, maps = 0, []
        for axis, mask in ((1, there), (2, here)):
            mine = own.sum(dim=axis)
            foreign = mine.new_zeros(mask.shape)
            foreign[mask] = _mean_place(p["place"]) * (every.sum(dim=axis - 1) - plain.sum(dim=axis)[mask]).clamp(min=0)
            total = total + ((mine + foreign + TINY).log() - (mine + TINY).log())[mask].mean()
            maps.append(own / (mine + foreign / max(1, len(src) - 1) + TINY).unsqueeze(axis))
        return total + self.agreement * ((maps[0] - maps[1]) ** 2).sum() / (here.sum() + there.sum())

    def finish(self, p: dict[str, Any], src: Ragged, tgt: Ragged) -> dict[str, Any]:
        """With how well each unit fits words of the other side in general, over a sample of them."""
        import torch

        random, p = generator(self.seed, "mirror"), dict(p)
        for side, other, text in (("src", "tgt", tgt), ("tgt", "src", src)):
            some = torch.from_numpy(random.choice(text.values, SAMPLE).astype(np.int64)).to(p[side].device)
            parts = [_exp(x @ p[other][some].T / self.dim**0.5).mean(dim=1) for x in p[side].split(SAMPLE)]
            p[f"{side}_null"] = torch.cat(parts)
        return p

    def blocks(self, p: dict[str, Any], src: Any, tgt: Any) -> Iterator[tuple[int, int, Any]]:
        """Probabilities of links, some rows at a time."""
        for direction, (side, rows, other, columns) in enumerate((("tgt", tgt, "src", src), ("src", src, "tgt", tgt))):
            y = p[other][columns].transpose(1, 2) / self.dim**0.5
            u, v = _places(rows), _places(columns)[:, None]
            null = p[f"{side}_null"][rows] * _mean_place(p["place"]) * (columns > 0).sum(dim=1, keepdim=True)
            size = rows_at_a_time(len(rows), columns.shape[1])
            for first in range(0, rows.shape[1], size):
                some = slice(first, first + size)
                fit = _exp(p[side][rows[:, some]] @ y - p["place"] * (u[:, some, None] - v).abs())
                fit = fit * ((rows[:, some] > 0)[..., None] & (columns > 0)[:, None])
                yield direction, first, fit / (fit.sum(dim=2) + null[:, some] + TINY)[..., None]


def _exp(x: Any) -> Any:
    return x.clamp(max=MOST).exp()


def _places(units: Any) -> Any:
    """Where in its sentence each unit is, between 0 and 1, shape (b, n)."""
    import torch

    return (torch.arange(units.shape[1], device=units.device) + 0.5) / (units > 0).sum(dim=1, keepdim=True)


def _apart(src: Any, tgt: Any) -> Any:
    return (_places(src)[:, :, None] - _places(tgt)[:, None]).abs()


def _mean_place(w: Any) -> Any:
    """What ``e^(-w |u - v|)`` is on average over all places u and v from 0 to 1."""
    w = w.clamp(min=0.1)
    return 2 * (w - 1 + (-w).exp()) / w**2
