"""Texts as tokens, in batches, and the vectors of a batch with what is needed for gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import I32, I64, Mask
from polyalign.core.progress import note
from polyalign.core.rng import generator
from polyalign.encoders.contrast import alike
from polyalign.encoders.descent import pools
from polyalign.encoders.torch_run import Network
from polyalign.encoders.tune import Model, padded

#: Batches whose texts are sorted by length together, so that there is little padding.
POOL = 16


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """n texts as tokens.

    Args:
        made: The model whose tokens they are.
        texts: The texts.
        ids: Tokens of each, those of the prefix first, without the marks around them.
        prefixes: How many of them are the prefix's.
        spans: Where each token is in its text, or None if the tokenizer does not say.
    """

    made: Model
    texts: Sequence[str]
    ids: list[I32]
    prefixes: list[int]
    spans: list[I32] | None

    @classmethod
    def read(cls, made: Model, texts: Sequence[str], max_tokens: int, *, prefix: str | None = None) -> Text:
        """Tokenise; of texts with more than ``max_tokens`` tokens the first are read, which is said."""
        network = made.network
        pieces = network.pieces(texts, made.prefix if prefix is None else prefix)
        room = max(1, min(max_tokens, network.window) - len(network.before) - len(network.after))
        if cut := sum(len(x) > room for x in pieces.ids):
            note(f"tune: {cut:,} of {len(texts):,} texts have more than {room} tokens, of which the first are read")
        spans = None if pieces.spans is None else [x[:room] for x in pieces.spans]
        prefixes = [min(n, room) for n in pieces.prefixes]
        return cls(made, texts, [x[:room] for x in pieces.ids], prefixes, spans)

    def __len__(self) -> int:
        return len(self.texts)

    def hidden(self, rows: I64, network: Network | None = None) -> tuple[Any, Any]:
        """Hidden states of some texts, shape (b, t, d), and the mask of their tokens, (b, t)."""
        return states(network or self.made.network, [self.ids[k].tolist() for k in rows])

    def vectors(self, rows: I64, network: Network | None = None) -> Any:
        """Unit vectors of some texts, pooled as the model does, shape (b, d)."""
        return pooled(self.made, *self.hidden(rows, network))


def states(network: Network, tokens: Sequence[Sequence[int]]) -> tuple[Any, Any]:
    """Hidden states of the network's layer of rows of tokens, to which the marks are added, and their mask."""
    rows = [[*network.before, *row, *network.after] for row in tokens]
    ids, mask = padded(network, rows)
    result = network.model(input_ids=ids, attention_mask=mask, output_hidden_states=network.layer is not None)
    return (result.last_hidden_state if network.layer is None else result.hidden_states[network.layer]), mask


def pooled(made: Model, hidden: Any, mask: Any) -> Any:
    """Hidden states as unit vectors."""
    import torch

    return torch.nn.functional.normalize(made.head(hidden, mask), dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Texts that translate each other, row by row.

    Args:
        src: Source texts.
        tgt: Target texts.
        kept: Which rows of the bitext they are, shape (n,).
    """

    src: Text
    tgt: Text
    kept: I64

    @classmethod
    def read(cls, made: Model, bitext: Bitext, max_tokens: int, *, prefix: str | None = None) -> Pairs:
        """The pairs of a bitext that have text on both sides; how many have not is said.

        Raises:
            DataError: Fewer than two.
        """
        src, tgt = bitext.src, bitext.tgt
        kept = [k for k, (a, b) in enumerate(zip(src, tgt, strict=True)) if a.strip() and b.strip()]
        if len(kept) < len(src):
            note(f"tune: {len(src) - len(kept):,} of {len(src):,} pairs have an empty side; not tuned on")
        if len(kept) < 2:
            raise DataError(
                f"tune: found {len(kept)} pairs with text on both sides, expected two at least; give a bitext with more"
            )
        a, b = (Text.read(made, [side[k] for k in kept], max_tokens, prefix=prefix) for side in (src, tgt))
        return cls(a, b, np.array(kept, np.int64))

    def __len__(self) -> int:
        return len(self.kept)

    @property
    def lengths(self) -> I64:
        """Tokens of each pair."""
        return np.array([len(a) + len(b) for a, b in zip(self.src.ids, self.tgt.ids, strict=True)], np.int64)

    def alike(self, rows: I64) -> Mask:
        """Which of these pairs have a text in common, shape (b, b)."""
        return alike([self.src.texts[k] for k in rows], [self.tgt.texts[k] for k in rows])


def drawn(lengths: I64, batch: int, count: int, seed: int, name: str) -> list[I64]:
    """Batches of rows in random order, those of a batch about equally long.

    In each round all rows occur once, but for a few by chance that would be a smaller batch.
    """
    size = min(batch, len(lengths))

    def endless() -> Iterator[I64]:
        random = generator(seed, name)
        while True:
            # Left out before sorting by length, else it would always be the longest.
            some = random.permutation(len(lengths))[: len(lengths) // size * size]
            for pool in pools(lengths[some], size, POOL, random):
                for k in random.permutation(len(pool)):
                    yield np.sort(some[pool[k]])

    return list(itertools.islice(endless(), count))
