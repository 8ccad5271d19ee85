"""Scores of a pair by the lengths of its sides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64
from polyalign.corpus.score.texts import side
from polyalign.kernels.contents import CHARS, WORDS


@dataclass(frozen=True, slots=True)
class LengthRatio:
    r"""The shorter side's length over the longer's: 1 for equal lengths, 0 if only one is empty.

    :math:`\min(s, t) / \max(s, t)`; NaN where both are empty.

    **Differs:** OpusFilter's ``LengthRatioFilter`` keeps ratios below 3: here scores above 1/3.

    Args:
        unit: Words between white space, or characters (code points).

    References: aulamo2020opusfilter

    Example:
        >>> LengthRatio().pairs(Bitext.build(["abcd", "ab", ""], ["ab", "", ""])).tolist()
        [0.5, 0.0, nan]
    """

    unit: Literal["words", "characters"] = "characters"

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,)."""
        s, t = _lengths(bitext, self.unit)
        out = np.full(len(s), np.nan)
        np.divide(np.minimum(s, t), np.maximum(s, t), out=out, where=np.maximum(s, t) > 0)
        return out.astype(np.float32)


@dataclass(frozen=True, slots=True)
class LengthZ:
    r"""By how many standard deviations the lengths of a pair miss the usual ratio, negative.

    Gale and Church's model: t is normal around :math:`c\,s` with variance :math:`\sigma^2 s`, so

    .. math:: z = \frac{t - c\,s}{\sqrt{\sigma^2 (s + t / c) / 2}}, \qquad \text{score} = -|z|.

    A minimum of -3 keeps what a Gaussian would show 997 times of 1000. `fit` learns c and the variance of a language pair
    from pairs of which less than half may be wrong: c is the median of t / s, the deviation 1.4826 times the median of the absolute z.

    **Differs:** from the paper, where c and the variance come from paragraphs and s alone is in the variance.

    Args:
        ratio: c, target characters a source character; 0 for not yet learned.
        variance: The variance for each character; the paper's is 6.8.

    Raises:
        ValueError: A ratio or variance below 0.

    References: gale1993program

    Example:
        >>> LengthZ(ratio=1.0).pairs(Bitext.build(["a" * 40], ["b" * 60])).round(2).tolist()
        [-1.0800000429153442]
    """

    ratio: float = 0.0
    variance: float = 6.8

    def __post_init__(self) -> None:
        if self.ratio < 0 or self.variance <= 0:
            raise ValueError(
                f"ratio must not be negative and variance be above 0, not {self.ratio} and {self.variance}"
            )

    @property
    def fitted(self) -> bool:
        """Whether the ratio is known."""
        return self.ratio > 0

    def fit(self, runs: Iterable[Bitext]) -> LengthZ:
        """Learn the ratio and the variance.

        Raises:
            DataError: No pair with text on both sides.
        """
        lengths = [np.stack(_lengths(run, "characters")) for run in runs]
        s, t = np.concatenate(lengths, axis=1) if lengths else np.zeros((2, 0))
        some = (s > 0) & (t > 0)
        if not some.any():
            raise DataError(
                "corpus.score/length-z: found no pair with text on both sides, expected some to learn the ratio from"
            )
        ratio = float(np.median(t[some] / s[some]))
        unscaled = _z(s[some], t[some], ratio, 1.0)
        deviation = 1.4826 * float(np.median(np.abs(unscaled)))
        return replace(self, ratio=ratio, variance=max(deviation * deviation, 0.01))

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,); NaN where both sides are empty.

        Raises:
            DataError: The ratio is not known.
        """
        if not self.fitted:
            raise DataError("corpus.score/length-z: found no ratio, expected one; call fit on pairs, or give ratio")
        s, t = _lengths(bitext, "characters")
        return (-np.abs(_z(s, t, self.ratio, self.variance))).astype(np.float32)


def _z(s: F64, t: F64, ratio: float, variance: float) -> F64:
    spread = np.sqrt(variance * (s + t / ratio) / 2)
    out: F64 = np.divide(t - ratio * s, spread, out=np.full(len(s), np.nan), where=spread > 0)
    return out


def _lengths(bitext: Bitext, unit: str) -> tuple[F64, F64]:
    at = WORDS if unit == "words" else CHARS
    src = side(bitext, "src").profile[:, at]
    return src.astype(np.float64), side(bitext, "tgt").profile[:, at].astype(np.float64)
