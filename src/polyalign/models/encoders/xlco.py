"""InfoXLM's cross-lingual contrast: a momentum encoder and a queue of what it gave of late."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64
from polyalign.core.rng import generator
from polyalign.encoders.contrast import infonce, numbered
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.torch_run import Network
from polyalign.encoders.tune import Model, model_of, up_to
from polyalign.models.encoders.memory import follow, follower, queue
from polyalign.models.encoders.method import Tuning, above, at_least, between
from polyalign.models.encoders.text import Pairs, Text, drawn, pooled, states
from polyalign.models.encoders.training import steps_of, train


@dataclass(frozen=True, slots=True)
class XLCO(Tuning):
    """Tune an encoder by InfoXLM's cross-lingual contrast, with a momentum encoder and a queue of negatives.

    Sentences x are encoded by the model, their translations y by a second one whose weights follow the first's,
    ``k <- momentum k + (1 - momentum) q``. Each x is to find its y among the batch and the queue, the last vectors that the
    second model gave of that language; and the other way round. The loss is the mean of both.

    **Differs:** this is the contrast alone, without the language modelling it is trained beside. The batch's own
    translations are negatives too, so that the first step has some; pairs that share a text are not. The paper's queue has
    131,072 vectors; tuning on fewer pairs wants fewer.

    Args:
        temperature: What cosines are divided by.
        momentum: Share of its weights that the second model keeps at a step.
        queue: Vectors of each language that are kept.
        layer: Layer that is contrasted; none for the last. The paper's is 8 of 12, 12 of 24.
        mixup: Contrast each pair joined with another one, in the same random order on both sides.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about four times the encoding of its texts.

    References: chi2021infoxlm, he2020momentum, oord2018representation
    """

    temperature: float = 0.05
    momentum: float = 0.999
    queue: int = 4096
    layer: int | None = None
    mixup: bool = False

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        above(self, "temperature", "queue")
        between(self, "momentum")
        if self.layer is not None:
            at_least(self, 1, "layer")

    def fit(self, encoder: Encoder, bitext: Bitext, *, work: Path | None = None) -> Model:
        """Tune a copy of an encoder's model; arguments and errors as `Contrastive.fit`."""
        made = model_of(encoder)
        network = up_to(made.network, self.layer)
        pairs = Pairs.read(made, bitext, self.max_tokens)
        behind = follower(network)
        names = ("src", "tgt")
        # Which texts are the same, for the queue.
        of = {name: numbered(side.texts) for name, side in _sides(pairs).items()}
        kept = queue(self.queue, encoder.dim, names)
        batches = drawn(pairs.lengths, self.batch, steps_of(self), self.seed, "batches")

        def loss(step: int) -> Any:
            import torch

            if step:
                follow(behind.model, network.model, self.momentum)
            rows = batches[step]
            tokens = self._tokens(pairs, rows, step)
            found = {name: _vectors(made, network, tokens[name]) for name in names}
            with torch.no_grad():
                keys = {name: _vectors(made, behind, tokens[name]) for name in names}
            out: Any = 0.0
            for name, other in (names, names[::-1]):
                old, known = kept.read(other)
                same = known.cpu().numpy()[None, :] == of[other][rows][:, None]
                out = out + infonce(
                    found[name], keys[other], temperature=self.temperature, same=pairs.alike(rows),
                    negatives=old, no_negatives=same, both=False,
                )  # fmt: skip
            for name in names:
                kept.add(name, keys[name], of[name][rows])
            return out / 2

        data = (t for side in (pairs.src, pairs.tgt) for t in side.texts)
        train(self, encoder, made, loss, data=data, more={"behind": behind.model, "queue": kept}, work=work)
        return made

    def _tokens(self, pairs: Pairs, rows: I64, step: int) -> dict[str, list[list[int]]]:
        """The tokens of the batch, each pair joined with another one if asked for."""
        sides = _sides(pairs)
        if not self.mixup:
            return {name: [side.ids[k].tolist() for k in rows] for name, side in sides.items()}
        random = generator(self.seed, f"mixup {step}")
        others, first = random.permutation(rows), random.random(len(rows)) < 0.5
        out: dict[str, list[list[int]]] = {}
        for name, side in sides.items():
            network = side.made.network
            room = network.window - len(network.before) - len(network.after)
            joined = []
            for a, b, swap in zip(rows.tolist(), others.tolist(), first.tolist(), strict=True):
                a, b = (b, a) if swap else (a, b)
                # A prefix is before the first only.
                joined.append([*side.ids[a].tolist(), *side.ids[b][side.prefixes[b] :].tolist()][:room])
            out[name] = joined
        return out


def _sides(pairs: Pairs) -> dict[str, Text]:
    return {"src": pairs.src, "tgt": pairs.tgt}


def _vectors(made: Model, network: Network, tokens: list[list[int]]) -> Any:
    return pooled(made, *states(network, tokens))
