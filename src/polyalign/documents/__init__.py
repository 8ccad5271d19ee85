"""Documents: which text of one language goes with which of another."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row(
        "documents.align/auto",
        "polyalign.documents.auto:Auto",
        papers=("buck2016quick", "wang2025bimax", "artetxe2019margin"),
    ),
    Row("documents.align/names", "polyalign.documents.names:Names", papers=("resnik2003web", "elkishky2020ccaligned")),
    Row("documents.align/structure", "polyalign.documents.structure:Structure", papers=("resnik2003web",)),
    Row("documents.align/tfidf", "polyalign.documents.tfidf:TfIdf", papers=("buck2016quick",)),
    Row(
        "documents.align/vectors",
        "polyalign.documents.vectors:Vectors",
        papers=("artetxe2019margin", "libovicky2020language", "thompson2020exploiting"),
    ),
    Row("documents.align/tk-pert", "polyalign.documents.tk_pert:TKPert", papers=("thompson2020exploiting",)),
    Row("documents.align/bimax", "polyalign.documents.bimax:BiMax", papers=("wang2025bimax",)),
]
