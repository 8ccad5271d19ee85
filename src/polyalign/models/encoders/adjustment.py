"""Adjustment by aligned words: the vectors of linked words moved together, the pivot's kept in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import I64
from polyalign.core.links import Links
from polyalign.core.rng import generator
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.torch_run import Network
from polyalign.encoders.tune import Model, model_of, trainable
from polyalign.models.encoders.memory import follower
from polyalign.models.encoders.method import Takes, Tuning, at_least, between
from polyalign.models.encoders.text import Pairs, drawn
from polyalign.models.encoders.training import steps_of, train
from polyalign.models.encoders.words import Linked


@dataclass(frozen=True, slots=True)
class Adjustment(Tuning):
    """Tune an encoder until words that are linked in a bitext have the same vectors where they stand.

    A batch lowers ``mean_(i,j) |f(x_i) - f(y_j)|^2 + anchor * mean_k |f(z_k) - f0(z_k)|^2``: x and y are linked words, z
    the words of the pivot's sentences, f0 the encoder as it was. Words that have one link each are learnt from.

    Languages can be adjusted one after the other. With the pairs of earlier ones, what was learnt of them is kept by
    ``keep``: ``replay`` puts batches of theirs in between; ``consolidation`` holds each weight where it was the more it
    mattered to them, ``consolidation / 2 * sum_w F_w (w - w0)^2``, F being the mean square of the gradients of single
    batches of theirs (elastic weight consolidation, by the diagonal of the Fisher information).

    **Differs:** sums are means, and words the mean of their pieces unless ``piece`` says otherwise. The paper adjusts several
    languages at once, with English for pivot.

    Args:
        anchor: Weight of the pivot's words staying where they were.
        pivot: Which side stays.
        piece: Which pieces stand for a word.
        identical: Whether linked words that are spelled alike are learnt from as well.
        keep: How what was learnt of the earlier pairs is kept, if there are any.
        replay: Share of the batches that are of the earlier pairs, for replay.
        consolidation: Weight of weights staying where they were, for consolidation.
        fisher_batches: Batches of earlier pairs by which it is seen how much each weight matters.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its texts, and half of it more for the anchor.

    References: cao2020multilingual, kirkpatrick2017overcoming
    """

    takes: ClassVar[Takes] = "links"

    anchor: float = 1.0
    pivot: Literal["src", "tgt"] = "src"
    piece: Literal["mean", "last"] = "mean"
    identical: bool = False
    keep: Literal["replay", "consolidation"] = "replay"
    replay: float = 0.25
    consolidation: float = 1000.0
    fisher_batches: int = 32

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        at_least(self, 0, "anchor", "consolidation")
        at_least(self, 1, "fisher_batches")
        between(self, "replay")

    def fit(
        self,
        encoder: Encoder,
        bitext: Bitext,
        links: Links,
        *,
        earlier: tuple[Bitext, Links] | None = None,
        work: Path | None = None,
    ) -> Model:
        """Tune a copy of an encoder's model.

        Args:
            encoder: e5 or a transformer.
            bitext: Sentence pairs, their words by `Bitext.tokens`.
            links: Of their words, a set for each pair.
            earlier: Pairs and links of the languages that were adjusted before.
            work: Folder of the checkpoints; none for no checkpoints.

        Returns:
            The tuned model.

        Raises:
            DataError: Links of other sentences, no pair of linked words to learn from, or a checkpoint cannot be written.
            ConfigError: The encoder cannot be tuned, its tokenizer does not say where tokens are, a loss is no number, or
                memory is short.
            MissingExtraError: Torch, transformers or accelerate is not installed.
        """
        made = model_of(encoder)
        start, weights = follower(made.network), trainable(made.network.model)
        sets = [self._linked(made, *some) for some in ((bitext, links), earlier) if some is not None]
        count = steps_of(self)
        which = np.zeros(count, np.int64)
        if earlier is not None and self.keep == "replay":
            which[generator(self.seed, "replay").random(count) < self.replay] = 1
        batches = [self._batches(x, count, f"batches {k}") for k, x in enumerate(sets)]
        held = None
        if earlier is not None and self.keep == "consolidation":
            some = self._batches(sets[1], self.fisher_batches, "fisher")
            held = _importance(weights, lambda rows: self._loss(sets[1], rows, start), some)

        def loss(step: int) -> Any:
            k = int(which[step])
            out = self._loss(sets[k], batches[k][step], start)
            if held is not None:
                moved = sum(
                    (f.to(w.device) * (w - o.to(w.device)).square()).sum()
                    for (f, o), w in zip(held, weights, strict=True)
                )
                out = out + self.consolidation / 2 * moved
            return out

        data = (t for x in sets for side in (x.pairs.src.texts, x.pairs.tgt.texts, x.lines) for t in side)
        train(self, encoder, made, loss, data=data, more={"start": start.model}, work=work)
        return made

    def _linked(self, made: Model, bitext: Bitext, links: Links) -> Linked:
        if len(links) != len(bitext):
            raise DataError(
                f"tune: found links of {len(links):,} sentence pairs and {len(bitext):,} pairs, expected as many; give "
                "the links of this bitext"
            )
        return Linked.read(
            Pairs.read(made, bitext, self.max_tokens), bitext, links, self.piece, identical=self.identical
        )

    def _batches(self, linked: Linked, count: int, name: str) -> list[I64]:
        chosen = drawn(linked.pairs.lengths[linked.use], self.batch, count, self.seed, name)
        return [linked.use[rows] for rows in chosen]

    def _loss(self, linked: Linked, rows: I64, start: Network) -> Any:
        import torch

        found = {side: linked.words(side, rows) for side in ("src", "tgt")}
        (row, i, j) = linked.cells(rows)
        out = (found["src"].vectors[row, i] - found["tgt"].vectors[row, j]).square().sum(dim=-1).mean()
        if self.anchor:
            with torch.no_grad():
                before = linked.words(self.pivot, rows, start)
            moved = (found[self.pivot].vectors - before.vectors).square().sum(dim=-1)
            out = out + self.anchor * moved[before.there].mean()
        return out


def _importance(weights: Sequence[Any], loss: Callable[[I64], Any], batches: Sequence[I64]) -> list[tuple[Any, Any]]:
    """For each weight the mean square of its gradient, and what it is now."""
    import torch

    for p in weights:
        p.requires_grad_(True)
    squares = [torch.zeros_like(p) for p in weights]
    for rows in batches:
        gradients = torch.autograd.grad(loss(rows), weights, allow_unused=True)
        for square, g in zip(squares, gradients, strict=True):
            if g is not None:
                square += g.square() / len(batches)
    return [(s, p.detach().clone()) for s, p in zip(squares, weights, strict=True)]
