"""Changes to what a language model computes, without training it."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row(
        "models.intervene/incline",
        "polyalign.models.interventions.incline:INCLINE",
        papers=("wang2025bridging",),
        extra="neural",
        needs=("torch", "transformers"),
    ),
    Row(
        "models.intervene/lingualift",
        "polyalign.models.interventions.lingualift:LinguaLIFT",
        papers=("zhang2024lingualift",),
        extra="neural",
        needs=("torch", "transformers"),
    ),
    Row(
        "models.intervene/mt-llm",
        "polyalign.models.interventions.mt_llm:MTLLM",
        papers=("schmidt2024self",),
        extra="neural",
        needs=("torch", "transformers"),
    ),
]
