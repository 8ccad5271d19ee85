"""Where words come from: by a list, else by their letters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines


def read_origins(path: Path) -> dict[str, str]:
    """Words and where they come from: a line ``word<tab>origin`` each; of a word that is there twice, the first.

    Raises:
        DataError: A line without both, or no line at all.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        word, _, origin = (part.strip() for part in line.partition("\t"))
        if not word or not origin or "\t" in origin:
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected a word, a tab and its origin; correct it"
            )
        found.setdefault(word.lower(), origin)
    if not found:
        raise DataError(f"{path}: found no word, expected lines of a word, a tab and its origin; fill it")
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Where words come from.

    A word of the list comes from where that says; another from ``argmax_o ln p(o) + sum_g ln p(g | o)`` over its runs g of up to n
    letters, its beginning and end among them (naive Bayes), ``p(g | o) = (c(g, o) + a) / (c(o) + a G)``, with c the counts in the
    list's words, G the number of different runs and a the smoothing.

    Args:
        listed: The words that are known, in small letters.
        order: Longest runs of letters, n.
        smoothing: a.

    References: cavnar1994ngram

    Example:
        >>> words = {"qalb": "ara", "kitba": "ara", "qamar": "ara", "skola": "ita", "stazzjon": "ita", "storja": "ita"}
        >>> Origins.of(words)("qamħ"), Origins.of(words)("stampa")
        ('ara', 'ita')
    """

    listed: Mapping[str, str]
    order: int
    smoothing: float
    _prior: Mapping[str, float]
    _runs: Mapping[str, Counter[str]]
    _kinds: int

    @classmethod
    def of(cls, listed: Mapping[str, str], *, order: int = 4, smoothing: float = 0.1) -> Origins:
        """Learn from a list of words."""
        counts: Counter[str] = Counter(listed.values())
        runs: dict[str, Counter[str]] = {origin: Counter() for origin in sorted(counts)}
        for word, origin in listed.items():
            runs[origin].update(_runs(word.lower(), order))
        prior = {origin: math.log(counts[origin] / len(listed)) for origin in runs}
        return cls(
            {w.lower(): o for w, o in listed.items()}, order, smoothing, prior, runs, len(set().union(*runs.values()))
        )

    def __call__(self, word: str) -> str:
        """Where a word comes from."""
        small = word.lower()
        return self.listed.get(small) or self.guessed(small)

    def guessed(self, word: str) -> str:
        """Where it seems to come from by its letters alone."""
        runs = list(_runs(word, self.order))
        scores = {}
        for origin, counts in self._runs.items():
            total = math.log(counts.total() + self.smoothing * (self._kinds + 1))
            scores[origin] = self._prior[origin] + sum(math.log(counts[g] + self.smoothing) - total for g in runs)
        # Of equals the first in the alphabet.
        return min(scores, key=lambda o: (-scores[o], o))


def _runs(word: str, order: int) -> Iterator[str]:
    marked = f"^{word}$"
    return (
        marked[i : i + n]
        for n in range(1, order + 1)
        for i in range(len(marked) - n + 1)
        if marked[i : i + n] not in "^$"
    )
