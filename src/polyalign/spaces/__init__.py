"""Spaces: words or sentences as vectors, maps from one space to another, and retrieval across them."""

from __future__ import annotations

from polyalign.core.registry import Row

_VECMAP = ("artetxe2018generalizing", "artetxe2018robust")

METHODS: list[Row] = [
    Row(
        "spaces.vectors/ppmi-svd",
        "polyalign.spaces.vectors.ppmi_svd:PpmiSvd",
        ("levy2015improving", "halko2011finding"),
    ),
    Row(
        "spaces.vectors/word2vec",
        "polyalign.spaces.vectors.word2vec:Word2Vec",
        ("mikolov2013efficient", "mikolov2013distributed"),
        extra="vectors",
        needs=("gensim",),
    ),
    Row(
        "spaces.vectors/fasttext",
        "polyalign.spaces.vectors.word2vec:FastText",
        ("bojanowski2017enriching", "mikolov2013distributed"),
        extra="vectors",
        needs=("gensim",),
    ),
    Row("spaces.vectors/extract", "polyalign.spaces.vectors.extract:Extract", ("bommasani2020interpreting",)),
    Row("spaces.combine/concatenate", "polyalign.spaces.vectors.combine:Concatenate", ("yin2016learning",)),
    Row(
        "spaces.combine/average",
        "polyalign.spaces.vectors.combine:Average",
        ("coates2018frustratingly", "zhang2021combining"),
    ),
    Row(
        "spaces.map/procrustes",
        "polyalign.spaces.map.procrustes:Procrustes",
        ("schonemann1966generalized", "xing2015normalized", "artetxe2016learning"),
    ),
    Row(
        "spaces.map/ridge",
        "polyalign.spaces.map.ridge:Ridge",
        ("mikolov2013exploiting", "hoerl1970ridge", "schonemann1966generalized"),
    ),
    Row("spaces.map/rcsls", "polyalign.spaces.map.rcsls:RCSLS", ("joulin2018loss",)),
    Row(
        "spaces.map/vecmap",
        "polyalign.spaces.map.vecmap:VecMap",
        _VECMAP,
        presets={
            "supervised": {},
            "semi_supervised": {"self_learning": True},
            "identical": {"initialization": "identical", "self_learning": True},
            "unsupervised": {"initialization": "unsupervised", "self_learning": True},
        },
    ),
    Row("spaces.map/muse", "polyalign.spaces.map.muse:Muse", ("conneau2018word",)),
    Row(
        "spaces.map/wasserstein",
        "polyalign.spaces.map.wasserstein:WassersteinProcrustes",
        ("grave2019unsupervised", "cuturi2013sinkhorn", "conneau2018word"),
    ),
    Row(
        "spaces.many/barycenter",
        "polyalign.spaces.map.barycenter:Barycenter",
        ("lian2020unsupervised", "grave2019unsupervised", "cuturi2014fast"),
    ),
    Row(
        "spaces.contextual/rotation",
        "polyalign.spaces.map.contextual:Contextual",
        ("wang2019crosslingual", "schuster2019crosslingual", "aldarmaki2019context"),
    ),
    Row("spaces.neutral/centre", "polyalign.spaces.map.neutral:Centre", ("libovicky2020language",)),
    Row("spaces.neutral/projection", "polyalign.spaces.map.neutral:Projection", ("libovicky2020language",)),
    Row(
        "spaces.neutral/directions",
        "polyalign.spaces.map.neutral:Directions",
        ("xie2022discovering", "libovicky2020language"),
    ),
    Row(
        "spaces.neutral/all-but-the-top",
        "polyalign.spaces.map.neutral:AllButTheTop",
        ("mu2018allbutthetop", "yang2021simple"),
    ),
    Row("spaces.retrieve/nearest", "polyalign.spaces.retrieve.nearest:Nearest", ("mikolov2013exploiting",)),
    Row(
        "spaces.retrieve/inverted-softmax",
        "polyalign.spaces.retrieve.inverted_softmax:InvertedSoftmax",
        ("smith2017offline",),
    ),
    Row("spaces.retrieve/csls", "polyalign.spaces.retrieve.csls:CSLS", ("conneau2018word",)),
    Row("spaces.retrieve/margin", "polyalign.spaces.retrieve.margin:MarginRetrieval", ("artetxe2019margin",)),
]
