"""Scores of a pair by the numbers on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, I64, U64
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.score.texts import side, where_any
from polyalign.kernels.alike import block_ratios, picked
from polyalign.kernels.word_runs import numbers, shared


@dataclass(frozen=True, slots=True)
class Digits:
    r"""How far the numbers of both sides agree, in any order: 1 if they are the same, NaN where there are none.

    Numbers are runs of digits of any script, with points, commas, apostrophes and thin or fixed spaces between digits
    left out (1,200 and 1.200 and 1 200 are one number, 1.2 and 12 too). With S and T as multisets the score is Dice's
    :math:`2 |S \cap T| / (|S| + |T|)`.

    Args:
        both: Whether to tell only where both sides have numbers: one may spell them out.

    Example:
        >>> Digits().pairs(Bitext.build(["1.200 am 3. Mai", "12", "a"], ["3 May, 1,200", "13", "b"])).tolist()
        [1.0, 0.0, nan]
    """

    both: bool = False

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,)."""
        (s, s_first), (t, t_first) = (_numbers(side(bitext, "src")), _numbers(side(bitext, "tgt")))
        found = shared(s, s_first, t, t_first).astype(np.float32)
        return where_any(found, (np.diff(s_first) > 0) & (np.diff(t_first) > 0)) if self.both else found


@dataclass(frozen=True, slots=True)
class NonzeroNumerals:
    r"""How far the digits of both sides but zeros follow each other in the same order.

    Ratcliff and Obershelp's :math:`2 M / T` of the two sequences of ASCII digits 1 to 9: T is the length of both, M what
    lies in matching blocks. 1 where neither side has a digit. OpusFilter's default minimum is 0.5.

    **Differs:** OpusFilter's ``NonZeroNumeralsFilter`` uses Python's difflib, which in sequences of 200 digits and more
    leaves out frequent ones.

    References: vazquez2019university, aulamo2020opusfilter

    Example:
        >>> NonzeroNumerals().pairs(Bitext.build(["10 von 20", "a"], ["1 of 3", "b"])).tolist()
        [0.5, 1.0]
    """

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,)."""
        src, tgt = side(bitext, "src"), side(bitext, "tgt")
        s, t = (picked(x.points, x.offsets, ord("1"), ord("9")) for x in (src, tgt))
        return block_ratios(*s, *t).astype(np.float32)


def _numbers(texts: Decoded) -> tuple[U64, I64]:
    return numbers(texts.points, texts.kinds, texts.offsets)
