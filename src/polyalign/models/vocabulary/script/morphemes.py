"""Morphemes of a language, found in a list of its words without being told any."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping


def morphemes(words: Mapping[str, int], *, passes: int = 4, seed: int = 1) -> dict[str, list[str]]:
    """Split words so that a list of their parts, and the words written with it, take the fewest bits together.

    The cost, in nats, is ``N ln N - sum_m c_m ln c_m`` for the words written as N morphemes, of which m is used ``c_m``
    times, and for the list ``-sum_m sum_{x in m} ln p(x)`` with an end after each, p being the letters' share in the words. Each
    pass takes the words in a random order and splits each, and each of its parts again, in the place that costs
    least, or not at all; a part is split alike wherever it occurs.

    **Differs:** from Morfessor Baseline, whose search it is, in leaving out the costs of the list's order and of the
    frequencies, which hardly tell one split from another.

    Args:
        words: Words and how often each counts; 1 for each learns from the list of words rather than from the text.
        passes: Times that all words are gone through, at most; it stops when one gains less than a two-hundredth.
        seed: Of the order.

    Returns:
        The morphemes of each word.

    Complexity: O(passes * words * letters squared).

    References: creutz2007unsupervised

    Example:
        >>> stems = "walk talk jump play work look open climb".split()
        >>> found = morphemes({stem + end: 1 for stem in stems for end in ("", "ed", "ing", "er")})
        >>> found["jumping"], found["talked"], found["open"]
        (['jump', 'ing'], ['talk', 'ed'], ['open'])
    """
    model = _Lexicon(words)
    order = sorted(words)
    rng = random.Random(seed)
    cost = model.cost()
    for _ in range(passes):
        rng.shuffle(order)
        for word in order:
            model.split(word)
        before, cost = cost, model.cost()
        if before - cost < 0.005 * before:
            break
    return {word: list(model.parts(word)) for word in words}


class _Lexicon:
    """Words and parts of words, each with where it is split, if it is, and how often it is used."""

    def __init__(self, words: Mapping[str, int]) -> None:
        letters: Counter[str] = Counter()
        for word in words:
            letters.update(word)
        total = max(1, letters.total() + len(words))
        self._letters = {x: math.log(total / n) for x, n in letters.items()}
        self._end = math.log(total / max(1, len(words)))
        self.at: dict[str, int] = {}
        self.count: dict[str, int] = {}
        # Of the parts that are not split: how many are used, sum c ln c, and the cost of the list.
        self.used, self.repeated, self.listed = 0, 0.0, 0.0
        for word, n in words.items():
            self.add(word, n)

    def cost(self) -> float:
        """What everything costs, in nats."""
        return _xlogx(self.used) - self.repeated + self.listed

    def spelt(self, part: str) -> float:
        """What a part costs in the list."""
        return self._end + sum(self._letters[x] for x in part)

    def parts(self, word: str) -> Iterable[str]:
        """What a word is split into at last."""
        if at := self.at.get(word, 0):
            yield from self.parts(word[:at])
            yield from self.parts(word[at:])
        else:
            yield word

    def add(self, part: str, n: int) -> None:
        """Use a part, and what it is split into, n times more, or less."""
        count = self.count.get(part, 0)
        self.count[part] = count + n
        if at := self.at.get(part, 0):
            self.add(part[:at], n)
            self.add(part[at:], n)
        else:
            self.used += n
            self.repeated += _xlogx(count + n) - _xlogx(count)
            if not count:
                self.listed += self.spelt(part)
            elif not count + n:
                self.listed -= self.spelt(part)
        if not count + n:
            del self.count[part]
            self.at.pop(part, None)

    def more(self, part: str, n: int) -> tuple[int, float, float]:
        """What `add` would change of the three sums."""
        if at := self.at.get(part, 0):
            a, b = self.more(part[:at], n), self.more(part[at:], n)
            return a[0] + b[0], a[1] + b[1], a[2] + b[2]
        count = self.count.get(part, 0)
        return n, _xlogx(count + n) - _xlogx(count), 0.0 if count else self.spelt(part)

    def split(self, part: str) -> None:
        """Split a part where it costs least, and what comes of it again."""
        n = self.count[part]
        self.add(part, -n)
        best, where = math.inf, 0
        for at in range(len(part)):
            if not at:
                used, repeated, listed = self.more(part, n)
            elif part[:at] == part[at:]:
                used, repeated, listed = self.more(part[:at], 2 * n)
            else:
                a, b = self.more(part[:at], n), self.more(part[at:], n)
                used, repeated, listed = a[0] + b[0], a[1] + b[1], a[2] + b[2]
            cost = _xlogx(self.used + used) - repeated + listed
            if cost < best - 1e-9:
                best, where = cost, at
        if where:
            self.at[part] = where
        self.add(part, n)
        if where:
            for half in dict.fromkeys((part[:where], part[where:])):
                # The first may have been split on the way to the second, and the second be a part of it.
                if half in self.count:
                    self.split(half)


def _xlogx(x: int) -> float:
    return x * math.log(x) if x > 0 else 0.0
