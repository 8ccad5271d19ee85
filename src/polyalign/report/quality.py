"""How good the pairs of a corpus probably are: by the aligner's own probabilities, or by a person's review."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines, write_lines
from polyalign.core.rng import generator
from polyalign.corpus.profile.told import wilson
from polyalign.report.page import details, number, pair_name, section, table, text
from polyalign.report.record import Record, Unit, read_record
from polyalign.report.sample import column, columns_of, rows_of, take

#: Pairs of a review.
_REVIEW = 100
_YES, _NO = frozenset("1 y yes right true +".split()), frozenset("0 n no wrong false -".split())
_THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def estimates(folder: Path, pair: str, reviewed: Path | None = None) -> dict[str, Any]:
    """How many documents a pair's corpus is from, what was left out, and the share of its pairs that are probably right.

    Args:
        folder: The run folder.
        pair: The language pair's unit name.
        reviewed: A filled-in review; with it the share is counted in that sample.

    Returns:
        ``documents``, ``dropped``, ``precision`` (None where nothing tells), ``interval`` of 95 %, ``by``.
    """
    record = read_record(folder)
    path = record.corpus(pair)
    dropped = sum(sum(u.counts["dropped"].values()) for u in record.units if u.unit == pair and u.counts.get("dropped"))
    out: dict[str, Any] = {"documents": 0, "dropped": dropped, "precision": None, "interval": (0.0, 1.0), "by": ""}
    if path is None:
        return out
    unit = record.last("sentences.align", pair)
    out["documents"] = 0 if unit is None else int(unit.counts.get("in", 0))
    if reviewed is not None:
        answers = _answers(reviewed)
        ids = set(pq.read_table(path, columns=["id"])["id"].to_pylist())
        own = [right for (languages, id), right in answers.items() if languages == pair and id in ids]
        if own:
            out["precision"], out["interval"], out["by"] = sum(own) / len(own), wilson(sum(own), len(own)), "review"
            return out
    if "score.align" in columns_of(path):
        scores = column(path, "score.align").astype(np.float64)
        out |= _estimate(scores[np.isfinite(scores)])
    return out


def _estimate(scores: Any) -> dict[str, Any]:
    """The expected share of right pairs, each right with the probability that is its score, and where 95 % of outcomes lie."""
    if not len(scores):
        return {}
    scores = np.clip(scores, 0.0, 1.0)
    mean, spread = float(scores.mean()), 1.96 * float(np.sqrt((scores * (1 - scores)).sum())) / len(scores)
    return {"precision": mean, "interval": (max(0.0, mean - spread), min(1.0, mean + spread)), "by": "aligner"}


def write_review(folder: Path, seed: int) -> Path:
    """Write ``review.tsv``: pairs of every language pair picked at random, with a column to be filled in.

    What was filled in stays: a review of the same pairs is left as it is.
    """
    record = read_record(folder)
    lines = ["pair\tid\tsrc\ttgt\tright"]
    for pair in record.pairs:
        path = record.corpus(pair)
        if path is not None and rows_of(path):
            chosen = np.sort(generator(seed, f"review {pair}").permutation(rows_of(path))[:_REVIEW])
            for row in take(path, chosen.tolist(), ["id", "src", "tgt"]).to_pylist():
                cells = (" ".join(row[c].split()) for c in ("id", "src", "tgt"))
                lines.append("\t".join([pair, *cells, ""]))
    out = folder / "review.tsv"
    if not out.is_file() or [_bare(line) for line in read_lines(out)] != [_bare(line) for line in lines]:
        write_lines(out, lines)
    return out


def _bare(line: str) -> str:
    return line.rsplit("\t", 1)[0]


def _answers(path: Path) -> dict[tuple[str, str], bool]:
    """What a review says of each pair, by languages and id, that it says something of."""
    out: dict[tuple[str, str], bool] = {}
    for n, line in enumerate(read_lines(path), 1):
        cells = line.split("\t")
        if n == 1 and cells[0] == "pair":
            continue
        answer = cells[-1].strip().casefold()
        if len(cells) != 5 or (answer and answer not in _YES | _NO):
            raise DataError(
                f"{path} line {n}: found {line[-60:]!r}, expected pair, id, src, tgt and right, the last yes, no or empty"
            )
        if answer:
            out[cells[0], cells[1]] = answer in _YES
    if not out:
        raise DataError(f"{path}: nothing is filled in; write yes or no into the last column, right")
    return out


def quality(record: Record, folder: Path, reviewed: Path | None) -> str:
    """The share of right pairs of every language pair, and what other thresholds would keep."""
    rows, parts = [], []
    for pair in record.pairs:
        path = record.corpus(pair)
        if path is None:
            continue
        told = estimates(folder, pair, reviewed)
        value = "not known"
        if told["precision"] is not None:
            low, high = told["interval"]
            value = f"<b>{100 * told['precision']:.1f} %</b> <span class='unit'>{100 * low:.1f} to {100 * high:.1f} %</span>"
        by = {"review": "counted in the review", "aligner": "the aligner's estimate", "": "no aligned pairs"}[
            told["by"]
        ]
        rows.append([f"<b>{text(pair_name(pair))}</b>", number(rows_of(path)), number(told["dropped"]), value, by])
        unit = record.last("sentences.align", pair)
        if unit is not None:
            parts.append(details(f"{pair_name(pair)}: what another threshold would keep", _thresholds(unit)))
    lead = (
        "The share of pairs whose sides correspond. The estimate is the mean of the probabilities that the aligner gives its own "
        "pairs, and its interval says how far chance may move it, not how wrong the aligner may be about itself. To have the share "
        "counted, fill in review.tsv of the run folder and run the same command with --reviewed."
    )
    head = ["languages", "pairs kept", "left out", "precision", "which is"]
    return section("quality", "How good the pairs are", table(head, rows, numeric=(1, 2)) + "".join(parts), lead=lead)


def _thresholds(unit: Unit) -> str:
    path = unit.path("bitext.parquet")
    bounds = [column(path, c) for c in ("src_start", "src_end", "tgt_start", "tgt_end")]
    scores = column(path, "score.align").astype(np.float64)
    scores = scores[(bounds[1] > bounds[0]) & (bounds[3] > bounds[2]) & np.isfinite(scores)]
    rows = []
    for least in _THRESHOLDS:
        left = scores[scores >= least]
        told = _estimate(left)
        right = f"{float(np.clip(left, 0, 1).sum()):,.0f}" if len(left) else "0"
        rows.append([f"{least:g}", number(len(left)), f"{100 * told['precision']:.1f} %" if told else "–", right])
    head = ["least score", "pairs", "precision, estimated", "right pairs, estimated"]
    return table(head, rows, numeric=(1, 2, 3))
