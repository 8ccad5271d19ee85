"""Lexica as files: words and phrases with what may stand in their place, and where they occur in a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines, suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.augment.draws import Draws
from polyalign.corpus.augment.words import GAPS, Span, lower, units
from polyalign.corpus.paths import expand

#: How one of several translations is chosen.
Choice = Literal["sample", "uniform", "best", "unambiguous"]


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """Words and phrases of one language, in lower case, with their translations.

    Args:
        lang: Their language.
        entries: Translations with their probability, most probable first.
        reach: The most units an entry has that begins with a unit.
    """

    lang: str
    entries: Mapping[str, tuple[tuple[str, float], ...]]
    reach: Mapping[str, int]

    def find(self, text: str, words: Sequence[Span]) -> list[tuple[Span, tuple[tuple[str, float], ...]]]:
        """The entries that occur in a text, from the left, each as long as can be.

        Args:
            text: The text.
            words: Where its words are.

        Returns:
            Where each is, and its translations.
        """
        lowered = [lower(text[a:b], self.lang) for a, b in words]
        found: list[tuple[Span, tuple[tuple[str, float], ...]]] = []
        i = 0
        while i < len(words):
            step = 1
            for length in range(min(self.reach.get(lowered[i], 0), len(words) - i), 0, -1):
                key = self._key(text, words, lowered, i, i + length)
                if key is not None and (meanings := self.entries.get(key)):
                    found.append(((words[i][0], words[i + length - 1][1]), meanings))
                    step = length
                    break
            i += step
        return found

    @staticmethod
    def _key(text: str, words: Sequence[Span], lowered: Sequence[str], i: int, j: int) -> str | None:
        """Units i to j as an entry is written, or None where more than a space is between them."""
        parts = [lowered[i]]
        for k in range(i + 1, j):
            gap = text[words[k - 1][1] : words[k][0]]
            if gap not in GAPS:
                return None
            parts += [" " if gap in (" ", "\u00a0") else "", lowered[k]]
        return "".join(parts)


def read_lexicon(path: str | Path, lang: str, *, min_probability: float = 0.0, unambiguous: bool = False) -> Lexicon:
    """Read a lexicon.

    Args:
        path: ``word<TAB>translation`` lines, a third column of probabilities or none; or what `words.lexicon` writes, TSV
            or Parquet, with `src`, `tgt` and `p_tgt_given_src`. Without probabilities a word's translations share evenly.
            A pair without a tab is parted at its one space.
        lang: The language of its words.
        min_probability: Less probable translations are left out.
        unambiguous: Whether words with several translations are left out.

    Raises:
        DataError: It cannot be read, or a line is no pair.
    """
    pairs = _of_parquet(path) if suffixes(path)[0] == ".parquet" else _of_lines(path)
    table: dict[str, dict[str, float | None]] = {}
    for word, translation, probability in pairs:
        table.setdefault(lower(" ".join(word.split()), lang), {}).setdefault(translation, probability)
    entries: dict[str, tuple[tuple[str, float], ...]] = {}
    reach: dict[str, int] = {}
    for word, given in table.items():
        known = [(t, 1 / len(given) if p is None else p) for t, p in given.items()]
        meanings = sorted((m for m in known if m[1] >= min_probability), key=lambda m: -m[1])
        pieces = units(word)
        if not meanings or not pieces or (unambiguous and len(meanings) > 1):
            continue
        entries[word] = tuple(meanings)
        # The units of a tokenised text may be longer than those of a raw one, so the entry's first word counts too.
        for first in {word[slice(*pieces[0])], word.split(" ")[0]}:
            reach[first] = max(reach.get(first, 0), len(pieces))
    return Lexicon(lang, entries, reach)


def pick(meanings: Sequence[tuple[str, float]], choice: Choice, draws: Draws) -> str:
    """One of several translations."""
    if len(meanings) == 1 or choice in ("best", "unambiguous"):
        return meanings[0][0]
    weights = [1.0 if choice == "uniform" else p for _, p in meanings]
    at = draws.number() * sum(weights)
    for (text, _), weight in zip(meanings, weights, strict=True):
        at -= weight
        if at < 0:
            return text
    return meanings[-1][0]


def lexicon_path(template: str, lang: str, into: str) -> Path:
    """The file of a lexicon from one language into another.

    Args:
        template: A path in which ``{src}`` stands for the language of the words and ``{tgt}`` for that of the translations.
        lang: The one.
        into: The other.

    Raises:
        DataError: There is no such file, or a language that the path needs is unknown.
    """
    tried = expand(template, (lang, into), where=f"lexicon {template!r}") if UNKNOWN not in (lang, into) else [template]
    for name in tried:
        if Path(name).is_file():
            return Path(name)
    raise DataError(
        f"{template}: found no lexicon from {lang} into {into}, tried {', '.join(tried)}; "
        "make one with words.lexicon/relative-frequency, or write the path as its name is"
    )


def _of_parquet(path: str | Path) -> list[tuple[str, str, float | None]]:
    try:
        table = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({error}); give a lexicon that words.lexicon wrote"
        ) from None
    if not {"src", "tgt"} <= set(table.column_names):
        raise DataError(
            f"{path}: found the columns {', '.join(table.column_names)}, expected src and tgt; give a lexicon"
        )
    p = "p_tgt_given_src"
    odds = table[p].to_pylist() if p in table.column_names else [None] * table.num_rows
    return list(zip(table["src"].to_pylist(), table["tgt"].to_pylist(), odds, strict=True))


def _of_lines(path: str | Path) -> list[tuple[str, str, float | None]]:
    out: list[tuple[str, str, float | None]] = []
    src, tgt, odds = 0, 1, 2
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        if number == 1 and {"src", "tgt"} <= set(cells):
            src, tgt = cells.index("src"), cells.index("tgt")
            odds = cells.index("p_tgt_given_src") if "p_tgt_given_src" in cells else len(cells)
            continue
        if len(cells) <= max(src, tgt) or ("\t" not in line and len(cells) != 2):
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected word<TAB>translation; put a tab between them"
            )
        word, translation = cells[src].strip(), cells[tgt].strip()
        if word and translation:
            out.append((word, translation, _number(cells[odds], path, number) if odds < len(cells) else None))
    return out


def _number(cell: str, path: str | Path, line: int) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if cell.strip() and not 0 <= value <= 1:
        raise DataError(
            f"{path} line {line}: found the probability {cell!r}, expected a number from 0 to 1; leave the column out"
        )
    return value if cell.strip() else None
