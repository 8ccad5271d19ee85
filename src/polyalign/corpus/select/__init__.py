"""Selection: which rows of a corpus stay, and why the others do not."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("corpus.select/threshold", "polyalign.corpus.select.threshold:Threshold"),
    Row("corpus.select/where", "polyalign.corpus.select.where:Where"),
    Row("corpus.select/quantile", "polyalign.corpus.select.quantile:Quantile"),
    Row(
        "corpus.select/classifier",
        "polyalign.corpus.select.classifier:Classifier",
        papers=("sanchez2018prompsit", "platt1999probabilistic"),
    ),
    Row(
        "corpus.select/contamination",
        "polyalign.corpus.select.contamination:Decontaminate",
        papers=("brown2020language",),
    ),
    Row("corpus.select/reference", "polyalign.corpus.select.reference:Reference", papers=("penedo2025fineweb2",)),
]
