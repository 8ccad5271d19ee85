"""MEXA: how many sentences of a language a model's layers hold nearest to their own translations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, Mask
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.layers import Pooling, layer_vectors
from polyalign.evaluate.ratios import check_samples

#: Cosines no further apart are one number, rounded differently.
TIE = 1e-12


@dataclass(frozen=True, slots=True)
class MEXA:
    """Measure by parallel sentences how well a model's layers align a language with a pivot, such as English.

    With ``S_ij`` the cosine of the pivot's sentence i and the language's sentence j, a layer's score is the share of
    sentences that are nearest to their own translation in both directions,
    ``1/n sum_i [S_ii > max_{j != i} S_ij and S_ii > max_{j != i} S_ji]``, and the value its mean over all layers, the
    embeddings included. A tie is no hit.

    **Differs:** from the paper by leaving attention sinks out of a sentence's vector and by centring each language; its
    vectors of causal models have little else in them than the first position, and what language they are in. The
    preset ``kargaran2025mexa`` is the published recipe: ``drop_sink=False, centre=False, csls=False``.

    Args:
        pooling: What is made of a sentence's hidden states: a mean in which the k-th token weighs k, the last, or a
            plain mean.
        drop_sink: Leave out the first position of causal models and states ten times as long as the median one.
        centre: Whether to subtract each language's mean vector, layer by layer.
        csls: Whether to compare by ``2 S_ij - r_i - r_j`` with r the mean cosine to the nearest neighbours on the other
            side, which takes from sentences that are near to all.
        neighbours: Nearest neighbours that r is taken over.
        reduce: What of the layers is the value: their mean or the best.
        samples: Resamples of the bootstrap over sentences; 0 for no interval. It draws from whether each sentence is a
            hit among all, so the number of sentences to be confused with stays the same.
        seed: Of the resampling.

    Raises:
        ValueError: A number is out of range.

    References: kargaran2025mexa, muennighoff2022sgpt, libovicky2020language, conneau2018word, efron1979bootstrap

    Example:
        >>> pivot = np.eye(4, dtype=np.float32)
        >>> MEXA(centre=False, samples=0).score([pivot, pivot], [pivot, pivot[[1, 0, 2, 3]]]).value
        0.75
    """

    pooling: Pooling = "weighted"
    drop_sink: bool = True
    centre: bool = True
    csls: bool = False
    neighbours: int = 10
    reduce: Literal["mean", "max"] = "mean"
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {self.neighbours}")
        check_samples(self.samples)

    def vectors(self, encoder: Encoder, texts: Sequence[str]) -> list[F32]:
        """The sentence vectors of every layer that this score is taken of, each (n, d)."""
        return layer_vectors(encoder, texts, pooling=self.pooling, drop_sink=self.drop_sink)

    def score(self, pivot: Sequence[F32], lang: Sequence[F32]) -> Score:
        """Score the vectors of parallel sentences, of which row i of one language translates row i of the other.

        Args:
            pivot: Of each layer the pivot's vectors, shape (n, d).
            lang: Of each layer the language's vectors, shape (n, d).

        Returns:
            The value with a 95 % interval; its parts are the mean over the layers, the best and which it is. Items have
            a 1 and a hit or miss in each layer, shape (n, 1 + layers), so ``items[:, 1:].mean(axis=0)`` is the score of
            each layer.

        Raises:
            DataError: Other numbers of layers or rows on one side, fewer than two sentences, or values not finite.

        Complexity: O(layers n^2 d).
        """
        _check(pivot, lang)
        hits = np.stack([self.hits(x, y) for x, y in zip(pivot, lang, strict=True)], axis=1)
        items = np.concatenate([np.ones((len(hits), 1)), hits], axis=1)
        layers = hits.mean(axis=0)
        return Score.of(
            "MEXA",
            items,
            self._value,
            signature(
                metric="mexa",
                pooling=self.pooling,
                drop_sink=self.drop_sink,
                centre=self.centre,
                csls=self.neighbours if self.csls else False,
                reduce=self.reduce,
                layers=hits.shape[1],
                sentences=len(items),
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={"mean": float(layers.mean()), "max": float(layers.max()), "layer": int(layers.argmax())},
        )

    def hits(self, pivot: F32, lang: F32) -> Mask:
        """Which sentences are nearest to their own translation in both directions, in one layer, shape (n,)."""
        x, y = (_centred(side) if self.centre else side for side in (pivot, lang))
        if self.csls:
            # In float64 throughout, as there is more than one cosine in each number.
            cosines = _unit(x) @ _unit(y).T
            k = min(self.neighbours, len(x))
            here = np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1)
            there = np.partition(cosines, -k, axis=0)[-k:].mean(axis=0)
            return _ahead(2 * cosines - here[:, None] - there) > TIE
        lead = _ahead(np.asarray(unit(x) @ unit(y).T, np.float32))
        hit: Mask = lead > 0
        # Where sinks make all cosines nearly 1, single precision cannot tell which is the greatest.
        close = np.flatnonzero(np.abs(lead) < 4e-7 * np.sqrt(x.shape[1]))
        if len(close):
            p, q = _unit(x), _unit(y)
            own = np.einsum("ij,ij->i", p[close], q[close])
            for side in (p[close] @ q.T, q[close] @ p.T):
                side[np.arange(len(close)), close] = -np.inf
                own = np.where(own > side.max(axis=1) + TIE, own, -np.inf)
            hit[close] = np.isfinite(own)
        return hit

    def _value(self, sums: F64) -> F64:
        shares = sums[..., 1:] / sums[..., :1]
        return np.asarray(shares.mean(axis=-1) if self.reduce == "mean" else shares.max(axis=-1), np.float64)


def _ahead(similar: F32 | F64) -> F64:
    """By how much each item of the diagonal is above the others of its row and column, shape (n,)."""
    own = similar.diagonal().copy()
    np.fill_diagonal(similar, -np.inf)
    return np.asarray(own - np.maximum(similar.max(axis=0), similar.max(axis=1)), np.float64)


def _centred(x: F32) -> F32:
    """Unit vectors without their mean; rows of zeros stay and count for nothing."""
    rows = unit(x)
    there = rows.any(axis=1)
    rows -= (rows.sum(axis=0, dtype=np.float64) / max(1, int(there.sum()))).astype(np.float32)
    rows[~there] = 0
    return rows


def _unit(x: F32) -> F64:
    rows = x.astype(np.float64)
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(norm == 0, 1, norm), np.float64)


def _check(pivot: Sequence[F32], lang: Sequence[F32]) -> None:
    shapes = [[x.shape for x in side] for side in (pivot, lang)]
    if shapes[0] != shapes[1] or not shapes[0] or min(len(x) for x in pivot) < 2:
        raise DataError(
            f"evaluate/mexa: found {len(pivot)} and {len(lang)} layers with vectors of shapes {sorted(set(shapes[0]))} and "
            f"{sorted(set(shapes[1]))}, expected as many on both sides, of two sentences at least; line i of the one "
            "language has to translate line i of the other"
        )
    for layer, sides in enumerate(zip(pivot, lang, strict=True)):
        if not all(np.isfinite(x).all() for x in sides):
            raise DataError(
                f"evaluate/mexa: found values that are not finite in layer {layer}, expected numbers; if the model runs in float16 or "
                "bfloat16, use dtype=float32"
            )
