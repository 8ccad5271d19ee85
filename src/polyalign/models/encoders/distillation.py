"""Multilingual knowledge distillation: a teacher's vectors of the source, for the source and its translation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32
from polyalign.core.space import unit
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.named import named_encoder
from polyalign.encoders.tune import Model, model_of
from polyalign.models.encoders.method import Tuning
from polyalign.models.encoders.text import Pairs, drawn
from polyalign.models.encoders.training import steps_of, train


@dataclass(frozen=True, slots=True)
class Distillation(Tuning):
    """Tune an encoder to give a source sentence, and its translation, the vector that a teacher gives the source sentence.

    A batch lowers ``mean |f(x_i) - t(x_i)|^2 + |f(y_i) - t(x_i)|^2``: t is the teacher, f what is tuned. So the target
    language comes to where the teacher has the source language, and the source language stays there.

    **Differs:** all vectors are of length 1, so the loss is ``4 - 2 cos - 2 cos``. Where the teacher has more
    dimensions than the encoder, its vectors are turned onto those directions in which the sentences vary most
    (principal directions, without a mean, so that cosines stay what they were as far as they can); where it has fewer,
    the others are to be 0.

    Args:
        teacher: Any encoder by name, good at the source language; empty for the encoder itself, as it was.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its texts, besides the teacher's of the source.

    References: reimers2020making
    """

    teacher: str = ""

    def fit(self, encoder: Encoder, bitext: Bitext, *, work: Path | None = None) -> Model:
        """Tune a copy of an encoder's model; arguments and errors as `Contrastive.fit`."""
        made = model_of(encoder)
        pairs = Pairs.read(made, bitext, self.max_tokens)
        batches = drawn(pairs.lengths, self.batch, steps_of(self), self.seed, "batches")
        teacher = named_encoder(self.teacher) if self.teacher else encoder
        used = np.unique(np.concatenate(batches))
        wanted = np.zeros((len(pairs), encoder.dim), np.float32)
        vectors = teacher.encode([pairs.src.texts[k] for k in used], label="encode by the teacher")
        wanted[used] = fitted(vectors, encoder.dim)

        def loss(step: int) -> Any:
            import torch

            rows = batches[step]
            x, y = pairs.src.vectors(rows), pairs.tgt.vectors(rows)
            t = torch.from_numpy(wanted[rows]).to(x.device)
            return ((x - t).square().sum(dim=1) + (y - t).square().sum(dim=1)).mean()

        data = (t for side in ([teacher.key], pairs.src.texts, pairs.tgt.texts) for t in side)
        train(self, encoder, made, loss, data=data, work=work)
        return made


def fitted(vectors: F32, dim: int) -> F32:
    """Unit vectors in another number of dimensions, their cosines kept as far as possible.

    Args:
        vectors: Unit vectors, shape (n, d).
        dim: How many dimensions to have.

    Returns:
        Unit vectors, shape (n, dim): themselves if d is dim, filled up with zeros if d is less, and else turned onto
        their first ``dim`` principal directions.

    Example:
        >>> fitted(np.eye(2, dtype=np.float32), 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    n, d = vectors.shape
    if d <= dim:
        return np.concatenate([vectors, np.zeros((n, dim - d), np.float32)], axis=1)
    values, axes = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors.astype(np.float64))
    # An axis has no sign of its own: that of its largest entry is to be positive.
    axes = axes[:, np.argsort(-values, kind="stable")[:dim]]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dim)])
    return unit(vectors @ axes.astype(np.float32))
