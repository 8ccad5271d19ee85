"""Sentences: two documents to beads, many versions to segments, two collections to pairs."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row(
        "sentences.align/beads",
        "polyalign.sentences.beads:BeadAligner",
        papers=("liu2022bertalign", "thompson2019vecalign", "artetxe2019margin"),
    ),
    Row(
        "sentences.align/lexical",
        "polyalign.sentences.lexical:Lexical",
        papers=("varga2005parallel", "moore2002fast", "brown1993mathematics", "gale1993program"),
    ),
    Row("sentences.align/gale-church", "polyalign.sentences.gale_church:GaleChurch", papers=("gale1993program",)),
    Row(
        "sentences.align/time-codes",
        "polyalign.sentences.time_codes:TimeCodes",
        papers=("tiedemann2007improved", "gale1993program"),
    ),
    Row(
        "sentences.align/vecalign",
        "polyalign.sentences.vecalign:Vecalign",
        papers=("thompson2019vecalign",),
        presets={"thompson2019vecalign": {"max_size": 8}},
    ),
    Row(
        "sentences.align/bleualign",
        "polyalign.sentences.bleualign:Bleualign",
        papers=("sennrich2010mt", "sennrich2011iterative", "papineni2002bleu", "lin2004orange", "gale1993program"),
    ),
    Row("sentences.multiway/joint", "polyalign.sentences.multiway:Joint", papers=("do2005probcons",)),
    Row("sentences.project/pair", "polyalign.sentences.project:Pair"),
    Row(
        "sentences.mine/margin",
        "polyalign.sentences.mine:Margin",
        papers=("artetxe2019margin", "schwenk2021wikimatrix", "storey2002direct", "elias2007target"),
        presets={"artetxe2019margin": {"margin": "ratio", "candidates": 4, "centre": False}},
    ),
    Row(
        "sentences.mine/criss",
        "polyalign.sentences.criss:Criss",
        papers=("tran2020cross", "artetxe2019margin", "ioffe2006probabilistic", "oord2018representation"),
    ),
]
