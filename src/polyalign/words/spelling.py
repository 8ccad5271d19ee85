"""Words made alike that are written differently: digits, punctuation, and scripts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
from anyascii import anyascii

from polyalign.core.jit import F32, I32, I64, threads
from polyalign.core.ragged import offsets
from polyalign.kernels.spelling import SHORT, alike

#: How digits are counted: as they are, in ASCII, or all as 0.
Digits = Literal["keep", "ascii", "shape"]
#: How punctuation is counted: as it is, or in ASCII.
Punctuation = Literal["keep", "plain"]

#: Share of letters in common from which words are alike.
ALIKE = 0.5
#: Pairs of words compared between two Python steps.
BLOCK = 1 << 20
#: What Unicode's compatibility forms leave: quotation marks, dashes, and full stops of other scripts.
_PLAIN = {
    **dict.fromkeys("«»„“”‟〝〞〟「」『』《》״", '"'),
    **dict.fromkeys("‘’‚‛‹›〈〉׳`´", "'"),
    **dict.fromkeys("‐‑‒–—―−־⸺⸻", "-"),
    **dict.fromkeys("。।॥۔։።", "."),
    **dict.fromkeys("、،፣", ","),
    **dict.fromkeys("؛፤", ";"),
    **dict.fromkeys("؟፧\u037e", "?"),
    "〜": "~",
    "٪": "%",
}


def normal(word: str, *, lowercase: bool, digits: Digits = "keep", punctuation: Punctuation = "keep") -> str:
    """A word as it is counted.

    Args:
        word: Any word.
        lowercase: Drop case.
        digits: ``ascii`` for the decimal digits of any script as 0 to 9, ``shape`` for all of them as 0.
        punctuation: ``plain`` for quotation marks, dashes, full-width forms and the punctuation of other scripts as
            their nearest ASCII characters.

    Example:
        >>> normal("Ａｎｎｏ", lowercase=True), normal("«", lowercase=True, punctuation="plain")
        ('ａｎｎｏ', '"')
        >>> normal("١٢.٥", lowercase=True, digits="ascii"), normal("1,250", lowercase=True, digits="shape")
        ('12.5', '0,000')
    """
    if lowercase:
        word = word.lower()
    if punctuation == "plain" and word in ("``", "''"):
        return '"'
    return word.translate(_table(digits, punctuation)) if digits != "keep" or punctuation != "keep" else word


class _Table(dict[int, str]):
    """What characters become, each looked up when first met."""

    def __init__(self, digits: Digits, punctuation: Punctuation) -> None:
        self.digits, self.punctuation = digits, punctuation

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        plain = character
        if category == "Nd" and self.digits != "keep":
            plain = "0" if self.digits == "shape" else str(unicodedata.decimal(character))
        elif category[0] in "PS" and self.punctuation == "plain":
            nearest = _PLAIN.get(character) or unicodedata.normalize("NFKC", character)
            # Not to a space and an accent, nor to the letters of №, ℡ or ㎏, which are no punctuation.
            plain = nearest if nearest.isascii() and not any(c.isalnum() or c == " " for c in nearest) else character
        self[code] = plain
        return plain


_table = cache(_Table)


def form(word: str) -> str:
    """A word as its spelling is compared: without case, accents and script.

    Digits and punctuation are plain ASCII, letters of other scripts romanised (``anyascii``); a word that is then
    shorter than four letters keeps its script, as short words of two scripts are equal by chance.

    Example:
        >>> form("Zürich"), form("Москва"), form("и"), form("１９９８")
        ('zurich', 'moskva', 'и', '1998')
    """
    if word.isascii():
        return normal(word, lowercase=True, punctuation="plain")
    bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).casefold()
    plain = normal(bare, lowercase=False, digits="ascii", punctuation="plain")
    if plain.isascii():
        return plain
    roman = anyascii(plain).lower().replace(" ", "")
    return roman if len(roman) >= SHORT else plain


def letters(words: Sequence[str]) -> tuple[I64, I32]:
    """The comparison `form` of words for `kernels.spelling.alike`: where each begins, and the code points."""
    forms = [form(w) for w in words]
    text = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), np.int32)
    return offsets([len(f) for f in forms]), text


def spelling_prior(
    src_words: Sequence[str], tgt_words: Sequence[str], pair_src: I32, pair_tgt: I32, weight: float
) -> F32:
    """Pseudo-counts of pairs of words for being spelled alike.

    That of equal words is `weight`; it falls to 0 for words with half of their letters in common, in order:

        weight * max(0, LCS(s, t) / max(|s|, |t|) - 1/2) / (1/2)

    Args:
        src_words: Source types.
        tgt_words: Target types.
        pair_src: Source type of each pair, shape (n,).
        pair_tgt: Target type.
        weight: Pseudo-count of equal words.

    Returns:
        A pseudo-count of each pair, shape (n,).

    Complexity:
        O(|s| |t|) for a pair whose lengths and sets of letters allow it to be alike, O(1) for others.

    Example:
        >>> pairs = np.arange(2, dtype=np.int32)
        >>> spelling_prior(["Moskau", "und"], ["Москва", "и"], pairs, pairs, 3.0).tolist()
        [2.0, 0.0]
    """
    sides = *letters(src_words), *letters(tgt_words)
    cuts = [*range(0, len(pair_src), BLOCK), len(pair_src)]

    def block(span: tuple[int, int]) -> F32:
        return alike(*sides, pair_src[slice(*span)], pair_tgt[slice(*span)], ALIKE)

    with ThreadPoolExecutor(threads()) as pool:
        parts = list(pool.map(block, pairwise(cuts)))
    return np.float32(weight) * np.concatenate([np.zeros(0, np.float32), *parts])
