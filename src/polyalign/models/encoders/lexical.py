"""Lexical specialisation: words that mean the same moved together, in any languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64
from polyalign.encoders.contrast import infonce
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.tune import Model, model_of
from polyalign.models.encoders.method import Tuning, above
from polyalign.models.encoders.text import Pairs, Text, drawn
from polyalign.models.encoders.training import steps_of, train


@dataclass(frozen=True, slots=True)
class Lexical(Tuning):
    """Tune an encoder by pairs of words that mean the same, of one language or of two, each word read alone.

    A word's vector is the mean of its tokens' states, without marks and prefix. A batch lowers NT-Xent: each word is to
    find its partner among all other words of both sides, ``-log softmax(cos / temperature)``. Pairs that share a word are
    no negatives of each other.

    **Differs:** any pairs serve (the paper has BabelNet's, whose licence is non-commercial); the paper reads a word
    followed by its language's code, here words are read as they are. Its rate is 5e-6, its batches 256.

    Args:
        temperature: What cosines are divided by.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its words.

    References: green2022babelbert, chen2020simple, oord2018representation
    """

    temperature: float = 0.07
    batch: int = 256
    learning_rate: float = 5e-6
    max_tokens: int = 32

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        above(self, "temperature")

    def fit(self, encoder: Encoder, bitext: Bitext, *, work: Path | None = None) -> Model:
        """Tune a copy of an encoder's model; ``bitext`` has a word, or a term of several, on each side.

        Other arguments, and errors, are those of `Contrastive.fit`.
        """
        made = model_of(encoder)
        pairs = Pairs.read(made, bitext, self.max_tokens, prefix="")
        batches = drawn(pairs.lengths, self.batch, steps_of(self), self.seed, "batches")

        def loss(step: int) -> Any:
            rows = batches[step]
            x, y = (_vectors(side, rows) for side in (pairs.src, pairs.tgt))
            # A word that stands on both sides of different pairs is no negative of itself either.
            return infonce(x, y, temperature=self.temperature, same=pairs.alike(rows), within=True)

        data = (t for side in (pairs.src, pairs.tgt) for t in side.texts)
        train(self, encoder, made, loss, data=data, work=work)
        return made


def _vectors(side: Text, rows: I64) -> Any:
    """Unit means of the states of the words' own tokens, shape (b, d)."""
    import torch

    hidden, mask = side.hidden(rows)
    network = side.made.network
    inner = mask.clone()
    inner[:, : len(network.before)] = 0
    for k, row in enumerate(rows):
        inner[k, len(network.before) + len(side.ids[row]) :] = 0
    # Of a word without a token of its own, such as a lone mark, all states.
    inner = torch.where(inner.any(dim=1, keepdim=True), inner, mask)
    return torch.nn.functional.normalize((hidden * inner[..., None]).sum(dim=1), dim=1)
