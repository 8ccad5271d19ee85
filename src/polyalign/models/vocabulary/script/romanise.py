"""Text of any script in Latin letters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from polyalign.core import langs
from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import I32, frozen
from polyalign.core.scripts import script_of

#: Words and what is between them: uroman, too, romanises what stands between spaces by itself.
_RUN = re.compile(r"\s+|\S+")


@dataclass(frozen=True, slots=True, eq=False)
class Romanised:
    """A romanised text and the way back to where each letter came from.

    Args:
        text: The romanised text, n characters.
        starts: Offset in the original text of what each character came from and, last, that text's length, shape (n + 1,).
    """

    text: str
    starts: I32

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", frozen(self.starts, np.int32))


@dataclass(frozen=True, slots=True)
class Romanise:
    """Write text of any script in Latin letters, by uroman.

    A model that knows Latin script only reads a romanised language in pieces it has, and words shared with languages it
    knows look alike. All the text that it is to learn from and to read is romanised: whole documents before training, input
    before use. There is no way back, since several letters become one: ``Romanised.starts`` says what each came from.

    This project uses the universal romanizer software 'uroman' written by Ulf Hermjakob, USC Information Sciences
    Institute (2015-2020).

    Args:
        lang: The text's language, which decides how some letters are read (Ukrainian, say); none for whichever.
        keep_latin: Leave words of Latin letters as they are, with their diacritics, which uroman drops.

    Raises:
        ConfigError: ``lang`` is no language tag.

    References: hermjakob2018out, husain2024romansetu

    Example:
        >>> Romanise(lang="hin_Deva")("नेपाल में, café")  # doctest: +SKIP
        'nepaal mem, café'
    """

    lang: str | None = None
    keep_latin: bool = True

    def __post_init__(self) -> None:
        if self.lang is not None:
            langs.normalise(self.lang)

    def __call__(self, text: str) -> str:
        """The text in Latin letters.

        Raises:
            MissingExtraError: uroman is not installed.
        """
        return self.with_offsets(text).text

    def with_offsets(self, text: str) -> Romanised:
        """The same, with where each letter came from.

        Raises:
            MissingExtraError: uroman is not installed.
        """
        code = None if self.lang is None else langs.normalise(self.lang).split("_")[0]
        out: list[str] = []
        starts: list[int] = []
        for found in _RUN.finditer(text):
            run, at = found[0], found.start()
            plain = run.isspace() or (run.isascii() and self.keep_latin)
            for begin, end, roman in [(i, i + 1, c) for i, c in enumerate(run)] if plain else _edges(run, code):
                kept = self.keep_latin and end == begin + 1 and script_of(run[begin]) == "Latn"
                out.append(run[begin] if kept else roman)
                starts += [at + begin] * len(out[-1])
        return Romanised("".join(out), np.array([*starts, len(text)], np.int32))


@lru_cache(maxsize=1)
def _uroman() -> Any:
    try:
        from uroman import RomFormat, Uroman
    except ImportError as error:
        raise MissingExtraError(
            f"models.script/romanise needs uroman ({error}); install with: pip install 'polyalign[scripts]'"
        ) from error
    return Uroman(), RomFormat.EDGES


@lru_cache(maxsize=65536)
def _edges(word: str, code: str | None) -> list[tuple[int, int, str]]:
    reader, form = _uroman()
    return [(e.start, e.end, e.txt) for e in reader.romanize_string(word, lcode=code, rom_format=form)]
