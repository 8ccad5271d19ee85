"""What is counted of the texts of one language."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.jit import I32, I64, U64, Mask
from polyalign.corpus.profile.sketch import Distinct, Lengths, Sample
from polyalign.kernels.wording import hash_texts, scan_texts

#: What shows in a text itself that something is wrong or special with it, by the pattern that finds it.
PATTERNS = {
    # UTF-8 read as Windows-1252 or Latin-1, and Cyrillic read so.
    "mojibake": "Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Â[\u0080-\u00bf]|â€|[ÐÑ][\u0080-\u00bf][ÐÑ]|ï»¿",
    "replacement characters": "\ufffd",
    "control characters": "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\u202a-\u202e\u2066-\u2069]",
    "markup": "</?[A-Za-z][^<>]*>|&(?:[A-Za-z]{2,8}|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});",
    "addresses": r"https?://|www\.[A-Za-z]|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}",
}
#: A word, or a letter, so often in a row is a repetition.
_WORDS_IN_A_ROW, _LETTERS_IN_A_ROW = 4, 8
#: Longer than this is no sentence.
LONG = 1000
#: Words between which growth is noted, a power of two.
_BLOCK = 1 << 18
#: Words over which the share of different ones is taken, to be compared between corpora of any size.
_WINDOW = 1000


@dataclass(slots=True)
class Vocabulary:
    """Running words and different words, and how the ones grow with the others."""

    types: Distinct = field(default_factory=Distinct)
    tokens: int = 0
    growth: list[tuple[int, int]] = field(default_factory=list)
    _windows: int = 0
    _window_types: int = 0
    _waiting: list[U64] = field(default_factory=list)
    _held: int = 0

    def add(self, words: U64) -> None:
        """Count some more, known by their hashes."""
        self.tokens += len(words)
        self._waiting.append(words)
        self._held += len(words)
        while self._held >= _BLOCK:
            joined = np.concatenate(self._waiting)
            self._take(joined[:_BLOCK])
            self._waiting, self._held = [joined[_BLOCK:]], len(joined) - _BLOCK

    def finish(self) -> None:
        """Count what has not filled a block."""
        if self._held:
            self._take(np.concatenate(self._waiting))
            self._waiting, self._held = [], 0

    def _take(self, block: U64) -> None:
        whole = len(block) // _WINDOW
        windows = np.sort(block[: whole * _WINDOW].reshape(whole, _WINDOW), axis=1)
        self._window_types += int((windows[:, 1:] != windows[:, :-1]).sum()) + whole
        self._windows += whole
        if not self.growth:
            first = np.unique(block, return_index=True)[1]
            for size in (2**k for k in range(8, 18) if 2**k < len(block)):
                self.growth.append((size, int((first < size).sum())))
        done = self.growth[-1][0] // _BLOCK * _BLOCK if self.growth else 0
        self.types.add(block)
        self.growth.append((done + len(block), self.types.number()))

    def told(self) -> dict[str, Any]:
        """The figures."""
        self.finish()
        number = self.types.number()
        # Of a long curve as many points as a chart can show.
        step = max(1, len(self.growth) // 60)
        growth = [*self.growth[:-1:step], *self.growth[-1:]]
        return {
            "tokens": self.tokens,
            "types": number,
            "once": self.types.once(),
            "exact": self.types.level == 0,
            "per_window": self._window_types / (self._windows * _WINDOW) if self._windows else None,
            "window": _WINDOW,
            "growth": [list(point) for point in growth],
        }


@dataclass(frozen=True, slots=True)
class Scan:
    """What one run's texts of one language are, a row a text."""

    exact: U64
    loose: U64
    digits: U64
    points: I32
    letters: I32
    words: I64
    blank: Mask
    noisy: Mask


@dataclass(slots=True)
class Texts:
    """The figures of one language's texts."""

    texts: int = 0
    empty: int = 0
    letters: int = 0
    characters: Lengths = field(default_factory=Lengths)
    words: Lengths = field(default_factory=Lengths)
    exact: Distinct = field(default_factory=Distinct)
    loose: Distinct = field(default_factory=Distinct)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    points: Counter[int] = field(default_factory=Counter)
    noise: dict[str, int] = field(default_factory=dict)
    examples: dict[str, Sample] = field(default_factory=dict)

    def add(self, column: pa.ChunkedArray, keys: U64, rows: pa.Table) -> Scan:
        """Count a run.

        Args:
            column: The texts.
            keys: The hash of each row's number.
            rows: What is shown of each row where it is an example of noise.
        """
        texts = as_array(column)
        data, at = bytes_of(texts)
        lower, ends = bytes_of(as_array(pc.utf8_lower(texts)))
        exact = hash_texts(data, at)
        words, first, loose, counts = scan_texts(lower, ends)
        blank = np.asarray(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0).to_numpy(zero_copy_only=False))
        self.texts += len(texts)
        self.empty += int(blank.sum())
        self.letters += int(counts[:, 1].sum())
        self.characters.add(pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64))
        self.words.add(np.diff(first))
        # That many texts are empty is told by itself.
        self.exact.add(exact[~blank])
        # What has no letter is alike only if it is the same.
        bare = np.where(loose[:, 0] == 0, exact, loose[:, 0])
        self.loose.add(bare[~blank])
        self.vocabulary.add(words)
        self._characters(data, at)
        noisy = self._noise(texts, blank, counts, keys, rows)
        return Scan(exact, bare, loose[:, 1], counts[:, 0], counts[:, 1], np.diff(first), blank, noisy)

    def _characters(self, data: Any, at: I64) -> None:
        if at[-1] > at[0]:
            points = np.frombuffer(data[at[0] : at[-1]].tobytes().decode("utf-8").encode("utf-32-le"), np.uint32)
            numbers = np.bincount(points)
            for point in np.flatnonzero(numbers).tolist():
                self.points[point] += int(numbers[point])

    def _noise(self, texts: pa.LargeStringArray, blank: Mask, counts: I32, keys: U64, rows: pa.Table) -> Mask:
        found = {
            name: np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), np.bool_)
            for name, pattern in PATTERNS.items()
        }
        found["no letter"] = ~blank & (counts[:, 1] == 0)
        found["repetition"] = (counts[:, 2] >= _WORDS_IN_A_ROW) | (counts[:, 3] >= _LETTERS_IN_A_ROW)
        found[f"over {LONG:,} characters"] = counts[:, 0] > LONG
        for name, mask in found.items():
            self.noise[name] = self.noise.get(name, 0) + int(mask.sum())
            keep_examples(self.examples, name, mask, keys, rows)
        found.pop("addresses")  # Special, not wrong.
        noisy: Mask = np.logical_or.reduce([blank, *found.values()])
        return noisy

    def told(self) -> dict[str, Any]:
        """The figures, but for what needs a sample."""
        shares = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]
        out: dict[str, Any] = {"texts": self.texts, "empty": self.empty, "letters": self.letters}
        for name, lengths in (("characters", self.characters), ("words", self.words)):
            bins, end = lengths.histogram()
            number = lengths.number()
            out[name] = {
                "total": lengths.total,
                "mean": lengths.total / number if number else 0.0,
                "quantiles": dict(zip([f"{s:g}" for s in shares], lengths.quantiles(shares), strict=True)),
                "histogram": bins,
                "histogram_end": end,
            }
        filled = self.texts - self.empty
        out["duplicates"] = {
            "exact": duplicates(self.exact, filled),
            "near": duplicates(self.loose, filled),
        }
        out["vocabulary"] = self.vocabulary.told()
        out["noise"] = {name: number for name, number in self.noise.items() if number}
        return out


def duplicates(distinct: Distinct, total: int) -> dict[str, Any]:
    """How many are repetitions of another."""
    number = min(distinct.number(), total)
    return {"distinct": number, "repetitions": total - number, "exact": distinct.level == 0}


def keep_examples(held: dict[str, Sample], name: str, mask: Mask, keys: U64, rows: pa.Table) -> None:
    """Keep a few rows that show something."""
    if mask.any():
        at = np.flatnonzero(mask)
        held.setdefault(name, Sample(4)).add(keys[at], rows.take(pa.array(at)))


def as_array(column: pa.ChunkedArray | pa.Array) -> pa.LargeStringArray:
    """A column of texts as one array, null as an empty text."""
    column = pc.fill_null(column.cast(pa.large_string()), "")
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def bytes_of(texts: pa.LargeStringArray) -> tuple[Any, I64]:
    """The bytes of texts, and where each starts."""
    _, places, data = texts.buffers()
    at = (
        np.frombuffer(places, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        if places
        else np.zeros(1, np.int64)
    )
    return (np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(0, np.uint8)), at
