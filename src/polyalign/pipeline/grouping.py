"""All versions of a document in one task, wherever in the table they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.jit import I32
from polyalign.pipeline import artefacts
from polyalign.pipeline.artefacts import Runs, row_bytes

#: Of a document in each language, by name: rows and bytes.
Sizes = dict[str, dict[str, tuple[int, int]]]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Documents that are worked on together.

    Args:
        sizes: Documents in each group.
        load: The rows of a group, of each table, in their order.
    """

    sizes: tuple[int, ...]
    load: Callable[[int], list[pa.Table]]


def documents_of(path: Path, langs: Sequence[str]) -> Sizes:
    """The documents of each language in order of appearance, and how large they are.

    Complexity: memory for the documents' names and one run.
    """
    found: Sizes = {lang: {} for lang in langs}
    for run in Runs.of(path, columns=("doc", "lang", "text")):
        table = run.select(["doc", "lang"]).append_column("bytes", pa.array(row_bytes(run.select(["text"]))))
        summed = table.group_by(["lang", "doc"], use_threads=False).aggregate([("bytes", "sum"), ("bytes", "count")])
        columns = (summed[name].to_pylist() for name in ("lang", "doc", "bytes_count", "bytes_sum"))
        for lang, doc, rows, size in zip(*columns, strict=True):
            if lang in found:
                before = found[lang].get(doc, (0, 0))
                found[lang][doc] = before[0] + rows, before[1] + size
    return found


@contextmanager
def grouped(paths: Sequence[Path], docs: Sequence[str], sizes: Sizes, folder: Path) -> Iterator[Groups]:
    """Group documents, in order, so that the sentences of a group in all languages fill a run, unless one document has more.

    Args:
        paths: Tables with a column doc, and others of these documents that may have a column lang.
        docs: Which documents, in which order.
        sizes: Theirs in the languages that are wanted; rows of others are left out.
        folder: Where to put rows that are far apart.
    """
    group_of: dict[str, int] = {}
    ends, held = [0], [0, 0]
    for at, doc in enumerate(docs):
        here = [of[doc] for of in sizes.values() if doc in of]
        more, larger = sum(n for n, _ in here), sum(n for _, n in here)
        if at > ends[-1] and (held[0] + more > artefacts.ROWS or held[1] + larger > artefacts.BYTES):
            ends.append(at)
            held = [0, 0]
        held = [held[0] + more, held[1] + larger]
        group_of[doc] = len(ends) - 1
    counts = tuple(np.diff([*ends, len(docs)]).tolist())
    with TemporaryDirectory(dir=folder) as scratch:
        parts = [_Scattered(path, tuple(sizes), group_of, Path(scratch) / str(k)) for k, path in enumerate(paths)]
        yield Groups(counts, lambda number: [part.load(number) for part in parts])


class _Scattered:
    """The rows of a table by their group: one pass over it, whatever order the documents are in."""

    def __init__(self, path: Path, langs: tuple[str, ...], group_of: dict[str, int], folder: Path) -> None:
        self.runs, self.langs, self.group_of, self.folder = Runs.of(path), langs, group_of, folder
        self.single = max(group_of.values(), default=0) == 0
        self.ready = False

    def load(self, number: int) -> pa.Table:
        """The rows of a group."""
        schema = pq.read_schema(self.runs.path)
        if self.single:
            return pa.concat_tables(
                [schema.empty_table(), *(part for run in self.runs for _, part in self._parts(run))]
            )
        if not self.ready:
            self._scatter()
        path = self.folder / str(number)
        parts = [schema.empty_table()]
        if path.exists():
            with open(path, "rb") as file:
                # What was appended, one stream after the other.
                while file.peek(1):
                    with pa.ipc.open_stream(file) as stream:
                        parts.append(stream.read_all())
        return pa.concat_tables(parts)

    def _scatter(self) -> None:
        self.folder.mkdir()
        for run in self.runs:
            for group, part in self._parts(run):
                with open(self.folder / str(group), "ab") as file, pa.ipc.new_stream(file, part.schema) as stream:
                    stream.write_table(part)
        self.ready = True

    def _parts(self, run: pa.Table) -> Iterator[tuple[int, pa.Table]]:
        names = run["doc"].combine_chunks().dictionary_encode()
        names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
        of = np.array([self.group_of.get(doc, -1) for doc in names.dictionary.to_pylist()], np.int32)
        groups: I32 = of[names.indices.to_numpy()] if len(names) else np.zeros(0, np.int32)
        if "lang" in run.column_names:
            groups = np.where(pc.is_in(run["lang"], pa.array(self.langs, pa.string())).to_numpy(), groups, -1)
        for group in np.unique(groups[groups >= 0]).tolist():
            yield group, run.filter(pa.array(groups == group))
