"""Score of a pair by how much of it was copied instead of translated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32
from polyalign.corpus.score.texts import side, where_any
from polyalign.kernels import characters
from polyalign.kernels.alike import string_shares


@dataclass(frozen=True, slots=True)
class Copy:
    """One minus how alike both sides are: 0 for a copy, near 1 for what was translated.

    ``edits`` is Levenshtein's distance over the longer side's length; ``substring`` is one minus the longest common
    substring over the shorter side's. NaN where a side is empty.

    **Differs:** OpusFilter's ``SimilarityFilter`` and ``LongestCommonSubstringFilter`` keep likeness below 0.9: here scores
    above 0.1. Its substring comes from Python's difflib, which leaves out the frequent characters of longer texts.

    Args:
        measure: What is compared.
        lowercase: Whether letters are compared in lower case.

    Complexity:
        O(s t / 64) time for edits of two texts of s and t characters, O(s t) for the substring.

    References: levenshtein1966binary, myers1999fast, aulamo2020opusfilter

    Example:
        >>> Copy().pairs(Bitext.build(["Home", "Haus"], ["home", "house"])).round(1).tolist()
        [0.0, 0.4000000059604645]
    """

    measure: Literal["edits", "substring"] = "edits"
    lowercase: bool = True

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,)."""
        src, tgt = side(bitext, "src"), side(bitext, "tgt")
        small = characters.lower()
        s, t = (small[x.points] if self.lowercase else x.points for x in (src, tgt))
        alike = string_shares(s, src.offsets, t, tgt.offsets, self.measure == "substring")
        some = (np.diff(src.offsets) > 0) & (np.diff(tgt.offsets) > 0)
        return where_any((1 - alike).astype(np.float32), some)
