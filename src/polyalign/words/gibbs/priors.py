"""What is known before training: pseudo-counts from another model, a file, or a dictionary.

A table of priors has a row for each pseudo-count: `granularity`, `kind`, `src`, `tgt`, `number`,
`weight`. Kinds: `link` (src linked to tgt, counted in both directions; an empty side is NULL),
`jump-forward` and `jump-backward` (number: the jump), `fertility-src` and `fertility-tgt` (number:
the fertility). It is read and written as Parquet or TSV.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from polyalign.core.errors import DataError
from polyalign.core.files import open_binary, open_output, read_lines, suffixes, write_lines
from polyalign.core.jit import F32, F64, I32
from polyalign.core.progress import note
from polyalign.kernels.gibbs import FERTILITIES, LONGEST_JUMP
from polyalign.words.gibbs.lattice import Hints
from polyalign.words.gibbs.text import Units, cut

SCHEMA = pa.schema(
    [
        ("granularity", pa.string()),
        ("kind", pa.string()),
        ("src", pa.string()),
        ("tgt", pa.string()),
        ("number", pa.int32()),
        ("weight", pa.float32()),
    ]
)
KINDS = ("link", "jump-forward", "jump-backward", "fertility-src", "fertility-tgt")


def rows(granularity: str, kind: str, weight: F32 | F64, **columns: Sequence[str] | I32) -> pa.Table:
    """Rows of one kind; absent words are empty, absent numbers 0."""
    n = len(weight)
    fill = {"src": [""] * n, "tgt": [""] * n, "number": np.zeros(n, np.int32), **columns}
    data = {"granularity": [granularity] * n, "kind": [kind] * n, **fill, "weight": weight}
    return pa.table({f.name: pa.array(data[f.name], f.type) for f in SCHEMA}, SCHEMA)


def read_priors(path: str | Path) -> pa.Table:
    """Read a table of priors, Parquet or TSV.

    Raises:
        DataError: Not such a table, or a kind or weight that cannot be.
    """
    try:
        if suffixes(path)[0] == ".parquet":
            with open_binary(path) as file:
                table = parquet.read_table(pa.BufferReader(file.read()))
        else:
            lines = read_lines(path)
            names = next(lines, "").split("\t")
            columns = list(zip(*(line.split("\t") for line in lines), strict=True)) or [() for _ in names]
            table = pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})
        table = table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: not a table of priors ({error}); expected columns {', '.join(SCHEMA.names)}, as "
            "export_priors writes them"
        ) from None
    unknown = sorted(set(pc.unique(table["kind"]).to_pylist()) - set(KINDS), key=str)
    if unknown:
        raise DataError(f"{path}: found kind {unknown[0]!r}, expected one of {', '.join(KINDS)}")
    weight = table["weight"].to_numpy()
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise DataError(f"{path}: found a weight that is negative or no number, expected pseudo-counts from 0 on")
    return table


def write_priors(table: pa.Table, path: str | Path) -> None:
    """Write a table of priors, Parquet or TSV as the path's suffix says."""
    if suffixes(path)[0] == ".parquet":
        with open_output(path) as file:
            parquet.write_table(table, file)
        return
    columns = [table[name].cast(pa.string()).to_pylist() for name in SCHEMA.names]
    write_lines(path, ["\t".join(SCHEMA.names), *map("\t".join, zip(*columns, strict=True))])


def read_dictionary(path: str | Path, *, lowercase: bool) -> pa.Table:
    """Read a dictionary as priors: ``src<TAB>tgt`` with an optional third column, the weight (1 if absent).

    An entry of several words has no single link and is not used, which is said.

    Raises:
        DataError: A line of another form, naming it.
    """
    src, tgt, weights, phrases = [], [], [], 0
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if not line.strip():
            continue
        try:
            weight = float(fields[2]) if len(fields) == 3 else 1.0
            if len(fields) not in (2, 3) or not fields[0] or not fields[1] or not 0 <= weight < np.inf:
                raise ValueError
        except ValueError:
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected source word, target word and optionally a "
                "weight from 0 on, separated by tabs"
            ) from None
        if any(" " in field.strip() for field in fields[:2]):
            phrases += 1
            continue
        src.append((fields[0].lower() if lowercase else fields[0]).strip())
        tgt.append((fields[1].lower() if lowercase else fields[1]).strip())
        weights.append(weight)
    if phrases:
        note(f"{path}: {phrases} of {phrases + len(src)} entries have several words and are not used")
    return rows("full", "link", np.asarray(weights, np.float32), src=src, tgt=tgt)


def words_of(tables: Sequence[pa.Table], side: str) -> list[str]:
    """The words that tables of priors name, each once."""
    return list(dict.fromkeys(w for t in tables for w in pc.unique(t[side]).to_pylist() if w))


def hints(tables: Sequence[pa.Table], granularity: str, src: Units, tgt: Units) -> Hints:
    """What tables of priors say of one granularity; those without it are seen through it.

    Args:
        tables: Priors whose words all are among the units' words.
        granularity: Which.
        src: Source units.
        tgt: Target units.
    """
    out = Hints.none(len(src.names), len(tgt.names))
    pairs: list[tuple[I32, I32, F32]] = []
    for table in tables:
        own = table.filter(pc.equal(table["granularity"], granularity))
        if not len(own):
            own = table.filter(pc.equal(table["granularity"], "full"))
        of = {kind: own.filter(pc.equal(own["kind"], kind)) for kind in KINDS}
        s, t = _units(of["link"]["src"], src, granularity), _units(of["link"]["tgt"], tgt, granularity)
        weight = of["link"]["weight"].to_numpy()
        np.add.at(out.src_null, s[t == 0], weight[t == 0])
        np.add.at(out.tgt_null, t[s == 0], weight[s == 0])
        both = (s > 0) & (t > 0)
        pairs.append((s[both], t[both], weight[both]))
        for side, kind in enumerate(("jump-forward", "jump-backward")):
            jump = np.clip(of[kind]["number"].to_numpy(), -LONGEST_JUMP, LONGEST_JUMP) + LONGEST_JUMP
            np.add.at(out.jumps[side], jump, of[kind]["weight"].to_numpy())
        for name, units, into in (("src", src, out.src_fertility), ("tgt", tgt, out.tgt_fertility)):
            part = of[f"fertility-{name}"]
            number = np.clip(part["number"].to_numpy(), 0, FERTILITIES - 1)
            np.add.at(into, (_units(part[name], units, granularity), number), part["weight"].to_numpy())
    if not pairs:
        return out
    s, t, weight = (np.concatenate([p[k] for p in pairs]) for k in range(3))
    distinct, at = np.unique(s.astype(np.int64) * len(tgt.names) + t, return_inverse=True)
    weights = np.bincount(at, weight, len(distinct)).astype(np.float32)
    halves = (distinct // len(tgt.names)).astype(np.int32), (distinct % len(tgt.names)).astype(np.int32)
    return Hints(*halves, weights, out.src_null, out.tgt_null, out.jumps, out.src_fertility, out.tgt_fertility)


def _units(column: pa.ChunkedArray, units: Units, granularity: str) -> I32:
    return np.fromiter((units.index[cut(w, granularity)] for w in column.to_pylist()), np.int32, len(column))
