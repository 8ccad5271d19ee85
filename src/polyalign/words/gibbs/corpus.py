"""A training corpus for the sampler: sentence pairs as numbers of words, in shards that are worked on one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.jit import I32, I64
from polyalign.core.ragged import Ragged, offsets
from polyalign.words.gibbs.work import Work
from polyalign.words.text import Reading, encode, keys
from polyalign.words.units import Units, View

_SIDES: tuple[Side, Side] = ("src", "tgt")
#: Words from this number on would count as unknown; no corpus has that many.
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was encoded.

    Args:
        work: Where its arrays are.
        starts: Where each shard's sentence pairs begin, and the end, shape (shards + 1,).
        words: The words of both sides, NULL first.
        frequencies: How often each occurs.
    """

    work: Work
    starts: tuple[int, ...]
    words: tuple[tuple[str, ...], tuple[str, ...]]
    frequencies: tuple[I64, I64]

    @classmethod
    def encode(cls, parts: Iterable[Bitext], work: Work, reading: Reading, *, known: Sequence[Sequence[str]]) -> Corpus:
        """Encode a bitext part by part, each part a shard.

        Args:
            parts: Runs of sentence pairs.
            work: Where to keep them; read instead if they are there.
            reading: Which words count as the same.
            known: Words that are numbered first, source and target.

        Raises:
            DataError: A sentence has more than 65,535 words.
        """
        if work.done("encode"):
            starts = work["starts"].tolist()
            words = tuple(_unpack(work[f"words-{side}"].tobytes()) for side in _SIDES)
        else:
            index = [{w: k for k, w in enumerate(dict.fromkeys(["", *ws]))} for ws in known]
            starts = [0]
            for shard, part in enumerate(parts):
                texts = []
                for side, numbers in zip(_SIDES, index, strict=True):
                    text, fresh = encode(part, side, reading, known=numbers, first=starts[-1])
                    numbers.update(zip(fresh, range(len(numbers), len(numbers) + len(fresh)), strict=True))
                    work[f"{shard}/{side}"], work[f"{shard}/{side}-offsets"] = text.values, text.offsets
                    texts.append(text)
                work[f"{shard}/key"] = keys(texts[0], texts[1], _ALL, _ALL)
                starts.append(starts[-1] + len(part))
            words = tuple(tuple(numbers) for numbers in index)
            for side, names in zip(_SIDES, words, strict=True):
                work[f"words-{side}"] = np.frombuffer(_pack(names), np.uint8)
            work["starts"] = np.asarray(starts)
            work.commit("encode")
        counts = [np.zeros(len(names), np.int64) for names in words]
        for shard in range(len(starts) - 1):
            for side, count in zip(_SIDES, counts, strict=True):
                count += np.bincount(work[f"{shard}/{side}"], minlength=len(count))
        return cls(work, tuple(starts), (words[0], words[1]), (counts[0], counts[1]))

    def __len__(self) -> int:
        return self.starts[-1]

    @property
    def shards(self) -> range:
        """Their numbers."""
        return range(len(self.starts) - 1)

    def pairs(self, shard: int) -> int:
        """How many sentence pairs a shard has."""
        return self.starts[shard + 1] - self.starts[shard]

    def text(self, shard: int) -> tuple[Ragged, Ragged]:
        """The words of a shard, source and target."""
        src, tgt = (Ragged(self.work[f"{shard}/{s}"], self.work[f"{shard}/{s}-offsets"]) for s in _SIDES)
        return src, tgt

    def lengths(self, shard: int) -> tuple[I32, I32]:
        """How many words each sentence of a shard has."""
        src, tgt = (np.asarray(text.lengths, np.int32) for text in self.text(shard))
        return src, tgt

    def whole(self, most: int) -> tuple[Ragged, Ragged] | None:
        """The words of all shards together, if there are at most so many sentence pairs."""
        if len(self) > most:
            return None
        texts = [self.text(shard) for shard in self.shards]
        src, tgt = (
            Ragged(
                np.concatenate([np.zeros(0, np.int32), *(t[side].values for t in texts)]),
                offsets(np.concatenate([np.zeros(0, np.int64), *(t[side].lengths for t in texts)])),
            )
            for side in (0, 1)
        )
        return src, tgt

    def see(self, shard: int, units: tuple[Units, Units]) -> tuple[View, View]:
        """A shard in units."""
        src, tgt = self.text(shard)
        return units[0].see(src), units[1].see(tgt)

    def blocks(self, shard: int) -> Iterator[tuple[int, int]]:
        """Runs of sentence pairs that threads take one by one; the result does not depend on their size."""
        n = self.pairs(shard)
        size = max(32, min(1024, n // 64))
        return ((first, min(n, first + size)) for first in range(0, n, size))


def _pack(words: Sequence[str]) -> bytes:
    # Each word with its length in front, since a token may hold any character.
    return "".join(f"{len(w)}:{w}" for w in words).encode("utf-8", "surrogatepass")


def _unpack(raw: bytes) -> tuple[str, ...]:
    text, at, words = raw.decode("utf-8", "surrogatepass"), 0, []
    while at < len(text):
        colon = text.index(":", at)
        end = colon + 1 + int(text[at:colon])
        words.append(text[colon + 1 : end])
        at = end
    return tuple(words)
