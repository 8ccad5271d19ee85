"""What the report shows of the stored results, read in bounded memory: only the columns and rows it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64, Mask
from polyalign.core.links import Links
from polyalign.core.rng import generator
from polyalign.report.picture import Example
from polyalign.report.record import Record, Unit

RANGES = ("src_start", "src_end", "tgt_start", "tgt_end")
#: The length ratio's axis, in powers of two, and its bins.
RATIO_LOW, RATIO_HIGH, RATIO_BINS, SCORE_BINS = -3, 3, 48, 48


def columns_of(path: Path) -> list[str]:
    """The names of a Parquet file's columns."""
    return list(pq.read_schema(path).names)


def rows_of(path: Path) -> int:
    """The number of a Parquet file's rows."""
    return int(pq.read_metadata(path).num_rows)


def column(path: Path, name: str) -> Any:
    """One column of numbers as an array, nulls as NaN."""
    return pq.read_table(path, columns=[name])[name].to_numpy()


def take(path: Path, rows: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
    """Some rows in the order given, one row group in memory at a time."""
    file = pq.ParquetFile(path)
    sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
    first = np.concatenate([[0], np.cumsum(sizes)])
    wanted = np.unique(np.asarray(rows, np.int64))
    owner = np.searchsorted(first, wanted, side="right") - 1
    parts = [
        file.read_row_group(int(g), columns=columns).take(pa.array(wanted[owner == g] - first[g]))
        for g in np.unique(owner)
    ]
    names = columns if columns is not None else file.schema_arrow.names
    table = pa.concat_tables(parts) if parts else file.schema_arrow.empty_table().select(list(names))
    return table.take(pa.array(np.searchsorted(wanted, np.asarray(rows, np.int64))))


def spread(n: int, k: int) -> list[int]:
    """At most k of n positions, evenly spaced and off the ends.

    Example:
        >>> spread(100, 4), spread(2, 4)
        ([12, 37, 62, 87], [0, 1])
    """
    return list(dict.fromkeys(int((i + 0.5) * n / min(n, k)) for i in range(min(n, k))))


def ratio_counts(path: Path) -> tuple[I64, int]:
    """Histogram of log2(target / source characters), and how many pairs have both sides.

    What lies beyond the axis is counted in the outer bins.
    """
    counts, n = np.zeros(RATIO_BINS, np.int64), 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=65536, columns=["src", "tgt"]):
        src, tgt = (
            pc.utf8_length(batch[side]).to_numpy(zero_copy_only=False).astype(np.float64) for side in ("src", "tgt")
        )
        both = (src > 0) & (tgt > 0)
        ratio = np.log2(tgt[both] / src[both])
        counts += bins(ratio, RATIO_LOW, RATIO_HIGH, RATIO_BINS)
        n += int(both.sum())
    return counts, n


def bins(values: Any, low: float, high: float, number: int) -> I64:
    """Counts in equally wide bins; what lies outside falls into the outer ones."""
    at = np.floor((np.asarray(values, np.float64) - low) / (high - low) * number)
    return np.bincount(np.clip(at, 0, number - 1).astype(np.int64), minlength=number).astype(np.int64)


def two_sided(path: Path) -> Mask:
    """Which rows of an aligned bitext have sentences on both sides, shape (n,)."""
    if not set(RANGES) <= set(columns_of(path)):
        return np.ones(rows_of(path), np.bool_)
    a, b, c, d = (column(path, name) for name in RANGES)
    return np.asarray((b > a) & (d > c), np.bool_)


def scores_of(path: Path) -> Any:
    """`score.align` of the rows with two sides; None where there is no such column."""
    if "score.align" not in columns_of(path):
        return None
    values = column(path, "score.align")[two_sided(path)]
    return values[np.isfinite(values)]


def worst(path: Path, k: int) -> list[dict[str, Any]]:
    """The k two-sided rows of lowest `score.align`, lowest first, ties in the order of the file."""
    score = np.where(two_sided(path), column(path, "score.align"), np.nan)
    rows = np.flatnonzero(np.isfinite(score))
    rows = rows[np.argsort(score[rows], kind="stable")][:k]
    names = [c for c in ("id", "src", "tgt", "score.align", *RANGES) if c in columns_of(path)]
    return list(take(path, rows.tolist(), names).to_pylist())


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a lexicon, as rows by column name.

    Args:
        strongest: The most significant ones.
        middle: Some from the middle of that order.
        total: How many there are in all.
        by: The column they are ordered by.
    """

    strongest: list[dict[str, Any]]
    middle: list[dict[str, Any]]
    total: int
    by: str


def lexicon_entries(path: Path, k: int = 12) -> Entries:
    """The strongest entries that are words, and a few out of the middle."""
    by = "significance" if "significance" in columns_of(path) else "count"
    order = np.argsort(-column(path, by).astype(np.float64), kind="stable")
    n = len(order)
    strongest = [
        row for row in take(path, order[: 40 * k].tolist()).to_pylist() if _is_word(row["src"]) and _is_word(row["tgt"])
    ]
    middle = order[int(0.45 * n) : int(np.ceil(0.55 * n))]
    chosen = np.sort(generator(1, "report").permutation(len(middle))[: 4 * k])
    others = [
        row for row in take(path, middle[chosen].tolist()).to_pylist() if _is_word(row["src"]) and _is_word(row["tgt"])
    ]
    return Entries(strongest[:k], others[:k], n, by)


def _is_word(raw: str) -> bool:
    return any(c.isalpha() for c in raw)


def examples(unit: Unit, k: int = 4) -> list[Example]:
    """Sentence pairs of ordinary length to draw, short to long; those with gold links first.

    Sentence pairs joined to the corpus for scoring carry their gold links in a column `links`.
    """
    path = unit.path("bitext.parquet")
    names = columns_of(path)
    lengths = [_token_counts(path, side, names) for side in ("src", "tgt")]
    low, high = np.minimum(*lengths), np.maximum(*lengths)
    gold = np.zeros(len(low), np.bool_)
    if "links" in names:
        gold = pc.is_valid(pq.read_table(path, columns=["links"])["links"]).to_numpy()
    for least, most in ((6, 18), (3, 24), (1, 40)):
        rows = np.flatnonzero((low >= least) & (high <= most))
        if len(rows) >= k:
            break
    if not len(rows):
        return []
    if gold[rows].sum() >= k:
        rows = rows[gold[rows]]
    rows = rows[np.argsort(high[rows], kind="stable")]
    chosen = rows[spread(len(rows), k)].tolist()
    bitext = Bitext(take(path, chosen))
    links = Links.from_table(take(unit.path("links.parquet"), chosen))
    written = bitext.column("links") if "links" in names else [None] * len(chosen)
    out = []
    for n, (id, src, tgt) in enumerate(zip(bitext.ids, bitext.tokens("src"), bitext.tokens("tgt"), strict=True)):
        pairs = links.pairs(n)
        probs = (
            [1.0] * len(pairs) if links.prob is None else links.prob[links.offsets[n] : links.offsets[n + 1]].tolist()
        )
        out.append(
            Example(id, bitext.langs, tuple(src), tuple(tgt), dict(zip(pairs, probs, strict=True)), _gold(written[n]))
        )
    return out


def _gold(line: str | None) -> dict[tuple[int, int], bool] | None:
    if line is None:
        return None
    links = Links.from_pharaoh([line], where="the gold bitext's column 'links'")
    sure = [True] * len(links.src) if links.sure is None else links.sure.tolist()
    return dict(zip(links.pairs(0), sure, strict=True))


def _token_counts(path: Path, side: str, names: list[str]) -> I64:
    parts = []
    for batch in pq.ParquetFile(path).iter_batches(columns=[f"{side}_spans" if f"{side}_spans" in names else side]):
        if f"{side}_spans" in names:
            parts.append(pc.list_value_length(batch[0]).to_numpy(zero_copy_only=False) // 2)
        else:
            parts.append(pc.count_substring_regex(batch[0], "[^ \t]+").to_numpy(zero_copy_only=False))
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The opening of one aligned document.

    Args:
        doc: Its id.
        beads: Its first beads: source sentences with their first number, target ones, score.
        total: How many beads it has.
    """

    doc: str
    beads: list[tuple[int, list[str], int, list[str], float]]
    total: int


def excerpt(record: Record, aligned: Unit, k: int = 12) -> Excerpt | None:
    """The document whose first k beads show the most kinds of beads, the first of these."""
    path = aligned.path("bitext.parquet")
    docs = pq.read_table(path, columns=["doc"])["doc"].combine_chunks()
    if not len(docs):
        return None
    codes = docs.dictionary_encode().indices.to_numpy()
    a, b, c, d = (column(path, name).astype(np.int64) for name in RANGES)
    first = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1, [len(codes)]])
    kind = (b - a) * 1000 + (d - c)
    variety = [
        (-len(set(kind[i : min(i + k, j)].tolist())), -min(k, j - i), i, j)
        for i, j in zip(first[:-1].tolist(), first[1:].tolist(), strict=True)
    ]
    start, end = min(variety)[2:]
    shown = range(start, min(start + k, end))
    doc = docs[start].as_py()
    rows = take(path, list(shown), ["src", "tgt", "score.align", *RANGES]).to_pylist()
    split = [_sentences(record, doc, tag) for tag in aligned.unit.split("-")]
    beads = []
    for row in rows:
        sides = []
        for name, sentences in zip(("src", "tgt"), split, strict=True):
            i, j = row[f"{name}_start"], row[f"{name}_end"]
            known = sentences[i:j] if len(sentences) >= j else [row[name]]
            sides.append((i, known if j > i else []))
        beads.append((*sides[0], *sides[1], float(row["score.align"])))
    return Excerpt(doc, beads, end - start)


def _sentences(record: Record, doc: str, lang: str) -> list[str]:
    """The sentences of one document, or none where the run did not keep them."""
    unit = record.last("sentences")
    if unit is None:
        return []
    wanted = [("doc", "=", doc), ("lang", "=", lang)]
    return list(pq.read_table(unit.path("sentences.parquet"), columns=["text"], filters=wanted)["text"].to_pylist())
