"""The words of a bitext in the tokens of an encoder, and those of them that are linked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import F32, I32, I64
from polyalign.core.links import Links, Pair
from polyalign.encoders.torch_run import Network
from polyalign.models.encoders.text import Pairs, Text


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of a batch.

    Args:
        vectors: Shape (b, n, d); zeros where a text has fewer words.
        there: Which words are there and have a token, shape (b, n).
    """

    vectors: Any
    there: Any


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """Sentence pairs, their words, and one-to-one links of them.

    Args:
        pairs: The sentence pairs.
        shares: For each side what each token gives to each word of a text, shape (words, tokens).
        links: Of each pair, those that are learnt from.
        use: Pairs that have some, rising.
        lines: The links as text.
    """

    pairs: Pairs
    shares: dict[str, list[F32]]
    links: list[list[Pair]]
    use: I64
    lines: Sequence[str]

    @classmethod
    def read(
        cls, pairs: Pairs, bitext: Bitext, links: Links, piece: Literal["mean", "last"], *, identical: bool
    ) -> Linked:
        """The words and links of pairs of a bitext.

        Args:
            pairs: Those of its pairs that have text.
            bitext: With its words.
            links: One set a pair of the bitext.
            piece: Which pieces stand for a word.
            identical: Whether words that are spelled alike count.

        Raises:
            ConfigError: The tokenizer does not say where a token is in the text.
            DataError: A link of a word that is not there, or none is left.
        """
        of = links.take(pairs.kept)
        every = {"src": bitext.spans("src"), "tgt": bitext.spans("tgt")}
        spans = {side: [own[k] for k in pairs.kept] for side, own in every.items()}
        shares = {"src": _shares(pairs.src, spans["src"], piece), "tgt": _shares(pairs.tgt, spans["tgt"], piece)}
        chosen: list[list[Pair]] = []
        for k, (src, tgt) in enumerate(zip(pairs.src.texts, pairs.tgt.texts, strict=True)):
            some, a, b = of.pairs(k), spans["src"][k], spans["tgt"][k]
            for i, j in some:
                if i >= len(a) or j >= len(b):
                    raise DataError(
                        f"links of pair {int(pairs.kept[k]) + 1}: found {i}-{j}, expected words below {len(a)} and {len(b)}; "
                        "give the links of this bitext, split into the same words"
                    )
            left, right = [i for i, _ in some], [j for _, j in some]
            chosen.append(
                [
                    (i, j)
                    for i, j in some
                    if left.count(i) == right.count(j) == 1
                    and shares["src"][k][i].any()
                    and shares["tgt"][k][j].any()
                    and (identical or src[slice(*a[i])] != tgt[slice(*b[j])])
                ]
            )
        use = np.flatnonzero([len(x) > 0 for x in chosen])
        if not len(use):
            raise DataError(
                f"tune: found no word with one link among {len(pairs):,} pairs, expected some to learn from; give links of "
                "this bitext" + ("" if identical else ", or learn from identical words as well")
            )
        return cls(pairs, shares, chosen, use, of.to_pharaoh())

    def words(self, side: str, rows: I64, network: Network | None = None) -> Words:
        """The words of a side of some pairs."""
        import torch

        text = self.pairs.src if side == "src" else self.pairs.tgt
        hidden, _ = text.hidden(rows, network)
        some = [self.shares[side][k] for k in rows]
        share = np.zeros((len(rows), max(len(x) for x in some), hidden.shape[1]), np.float32)
        first = len(text.made.network.before)
        for k, x in enumerate(some):
            share[k, : x.shape[0], first : first + x.shape[1]] = x
        given = torch.from_numpy(share).to(hidden.device)
        return Words(given @ hidden, given.sum(dim=2) > 0)

    def cells(self, rows: I64) -> tuple[I64, I64, I64]:
        """The links of some pairs: which of them, which source word, which target word."""
        flat = np.array([(r, i, j) for r, k in enumerate(rows) for i, j in self.links[k]], np.int64).reshape(-1, 3)
        return flat[:, 0], flat[:, 1], flat[:, 2]


def _shares(text: Text, words: Sequence[Sequence[tuple[int, int]]], piece: str) -> list[F32]:
    if text.spans is None:
        raise ConfigError(
            f"{type(text.made.network.tokenizer).__name__}: this tokenizer does not say where a token is in the text, "
            "expected a fast one (tokenizer.json)"
        )
    every = zip(text.spans, text.prefixes, words, strict=True)
    return [share(spans, prefix, some, piece) for spans, prefix, some in every]


def share(spans: I32, prefix: int, words: Sequence[tuple[int, int]], piece: str) -> F32:
    """What each token of a text gives to each of its words; those that touch a word are its pieces.

    Example:
        >>> share(np.array([[0, 2], [2, 4], [5, 6]], np.int32), 0, [(0, 4), (5, 6)], "mean").tolist()
        [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    some = np.asarray(words, np.int32).reshape(-1, 2)
    on = (spans[None, :, 0] < some[:, None, 1]) & (spans[None, :, 1] > some[:, None, 0])
    on[:, :prefix] = False
    if piece == "last":
        last = on & (np.cumsum(on[:, ::-1], axis=1)[:, ::-1] == 1)
        return np.asarray(last, np.float32)
    out = on.astype(np.float32)
    return np.asarray(out / np.maximum(out.sum(axis=1, keepdims=True), 1), np.float32)
