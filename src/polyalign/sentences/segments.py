"""Joint alignments of many documents as one table, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from polyalign.core import langs
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.multibeads import MultiBeads


def segments_table(versions: Mapping[str, Sequence[Document | None]], aligned: Sequence[MultiBeads]) -> pa.Table:
    """The segments of all documents, a row each, with their text.

    Args:
        versions: What was aligned: the documents of each language, None where one lacks it.
        aligned: The alignment of each document.

    Returns:
        Columns ``id`` (document/segment), ``doc``, ``n_ways`` (languages that have text), ``score``, and for each language X
        its text as ``X`` (null where it has none) and the range of its sentences as ``start.X`` and ``end.X``; a
        sentence that is in several segments stands in each of them.

    Raises:
        DataError: The numbers of documents differ.

    Example:
        >>> de, en = Document.from_lines(["Ja.", "Nein."], id="d"), Document.from_lines(["Yes."], id="d")
        >>> m = MultiBeads(("deu_Latn", "eng_Latn"), [[0, 0], [1, 1], [2, 1]], [0.9, 0.5])
        >>> table = segments_table({"deu_Latn": [de], "eng_Latn": [en]}, [m])
        >>> table["id"].to_pylist(), table["eng_Latn"].to_pylist(), table["n_ways"].to_pylist()
        (['d/0', 'd/1'], ['Yes.', None], [2, 1])
    """
    for lang, documents in versions.items():
        if len(documents) != len(aligned):
            raise DataError(
                f"segments: found {len(documents)} documents of {lang} and {len(aligned)} alignments, expected equally many"
            )
    parts = [_table(versions, number, beads) for number, beads in enumerate(aligned)]
    return pa.concat_tables(parts) if parts else _table({lang: [None] for lang in versions}, 0, _nothing(versions))


def _nothing(versions: Mapping[str, object]) -> MultiBeads:
    return MultiBeads(tuple(versions), np.zeros((1, len(versions)), np.int32), np.zeros(0, np.float32))


def _table(versions: Mapping[str, Sequence[Document | None]], number: int, beads: MultiBeads) -> pa.Table:
    doc = next((d.id for lang in beads.langs if (d := versions[lang][number]) is not None), "")
    ranges = beads.to_table()
    columns = {
        "id": pa.array([f"{doc}/{k}" for k in range(len(beads))], pa.string()),
        "doc": pa.array([doc] * len(beads), pa.string()),
        "n_ways": pa.array(beads.ways().astype(np.int32)),
        "score": ranges["score"],
    }
    for lang in beads.langs:
        document = versions[lang][number]
        sentences = document.sentences if document is not None else ()
        glue = langs.sentence_space(lang)
        bounds = zip(ranges[f"start.{lang}"].to_pylist(), ranges[f"end.{lang}"].to_pylist(), strict=True)
        columns[lang] = pa.array([glue.join(sentences[a:b]) if a < b else None for a, b in bounds], pa.large_string())
    for name in ranges.column_names[1:]:
        columns[name] = ranges[name]
    return pa.table(columns)


def by_document(table: pa.Table) -> dict[str, MultiBeads]:
    """The joint alignment of each document.

    Args:
        table: The table of `segments_table`; each document's rows together and in order.

    Raises:
        DataError: A column is missing, or rows are missing or out of order.
    """
    if "doc" not in table.column_names:
        raise DataError(f"segments: column doc missing, found {', '.join(table.column_names)}; give the whole table")
    out: dict[str, MultiBeads] = {}
    names = table["doc"].to_pylist()
    edges = [i for i in range(len(names)) if i == 0 or names[i] != names[i - 1]] + [len(names)]
    for start, end in zip(edges, edges[1:], strict=False):
        if names[start] in out:
            raise DataError(
                f"segments row {start}: document {names[start]!r} begins again, expected all its rows together; keep the table's order"
            )
        out[names[start]] = MultiBeads.from_table(table.slice(start, end - start))
    return out
