"""Compact Language Detector 2 on many texts: what `cld2.detect` says of each, without the interpreter between them.

The library behind pycld2 is called from a kernel, so that other threads can work meanwhile. Where it does not show the
function by the name that is known here, the texts are asked about one by one, with the same answers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pycld2
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from polyalign.core.cld2 import NO_LANGUAGE, detect
from polyalign.core.jit import F64, I32, I64, U8, Mask, kernel

#: ExtDetectLanguageSummaryCheckUTF8, which pycld2.detect calls, and LanguageCode, by the names GCC and Clang give them.
_DETECT = "_ZN4CLD233ExtDetectLanguageSummaryCheckUTF8EPKcibPKNS_8CLDHintsEiPNS_8LanguageEPiPdPSt6vectorINS_11ResultChunkESaISA_EES7_PbS7_"
_CODE = "_ZN4CLD212LanguageCodeENS_8LanguageE"
#: Its enumerations: no encoding, no language, the flag for a best guess; and a number above those of all languages.
_NO_ENCODING, _UNKNOWN, _BEST_EFFORT, _LANGUAGES = 23, 26, 0x4000, 1024
#: Where results go, in bytes: three languages, their percents, their scores (doubles), bytes read, reliable, bytes valid.
_RESULTS = (0, 16, 32, 56, 60, 64)
#: Zeros behind a text, as Python has one behind its strings.
_PAD = 64


class _Hints(ctypes.Structure):
    _fields_ = [
        ("content_language", ctypes.c_char_p),
        ("domain", ctypes.c_char_p),
        ("encoding", ctypes.c_int),
        ("language", ctypes.c_int),
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What CLD2 says of n texts, as `cld2.detect` says it of one.

    Args:
        numbers: The language of each as a place in `codes`, shape (n,).
        codes: CLD2's codes; empty for no language.
        shares: The share of the text in that language, from 0 to 1, shape (n,).
        reliable: Whether that is reliable, shape (n,).
    """

    numbers: I32
    codes: tuple[str, ...]
    shares: F64
    reliable: Mask

    @classmethod
    def of(cls, told: Sequence[tuple[str, float, bool]]) -> Answers:
        """From the code, share and reliability of each text."""
        codes = tuple(dict.fromkeys(code for code, _, _ in told))
        numbers = {code: n for n, code in enumerate(codes)}
        return cls(
            np.array([numbers[code] for code, _, _ in told], np.int32),
            codes,
            np.array([share for _, share, _ in told], np.float64),
            np.array([reliable for _, _, reliable in told], np.bool_),
        )

    def among(self, codes: Iterable[str]) -> Mask:
        """Which texts are in one of some languages, shape (n,)."""
        wanted = set(codes)
        found: Mask = np.array([code in wanted for code in self.codes], np.bool_)[self.numbers]
        return found


def detect_many(texts: pa.LargeStringArray, *, best_effort: bool = True) -> Answers:
    """The language CLD2 names first for each text; null and empty texts have none.

    Args:
        texts: Any texts.
        best_effort: As of `cld2.detect`.

    Complexity:
        4 to 5 microseconds a sentence, in which other threads can run.

    Example:
        >>> told = detect_many(pa.array(["Das ist ein Satz auf Deutsch.", "", None], pa.large_string()))
        >>> [told.codes[n] for n in told.numbers], told.shares.tolist()
        (['de', '', ''], [0.96, 0.0, 0.0])
    """
    found = _library()
    if found is None or not len(texts):
        return _one_by_one(texts, best_effort)
    texts = texts.fill_null("") if texts.null_count else texts
    _, starts, data = texts.buffers()
    at = np.frombuffer(starts, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)
    told = _ask_all(found.function, ctypes.addressof(found.hints), raw, at, _BEST_EFFORT if best_effort else 0)
    some = np.array([code != "" for code in found.codes], np.bool_)[told[:, 0]]
    return Answers(told[:, 0], found.codes, np.where(some, told[:, 1] / 100, 0.0), told[:, 2] > 0)


def _one_by_one(texts: pa.LargeStringArray, best_effort: bool) -> Answers:
    return Answers.of([detect(t, best_effort=best_effort) if t else ("", 0.0, False) for t in texts.to_pylist()])


@dataclass(frozen=True, slots=True)
class _Library:
    """The functions of pycld2's library: where the detector is, what it is told every time, codes by language."""

    function: int
    hints: _Hints
    codes: tuple[str, ...]


@cache
def _library() -> _Library | None:
    try:
        library = ctypes.CDLL(pycld2._pycld2.__file__)
        function, code = getattr(library, _DETECT), getattr(library, _CODE)
    except (AttributeError, OSError):
        return None
    code.restype = ctypes.c_char_p
    codes = (code(n).decode() for n in range(_LANGUAGES))
    told = tuple("" if name in NO_LANGUAGE or name.startswith("xx-") else name for name in codes)
    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    return _Library(address, _Hints(None, None, _NO_ENCODING, _UNKNOWN), told)


def _call(typing: Any, function: Any, hints: Any, text: Any, size: Any, flags: Any, told: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function, hints, text, size, flags, told = args
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        given: list[tuple[Any, Any]] = [(text, pointer), (size, number), (ir.Constant(ir.IntType(64), 1), number)]
        given += [(hints, pointer), (flags, number)]
        # The place of each result, and none for the pieces of the text.
        places = [builder.add(told, ir.Constant(ir.IntType(64), n)) for n in _RESULTS]
        given += [(place, pointer) for place in (*places[:3], ir.Constant(ir.IntType(64), 0), *places[3:])]
        values = [builder.trunc(v, k) if k == number else builder.inttoptr(v, k) for v, k in given]
        kind = ir.FunctionType(number, [k for _, k in given])
        return builder.call(builder.inttoptr(function, kind.as_pointer()), values)

    return types.int32(*[types.int64] * 6), emit


_detector = cast(Callable[..., int], intrinsic(_call))


@kernel()
def _readable(raw: U8, a: int, b: int, out: U8) -> int:
    # What the detector refuses to read (control characters, noncharacters) becomes a space for each run of it.
    n, k, gap = 0, a, False
    while k < b:
        c = raw[k]
        if c < 0x80:
            size, bad = 1, c < 0x20 or c == 0x7F
        elif c < 0xE0:
            size, bad = 2, c == 0xC2 and raw[k + 1] < 0xA0
        elif c < 0xF0:
            d, e = raw[k + 1], raw[k + 2]
            size, bad = 3, c == 0xEF and ((d == 0xB7 and 0x90 <= e < 0xB0) or (d == 0xBF and e >= 0xBE))
        else:
            size, bad = 4, raw[k + 1] & 0x0F == 0x0F and raw[k + 2] == 0xBF and raw[k + 3] >= 0xBE
        if not bad:
            for j in range(k, k + size):
                out[n] = raw[j]
                n += 1
        elif not gap:
            out[n] = 32
            n += 1
        gap = bad
        k += size
    out[n : n + _PAD] = 0
    return n


@kernel()
def _ask(function: int, hints: int, text: U8, size: int, flags: int, told: I32) -> bool:
    # The language and its percent go to told[0] and told[4].
    told[15] = 0
    _detector(function, hints, text.ctypes.data, size, flags, told.ctypes.data)
    return bool(told[15] != 0)


@kernel()
def _ask_all(function: int, hints: int, raw: U8, at: I64, best_effort: int) -> I32:
    most = np.int64(0)
    for i in range(len(at) - 1):
        most = max(most, at[i + 1] - at[i])
    text, told = np.empty(most + _PAD, np.uint8), np.zeros(18, np.int32)
    out = np.zeros((len(at) - 1, 3), np.int32)
    for i in range(len(out)):
        out[i, 0] = _UNKNOWN
        size = _readable(raw, at[i], at[i + 1], text)
        if size:
            sure = _ask(function, hints, text, size, 0, told)
            if not sure and best_effort:
                _ask(function, hints, text, size, best_effort, told)
            out[i, 0], out[i, 1], out[i, 2] = told[0], told[4], sure
    return out
