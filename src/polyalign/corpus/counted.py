"""Words counted as scores count them, and what they are."""

from __future__ import annotations

from collections import Counter

import numpy as np

from polyalign.core.jit import Mask
from polyalign.corpus.decoded import Decoded
from polyalign.kernels import characters


def word_counts(texts: Decoded) -> Counter[str]:
    """How often each word of some texts occurs, lower-cased: runs of letters, marks and digits, or letters without spaces.

    Example:
        >>> import pyarrow as pa
        >>> found = word_counts(Decoded(pa.array(["Der Hund, der", "我的书 das"], pa.large_string())))
        >>> dict(found)
        {'der': 2, 'hund': 1, '我': 1, '的': 1, '书': 1, 'das': 1}
    """
    words, small = texts.words, characters.lower()
    _, first, counts = np.unique(words.hashes, return_index=True, return_counts=True)
    out: Counter[str] = Counter()
    for k, n in sorted(zip(first.tolist(), counts.tolist(), strict=True)):
        out["".join(map(chr, small[texts.points[words.starts[k] : words.ends[k]]].tolist()))] += n
    return out


def alone(texts: Decoded) -> Mask:
    """Which words are single letters because their script puts no spaces between words, shape (w,)."""
    return np.asarray(texts.kinds[texts.words.starts] & characters.ALONE > 0)
