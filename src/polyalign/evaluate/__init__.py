"""Evaluate: every metric."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("evaluate/aer", "polyalign.evaluate.aer:AER", ("och2003systematic", "efron1979bootstrap")),
    Row(
        "evaluate/sentences",
        "polyalign.evaluate.sentences:SentenceAlignment",
        ("thompson2019vecalign", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/retrieval",
        "polyalign.evaluate.retrieval:Retrieval",
        ("artetxe2019massively", "artetxe2019margin", "efron1979bootstrap"),
    ),
    Row("evaluate/mining", "polyalign.evaluate.mining:MiningF1", ("zweigenbaum2017overview", "efron1979bootstrap")),
]
