"""Encoders tuned so that sentences, or words, that mean the same in two languages have the same vectors."""

from __future__ import annotations

from polyalign.core.registry import Row

_NEURAL = ("torch", "transformers", "accelerate")

METHODS: list[Row] = [
    Row(
        "models.encoder/contrastive",
        "polyalign.models.encoders.contrastive:Contrastive",
        papers=("yang2019improving", "feng2022language", "oord2018representation", "reimers2019sentence"),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/xlco",
        "polyalign.models.encoders.xlco:XLCO",
        papers=("chi2021infoxlm", "he2020momentum", "oord2018representation"),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/dap",
        "polyalign.models.encoders.dap:DAP",
        papers=("li2023dual", "yang2019improving", "feng2022language"),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/distillation",
        "polyalign.models.encoders.distillation:Distillation",
        papers=("reimers2020making",),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/ccp",
        "polyalign.models.encoders.ccp:CCP",
        papers=("wu2022unsupervised", "he2020momentum", "oord2018representation"),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/adjustment",
        "polyalign.models.encoders.adjustment:Adjustment",
        papers=("cao2020multilingual", "kirkpatrick2017overcoming"),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/lexical",
        "polyalign.models.encoders.lexical:Lexical",
        papers=("green2022babelbert", "chen2020simple", "oord2018representation"),
        extra="neural",
        needs=_NEURAL,
    ),
    Row(
        "models.encoder/indic-sbert",
        "polyalign.models.encoders.indic_sbert:IndicSBERT",
        papers=("deode2023indicsbert", "reimers2019sentence", "oord2018representation"),
        extra="neural",
        needs=_NEURAL,
    ),
]
