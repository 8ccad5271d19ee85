"""How many languages a sentence exists in: tuples of translations built from the bitexts of many language pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64, U8, Mask
from polyalign.core.langs import UNKNOWN
from polyalign.kernels.tuples import grow_tuples

#: What can become of a pair, in the order of the kernel's codes.
FATES = ("joined", "same tuple", "tuples apart", "language occupied", "tuple full", "score too low")


@dataclass(frozen=True, slots=True, eq=False)
class Parallelism:
    """Tuples of translations.

    Args:
        bitexts: The bitexts with a column ``score.n_ways``: the number of languages of the tuple that holds
            both sides, 2 where they are in different ones.
        tuples: A row a sentence: ``tuple`` (int32), ``lang``, ``text``, and whether it ``stays`` as its language's
            sentence of the tuple; tuples by number, in each the sentences as they joined.
        counts: Sentences, tuples, pairs by what became of them, and tuples by number of languages.
    """

    bitexts: tuple[Bitext, ...]
    tuples: pa.Table
    counts: dict[str, object]


@dataclass(frozen=True, slots=True)
class GreedyTuples:
    """Join pairs of many language pairs into tuples of translations, best first, and count each one's languages.

    Pairs are taken by falling score. If neither sentence is in a tuple the two begin one; if one is, the other joins it;
    if both are, the pair is passed over. So every distinct sentence of a language belongs to exactly one tuple, and a
    sentence in many languages was probably translated by a machine, as Thompson and others found of text on the web.

    **Differs:** the paper lets further sentences of a language join and keeps its first; that is
    ``occupied = "admit"``. By default a sentence whose language the tuple already has is rejected and
    begins a tuple with its next pair, or stands alone. A cap keeps chains of errors short.

    Args:
        score: The column to sort by; where a bitext lacks it, its pairs count as 0, after all others of no lower score.
        occupied: What happens to a second sentence of a language: "reject" the pair, or "admit" it as a near-duplicate
            that counts for nothing.
        merge: Whether a pair joins two tuples without a common language, which the paper does not.
        max_size: Most sentences in a tuple.
        minimum: Pairs of lower score are passed over.

    Complexity: O(n log n) time for n pairs, a million in seconds; memory O(n).

    References: thompson2024shocking

    Example:
        >>> de_en = Bitext.build(["Haus", "Baum"], ["house", "tree"], langs=("deu_Latn", "eng_Latn"))
        >>> en_fr = Bitext.build(["house"], ["maison"], langs=("eng_Latn", "fra_Latn"))
        >>> found = GreedyTuples().find([de_en, en_fr])
        >>> found.bitexts[0].column("score.n_ways"), found.counts["ways"]
        ([3.0, 2.0], {'2': 1, '3': 1})
    """

    score: str = "score.align"
    occupied: Literal["reject", "admit"] = "reject"
    merge: bool = False
    max_size: int = 200
    minimum: float | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.max_size <= 1_000_000:
            raise ValueError(f"max_size must be from 2 to 1000000, found {self.max_size}")
        if self.minimum is not None and not np.isfinite(self.minimum):
            raise ValueError(f"minimum must be a number or none, found {self.minimum}")

    def find(self, bitexts: Sequence[Bitext]) -> Parallelism:
        """Build the tuples of several bitexts, one or more a language pair.

        Raises:
            DataError: No bitext, one whose languages are unknown or alike, or no bitext with the score.
        """
        for number, bitext in enumerate(bitexts, 1):
            if UNKNOWN in bitext.langs or bitext.langs[0] == bitext.langs[1]:
                raise DataError(
                    f"corpus.parallelism: bitext {number} is {'-'.join(bitext.langs)}, expected two known, different languages; name them when it is read"
                )
        if not bitexts:
            raise DataError(
                "corpus.parallelism: found no bitext, expected one or more; give bitexts that share languages"
            )
        langs = sorted({lang for b in bitexts for lang in b.langs})
        ends, lang_of, texts = _sentences(bitexts, langs)
        scores = self._scores(bitexts)
        # Sentences with nothing in them are nobody's translation.
        usable = (pc.binary_length(texts).to_numpy(zero_copy_only=False) > 0)[ends].all(axis=1)
        low = np.zeros(len(scores), np.bool_) if self.minimum is None else ~(scores >= np.float32(self.minimum))
        # NaN last, and ties in the order of the input.
        order = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
        order = order[(usable & ~low)[order]]
        tuple_of, joined, fate = grow_tuples(
            np.ascontiguousarray(ends[order]), lang_of, len(langs), self.occupied == "admit", self.merge, self.max_size
        )
        fates = np.full(len(scores), len(FATES) - 1, np.uint8)
        fates[order] = fate
        return _result(bitexts, langs, ends, lang_of, texts, tuple_of, joined, fates, usable)

    def _scores(self, bitexts: Sequence[Bitext]) -> F32:
        have = [self.score in b.table.column_names for b in bitexts]
        if not any(have) and self.minimum is not None:
            raise DataError(
                f"corpus.parallelism: no bitext has the column {self.score!r} that minimum is about; name the score with `score`"
            )
        return np.concatenate([
            np.asarray(b.table[self.score].to_numpy(), np.float32) if there else np.zeros(len(b), np.float32)
            for b, there in zip(bitexts, have, strict=True)
        ])  # fmt: skip


def _sentences(bitexts: Sequence[Bitext], langs: Sequence[str]) -> tuple[I32, I32, pa.Array]:
    """Every distinct sentence of a language once.

    Returns:
        The two sentences of each pair of all bitexts, shape (n, 2); language of each sentence; their texts.
    """
    ends = np.zeros((sum(len(b) for b in bitexts), 2), np.int32)
    lang_of, texts, first = [np.zeros(0, np.int32)], [pa.array([], pa.large_string())], 0
    for number, lang in enumerate(langs):
        parts, places, at = [], [], 0
        for bitext in bitexts:
            for side in (0, 1):
                if bitext.langs[side] == lang:
                    parts += bitext.table[("src", "tgt")[side]].cast(pa.large_string()).chunks
                    places.append((at, len(bitext), side))
            at += len(bitext)
        codes = pa.chunked_array(parts, pa.large_string()).combine_chunks().dictionary_encode()
        codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
        ids, done = codes.indices.to_numpy() + first, 0
        for at, size, side in places:
            ends[at : at + size, side] = ids[done : done + size]
            done += size
        lang_of.append(np.full(len(codes.dictionary), number, np.int32))
        texts.append(codes.dictionary)
        first += len(codes.dictionary)
    return ends, np.concatenate(lang_of), pa.chunked_array(texts).combine_chunks()


def _result(
    bitexts: Sequence[Bitext], langs: Sequence[str], ends: I32, lang_of: I32, texts: pa.Array, tuple_of: I32, joined: I32, fates: U8, usable: Mask
) -> Parallelism:  # fmt: skip
    """The tuples as a table, numbered by the pair that began them, and what is to be counted."""
    held = np.flatnonzero(tuple_of >= 0)
    # Within a tuple by the pair that brought a sentence, the two of one pair by language.
    held = held[np.lexsort((lang_of[held], joined[held], tuple_of[held]))]
    tuples, number = np.unique(tuple_of[held], return_inverse=True)
    key = number.astype(np.int64) * len(langs) + lang_of[held]
    stays = np.zeros(len(held), np.bool_)
    stays[np.unique(key, return_index=True)[1]] = True
    ways = np.bincount(number[stays], minlength=len(tuples))
    ways_of = (pc.binary_length(texts).to_numpy(zero_copy_only=False) > 0).astype(np.int64)
    ways_of[held] = ways[number]
    n_ways = np.maximum(ways_of[ends].max(axis=1, initial=0), 2 * usable)
    table = pa.table({
        "tuple": pa.array(number.astype(np.int32)),
        "lang": pa.array(langs, pa.string()).take(pa.array(lang_of[held])),
        "text": texts.take(pa.array(held)),
        "stays": pa.array(stays),
    })  # fmt: skip
    out, at = [], 0
    for bitext in bitexts:
        column = pa.array(n_ways[at : at + len(bitext)].astype(np.float32))
        out.append(bitext.with_column("score.n_ways", column))
        at += len(bitext)
    fate = Counter(
        {name: int(n) for name, n in zip(FATES, np.bincount(fates[usable], minlength=len(FATES)), strict=True)}
    )
    counts: dict[str, object] = {
        "pairs": len(ends),
        "sentences": len(lang_of),
        "in_tuples": len(held),
        "fates": {
            **{k: n for k, n in fate.items() if n},
            **({"empty": int((~usable).sum())} if not usable.all() else {}),
        },
        "ways": histogram(ways),
    }
    return Parallelism(tuple(out), table, counts)


def histogram(ways: I64) -> dict[str, int]:
    """How many tuples, or segments, there are of each number of languages.

    Example:
        >>> histogram(np.array([3, 2, 3]))
        {'2': 1, '3': 2}
    """
    found, number = np.unique(ways, return_counts=True)
    return {str(w): int(n) for w, n in zip(found.tolist(), number.tolist(), strict=True)}
