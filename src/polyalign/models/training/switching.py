"""Words of documents and their translations, from our own links or a lexicon."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from polyalign.core.errors import DataError
from polyalign.models.training.objective import Data
from polyalign.models.training.word_pairs import best, counted, listed

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True, eq=False)
class Switcher:
    """Replaces words by their translations.

    Args:
        words: By language, or by nothing for any, the translation of each word in lower case.
        share: Share of the words that are replaced, of those that have a translation.
    """

    words: Mapping[str, Mapping[str, str]]
    share: float

    @classmethod
    def read(cls, data: Data, lexicon: str | None, *, share: float, min_count: int, name: str) -> Switcher:
        """Translations from the links of the bitexts, or from a lexicon, whose languages are not said.

        Raises:
            DataError: No links, a lexicon that cannot be read, or no two words that translate each other.
        """
        found: dict[str, dict[str, str]] = defaultdict(dict)
        if lexicon is not None:
            sets = [("", "", listed(lexicon))]
        elif data.parallel:
            sets = [(p.src_lang, p.tgt_lang, counted(replace(data, parallel=[p]), name=name)) for p in data.parallel]
        else:
            sets = [("", "", Counter())]
        for src_lang, tgt_lang, counts in sets:
            for src, tgt in best(counts, min_count=min_count, identical=False):
                found[src_lang].setdefault(src, tgt)
                found[tgt_lang].setdefault(tgt, src)
        if not any(found.values()):
            raise DataError(
                f"{name}: found no words that translate each other at least {min_count} times, expected some; give a bitext with "
                "links or a lexicon, or lower min_count"
            )
        return cls(dict(found), share)

    def replaced(self, text: str, lang: str, random: np.random.Generator) -> list[tuple[int, int, str]]:
        """Where words of a text are replaced, and by what, in order; capitals as they were."""
        known = self.words.get(lang) or self.words.get("") or {}
        out = []
        for match in _WORD.finditer(text):
            other = known.get(match[0].lower())
            # A number is drawn for each word, so that a lexicon with one more changes no other.
            if random.random() < self.share and other is not None:
                out.append((match.start(), match.end(), _as_written(match[0], other)))
        return out

    def switched(self, text: str, lang: str, random: np.random.Generator) -> str:
        """The text with words replaced.

        Example:
            >>> Switcher({"deu_Latn": {"haus": "chasa"}}, 1.0).switched("Das Haus.", "deu_Latn", np.random.default_rng(1))
            'Das Chasa.'
        """
        return "".join(piece for _, piece in self.pieces(text, lang, random))

    def pieces(self, text: str, lang: str, random: np.random.Generator) -> Iterator[tuple[str, str]]:
        """The text in pieces, each as it was and as it is now, where replaced words are pieces of their own."""
        at = 0
        for start, end, other in self.replaced(text, lang, random):
            # A tokenizer that begins words with their space is to see it there.
            start -= start > at and text[start - 1] == " "
            if start > at:
                yield text[at:start], text[at:start]
            space = " " if text[start] == " " else ""
            yield text[start:end], space + other
            at = end
        if at < len(text):
            yield text[at:], text[at:]


def _as_written(word: str, other: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other[:1].upper() + other[1:] if word[:1].isupper() else other


def check_switching(share: float, min_count: int) -> None:
    """Refuse what is no share or no count.

    Raises:
        ValueError: It is not.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    if min_count < 1:
        raise ValueError(f"min_count must be at least 1, got {min_count}")
