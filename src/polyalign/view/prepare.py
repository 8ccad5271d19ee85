"""What is opened is first written as memory-mapped tables, so that any sentence pair is found at once.

A folder of the user's cache, named by the content of what was opened, holds

* ``pairs.arrow``: the bitext, every column of it
* ``links-0.arrow``, ...: each aligner's links, a row a pair: lists `src`, `tgt`, `prob` (NaN for none) and `sure`;
  null where the aligner has not seen the pair
* ``beads.arrow``, ``sentences.arrow``: documents as the sentence aligner left them, where a run kept them
* ``order.npy``: the pairs, the least certain first
* ``about.json``: languages, aligners, notes

and whatever else is made from them once (an index to search).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.errors import DataError
from polyalign.core.files import digest, read_lines
from polyalign.core.jit import F32
from polyalign.core.links import Links
from polyalign.core.progress import track
from polyalign.encoders.cache import cache_folder
from polyalign.view.certainty import Batch, certainty
from polyalign.view.table import ROWS, store

#: Raised when the form of the tables changes: older folders are made anew.
FORMAT = 2
LINKS = pa.schema(
    [
        ("src", pa.large_list(pa.int32())),
        ("tgt", pa.large_list(pa.int32())),
        ("prob", pa.large_list(pa.float32())),
        ("sure", pa.large_list(pa.bool_())),
    ]
)
GOLD = "gold"


@dataclass(frozen=True, slots=True)
class Aligned:
    """Links to show over the pairs.

    Args:
        name: What the aligner is called.
        path: ``links.parquet`` of a run's step, or a file of Pharaoh lines.
        pairs: The bitext a ``links.parquet`` belongs to, where it is not the one that is shown.
    """

    name: str
    path: Path
    pairs: Path | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """One language pair to be prepared.

    Args:
        unit: Its name, ``deu_Latn-roh_Latn``.
        pairs: The bitext, a Parquet file.
        aligners: Its links.
        beads: The sentence aligner's bitext, with the ranges of its sentences.
        sentences: The documents' sentences.
    """

    unit: str
    pairs: Path
    aligners: tuple[Aligned, ...] = ()
    beads: Path | None = None
    sentences: Path | None = None

    def key(self) -> str:
        """A hash of all that is shown."""
        parts = [FORMAT, self.unit, [a.name for a in self.aligners], [f and digest(f) for f in self._files()]]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()

    def stamp(self) -> tuple[object, ...]:
        """What tells at little cost whether the files may have changed."""
        stats = [f and (str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in self._files()]
        return (self.unit, *stats)

    def _files(self) -> list[Path | None]:
        links = (p for a in self.aligners for p in (a.path, a.pairs))
        return [self.pairs, *links, self.beads, self.sentences]


def prepare(given: Given) -> Path:
    """The folder with a language pair's tables, made now if it is not there.

    Raises:
        DataError: Links that do not fit the bitext, or a file that cannot be read.
    """
    root = (cache_folder() or Path(tempfile.gettempdir()) / "polyalign") / "view"
    folder = root / given.key()
    if (folder / "about.json").is_file():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=root))
    try:
        _write(given, part)
        try:
            os.replace(part, folder)
        except OSError:
            if not (folder / "about.json").is_file():  # else another program made the same meanwhile
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _write(given: Given, out: Path) -> None:
    n = pq.read_metadata(given.pairs).num_rows
    file = pq.ParquetFile(given.pairs)
    meta = file.schema_arrow.metadata or {}
    notes: list[str] = []
    with track(f"open {given.unit}", total=n, unit="pairs") as progress:
        store(_counted(_tables(file), progress), out / "pairs.arrow", file.schema_arrow)
    aligners: list[str] = []
    for aligned in given.aligners:
        tables = _links_of(aligned, given.pairs, n, notes)
        if tables is not None:
            store(tables, out / f"links-{len(aligners)}.arrow", LINKS)
            aligners.append(aligned.name)
    if "links" in file.schema_arrow.names and pa.types.is_string(file.schema_arrow.field("links").type):
        store(_gold(out / "pairs.arrow"), out / f"links-{len(aligners)}.arrow", LINKS)
        aligners.append(GOLD)
    if given.beads is not None:
        beads = pq.ParquetFile(given.beads)
        store(_tables(beads), out / "beads.arrow", beads.schema_arrow)
    if given.sentences is not None:
        wanted = pa.array(given.unit.split("-"))
        sentences = pq.ParquetFile(given.sentences)
        kept = (t.filter(pc.is_in(t["lang"], wanted)) for t in _tables(sentences))
        store(kept, out / "sentences.arrow", sentences.schema_arrow)
    np.save(out / "order.npy", _order(out, aligners))
    about = {
        "unit": given.unit,
        "langs": [meta.get(b"src_lang", b"und").decode(), meta.get(b"tgt_lang", b"und").decode()],
        "pairs": n,
        "aligners": aligners,
        "notes": notes,
    }
    (out / "about.json").write_text(json.dumps(about), encoding="utf-8")


def _tables(file: Any) -> Iterator[pa.Table]:
    return (pa.Table.from_batches([batch]) for batch in file.iter_batches(ROWS))


def _counted(tables: Iterable[pa.Table], progress: Any) -> Iterator[pa.Table]:
    for table in tables:
        yield table
        progress.advance(table.num_rows)


def _links_of(aligned: Aligned, pairs: Path, n: int, notes: list[str]) -> Iterable[pa.Table] | None:
    """An aligner's links in the order of the pairs; None, with a note, where they count other words."""
    if aligned.path.suffix != ".parquet":
        return _pharaoh(aligned.path, n)
    if aligned.pairs is None or aligned.pairs == pairs:
        file = pq.ParquetFile(aligned.path)
        return map(_complete, _tables(file))
    ids, theirs = (pq.read_table(p, columns=["id"])["id"].combine_chunks() for p in (pairs, aligned.pairs))
    place = pc.index_in(ids, value_set=theirs)
    same = pc.is_valid(place)
    for column in ("src", "tgt", "src_spans", "tgt_spans"):
        ours, other = (_column(p, column) for p in (pairs, aligned.pairs))
        if ours is not None or other is not None:
            same = pc.and_(same, False if ours is None or other is None else _equal(ours, other.take(place)))
    known, left = pc.sum(pc.is_valid(place)).as_py() or 0, pc.sum(same).as_py() or 0
    if not known:
        notes.append(f"{aligned.name} has none of these sentence pairs; its links are left out")
    elif left < known:
        which = f"{known - left:,} of {known:,} pairs" if left else "all pairs"
        notes.append(
            f"{aligned.name} counts other words than the texts that are shown in {which}; its links are left out there"
        )
    if not left:
        return None
    table = _complete(pq.read_table(aligned.path)).combine_chunks()
    return iter([table.take(pc.if_else(same, place, pa.scalar(None, place.type)))])


def _column(path: Path, name: str) -> Any:
    """A column whole; None where there is none."""
    return pq.read_table(path, columns=[name])[name].combine_chunks() if name in pq.read_schema(path).names else None


def _equal(ours: Any, theirs: Any) -> Any:
    """Whether two columns of texts or of lists have the same in a row; false where either has none."""
    if not pa.types.is_nested(ours.type):
        return pc.fill_null(pc.equal(ours, theirs.cast(ours.type)), False)
    lengths = [pc.fill_null(pc.list_value_length(x), -k).to_numpy() for k, x in enumerate((ours, theirs), 1)]
    same = lengths[0] == lengths[1]
    values = [x.filter(pa.array(same)).flatten().to_numpy(zero_copy_only=False) for x in (ours, theirs)]
    owner = np.repeat(np.flatnonzero(same), lengths[0][same])
    same[owner[values[0] != values[1]]] = False
    return pa.array(same)


def _complete(table: pa.Table) -> pa.Table:
    """A table of links with every column, whatever it lacks."""
    src = table["src"].combine_chunks()
    offsets, t = src.offsets, len(src.values)
    fill = {"prob": pa.array(np.full(t, np.nan, np.float32)), "sure": pa.array(np.ones(t, np.bool_))}
    columns = [
        table[f.name] if f.name in table.column_names else pa.LargeListArray.from_arrays(offsets, fill[f.name])
        for f in LINKS
    ]
    return pa.table(columns, schema=LINKS)


def _pharaoh(path: Path, n: int) -> Iterator[pa.Table]:
    done, lines = 0, []
    for line in read_lines(path):
        lines.append(line)
        if len(lines) == ROWS:
            yield _parsed(lines, path, done)
            done, lines = done + len(lines), []
    yield _parsed(lines, path, done)
    if done + len(lines) != n:
        raise DataError(
            f"{path}: {done + len(lines):,} lines of links, expected one for each of {n:,} sentence pairs; name the texts it was made from"
        )


def _parsed(lines: Sequence[str], path: Path, before: int) -> pa.Table:
    where = str(path) if not before else f"{path} after line {before}:"
    return _complete(Links.from_pharaoh(lines, where=where).to_table())


def _gold(path: Path) -> Iterator[pa.Table]:
    """The links of a gold standard that was joined to the corpus, null where there is none."""
    with pa.memory_map(str(path)) as mapped:
        file = pa.ipc.open_file(mapped)
        for number in range(file.num_record_batches):
            lines = file.get_batch(number)["links"]
            table = _complete(Links.from_pharaoh([x or "" for x in lines.to_pylist()], where="gold").to_table())
            valid = pc.is_valid(lines)
            at = pc.if_else(valid, pa.array(np.arange(len(lines))), pa.scalar(None, pa.int64()))
            yield table.take(at)


def _order(out: Path, aligners: Sequence[str]) -> Any:
    """The pairs, least certain first, ties in the order of the file; checks the links against the words."""
    shown = [k for k, name in enumerate(aligners) if name != GOLD]
    parts: list[F32] = []
    with pa.memory_map(str(out / "pairs.arrow")) as mapped:
        file = pa.ipc.open_file(mapped)
        links = [pa.ipc.open_file(pa.memory_map(str(out / f"links-{k}.arrow"))) for k in range(len(aligners))]
        for number in range(file.num_record_batches):
            pairs = file.get_batch(number)
            found = [Batch.of(f.get_batch(number), pairs, aligners[k], number * ROWS) for k, f in enumerate(links)]
            gold = next((b for b, name in zip(found, aligners, strict=True) if name == GOLD), None)
            parts.append(certainty([found[k] for k in shown], pairs, gold))
    values = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return np.argsort(values, kind="stable").astype(np.int32)
