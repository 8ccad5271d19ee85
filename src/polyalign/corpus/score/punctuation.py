"""Scores of a pair by its punctuation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32
from polyalign.corpus.score.texts import share, side
from polyalign.kernels.contents import TERMINALS


@dataclass(frozen=True, slots=True)
class Punctuation:
    r"""How far both sides have the same punctuation: 1 if each kind is there as often, NaN where there is none.

    The kinds are full stops, question marks, exclamation marks, commas, colons, semicolons, quotation marks, brackets,
    dashes, ellipses, percent signs, slashes and bullets, of any script (。 is a full stop, « a quotation mark). With
    counts s and t the score is :math:`2 \sum_k \min(s_k, t_k) / \sum_k (s_k + t_k)`.

    Example:
        >>> Punctuation().pairs(Bitext.build(["Ja, ja.", "Was?"], ["是，是。", "What!"])).tolist()
        [1.0, 0.0]
    """

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,)."""
        s, t = side(bitext, "src").marks, side(bitext, "tgt").marks
        return share(2 * np.minimum(s, t).sum(axis=1), (s + t).sum(axis=1))


@dataclass(frozen=True, slots=True)
class TerminalPunctuation:
    r"""How far both sides have the same number of sentence ends: 0 if both have one or none, else negative.

    .. math:: -\ln(1 + |s - t| + \max(0, s - 1) + \max(0, t - 1))

    s and t being the marks ``. ? ! …`` on either side, wherever they stand. OpusFilter's default minimum is -2.

    References: vazquez2019university, aulamo2020opusfilter

    Example:
        >>> TerminalPunctuation().pairs(Bitext.build(["a.", "a. b."], ["b!", "c."])).round(3).tolist()
        [0.0, -1.0989999771118164]
    """

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,)."""
        s, t = (side(bitext, name).profile[:, TERMINALS].astype(np.int64) for name in ("src", "tgt"))
        extra = np.abs(s - t) + np.maximum(s - 1, 0) + np.maximum(t - 1, 0)
        found: F32 = (-np.log1p(extra)).astype(np.float32) + np.float32(0)
        return found
