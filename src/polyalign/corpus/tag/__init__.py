"""Tags: columns of text that say something of each row, such as its date and its domain."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("corpus.tag/date", "polyalign.corpus.tag.patterns:Date"),
    Row("corpus.tag/domain", "polyalign.corpus.tag.patterns:Domain"),
]
