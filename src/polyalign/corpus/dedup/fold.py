"""What texts are compared by: their characters without the differences that do not count."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.jit import I64, U8, U32
from polyalign.kernels import characters
from polyalign.kernels.characters import DIGIT, PUNCTUATION
from polyalign.kernels.folding import ALONE, RUN, SPACE

#: Marks that a text can be written without: accents, Hebrew points, Arabic vowels. Those of India and Thailand are letters.
_ACCENTS = (
    (0x0300, 0x0370), (0x0483, 0x0488), (0x0591, 0x05C8), (0x0610, 0x061B), (0x064B, 0x0660), (0x0670, 0x0671),
    (0x06D6, 0x06DD), (0x1AB0, 0x1B00), (0x1DC0, 0x1E00), (0x20D0, 0x2100), (0xFE20, 0xFE30),
)  # fmt: skip
#: Characters that may become others when a text is composed (NFC): marks, and the parts of Korean syllables.
_COMPOSING = (
    r"[\x{0300}-\x{036F}\x{0653}-\x{0655}\x{093C}\x{0958}-\x{095F}\x{09BE}\x{09D7}-\x{09DF}\x{0A33}-\x{0A5E}\x{0B3E}"
    r"\x{0B56}-\x{0B5D}\x{0BBE}\x{0BD7}\x{0C56}\x{0CC2}\x{0CD5}\x{0CD6}\x{0D3E}\x{0D57}\x{0DCA}\x{0DCF}\x{0DDF}"
    r"\x{0F43}-\x{0FB9}\x{102E}\x{1161}-\x{1175}\x{11A8}-\x{11C2}\x{1B35}\x{3099}\x{309A}\x{110BA}\x{11127}"
    r"\x{1133E}-\x{11357}\x{114B0}-\x{114BD}\x{115AF}\x{11930}]"
)


@dataclass(frozen=True, slots=True)
class Fold:
    """Which differences between texts count for nothing.

    Args:
        case: Capitals and small letters.
        accents: Accents and vowel points: marks that a language can be written without.
        digits: Numbers: every run of digits is one 0.
        punctuation: Punctuation and symbols, which become spaces.
        space: White space, of which any amount is one space, and invisible characters.
    """

    case: bool = True
    accents: bool = True
    digits: bool = False
    punctuation: bool = True
    space: bool = True

    def table(self) -> U32:
        """What every code point folds to, for `kernels.folding`."""
        return _table(self)


def _within(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(a <= point < b for a, b in ranges)


@lru_cache(maxsize=8)
def _table(by: Fold) -> U32:
    kinds = characters.kinds()
    table = np.arange(len(kinds), dtype=np.uint32)
    # Of Chinese characters and Korean syllables there is nothing to fold.
    plain = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0xD800, 0xF900))
    for point, kind in enumerate(kinds[:0x20000].tolist()):
        if not _within(point, plain):
            table[point] = _folded(point, kind, by)
    table[0] = SPACE
    table[(kinds & characters.ALONE > 0) & (table > 0)] |= ALONE
    table.flags.writeable = False
    return table


def _folded(point: int, kind: int, by: Fold) -> int:
    char = chr(point)
    if kind & characters.SPACE:
        return int(SPACE) if by.space else point
    category = unicodedata.category(char)
    if category in ("Cc", "Cf"):
        return 0 if by.space else point
    alone = unicodedata.normalize("NFC", char)
    char = alone if len(alone) == 1 else char
    if by.punctuation and kind & PUNCTUATION:
        return int(SPACE)
    if by.digits and kind & DIGIT:
        return ord("0") | int(RUN)
    if by.accents and _within(point, _ACCENTS):
        return 0
    if category in ("Cn", "Co"):
        return point
    if by.accents:
        base = [c for c in unicodedata.normalize("NFD", char) if not _within(ord(c), _ACCENTS)]
        char = base[0] if len(base) == 1 else char
    if by.case:
        small = char.casefold() if len(char.casefold()) == 1 else char.lower()
        char = small if len(small) == 1 else small[0]
    return ord(char)


def composed(texts: pa.Array) -> pa.Array:
    """The texts in Unicode's composed form (NFC); those in it already, as nearly all are, cost only the look."""
    loose = pc.match_substring_regex(texts, _COMPOSING)
    if not pc.any(loose).as_py():
        return texts
    return pc.replace_with_mask(texts, loose, pc.utf8_normalize(texts.filter(loose), "NFC"))


def buffers(column: Any) -> tuple[U8, I64]:
    """A column of texts as UTF-8 end to end and the offsets of each text, shape (n + 1,); null is the empty text."""
    texts = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    texts = pc.fill_null(texts.cast(pa.large_string()), "")
    texts = composed(pa.concat_arrays(texts.chunks) if isinstance(texts, pa.ChunkedArray) else texts)
    _, starts, data = texts.buffers()
    at = (
        np.frombuffer(starts, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        if starts
        else np.zeros(1, np.int64)
    )
    if not len(at):
        at = np.zeros(1, np.int64)
    bytes_ = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    # From 0 and no further than the texts, whatever the column is a slice of.
    return bytes_[at[0] : at[-1]], np.ascontiguousarray(at - at[0])
