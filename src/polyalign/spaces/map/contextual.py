"""Contextual rotations: one language's token vectors turned onto another's, learnt from aligned words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I32, I64
from polyalign.core.links import Links
from polyalign.core.progress import track
from polyalign.core.rng import generator
from polyalign.core.space import NORMALIZE, Map, MapPair, check_steps, normalized
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.named import named_encoder
from polyalign.spaces.map.procrustes import rotation
from polyalign.spaces.vectors.extract import word_vectors

#: Sentence pairs whose tokens are computed at a time.
BLOCK = 128
SIDES: tuple[Side, Side] = ("src", "tgt")


@dataclass(frozen=True, slots=True)
class Contextual:
    """Rotate the vectors of source words in context onto those of the target words they are aligned to.

    The vector of a word in a sentence is the mean of those of its tokens. Over linked words of a bitext, X and Y normalised,
    the rotation is that of Procrustes. It is of one encoder, layer and language pair; a layer is named with the encoder,
    `e5:layer=7`, and has a rotation of its own.

    **Differs:** Schuster et al. rotate means of a word over its contexts; here every occurrence counts, as Wang et al. do.

    Args:
        encoder: Its name, as `polyalign methods encode` lists them, with settings.
        links: Which count: all, or only those whose two words have no other link.
        occurrences: Linked words that are looked at, at most, from sentence pairs in random order; 0 for all.
        normalize: Steps vectors of either side are taken through first: unit scales to length 1, center subtracts the mean.
        seed: Of that order.

    Raises:
        ValueError: A parameter out of range.

    References: wang2019crosslingual, schuster2019crosslingual, aldarmaki2019context
    """

    encoder: str = "e5:layer=7"
    links: Literal["one-to-one", "all"] = "one-to-one"
    occurrences: int = 100_000
    normalize: tuple[str, ...] = NORMALIZE
    seed: int = 1

    def __post_init__(self) -> None:
        check_steps(self.normalize)
        if self.occurrences < 0:
            raise ValueError(f"occurrences must not be negative, found {self.occurrences}")

    def fit(self, bitext: Bitext, links: Links) -> MapPair:
        """Learn the rotation.

        Args:
            bitext: Sentence pairs, tokenised as they were when they were linked.
            links: Their links.

        Returns:
            The map of the vectors of source tokens, and that of the target side, which only normalises.

        Raises:
            DataError: Different numbers of sentence pairs, a link to a word that is not there, or no linked words.
            ConfigError: The encoder does not exist or has no vectors of tokens.
            MissingExtraError: What the encoder needs is not installed.

        Complexity: the encoder's, and O(p d^2 + d^3) for p linked words.
        """
        if len(links) != len(bitext):
            raise DataError(
                f"spaces.contextual: found links of {len(links)} sentence pairs for a bitext of {len(bitext)}, expected as many; "
                "keep the empty lines of both"
            )
        x, y = self.vectors(bitext, links)
        x, src_mean = normalized(x, self.normalize)
        y, tgt_mean = normalized(y, self.normalize)
        target = Map.normalizing(tgt_mean, self.normalize)
        return MapPair(Map(rotation(x.T @ y), src_mean, self.normalize), target)

    def vectors(self, bitext: Bitext, links: Links) -> tuple[F32, F32]:
        """Vectors of linked words in context, row i of either side being of one link, shape (p, d)."""
        encoder = named_encoder(self.encoder)
        order = generator(self.seed, "contextual").permutation(len(bitext))
        most = self.occurrences or len(links.src)
        found: list[tuple[F32, F32]] = []
        n = 0
        with track("contextual", total=min(most, len(links.src)), unit="linked words") as progress:
            for start in range(0, len(order), BLOCK):
                if n >= most:
                    break
                rows = np.sort(order[start : start + BLOCK])
                some = bitext.select(np.isin(np.arange(len(bitext)), rows))
                found.append(self._linked(encoder, some, list(links.take(rows)), rows))
                n += len(found[-1][0])
                progress.advance(len(found[-1][0]))
        if not n:
            raise DataError(
                f"spaces.contextual: found no linked words in {len(bitext)} sentence pairs, expected some; align the words first"
            )
        x, y = (np.concatenate(side)[:most] for side in zip(*found, strict=True))
        return x, y

    def _linked(
        self, encoder: Encoder, bitext: Bitext, links: list[list[tuple[int, int]]], rows: I64
    ) -> tuple[F32, F32]:
        """Of some sentence pairs."""
        kept = [self._kept(np.array(pairs, np.int32).reshape(-1, 2)) for pairs in links]
        sides = []
        for number, side in enumerate(SIDES):
            owner, starts, ends = _spans(bitext, side, [p[:, number] for p in kept], rows)
            sides.append(word_vectors(encoder.tokens(bitext.column(side)), owner, starts, ends))
        there = sides[0][1] & sides[1][1]
        x, y = (vectors[there].astype(np.float32) for vectors, _ in sides)
        return x, y

    def _kept(self, pairs: I32) -> I32:
        if self.links == "all" or not len(pairs):
            return pairs
        alone = [np.bincount(side)[side] == 1 for side in pairs.T]
        return np.asarray(pairs[alone[0] & alone[1]], np.int32)


def _spans(bitext: Bitext, side: Side, words: list[I32], rows: I64) -> tuple[I64, I64, I64]:
    """The sentence, begin and end of each linked word."""
    owner, starts, ends = [], [], []
    for k, (some, wanted) in enumerate(zip(bitext.spans(side), words, strict=True)):
        spans = np.array(some, np.int64).reshape(-1, 2)
        if len(wanted) and int(wanted.max()) >= len(spans):
            raise DataError(
                f"spaces.contextual: sentence pair {rows[k] + 1} has a link to word {wanted.max()} of {side}, which has "
                f"{len(spans)} words; align the bitext as it is tokenised now"
            )
        owner.append(np.full(len(wanted), k, np.int64))
        starts.append(spans[wanted, 0])
        ends.append(spans[wanted, 1])
    return np.concatenate(owner), np.concatenate(starts), np.concatenate(ends)
