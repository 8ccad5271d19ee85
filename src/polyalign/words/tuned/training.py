"""Sentence pairs as batches of tokens whose words are known, and the loop that tunes an encoder on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32, I64, Mask
from polyalign.core.progress import note
from polyalign.core.ragged import offsets
from polyalign.core.rng import generator
from polyalign.encoders.descent import pools
from polyalign.encoders.encoder import Tokens
from polyalign.encoders.torch_run import Network
from polyalign.encoders.tune import padded
from polyalign.words.similarity.vectors import Level, word_pieces, word_places

#: Batches whose pairs are sorted by length together, so that there is little padding.
POOL = 16


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """One side of n sentence pairs as tokens.

    Args:
        ids: The tokens of each text, those of the prefix first, without the marks around them.
        prefixes: How many of them are the prefix's.
        piece: Which tokens are pieces of words, in the order of the words.
        word: Which word of its sentence each of those is of.
        words: How many words each sentence has, shape (n,).
    """

    ids: list[I32]
    prefixes: list[int]
    piece: list[I64]
    word: list[I64]
    words: I64

    @classmethod
    def read(cls, network: Network, prefix: str, bitext: Bitext, side: Side) -> Text:
        """One side of a bitext.

        Raises:
            ConfigError: The tokenizer does not say where a token is in the text.
        """
        texts, starts, ends, counts = word_places(bitext, side)
        pieces = network.pieces(texts, prefix)
        if pieces.spans is None:
            raise ConfigError(
                f"{type(network.tokenizer).__name__}: this tokenizer does not say where a token is in the text, expected a "
                "fast one (tokenizer.json)"
            )
        said = [n + np.flatnonzero(s[n:, 1] > s[n:, 0]) for s, n in zip(pieces.spans, pieces.prefixes, strict=True)]
        spans = [np.zeros((0, 2), np.int32), *(s[k] for s, k in zip(pieces.spans, said, strict=True))]
        tokens = Tokens(np.zeros((0, 0), np.float32), offsets([len(k) for k in said]), np.concatenate(spans))
        piece, word = word_pieces(tokens, texts, starts, ends, counts)
        first = offsets(counts)
        at, inner = np.concatenate([np.zeros(0, np.int64), *said])[piece], word - np.repeat(first[:-1], counts)[word]
        cuts = np.searchsorted(word, first)[1:-1]
        return cls(pieces.ids, pieces.prefixes, np.split(at, cuts), np.split(inner, cuts), counts)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What is compared of one side of a batch: words, or pieces of words.

    Args:
        read: Which texts of the batch they are in.
        share: What each token gives to each row, shape (b, n, t).
        there: Which rows are there, the others filling up, shape (b, n).
        word: Which word each row is of, for each text.
    """

    read: slice
    share: Any
    there: Any
    word: list[I64]

    def vectors(self, hidden: Any) -> Any:
        """The rows' vectors, shape (b, n, d), of hidden states of shape (b, t, d)."""
        return self.share @ hidden[self.read]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Sentence pairs as tokens, each text by itself or both of a pair together.

    Args:
        pairs: Which pairs.
        tokens: Shape (r, t).
        mask: 1 for tokens, 0 for padding.
        src: Rows of the source sides.
        tgt: Of the target sides.
    """

    pairs: I64
    tokens: Any
    mask: Any
    src: Rows
    tgt: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Sentence pairs to tune on.

    Args:
        network: Whose tokens they are.
        src: Source side.
        tgt: Target side.
        level: What is compared.
        use: Which pairs have words on both sides and are not too long, rising.
    """

    network: Network
    src: Text
    tgt: Text
    level: Level
    use: I64

    @classmethod
    def read(
        cls, network: Network, prefix: str, bitext: Bitext, level: Level, max_tokens: int, *, quiet: bool = False
    ) -> Pairs:
        """The pairs of a bitext; how many are too long is said, unless `quiet`."""
        src, tgt = (Text.read(network, prefix, bitext, side) for side in ("src", "tgt"))  # type: Text, Text
        marks = len(network.before) + len(network.after)
        room = min(max_tokens, network.window - marks)
        some = np.array([len(a) > 0 and len(b) > 0 for a, b in zip(src.piece, tgt.piece, strict=True)], np.bool_)
        longest = np.array([max(len(a), len(b)) for a, b in zip(src.ids, tgt.ids, strict=True)], np.int64)
        use = np.flatnonzero(some & (longest <= room))
        if not quiet and (left := int(np.sum(some & (longest > room)))):
            note(
                f"tune: {left:,} of {len(bitext):,} sentence pairs have a side of more than {room} tokens; not tuned on"
            )
        return cls(network, src, tgt, level, use)

    def only(self, use: I64) -> Pairs:
        """With some of the pairs in use."""
        return replace(self, use=use)

    def apart(self, pairs: I64) -> Batch:
        """A batch of texts that are read one by one."""
        net, b = self.network, len(pairs)
        sides = (self.src, self.tgt)
        rows = [[*net.before, *side.ids[k].tolist(), *net.after] for side in sides for k in pairs]
        tokens, mask = padded(net, rows)
        starts = [len(net.before)] * b
        made = [
            self._rows(side, pairs, slice(s * b, s * b + b), starts, tokens.shape[1]) for s, side in enumerate(sides)
        ]
        return Batch(pairs, tokens, mask, *made)

    def together(self, src: I64, tgt: I64, *, swap: bool = False) -> Batch:
        """A batch of a source and a target sentence each, read as one text, the target first if swapped.

        The marks after a text stand between both, ``before x after y after``; a prefix is before the first only.
        """
        net, rows = self.network, []
        starts: tuple[list[int], list[int]] = ([], [])
        for chosen in zip(src.tolist(), tgt.tolist(), strict=True):
            row = list(net.before)
            for s in (1, 0) if swap else (0, 1):
                side, k = (self.src, self.tgt)[s], chosen[s]
                skip = side.prefixes[k] if len(row) > len(net.before) else 0
                starts[s].append(len(row) - skip)
                row += [*side.ids[k][skip:].tolist(), *net.after]
            rows.append(row)
        tokens, mask = padded(net, rows)
        read, t = slice(0, len(src)), tokens.shape[1]
        sides = ((self.src, src, starts[0]), (self.tgt, tgt, starts[1]))
        return Batch(src, tokens, mask, *(self._rows(side, pairs, read, start, t) for side, pairs, start in sides))

    def fit_together(self, src: I64, tgt: I64 | None = None) -> Mask:
        """Which source and target sentences fit into one window."""
        marks = len(self.network.before) + 2 * len(self.network.after)
        chosen = zip(src, src if tgt is None else tgt, strict=True)
        return np.array(
            [len(self.src.ids[a]) + len(self.tgt.ids[b]) + marks <= self.network.window for a, b in chosen], np.bool_
        )

    def _rows(self, side: Text, pairs: I64, read: slice, starts: Sequence[int], t: int) -> Rows:
        import torch

        whole = self.level == "word"
        counts = [int(side.words[k]) if whole else len(side.piece[k]) for k in pairs]
        n = max(counts)
        share, there = np.zeros((len(pairs), n, t), np.float32), np.zeros((len(pairs), n), np.bool_)
        word = []
        for r, k in enumerate(pairs):
            row = side.word[k] if whole else np.arange(len(side.piece[k]))
            share[r, row, side.piece[k] + starts[r]] = 1
            # A word without any piece is not there.
            there[r, row] = True
            word.append(np.arange(counts[r]) if whole else side.word[k])
        share /= np.maximum(share.sum(axis=2, keepdims=True), 1)
        device = self.network.model.device
        return Rows(read, torch.from_numpy(share).to(device), torch.from_numpy(there).to(device), word)

    def batches(self, size: int, seed: int) -> Iterator[I64]:
        """Pairs in random order, without end; those of one batch are about equally long."""
        random = generator(seed, "pairs")
        lengths = np.array([len(self.src.ids[k]) + len(self.tgt.ids[k]) for k in self.use])
        while len(self.use):
            for some in pools(lengths, size, POOL, random):
                for k in random.permutation(len(some)):
                    yield np.sort(self.use[some[k]])


def states(network: Network, batch: Batch) -> Any:
    """The hidden states of the network's layer, with what is needed for gradients, shape (r, t, d)."""
    result = network.model(
        input_ids=batch.tokens, attention_mask=batch.mask, output_hidden_states=network.layer is not None
    )
    return result.last_hidden_state if network.layer is None else result.hidden_states[network.layer]


def similarity(batch: Batch, hidden: Any, *, centre: bool) -> Any:
    """Cosines of the rows of each pair, the mean of the batch's rows of either side subtracted first, shape (b, n, m)."""
    import torch

    sides = []
    for rows in (batch.src, batch.tgt):
        x = rows.vectors(hidden)
        if centre:
            x = x - torch.nn.functional.normalize(x, dim=2)[rows.there].mean(dim=0) * x.norm(dim=2, keepdim=True)
        sides.append(torch.nn.functional.normalize(x, dim=2))
    return sides[0] @ sides[1].transpose(1, 2)


def both(batch: Batch) -> Any:
    """Which cells have a source and a target row, shape (b, n, m)."""
    return batch.src.there[:, :, None] & batch.tgt.there[:, None, :]
