"""InfoXLM's cross-lingual contrast beside language modelling: a momentum model and a queue of what it gave of late."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from polyalign.core.jit import I64
from polyalign.core.rng import generator
from polyalign.encoders.adapters.layers import as_deep, body_of
from polyalign.encoders.contrast import infonce, numbered
from polyalign.encoders.pooling import pool
from polyalign.encoders.torch_load import layer_of, text_config
from polyalign.models.encoders.memory import follow, queue
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.pairs import Pairs
from polyalign.models.training.reading import Batch, Reader, depth_of, states

SIDES = ("src", "tgt")


@dataclass(frozen=True, slots=True)
class CrossLingualContrast:
    """Have sentences find their translations among thousands, by a momentum model and its queue (InfoXLM's XLCO).

    Sentences x are read by the model, their translations y by a second one whose weights follow the first's,
    ``k <- momentum k + (1 - momentum) q``. Each x is to find its y among the batch and the queue, the last vectors that the
    second model gave of that side; and the other way round. The loss is the mean of both.

    **Differs:** as `models.encoder/xlco`, which tunes an encoder; this is for a model with its head, beside masked and
    translation language modelling: ``objectives = [{use = "mlm"}, {use = "tlm"}, {use = "xlco"}]``. The paper's vector is
    the first token's, that of a causal model its last's (``pooling``). Adapters that are hooks are the same in both models.

    Args:
        layer: Layer that is contrasted; none for the last. The paper's is 8 of 12, 12 of 24.
        temperature: What cosines are divided by.
        momentum: Share of its weights that the second model keeps at a step.
        queue: Vectors of each side that are kept; the paper's are 131,072.
        pooling: What stands for a sentence: the mean of its tokens, the first position, or the last token.
        mixup: Contrast each pair joined with another one, in the same random order on both sides.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about four times the reading of its pairs as far as the layer, which the second model holds again.

    References: chi2021infoxlm, he2020momentum, oord2018representation
    """

    takes: ClassVar[Takes] = "bitext"

    layer: int | None = None
    temperature: float = 0.05
    momentum: float = 0.999
    queue: int = 4096
    pooling: Literal["mean", "cls", "last"] = "mean"
    mixup: bool = False

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 1:
            raise ValueError(f"layer must be at least 1, got {self.layer}")
        if not self.temperature > 0 or self.queue < 1:
            raise ValueError(f"temperature and queue must be above 0, got {self.temperature} and {self.queue}")
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"momentum must be from 0 to 1, got {self.momentum}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Momentum:
        """Prepare for a model and data.

        Args:
            made: The model.
            data: With bitexts.
            batch: Pairs of a step.
            length: Most tokens of a sentence.
            seed: Of the batches.

        Raises:
            ConfigError: No room for a token, or no such layer.
            DataError: Fewer than two pairs with text on both sides.
        """
        name = "xlco"
        pairs = Pairs.read(data, batch=batch, seed=seed, name=name)
        layer = layer_of(made.model.config, self.layer)
        behind = behind_of(body_of(made.model), layer)
        kept = queue(self.queue, int(text_config(made.model.config).hidden_size), SIDES).to(made.device)
        of = {"src": numbered(pairs.src), "tgt": numbered(pairs.tgt)}
        modules = {"behind": behind, "queue": kept}
        return Momentum(self, Reader.of(made, length, name), pairs, layer, of, seed, modules)


def behind_of(body: Any, layer: int | None) -> Any:
    """A copy of the layers up to one, which needs no gradients."""
    depth = depth_of(body) if layer is None else layer
    with as_deep(body, depth):
        # Tensors with a history, of a step that has been, cannot be copied; weights have none.
        behind = copy.deepcopy(body)
    text_config(behind.config).num_hidden_layers = depth
    for p in behind.parameters():
        p.requires_grad_(False)
    return behind


@dataclass(frozen=True, slots=True, eq=False)
class Momentum:
    """The loss of a step; steps are to come in order, as the second model follows from one to the next."""

    method: CrossLingualContrast
    reader: Reader
    pairs: Pairs
    layer: int | None
    of: Mapping[str, I64]
    seed: int
    modules: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, step: int) -> Any:
        """The contrast of a step's pairs, a scalar tensor."""
        import torch

        asked, body, behind, kept = (
            self.method,
            body_of(self.reader.made.model),
            self.modules["behind"],
            self.modules["queue"],
        )
        depth = depth_of(body) if self.layer is None else self.layer
        if step:
            with as_deep(body, depth):
                follow(behind, body, asked.momentum)
        rows = self.pairs.batches(step)
        batches = self._batches(rows, step)
        found = {side: self._vectors(body, batches[side], depth) for side in SIDES}
        with torch.no_grad():
            keys = {side: self._vectors(behind, batches[side], depth) for side in SIDES}
        same, out = self.pairs.alike(rows), []
        for side, other in (SIDES, SIDES[::-1]):
            old, known = kept.read(other)
            no = known.cpu().numpy()[None, :] == self.of[other][rows][:, None]
            out.append(
                infonce(
                    found[side],
                    keys[other],
                    temperature=asked.temperature,
                    same=same,
                    negatives=old,
                    no_negatives=no,
                    both=False,
                )
            )
        for side in SIDES:
            kept.add(side, keys[side], self.of[side][rows])
        return torch.stack(out).mean()

    def tokens(self, step: int) -> int:
        """Tokens of both sides, which either model reads."""
        return sum(batch.size for batch in self._batches(self.pairs.batches(step), step).values())

    def _batches(self, rows: I64, step: int) -> dict[str, Batch]:
        """The tokens of both sides, each pair joined with another one if asked for."""
        ids = {side: self.reader.ids([getattr(self.pairs, side)[k] for k in rows]) for side in SIDES}
        if self.method.mixup:
            random = generator(self.seed, f"xlco mixup {step}")
            others, swap = random.permutation(len(rows)), random.random(len(rows)) < 0.5
            room = self.reader.length - len(self.reader.before) - len(self.reader.after)
            ids = {side: _mixed(some, others, swap, room) for side, some in ids.items()}
        return {side: self.reader.batch(some) for side, some in ids.items()}

    def _vectors(self, body: Any, batch: Batch, depth: int) -> Any:
        import torch

        hidden = states(body, batch, [depth])[0]
        mask = batch.mask if self.method.pooling == "cls" else batch.own
        return torch.nn.functional.normalize(pool(hidden, mask, self.method.pooling), dim=1)


def _mixed(some: list[list[int]], others: I64, swap: Any, room: int) -> list[list[int]]:
    """Each row's tokens and another's, the other's first where they are swapped; half of the room for either."""
    out = []
    for k, (other, first) in enumerate(zip(others.tolist(), swap.tolist(), strict=True)):
        a, b = (some[other], some[k]) if first else (some[k], some[other])
        left = max(room // 2, room - len(b))
        out.append([*a[:left], *b][:room])
    return out
