"""What is known before training: pseudo-counts from another model, a file, or a dictionary.

A table of priors has a row for each pseudo-count: `granularity`, `kind`, `src`, `tgt`, `number`,
`weight`. Kinds: `link` (src linked to tgt, counted in both directions; an empty side is NULL),
`jump-forward` and `jump-backward` (number: the jump), `fertility-src` and `fertility-tgt` (number:
the fertility). A link of infinite weight is a constraint: where both words occur in a sentence pair,
they are linked to nothing else. It is read and written as Parquet or TSV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from polyalign.core.errors import DataError
from polyalign.core.files import open_binary, open_output, read_lines, suffixes, write_lines
from polyalign.core.jit import F32, F64, I32, I64, Mask
from polyalign.core.progress import note
from polyalign.core.ragged import Ragged, offsets
from polyalign.kernels.gibbs import FERTILITIES, LONGEST_JUMP
from polyalign.words.spelling import Digits, Punctuation, normal
from polyalign.words.units import Units, has_pieces

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
#: Pseudo-count of a constraint, as it is counted.
CONSTRAINT = 10.0


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a granularity before training, as pseudo-counts.

    Args:
        src: Source unit of each pair with a prior.
        tgt: Its target unit.
        weight: Its pseudo-count.
        src_null: Pseudo-counts of unlinked source units, shape (src units,).
        tgt_null: Likewise.
        jumps: Of jumps, forward and backward, shape (2, jumps).
        src_fertility: Of fertilities, shape (src units, FERTILITIES).
        tgt_fertility: Likewise.
        only: Whether the units of a pair link to nothing else where both occur.
    """

    src: I32
    tgt: I32
    weight: F32
    src_null: F64
    tgt_null: F64
    jumps: F64
    src_fertility: F32
    tgt_fertility: F32
    only: Mask

    @classmethod
    def none(cls, src_units: int, tgt_units: int) -> Hints:
        """Nothing is known."""
        empty = np.zeros(0, np.int32)
        fertility = np.zeros((src_units, FERTILITIES), np.float32), np.zeros((tgt_units, FERTILITIES), np.float32)
        nulls, jumps = (np.zeros(src_units), np.zeros(tgt_units)), np.zeros((2, 2 * LONGEST_JUMP + 1))
        return cls(empty, empty, np.zeros(0, np.float32), *nulls, jumps, *fertility, np.zeros(0, np.bool_))


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
    if not ((weight >= 0) & (np.isfinite(weight) | _are_links(table).to_numpy())).all():
        raise DataError(
            f"{path}: found a weight that is negative or no number, or an infinite one that is not of a link of two "
            "words; expected pseudo-counts from 0 on"
        )
    return table


def write_priors(table: pa.Table, path: str | Path) -> None:
    """Write a table of priors, Parquet or TSV as the path's suffix says."""
    if suffixes(path)[0] == ".parquet":
        with open_output(path) as file:
            parquet.write_table(table, file)
        return
    columns = [table[name].cast(pa.string()).to_pylist() for name in SCHEMA.names]
    write_lines(path, ["\t".join(SCHEMA.names), *map("\t".join, zip(*columns, strict=True))])


def read_dictionary(
    path: str | Path, *, lowercase: bool, digits: Digits = "keep", punctuation: Punctuation = "keep"
) -> pa.Table:
    """Read a dictionary as priors: ``src<TAB>tgt`` with an optional third column, the weight (1 if absent).

    The weight ``only`` (or ``inf``) makes an entry a constraint: where both words occur in a sentence pair, they are
    linked to nothing else. An entry of several words has no single link and is not used, which is said.

    Args:
        path: File of lines.
        lowercase: Words are counted so; see `words.spelling.normal`.
        digits: Likewise.
        punctuation: Likewise.

    Raises:
        DataError: A line of another form, naming it.
    """
    src, tgt, weights, phrases = [], [], [], 0
    for number, line in enumerate(read_lines(path), 1):
        fields = line.split("\t")
        if not line.strip():
            continue
        try:
            third = fields[2].strip() if len(fields) == 3 else "1"
            weight = np.inf if third == "only" else float(third)
            if len(fields) not in (2, 3) or not fields[0].strip() or not fields[1].strip() or not weight >= 0:
                raise ValueError
        except ValueError:
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected source word, target word and optionally a "
                "weight from 0 on or 'only', separated by tabs"
            ) from None
        words = [normal(f.strip(), lowercase=lowercase, digits=digits, punctuation=punctuation) for f in fields[:2]]
        if any(" " in word for word in words):
            phrases += 1
            continue
        src.append(words[0])
        tgt.append(words[1])
        weights.append(weight)
    if phrases:
        note(f"{path}: {phrases} of {phrases + len(src)} entries have several words and are not used")
    return rows("full", "link", np.asarray(weights, np.float32), src=src, tgt=tgt)


def words_of(tables: Sequence[pa.Table], side: str) -> list[str]:
    """The words that tables of priors name, each once; the pieces of subword tokenizers are none."""
    out: dict[str, None] = {}
    for table in tables:
        pieces = [g for g in pc.unique(table["granularity"]).to_pylist() if has_pieces(g)]
        whole = table.filter(pc.invert(pc.is_in(table["granularity"], pa.array(pieces, pa.string()))))
        out |= dict.fromkeys(w for w in pc.unique(whole[side]).to_pylist() if w)
    return list(out)


def constraints(tables: Sequence[pa.Table], src: Mapping[str, int], tgt: Mapping[str, int]) -> tuple[I32, I32]:
    """The pairs of words that are to be linked to nothing else.

    Args:
        tables: Priors.
        src: Numbers of the source words; a pair with a word that has none is left out.
        tgt: Likewise.

    Returns:
        Source and target word of each pair, each pair once.
    """
    pairs: dict[tuple[int, int], None] = {}
    for table in tables:
        own = table.filter(pc.and_(_are_links(table), pc.equal(table["granularity"], "full")))
        own = own.filter(pc.is_inf(own["weight"]))
        for s, t in zip(own["src"].to_pylist(), own["tgt"].to_pylist(), strict=True):
            if s in src and t in tgt:
                pairs[src[s], tgt[t]] = None
    both = np.asarray(list(pairs), np.int32).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


def _are_links(table: pa.Table) -> pa.ChunkedArray:
    words = pc.and_(pc.not_equal(table["src"], ""), pc.not_equal(table["tgt"], ""))
    return pc.and_(pc.equal(table["kind"], "link"), words)


def hints(tables: Sequence[pa.Table], granularity: str, src: Units, tgt: Units) -> Hints:
    """What tables of priors say of one granularity; those without it are seen through it.

    Where words have several pieces, the pseudo-count of a link of words is shared out evenly, so that
    no piece gets more than it; fertilities are taken over only by words of one piece. A constraint counts
    `CONSTRAINT` and is exact for full forms; other units are constrained where no other word has them, and
    `constraints` has the words.

    Args:
        tables: Priors whose words all are among the units' words.
        granularity: Which.
        src: Source units.
        tgt: Target units.
    """
    out = Hints.none(len(src.names), len(tgt.names))
    pairs: list[tuple[I32, I32, F32, Mask]] = []
    alone = [np.bincount(u.pieces.values, minlength=len(u.names) + 1) == 1 for u in (src, tgt)]
    missed = total = 0
    for table in tables:
        own = table.filter(pc.equal(table["granularity"], granularity))
        named = bool(len(own))
        if not named:
            own = table.filter(pc.equal(table["granularity"], "full"))
        of = {kind: own.filter(pc.equal(own["kind"], kind)) for kind in KINDS}
        row, s, t, shared = _cross(_units(of["link"]["src"], src, named), _units(of["link"]["tgt"], tgt, named))
        weight = of["link"]["weight"].to_numpy()[row]
        only = np.isinf(weight)
        weight = np.asarray(np.where(only, CONSTRAINT, weight) / shared, np.float32)
        known = (s < len(src.names)) & (t < len(tgt.names))
        missed, total = missed + int((~known).sum()), total + len(known)
        np.add.at(out.src_null, s[known & (t == 0)], weight[known & (t == 0)])
        np.add.at(out.tgt_null, t[known & (s == 0)], weight[known & (s == 0)])
        both = known & (s > 0) & (t > 0)
        only &= (shared == 1) & ((granularity == "full") | (alone[0][s] & alone[1][t]))
        pairs.append((s[both], t[both], weight[both], only[both]))
        for side, kind in enumerate(("jump-forward", "jump-backward")):
            jump = np.clip(of[kind]["number"].to_numpy(), -LONGEST_JUMP, LONGEST_JUMP) + LONGEST_JUMP
            np.add.at(out.jumps[side], jump, of[kind]["weight"].to_numpy())
        for name, units, into in (("src", src, out.src_fertility), ("tgt", tgt, out.tgt_fertility)):
            part = of[f"fertility-{name}"]
            number = np.clip(part["number"].to_numpy(), 0, FERTILITIES - 1)
            word = _units(part[name], units, named)
            first = word.values[word.offsets[:-1]]
            single = (word.lengths == 1) & (first < len(units.names))
            np.add.at(into, (first[single], number[single]), part["weight"].to_numpy()[single])
    if missed:
        note(
            f"priors of {granularity}: {missed} of {total} name pieces that its tokenizer does not make and are not used"
        )
    if not pairs:
        return out
    s, t, weight, only = (np.concatenate([p[k] for p in pairs]) for k in range(4))
    distinct, at = np.unique(s.astype(np.int64) * len(tgt.names) + t, return_inverse=True)
    return replace(
        out,
        src=(distinct // len(tgt.names)).astype(np.int32),
        tgt=(distinct % len(tgt.names)).astype(np.int32),
        weight=np.bincount(at, weight, len(distinct)).astype(np.float32),
        only=np.bincount(at, only, len(distinct)) > 0,
    )


def _units(column: pa.ChunkedArray, units: Units, named: bool) -> Ragged:
    # The units of each row: the unit it names, or those of the word it names.
    encoded = column.combine_chunks().dictionary_encode()
    words = encoded.dictionary.to_pylist()
    if named:
        each = Ragged.from_lists([[units.index.get(w, len(units.names))] for w in words])
    else:
        each = Ragged.from_lists(units.split(words))
    return each.take(encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))


def _cross(src: Ragged, tgt: Ragged) -> tuple[I64, I32, I32, I64]:
    # Every pair of a row's units, with the row and what its weight is divided by.
    n, m = src.lengths, tgt.lengths
    row = np.repeat(np.arange(len(n)), n * m)
    inner = np.arange(len(row)) - offsets(n * m)[row]
    s, t = src.values[src.offsets[row] + inner // m[row]], tgt.values[tgt.offsets[row] + inner % m[row]]
    return row, s, t, np.maximum(n, m)[row]
