"""Texts through a transformer in torch, in windows and batches; what encoders and causal language models share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32, I32, I64
from polyalign.core.ragged import offsets
from polyalign.encoders.encoder import Tokens, clean
from polyalign.encoders.torch_load import limit_threads, text_config

#: Tokens in a batch, padding included.
BATCH = {"cpu": 2048, "cuda": 32768, "mps": 8192}
#: ``(hidden states, mask) -> vectors``: shapes (b, t, d) and (b, t) to (b, d).
Pool: TypeAlias = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Texts as tokens without the marks that the model wants around them.

    Args:
        ids: Each text's tokens, those of the prefix first.
        prefixes: How many are the prefix's.
        spans: Where each token is in its text, or None if the tokenizer does not say.
    """

    ids: list[I32]
    prefixes: list[int]
    spans: list[I32] | None


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A loaded transformer.

    Args:
        model: A torch module that gives ``last_hidden_state`` and ``hidden_states``.
        tokenizer: Its tokenizer.
        layer: Which hidden states, 0 being the embeddings; None for the last, as the model gives them out.
        window: Most tokens of a text at once, marks included.
        before: Marks that a text begins with.
        after: Marks that it ends with.
        causal: Whether a token sees only those before it.
        lower: Whether texts are to be in lower case.
    """

    model: Any
    tokenizer: Any
    layer: int | None
    window: int
    before: list[int]
    after: list[int]
    causal: bool
    lower: bool = False

    @property
    def dim(self) -> int:
        """Dimensions of a hidden state."""
        return int(text_config(self.model.config).hidden_size)

    def pieces(self, texts: Sequence[str], prefix: str) -> Pieces:
        """Split texts into tokens."""
        if not texts:
            return Pieces([], [], [])
        whole = [prefix + clean(_lowered(t) if self.lower else t) for t in texts]
        fast = bool(self.tokenizer.is_fast)
        # Texts longer than the window are what windows are for; no warning.
        coded = self.tokenizer(
            whole, add_special_tokens=False, return_offsets_mapping=fast, return_attention_mask=False, verbose=False
        )
        ids = [np.asarray(x, np.int32) for x in coded["input_ids"]]
        if not fast:
            n = len(self.tokenizer(prefix, add_special_tokens=False)["input_ids"]) if prefix else 0
            return Pieces(ids, [min(n, len(x)) for x in ids], None)
        spans = [np.asarray(x, np.int32).reshape(-1, 2) for x in coded["offset_mapping"]]
        prefixes = [int((s[:, 1] <= len(prefix)).sum()) if prefix else 0 for s in spans]
        return Pieces(ids, prefixes, [_stripped(s - len(prefix), t) for s, t in zip(spans, texts, strict=True)])

    def windows(self, pieces: Pieces) -> list[tuple[int, int, int]]:
        """The windows that texts are read in: the text of each, and where it begins and ends in its tokens."""
        return [
            (i, a + n, b + n)
            for i, (ids, n) in enumerate(zip(pieces.ids, pieces.prefixes, strict=True))
            for a, b in even(len(ids) - n, self._room(n))
        ]

    def pooled(self, texts: Sequence[str], prefix: str, pool: Pool) -> F32:
        """One vector a text: of its windows, weighted by their numbers of tokens."""
        pieces = self.pieces(texts, prefix)
        windows = self.windows(pieces)
        out: F32 | None = None
        weight = np.zeros(len(texts))
        for members, (hidden,), mask in self._batches(pieces, windows, [self.layer]):
            rows = np.asarray(pool(hidden, mask).float().cpu().numpy(), np.float32)
            if out is None:
                out = np.zeros((len(texts), rows.shape[1]), np.float32)
            for k, row in zip(members, rows, strict=True):
                i, a, b = windows[k]
                out[i] += row * max(1, b - a)
                weight[i] += max(1, b - a)
        # A text without a single token, nor marks around it, has zeros.
        if out is None:
            return np.zeros((len(texts), self.dim), np.float32)
        return np.asarray(out / np.maximum(weight, 1)[:, None], np.float32)

    def tokens(self, texts: Sequence[str], prefix: str) -> Tokens:
        """One vector a token; in texts longer than a window, from the window where it sees most around it."""
        return self.tokens_at(texts, prefix, [self.layer])[0]

    def tokens_at(self, texts: Sequence[str], prefix: str, layers: Sequence[int | None]) -> list[Tokens]:
        """The same in several layers, in one pass; none above the network's own."""
        pieces = self.pieces(texts, prefix)
        if pieces.spans is None:
            raise ConfigError(
                f"{type(self.tokenizer).__name__}: this tokenizer does not say where a token is in the text, expected a fast one "
                "(tokenizer.json); vectors of sentences work"
            )
        windows, owned = [], []
        for i, (ids, n) in enumerate(zip(pieces.ids, pieces.prefixes, strict=True)):
            bounds = overlapping(len(ids) - n, self._room(n))
            owner = owners(len(ids) - n, bounds, causal=self.causal)
            for w, (a, b) in enumerate(bounds):
                windows.append((i, a + n, b + n))
                owned.append(np.flatnonzero(owner == w))
        first = offsets([len(x) - n for x, n in zip(pieces.ids, pieces.prefixes, strict=True)])
        vectors = {layer: np.zeros((int(first[-1]), self.dim), np.float32) for layer in layers}
        for members, states, _ in self._batches(pieces, windows, list(vectors)):
            for rows, hidden in zip(vectors.values(), states, strict=True):
                for k, state in zip(members, hidden.float().cpu().numpy(), strict=True):
                    i, a, _ = windows[k]
                    rows[first[i] + owned[k]] = state[len(self.before) + owned[k] + 2 * pieces.prefixes[i] - a]
        spans = [s[n:] for s, n in zip(pieces.spans, pieces.prefixes, strict=True)]
        where = np.concatenate([*spans, np.zeros((0, 2), np.int32)])
        kept = where[:, 1] > where[:, 0]
        between = offsets(kept)[first]
        return [Tokens(vectors[layer][kept], between, where[kept]) for layer in layers]

    def _room(self, prefix: int) -> int:
        room = self.window - len(self.before) - len(self.after) - prefix
        if room < 2:
            raise ConfigError(
                f"window = {self.window}: leaves room for {max(room, 0)} tokens of a text beside {prefix} of the prefix and "
                f"{len(self.before) + len(self.after)} marks, expected 2 at least; raise it"
            )
        return room

    def _batches(
        self, pieces: Pieces, windows: Sequence[tuple[int, int, int]], layers: Sequence[int | None]
    ) -> Iterator[tuple[list[int], list[Any], Any]]:
        """Windows of about one length at a time: their indices, hidden states in each layer and mask."""
        import torch

        device = self.model.device
        budget = BATCH[device.type if device.type in BATCH else "cpu"]
        rows = [
            [*self.before, *pieces.ids[i][: pieces.prefixes[i]], *pieces.ids[i][a:b], *self.after]
            for i, a, b in windows
        ]
        order = sorted((k for k, row in enumerate(rows) if row), key=lambda k: -len(rows[k]))
        pad = self.tokenizer.pad_token_id or 0
        limit_threads()
        start = 0
        while start < len(order):
            longest = len(rows[order[start]])
            members = order[start : start + max(1, budget // longest)]
            ids = torch.full((len(members), longest), pad, dtype=torch.long)
            mask = torch.zeros((len(members), longest), dtype=torch.long)
            for row, k in enumerate(members):
                ids[row, : len(rows[k])] = torch.tensor(rows[k], dtype=torch.long)
                mask[row, : len(rows[k])] = 1
            ids, mask = ids.to(device), mask.to(device)
            with torch.inference_mode():
                result = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=set(layers) != {None})
            yield members, [result.last_hidden_state if x is None else result.hidden_states[x] for x in layers], mask
            start += len(members)


def _lowered(text: str) -> str:
    # As long as before: a few letters are two in lower case.
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def even(n: int, room: int) -> list[tuple[int, int]]:
    """Windows side by side, of about equal sizes of at most ``room``.

    Example:
        >>> even(10, 4), even(3, 4), even(0, 4)
        ([(0, 3), (3, 6), (6, 10)], [(0, 3)], [(0, 0)])
    """
    count = max(1, -(-n // room))
    edges = [n * k // count for k in range(count + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def overlapping(n: int, room: int) -> list[tuple[int, int]]:
    """Windows of ``room`` that overlap by half at least, and cover all.

    Example:
        >>> overlapping(10, 4)
        [(0, 4), (2, 6), (4, 8), (6, 10)]
    """
    if n <= room:
        return [(0, n)]
    count = 1 + -(-(n - room) // (room // 2))
    starts = [(n - room) * k // (count - 1) for k in range(count)]
    return [(a, a + room) for a in starts]


def owners(n: int, bounds: Sequence[tuple[int, int]], *, causal: bool) -> I64:
    """For each token the window where it is furthest from an edge that is not an end of the text, shape (n,)."""
    at = np.arange(n)
    distance = np.full((len(bounds), n), -1)
    for w, (a, b) in enumerate(bounds):
        left = at - a if a > 0 else np.full(n, n)
        right = b - 1 - at if b < n and not causal else np.full(n, n)
        distance[w, a:b] = np.minimum(left, right)[a:b]
    return np.asarray(distance.argmax(axis=0), np.int64)


def _stripped(spans: I32, text: str) -> I32:
    """Spans without the white space at their ends, which some tokenizers count to a token."""
    out = np.clip(spans, 0, len(text))
    for k, (a, b) in enumerate(out.tolist()):
        piece = text[a:b]
        if piece[:1].isspace() or piece[-1:].isspace():
            out[k] = a + len(piece) - len(piece.lstrip()), a + len(piece.rstrip()) if piece.strip() else a
            if not piece.strip():
                out[k] = a, a
    return out
