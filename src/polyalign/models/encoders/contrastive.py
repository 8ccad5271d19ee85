"""Contrastive sentence alignment: translations nearer to each other than to the rest of their batch, by a margin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, I32, I64
from polyalign.core.rng import generator
from polyalign.encoders.contrast import infonce
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.neighbours import nearest
from polyalign.encoders.tune import Model, model_of
from polyalign.models.encoders.method import Tuning, above, at_least, between
from polyalign.models.encoders.text import Pairs, drawn
from polyalign.models.encoders.training import steps_of, train


@dataclass(frozen=True, slots=True)
class Contrastive(Tuning):
    """Tune an encoder by translation ranking: each sentence is to find its translation in the batch, by a margin.

    A batch lowers the mean of both directions of ``-log(e_ii / (e_ii + sum_(j != i) e_ij))`` where
    ``e_ij = exp((cos(x_i, y_j) - margin [i = j]) / temperature)``. Pairs that share a text are no negatives of each other.
    What the encoder could do before is kept in two ways, each off unless asked for: batches of other pairs in between, and
    an anchor, ``anchor * mean |x - x0|^2``, x0 being the vectors of the source sentences before tuning.

    **Differs:** the paper of translation ranking trains from a language model, with a margin of .3 and no
    temperature but a scale; here a trained encoder is tuned. Hard negatives are the target sentences that the encoder
    finds next to the source sentence and that are clearly less near than its translation.

    Args:
        margin: Taken from the cosine of translations.
        temperature: What cosines are divided by.
        hard_negatives: Further target sentences that each source sentence is told from; 0 for those of the batch alone.
        ceiling: A hard negative has at most this share of the cosine of the translation.
        replay: Share of the batches that are of the earlier pairs, if there are any.
        anchor: Weight of the source vectors staying where they were.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its texts; hard negatives O(n^2 d) once.

    References: yang2019improving, feng2022language, oord2018representation, reimers2019sentence
    """

    margin: float = 0.0
    temperature: float = 0.05
    hard_negatives: int = 0
    ceiling: float = 0.9
    replay: float = 0.25
    anchor: float = 0.0

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        above(self, "temperature", "ceiling")
        at_least(self, 0, "margin", "hard_negatives", "anchor")
        between(self, "replay")

    def fit(
        self, encoder: Encoder, bitext: Bitext, *, earlier: Bitext | None = None, work: Path | None = None
    ) -> Model:
        """Tune a copy of an encoder's model.

        Args:
            encoder: e5 or a transformer.
            bitext: Sentence pairs.
            earlier: Pairs of other languages, for replay.
            work: Folder of the checkpoints, by which a run that was stopped goes on; none for no checkpoints.

        Returns:
            The tuned model.

        Raises:
            DataError: Fewer than two pairs, or a checkpoint cannot be written.
            ConfigError: The encoder cannot be tuned, a loss is no number, or memory is short.
            MissingExtraError: Torch, transformers or accelerate is not installed.
        """
        made = model_of(encoder)
        sets = [Pairs.read(made, some, self.max_tokens) for some in (bitext, earlier) if some is not None]
        count = steps_of(self)
        which = np.zeros(count, np.int64)
        if len(sets) == 2:
            which[generator(self.seed, "replay").random(count) < self.replay] = 1
        rows: list[I64] = [np.zeros(0, np.int64)] * count
        for s, pairs in enumerate(sets):
            steps = np.flatnonzero(which == s)
            chosen = drawn(pairs.lengths, self.batch, len(steps), self.seed, f"batches {s}")
            for step, some in zip(steps.tolist(), chosen, strict=True):
                rows[step] = some
        read = [
            _Set(self, encoder, p, [r for r, s in zip(rows, which, strict=True) if s == k]) for k, p in enumerate(sets)
        ]

        def loss(step: int) -> Any:
            return read[which[step]].loss(rows[step])

        data = (t for p in sets for side in (p.src, p.tgt) for t in side.texts)
        train(self, encoder, made, loss, data=data, work=work)
        return made


class _Set:
    """Pairs with what a loss wants of them besides: hard negatives, and the vectors of source sentences before tuning."""

    def __init__(self, method: Contrastive, encoder: Encoder, pairs: Pairs, batches: list[I64]) -> None:
        self.method, self.pairs = method, pairs
        used = np.unique(np.concatenate([*batches, np.zeros(0, np.int64)]))
        self.at = np.zeros(len(pairs), np.int64)
        self.at[used] = np.arange(len(used))
        self.hard: I64 | None = None
        self.start: F32 | None = None
        if method.anchor or method.hard_negatives:
            src = encoder.encode([pairs.src.texts[k] for k in used], label="encode source")
            if method.anchor:
                self.start = src
            if method.hard_negatives:
                tgt = encoder.encode([pairs.tgt.texts[k] for k in used], label="encode target")
                found = hard_negatives(src, tgt, method.hard_negatives, method.ceiling)
                self.hard = np.where(found < 0, -1, used[found])

    def loss(self, rows: I64) -> Any:
        import torch

        method, pairs = self.method, self.pairs
        x, y = pairs.src.vectors(rows), pairs.tgt.vectors(rows)
        more: dict[str, Any] = {}
        if self.hard is not None:
            further = self.hard[self.at[rows]].ravel()
            further = np.unique(further[further >= 0])
            further = np.setdiff1d(further, rows)
            if len(further):
                texts = [pairs.tgt.texts[k] for k in further.tolist()]
                same = np.array([[a == b for b in texts] for a in (pairs.tgt.texts[k] for k in rows)], np.bool_)
                more = {"negatives": pairs.tgt.vectors(further), "no_negatives": same}
        out = infonce(x, y, temperature=method.temperature, margin=method.margin, same=pairs.alike(rows), **more)
        if self.start is not None:
            out = (
                out
                + method.anchor * (x - torch.from_numpy(self.start[self.at[rows]]).to(x.device)).square().sum(1).mean()
            )
        return out


def hard_negatives(src: F32, tgt: F32, count: int, ceiling: float) -> I32:
    """For each source sentence the nearest target sentences that can be taken for wrong.

    Args:
        src: Unit vectors, shape (n, d).
        tgt: Of their translations.
        count: How many.
        ceiling: They have at most this share of the cosine of the translation: what is nearer may be right too.

    Returns:
        Rows of the target, nearest first, -1 where there are not as many, shape (n, count).

    Example:
        >>> x = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
        >>> hard_negatives(x, x, 1, 0.9).tolist()
        [[1], [0], [1]]
    """
    cosine, rows = nearest(src, tgt, min(len(tgt), 4 * count + 16))
    own = np.einsum("nd,nd->n", src, tgt)[:, None]
    out = np.full((len(src), count), -1, np.int32)
    fits = (cosine <= ceiling * own) & (rows != np.arange(len(src))[:, None])
    for k, (row, some) in enumerate(zip(rows, fits, strict=True)):
        chosen = row[some][:count]
        out[k, : len(chosen)] = chosen
    return out
