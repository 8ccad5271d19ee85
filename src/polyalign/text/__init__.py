"""Text: raw strings to clean strings, languages, sentences and words."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("text.normalize/unicode", "polyalign.text.normalize:UnicodeNormalizer", papers=("uax15",)),
    Row("text.identify/cld2", "polyalign.text.identify:CLD2", papers=("sites2013cld2", "uax24")),
    Row("text.split/sentencex", "polyalign.text.split:SentenceX", papers=("thottingal2023sentencex",)),
    Row("text.split/lines", "polyalign.text.split:Lines"),
    Row(
        "text.tokenize/words",
        "polyalign.text.tokenize:Words",
        papers=("koehn2007moses", "theeramunkong2000character"),
    ),
    Row("text.tokenize/whitespace", "polyalign.text.tokenize:Whitespace"),
]
