"""Models: encoders and language models taught to treat languages alike."""

from __future__ import annotations

from polyalign.core.registry import Row
from polyalign.models import encoders, interventions, training, vocabulary

METHODS: list[Row] = [
    Row(
        "models.read/pretrained",
        "polyalign.models.pretrained:Pretrained",
        extra="neural",
        needs=("torch", "transformers"),
    ),
    *vocabulary.METHODS,
    *training.METHODS,
    *interventions.METHODS,
    *encoders.METHODS,
]
