"""Corpus: read and write every format people have; select; count in how many languages a sentence is."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("corpus.documents/folder", "polyalign.corpus.documents.folder:Folder"),
    Row("corpus.documents/jsonl", "polyalign.corpus.documents.jsonl:JsonLines"),
    Row("corpus.bitext/tsv", "polyalign.corpus.bitext.delimited:Tsv"),
    Row("corpus.bitext/csv", "polyalign.corpus.bitext.delimited:Csv"),
    Row("corpus.bitext/jsonl", "polyalign.corpus.bitext.jsonl:JsonLines"),
    Row("corpus.bitext/moses", "polyalign.corpus.bitext.moses:Moses"),
    Row("corpus.bitext/fast-align", "polyalign.corpus.bitext.fast_align:FastAlign", papers=("dyer2013simple",)),
    Row("corpus.bitext/tmx", "polyalign.corpus.bitext.tmx:Tmx", papers=("tmx14b",)),
    Row("corpus.bitext/parquet", "polyalign.corpus.bitext.columns:Columns"),
    Row("corpus.bitext/arrow", "polyalign.corpus.bitext.columns:Columns"),
    Row("corpus.select/threshold", "polyalign.corpus.select:Threshold"),
    Row(
        "corpus.parallelism/greedy-tuples",
        "polyalign.corpus.parallelism:GreedyTuples",
        papers=("thompson2024shocking",),
    ),
    Row("corpus.write/tsv", "polyalign.corpus.write.delimited:Tsv"),
    Row("corpus.write/csv", "polyalign.corpus.write.delimited:Csv"),
    Row("corpus.write/jsonl", "polyalign.corpus.write.jsonl:JsonLines"),
    Row("corpus.write/moses", "polyalign.corpus.write.moses:Moses"),
    Row("corpus.write/fast-align", "polyalign.corpus.write.fast_align:FastAlign", papers=("dyer2013simple",)),
    Row("corpus.write/tmx", "polyalign.corpus.write.tmx:Tmx", papers=("tmx14b",)),
    Row("corpus.write/parquet", "polyalign.corpus.write.columns:Parquet"),
    Row("corpus.write/arrow", "polyalign.corpus.write.columns:Arrow"),
]
