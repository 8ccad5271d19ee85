"""Sentences: two documents to beads."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("sentences.align/gale-church", "polyalign.sentences.gale_church:GaleChurch", papers=("gale1993program",)),
    Row(
        "sentences.align/lexical",
        "polyalign.sentences.lexical:Lexical",
        papers=("varga2005parallel", "moore2002fast", "brown1993mathematics", "gale1993program"),
    ),
]
