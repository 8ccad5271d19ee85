"""Mask-Align: a translation model that guesses each target word from all others and is asked where it looked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from polyalign.words.scratch.training import Scratch, rows_at_a_time

#: Added to attention before its entropy is taken, so that small shares do not count.
SMOOTH = 0.05
#: Both directions: what is read, what is guessed.
_WAYS = (("src", "tgt"), ("tgt", "src"))


@dataclass(frozen=True, slots=True)
class MaskAlign(Scratch):
    r"""Align by the attention of a small transformer that guesses every word from the source and the other target words.

    The source goes through an encoder. In the decoder a word's query starts from nothing but its position, keys and values
    are the embeddings of the target words, the same in every layer, and its own is hidden, so that all words are guessed
    at once, each from all others (static-KV attention). In the last layer it attends to the source; every attention has
    one learned slot more, which takes what fits nowhere: NULL (leaky attention). With a the attention of the target words,
    b that of the source words in the other direction, trained together over the same embeddings, training makes small

        mean cross entropy + agreement * mean (a_ij - b_ij)^2 + entropy * mean H(a + 0.05) and H(b + 0.05)

    A link's score is their geometric mean by default (`symmetrize = "product"`), the paper's their harmonic mean 2ab / (a + b).

    **Differs:** small and for little text, where the paper's has 6 layers of 512 and reads 1.8 thousand million tokens. A
    word is guessed among those of its batch. No dropout and no label smoothing. The leak is in all attentions, not only in
    that to the source, as a sentence of one word has nothing else to look at.

    Args:
        layers: Layers of each encoder and decoder.
        heads: Attention heads; `dim` must be a multiple.
        agreement: Weight of the agreement of both directions.
        entropy: Weight of the entropy of the attention.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O((n + m)^2 d + (n + m) d^2) a layer and a pair.

    References: chen2021maskalign
    """

    epochs: int = 6
    steps: int = 2000
    batch: int = 16
    learning_rate: float = 4e-3
    layers: int = 1
    heads: int = 4
    agreement: float = 5.0
    entropy: float = 0.3

    def __post_init__(self) -> None:
        Scratch.__post_init__(self)
        if self.layers < 1 or self.heads < 1 or self.dim % (2 * self.heads):
            raise ValueError(
                f"dim must be a multiple of twice the heads, and layers at least 1, got dim {self.dim}, heads "
                f"{self.heads} and layers {self.layers}"
            )
        if self.agreement < 0 or self.entropy < 0:
            raise ValueError(f"agreement and entropy must not be negative, got {self.agreement} and {self.entropy}")

    def weights(self, units: tuple[int, int], random: Any) -> dict[str, Any]:
        """Embeddings of both sides, and of each direction an encoder and a decoder."""
        import torch

        d, p = self.dim, {}

        def normal(*shape: int, scale: float) -> Any:
            return torch.randn(shape, generator=random) * scale

        for side, size in zip(("src", "tgt"), units, strict=True):
            p[side] = normal(size, d, scale=d**-0.5)
            # Padding and unknown units are like none.
            p[side][[0, -1]] = 0
        for _, goal in _WAYS:
            blocks = [(part, k) for part in ("encoder", "decoder") for k in range(self.layers)]
            for name in [*(f"{goal}.{part}.{k}" for part, k in blocks), f"{goal}.cross"]:
                for matrix in ("q", "k", "v", "o"):
                    p[f"{name}.{matrix}"] = normal(d, d, scale=d**-0.5)
                p[f"{name}.leak"] = normal(2, d, scale=d**-0.5)
                if not name.endswith("cross"):
                    p[f"{name}.up"] = normal(d, 2 * d, scale=d**-0.5)
                    p[f"{name}.down"] = normal(2 * d, d, scale=(2 * d) ** -0.5)
        return p

    def loss(self, p: dict[str, Any], src: Any, tgt: Any) -> Any:
        """Guessing, agreement and entropy, see the class."""
        import torch

        here, there = src > 0, tgt > 0
        total: Any = 0
        maps = []
        for read, goal, units, words in (("src", "tgt", src, tgt), ("tgt", "src", tgt, src)):
            hidden, attention = next(self._guess(p, read, goal, units, words, words.shape[1]))
            real = words > 0
            # Told apart from the words of the batch.
            some, answer = torch.unique(words[real], return_inverse=True)
            logits = _norm(hidden[real]) @ p[goal][some].T
            total = total + torch.nn.functional.cross_entropy(logits, answer) / 2
            smooth = attention + SMOOTH * (units > 0)[:, None]
            smooth = smooth / smooth.sum(dim=2, keepdim=True)
            total = total - self.entropy / 2 * (smooth * (smooth + 1e-9).log()).sum(dim=2)[real].mean()
            maps.append(attention)
        pairs = there[:, :, None] & here[:, None]
        return total + self.agreement * ((maps[0] - maps[1].transpose(1, 2)) ** 2)[pairs].mean()

    def blocks(self, p: dict[str, Any], src: Any, tgt: Any) -> Iterator[tuple[int, int, Any]]:
        """Attention, some rows at a time."""
        for direction, (read, goal, units, words) in enumerate((("src", "tgt", src, tgt), ("tgt", "src", tgt, src))):
            size = rows_at_a_time(len(src) * self.heads, max(src.shape[1], tgt.shape[1]))
            for k, (_, attention) in enumerate(self._guess(p, read, goal, units, words, size)):
                real = words[:, k * size : (k + 1) * size] > 0
                yield direction, k * size, attention * real[..., None]

    def _guess(
        self, p: dict[str, Any], read: str, goal: str, units: Any, words: Any, size: int
    ) -> Iterator[tuple[Any, Any]]:
        """What the last layer makes of some words at a time, and their attention to the units that were read."""
        import torch

        x = p[read][units] * self.dim**0.5 + _positions(units, self.dim)
        for k in range(self.layers):
            name, keys = f"{goal}.encoder.{k}", _norm(x)
            rows = range(0, x.shape[1], size)
            x = x + torch.cat([self._attend(p, name, keys[:, a : a + size], keys, units > 0)[0] for a in rows], dim=1)
            x = x + _forward(p, name, x)
        x = _norm(x)
        places = _positions(words, self.dim)
        static = _norm(p[goal][words] * self.dim**0.5 + places)
        for a in range(0, words.shape[1], size):
            # Nothing but its own query and the embeddings goes into a word, so they can be guessed in parts.
            h = places[:, a : a + size].expand(len(words), -1, -1)
            for k in range(self.layers):
                name = f"{goal}.decoder.{k}"
                h = h + self._attend(p, name, _norm(h), static, words > 0, own=a)[0]
                if k == self.layers - 1:
                    seen, attention = self._attend(p, f"{goal}.cross", _norm(h), x, units > 0)
                    h = h + seen
                h = h + _forward(p, name, h)
            yield h, attention

    def _attend(
        self, p: dict[str, Any], name: str, queries: Any, keys: Any, mask: Any, own: int | None = None
    ) -> tuple[Any, Any]:
        """Attention with a leak: what it gives, and the mean of the heads' weights without the leak's.

        Args:
            p: Weights.
            name: Which.
            queries: Shape (b, t, d).
            keys: Shape (b, s, d).
            mask: Which keys are there, shape (b, s).
            own: Key that is hidden from the first query, the next from the second and so on.
        """
        import torch

        b, t, d = queries.shape
        leak = p[f"{name}.leak"]
        q = _heads(queries @ p[f"{name}.q"], self.heads)
        key = _heads(torch.cat([leak[0].expand(b, 1, d), keys @ p[f"{name}.k"]], dim=1), self.heads)
        value = _heads(torch.cat([leak[1].expand(b, 1, d), keys @ p[f"{name}.v"]], dim=1), self.heads)
        hidden = ~torch.nn.functional.pad(mask, (1, 0), value=True)[:, None, None]
        if own is not None:
            at = torch.arange(t, device=mask.device)
            self_ = torch.zeros((t, key.shape[2]), dtype=torch.bool, device=mask.device)
            self_[at, at + own + 1] = True
            hidden = hidden | self_
        scores = (q @ key.transpose(2, 3) / math.sqrt(d // self.heads)).masked_fill(hidden, -torch.inf)
        weights = scores.softmax(dim=3)
        out = (weights @ value).transpose(1, 2).reshape(b, t, d)
        return out @ p[f"{name}.o"], weights[..., 1:].mean(dim=1)


def _heads(x: Any, heads: int) -> Any:
    b, t, d = x.shape
    return x.reshape(b, t, heads, d // heads).transpose(1, 2)


def _norm(x: Any) -> Any:
    import torch

    return torch.nn.functional.layer_norm(x, x.shape[-1:])


def _forward(p: dict[str, Any], name: str, x: Any) -> Any:
    import torch

    return torch.relu(_norm(x) @ p[f"{name}.up"]) @ p[f"{name}.down"]


def _positions(units: Any, d: int) -> Any:
    """Sinusoids of the positions of a text of any length, shape (1, n, d)."""
    import torch

    rate = torch.exp(torch.arange(0, d, 2, device=units.device) * (-math.log(10_000) / d))
    angle = torch.arange(units.shape[1], device=units.device)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)[None]
