"""A step in shards: each a task of its own, kept when it is done, put together in order when all are.

A shard's result depends on the shard alone, and what the shards are on the data alone; so a step gives the same bytes
whoever does its tasks and however often it was killed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from polyalign.core.progress import track
from polyalign.core.spread import engine
from polyalign.core.store import Store
from polyalign.pipeline.artefacts import Runs, Writer
from polyalign.pipeline.job import Counts, Job

T = TypeVar("T")
#: Raised when shards are cut or kept in another way.
VERSION = 1
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a task gives.

    Args:
        tables: By the name of the file, without its suffix, that they are part of.
        counts: What was counted; those of all shards are added.
    """

    tables: Mapping[str, pa.Table]
    counts: Counts = field(default_factory=dict)


def shards_folder(out: Path) -> Path:
    """Where a step that writes to a folder keeps the shards that are done."""
    return out.with_suffix(".shards")


def in_shards(
    function: Callable[[T], Made],
    load: Callable[[int], T],
    sizes: Sequence[int],
    job: Job,
    *,
    label: str,
    unit: str,
) -> Counts:
    """Do a step shard by shard and write its tables.

    Args:
        function: A pure one that a worker can import, or a `functools.partial` of one.
        load: What to call it on, by number; called when there is somebody to work on it.
        sizes: Of each shard, in what `unit` counts.
        job: Whose output folder the tables are written to.
        label: What is being done.
        unit: What is counted, in the plural.

    Returns:
        The counts of all shards together.
    """
    if len(sizes) == 1:
        made = function(load(0))
        for name, table in made.tables.items():
            with Writer(job.out / f"{name}.parquet") as writer:
                writer.write(table)
        return made.counts
    folder = shards_folder(job.out)
    store, found = Store(folder), dict[int, tuple[Path, Counts]]()
    recipes = [_recipe(folder, number, sizes) for number in range(len(sizes))]
    with track(label, total=sum(sizes), unit=unit) as progress:
        for number, recipe in enumerate(recipes):
            if (kept := store.find("shards", f"{number:05d}", recipe)) is not None:
                found[number] = kept.folder, dict(kept.counts)
                progress.advance(sizes[number])
        for number, made in _results(function, load, [n for n in range(len(sizes)) if n not in found], sizes):
            counts = dict(made.counts)
            with store.create("shards", f"{number:05d}", recipes[number], counts) as part:
                for name, table in made.tables.items():
                    with pa.OSFile(str(part / f"{name}.arrow"), "wb") as file, _writer(file, table) as writer:
                        writer.write_table(table)
            kept_in = store.load("shards", f"{number:05d}", recipes[number])
            found[number] = kept_in.folder, counts
            progress.advance(sizes[number])
    parts = [found[number][0] for number in range(len(sizes))]
    for name in sorted({path.stem for part in parts for path in part.glob("*.arrow")}):
        _join([part / f"{name}.arrow" for part in parts], job.out / f"{name}.parquet")
    return added(counts for _, (_, counts) in sorted(found.items()))


def by_rows(function: Callable[[pa.Table], Made], source: Runs, job: Job, *, label: str, unit: str = "rows") -> Counts:
    """A step that looks at each row on its own: every run of the stored table is a shard."""
    return in_shards(function, source.__getitem__, source.sizes, job, label=label, unit=unit)


def streamed(tables: Iterable[pa.Table], out: Path) -> int:
    """Write tables that may differ in columns as one, one at a time in memory; returns how many rows.

    Args:
        tables: One at least.
        out: The Parquet file.
    """
    folder, paths, rows = out.with_suffix(".runs"), list[Path](), 0
    folder.mkdir()
    for number, table in enumerate(tables):
        rows += table.num_rows
        paths.append(folder / f"{number:06d}.arrow")
        with pa.OSFile(str(paths[-1]), "wb") as file, _writer(file, table) as writer:
            writer.write_table(table)
    _join(paths, out)
    shutil.rmtree(folder)
    return rows


def added(parts: Iterable[Counts]) -> Counts:
    """Counts of parts as those of the whole: numbers add up, also those inside of tables."""
    total: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            before = total.get(name)
            if isinstance(value, Mapping):
                total[name] = added([before or {}, dict(value)])
            else:
                total[name] = value if before is None else before + value
    return total


def _results(
    function: Callable[[T], Made], load: Callable[[int], T], numbers: Sequence[int], sizes: Sequence[int]
) -> Iterator[tuple[int, Made]]:
    by = engine()
    if by is None:
        return ((number, function(load(number))) for number in numbers)
    # The largest first: one that was begun last would be worked on alone at the end.
    ordered = sorted(numbers, key=lambda number: (-sizes[number], number))
    return by.results(function, ((number, _loader(load, number)) for number in ordered))


def _loader(load: Callable[[int], T], number: int) -> Callable[[], T]:
    return lambda: load(number)


def _recipe(folder: Path, number: int, sizes: Sequence[int]) -> dict[str, Any]:
    # The folder's name has the key of all that the step is made from.
    params = {"number": number, "of": len(sizes), "size": sizes[number]}
    return {"method": folder.stem, "version": VERSION, "params": params, "inputs": {}}


def _writer(file: Any, table: pa.Table) -> Any:
    return pa.ipc.new_file(file, table.schema, options=_PACKED)


def _join(paths: Sequence[Path], out: Path) -> None:
    schemas = []
    for path in paths:
        with pa.memory_map(str(path)) as file:
            schemas.append(pa.ipc.open_file(file).schema)
    # With the languages and what else the first says of the table.
    with Writer(out, pa.unify_schemas(schemas, promote_options="default")) as writer:
        for path in paths:
            with pa.memory_map(str(path)) as file:
                writer.write(pa.ipc.open_file(file).read_all())
