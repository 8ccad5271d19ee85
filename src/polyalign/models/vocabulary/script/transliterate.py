"""Words of some origins written in another script, the others left as they are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import regex

from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_lines
from polyalign.models.vocabulary.script.origins import Origins, read_origins

#: Maltese letters and the Arabic ones that they stand for, the likeliest first; short vowels are not written in Arabic.
MALTESE = {
    "a": "ا|", "b": "ب", "ċ": "تش", "d": "د|ض|ذ", "e": "|ا", "f": "ف", "ġ": "ج", "g": "ق|ج|غ", "għ": "ع|غ", "h": "ه", "ħ": "ح|خ",
    "i": "ي|", "ie": "ا", "j": "ي", "k": "ك", "l": "ل", "m": "م", "n": "ن", "o": "و|", "p": "ب", "q": "ق", "r": "ر", "s": "س|ص", "t": "ت|ط|ث",
    "u": "و|", "v": "ف", "w": "و", "x": "ش", "z": "تس", "ż": "ز|ظ",
}  # fmt: skip
_WORD = regex.compile(r"[\p{L}\p{M}]+")
#: Spellings of a word that are looked at on the way.
_BEAM = 16


@dataclass(frozen=True, slots=True)
class Transliterate:
    """Write words of some origins in another script, and leave all others as they are.

    A mixed language shares some of its words with a relative that is written otherwise: Maltese, in Latin letters, has Arabic ones and
    Italian and English ones. Only the former gain by being written as the relative writes them. Where a word comes from a list
    says, and for words that it lacks a classifier of letters that learns from it. A word of the chosen origins is rewritten by a table,
    the longest match first; where that has several ways, the likeliest by the letters of text in the other script, if there is
    some (``sum ln p(x_i | x_{i-2} x_{i-1})``, mixed with shorter contexts), else the first. Names and abbreviations can be origins of their own.

    There is no way back: several letters become one.

    **Differs:** from the paper, whose classifiers are a transformer and kin and whose table has more contexts, in both; what is
    transliterated when is the same.

    Args:
        lexicon: File of words and their origins, ``word<tab>origin`` a line.
        origins: Origins whose words are transliterated.
        table: File of what becomes what, ``source<tab>target`` a line, several targets between ``|``, the likeliest first;
            ``maltese-arabic`` is there already.
        order: Longest runs of letters that the classifier looks at.
        smoothing: What it adds to each count.
        unlisted: Also transliterate words that the lexicon lacks, if the classifier says so.

    Raises:
        ValueError: No origin, or a parameter out of range.

    References: micallef2024cross, cavnar1994ngram
    """

    lexicon: PathText
    origins: tuple[str, ...] = ("Arabic",)
    table: PathText = "maltese-arabic"
    order: int = 4
    smoothing: float = 0.1
    unlisted: bool = True

    def __post_init__(self) -> None:
        if not self.origins:
            raise ValueError("origins names none, expected at least one whose words are transliterated")
        if self.order < 1:
            raise ValueError(f"order must be at least 1, got {self.order}")
        if not self.smoothing > 0:
            raise ValueError(f"smoothing must be above 0, got {self.smoothing}")

    def fit(self, target: Iterable[str] = ()) -> Transliteration:
        """Learn where words come from, and how the other script spells.

        Args:
            target: Text in the script that is written in, which decides between spellings; none for the table's first.

        Returns:
            What transliterates text.

        Raises:
            DataError: A damaged lexicon or table, or an origin that no word of the lexicon has.
        """
        listed = read_origins(Path(self.lexicon))
        for origin in self.origins:
            if origin not in listed.values():
                known = ", ".join(sorted(set(listed.values()))[:10])
                raise DataError(
                    f"{self.lexicon}: no word has the origin {origin!r}, expected one of {known}; correct origins"
                )
        table = MALTESE if self.table == "maltese-arabic" else read_table(Path(self.table))
        model = Origins.of(listed, order=self.order, smoothing=self.smoothing)
        ways = {source: tuple(targets.split("|")) for source, targets in table.items()}
        return Transliteration(frozenset(self.origins), model, ways, _counts(target), self.unlisted)


def read_table(path: Path) -> dict[str, str]:
    """What becomes what: ``source<tab>target`` a line.

    Raises:
        DataError: A line that is no such, or a source that is there twice.
    """
    table: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        source, tab, target = line.partition("\t")
        if not source or not tab or "\t" in target or source in table:
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected a source, new in each line, a tab and its targets; correct it"
            )
        table[source] = target.strip()
    if not table:
        raise DataError(f"{path}: found no line, expected a source, a tab and its targets in each; fill it")
    return table


@dataclass(frozen=True, slots=True, eq=False)
class Transliteration:
    """Text with the words of some origins in another script.

    Args:
        chosen: Those origins.
        origins: Tells where a word comes from.
        ways: What each run of letters may become, the likeliest first.
        counts: How often runs of up to three letters occur in the other script; empty for no such text.
        unlisted: Whether words that the list lacks are judged by their letters.
    """

    chosen: frozenset[str]
    origins: Origins
    ways: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    unlisted: bool

    def __call__(self, text: str) -> str:
        """The text, its words of the chosen origins transliterated."""
        return str(_WORD.sub(lambda match: self.word(match[0]) if self.wanted(match[0]) else match[0], text))

    def wanted(self, word: str) -> bool:
        """Whether a word is one to be transliterated."""
        if not self.unlisted and word.lower() not in self.origins.listed:
            return False
        return self.origins(word) in self.chosen

    def word(self, word: str) -> str:
        """A word in the other script, wherever it comes from; letters that the table lacks stay."""
        small, longest = word.lower(), max(map(len, self.ways))
        steps: list[tuple[str, ...]] = []
        at = 0
        while at < len(small):
            size = next((n for n in range(longest, 0, -1) if small[at : at + n] in self.ways), 0)
            steps.append(self.ways[small[at : at + size]] if size else (small[at],))
            at += max(1, size)
        if not self.counts:
            return "".join(step[0] for step in steps)
        beams = [(0.0, "")]
        for step in [*steps, ("$",)]:
            # Of equals the one whose ways stand first in the table.
            longer = [(cost + self._cost(done, way), done + way) for cost, done in beams for way in step]
            beams = sorted(longer, key=lambda b: b[0])[:_BEAM]
        return beams[0][1][:-1]

    def _cost(self, before: str, after: str) -> float:
        """``-ln p`` of letters after others."""
        cost, text = 0.0, "^" + before
        for letter in after:
            p = 1e-4
            for n in range(3):
                context = text[len(text) - n :] if n else ""
                seen = self.counts.get("\0" + context, 0)
                if len(context) == n and seen:
                    p = 0.9 * self.counts.get(context + letter, 0) / seen + 0.1 * p
            cost -= math.log(p)
            text += letter
        return cost


def _counts(texts: Iterable[str]) -> dict[str, int]:
    """Runs of one to three letters, and after a zero how often each context is followed by any."""
    counts: Counter[str] = Counter()
    for text in texts:
        for word in _WORD.findall(text.lower()):
            marked = f"^{word}$"
            for i in range(1, len(marked)):
                for n in range(min(2, i) + 1):
                    counts[marked[i - n : i + 1]] += 1
                    counts["\0" + marked[i - n : i]] += 1
    return dict(counts)
