"""Bytes by morphemes: frequent parts of words in every language become short sequences of bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal

import regex

from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.progress import track
from polyalign.models.vocabulary.script.bytecode import FIRST, NEXT, ByteCode, lowered
from polyalign.models.vocabulary.script.morphemes import morphemes

#: Letters that a stretch without spaces is looked at in at a time, in scripts that have none between words.
LONGEST = 24
_WORDS = regex.compile(rf"(?:[^\P{{L}}A-Z]|\p{{M}}){{1,{LONGEST}}}")


@dataclass(frozen=True, slots=True)
class Myte:
    """Encode text as bytes by its morphemes, so that languages take about as many bytes for what means the same.

    UTF-8 takes a byte for a Latin letter and three for one of Devanagari. Here the bytes of ASCII capitals, freed by writing a capital as
    a mark and a small letter, begin codes of two bytes and more, which stand for morphemes: from each language as many, found
    without labels, the ones that save most bytes in its text. Text is read from left to right, the longest morpheme
    first, and decodes to just what it was. A model reads it through transformers' ``MyT5Tokenizer``.

    **Differs:** from the paper in ranking morphemes by the bytes they save in the text, in dealing short codes out to the
    languages in turn rather than by groups of scripts, and in taking capitals apart but no diacritics.

    Args:
        morphemes: Most morphemes of a language.
        weight: What a word counts for in finding morphemes: 1, 1 + ln(times it occurs), or as often as it occurs.
        passes: Times that all words are gone through, at most.
        seed: Of the order in which words are taken.

    Raises:
        ValueError: A parameter below 1, or a seed below 0.

    References: limisiewicz2024myte, creutz2007unsupervised

    Example:
        >>> code = Myte().fit({"eng_Latn": ["walked talked", "Walking talking jumping jumped"] * 9})
        >>> code.decode(code.encode("Walking, talking!")), len(code.encode("Walking, talking!")) < 17
        ('Walking, talking!', True)
    """

    morphemes: int = 4096
    weight: Literal["types", "log", "tokens"] = "log"
    passes: int = 4
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("morphemes", "passes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, got {self.seed}")

    def fit(self, texts: Mapping[str, Iterable[str]]) -> ByteCode:
        """Learn a code from text in some languages.

        Args:
            texts: Lines of each language, by tag; about as much of each.

        Returns:
            The code.

        Raises:
            ConfigError: No language tag, or more morphemes than there are codes for.
            DataError: A language without a word.

        Complexity: O(text + passes * words * letters squared).
        """
        ranked = []
        with track("find morphemes", total=len(texts), unit="languages") as progress:
            for lang, lines in texts.items():
                ranked.append(self._ranked(langs.normalise(lang), lines))
                progress.advance()
        wanted = len({text for rank in ranked for text in rank[: self.morphemes]})
        return ByteCode(dict(_dealt(ranked, self.morphemes, list(_codes(wanted)))))

    def _ranked(self, lang: str, lines: Iterable[str]) -> list[str]:
        """A language's morphemes, those first that save most."""
        words: Counter[str] = Counter()
        for line in lines:
            words.update(_WORDS.findall(line.translate(lowered())))
        if not words:
            raise DataError(f"myte: found no word in the text of {lang}, expected some; give lines of every language")
        weights = {w: n if self.weight == "tokens" else 1 for w, n in words.items()}
        if self.weight == "log":
            weights = {w: 1 + round(math.log(n)) for w, n in words.items()}
        parts = morphemes(weights, passes=self.passes, seed=self.seed)
        saved: Counter[str] = Counter()
        for word, n in words.items():
            for part in parts[word]:
                saved[part] += n * (len(part.encode()) - 2)
        return sorted((p for p, n in saved.items() if n > 0), key=lambda p: (-saved[p], p))


def _dealt(ranked: list[list[str]], most: int, codes: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each language in turn has its next morpheme given the next code, short ones first."""
    given: set[str] = set()
    left = iter(codes)
    code = next(left, None)
    queues = [iter(rank[:most]) for rank in ranked]
    while queues and code is not None:
        for queue in list(queues):
            # One that another language brought, or that is no longer than its code, is passed over.
            size = len(code)
            text = next((t for t in queue if t not in given and len(t.encode()) > size), None)
            if text is None:
                queues.remove(queue)
                continue
            given.add(text)
            yield text, code
            code = next(left, None)
            if code is None:
                return


def _codes(wanted: int) -> Iterator[bytes]:
    """So many codes of which none begins another, as short as can be."""
    base, firsts = len(NEXT), list(FIRST)
    long, longest = 0, 0
    while (len(firsts) - long - longest) * base + long * base**2 + longest * base**3 < wanted:
        if long < len(firsts) and not longest:
            long += 1
        elif longest < len(firsts):
            long, longest = max(0, long - 1), longest + 1
        else:
            raise ConfigError(
                f"myte: {wanted:,} morphemes, expected at most {len(firsts) * base**3:,}; take fewer of a language"
            )
    short = len(firsts) - long - longest
    sizes = [1] * short + [2] * long + [3] * longest
    every = (bytes((first, *rest)) for first, n in zip(firsts, sizes, strict=True) for rest in product(NEXT, repeat=n))
    return islice(every, wanted)
