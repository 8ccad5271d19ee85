"""Lexicon: which word is translated by which, how often, and how surely."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.view.index import words_of
from polyalign.view.making import make_once
from polyalign.view.page import language, render, source_of, view_of
from polyalign.view.source import Source

#: Rows shown.
MOST = 200
#: Of larger bitexts without a lexicon of their own none is made here: it takes gigabytes.
LARGEST = 200_000
ORDERS = {
    "count": "most links first",
    "p_tgt_given_src": "most probable translation first",
    "p_src_given_tgt": "most probable the other way first",
    "significance": "least by chance first",
}


def page(request: Request) -> Response:
    """The page; a search is its address."""
    source = source_of(request)
    given = request.query_params
    word, order = given.get("q", "").strip(), given.get("order") or "count"
    if order not in ORDERS:
        raise HTTPException(404, f"no order {order!r}; there are {', '.join(ORDERS)}")
    path, failed = _lexicon(request, source)
    shown: dict[str, Any] = {
        "title": "Lexicon",
        "here": language(source.langs[0]),
        "there": language(source.langs[1]),
        "word": word,
        "order": order,
        "orders": ORDERS,
        "searched": words_of,
        "failed": failed,
        "ready": path is not None,
        "rows": [],
        "found": 0,
        "total": 0,
    }
    if path is not None:
        table = _read(path, path.stat().st_mtime_ns)
        some = _matching(table, word)
        best = some.take(
            pc.select_k_unstable(some, MOST, [(order, "descending"), ("src", "ascending"), ("tgt", "ascending")])
        )
        shown |= {"rows": best.to_pylist(), "found": some.num_rows, "total": table.num_rows}
    return render(request, "lexicon.html", **shown)


@lru_cache(maxsize=2)
def _read(path: Path, changed: int) -> pa.Table:
    """A lexicon; it is read again when it has changed."""
    return pq.read_table(path)


def _matching(table: pa.Table, word: str) -> pa.Table:
    """The rows with a word on either side; one that ends in a star stands for any ending."""
    if not word:
        return table
    begin = word.casefold().rstrip("*")
    sides = [pc.utf8_lower(table[side]) for side in ("src", "tgt")]
    if word.endswith("*"):
        found = [pc.starts_with(side, begin) for side in sides]
    else:
        found = [pc.equal(side, begin) for side in sides]
    return table.filter(pc.or_(*found))


def _lexicon(request: Request, source: Source) -> tuple[Path | None, str]:
    """The lexicon that the run made, or one counted now; none while that is going on, or with why it cannot be."""
    if (found := view_of(request).opened.opening.lexicon(source.unit)) is not None:
        return found, ""
    if source.base is None:
        return None, "There are no word links here to count. Make some with `polyalign align-words`."
    if len(source) > LARGEST:
        return None, (
            f"{len(source):,} pairs are too many to count here, expected {LARGEST:,} at most; `polyalign lexicon` counts them."
        )
    path = source.folder / "lexicon.parquet"
    ready, failed = make_once(path, path.is_file, lambda: _count(source, path))
    return (path if ready else None), failed


def _count(source: Source, path: Path) -> None:
    assert source.base is not None
    bitext = Bitext(pa.Table.from_batches(list(source.table), source.table.schema))
    links = Links.from_table(pa.Table.from_batches([_without_nan(b) for b in source.links_of(source.base)]))
    method = params.build(registry.find("words.lexicon/relative-frequency"), {"min_count": 2})
    part = path.with_name(f".{path.name}.part")
    pq.write_table(method.extract(bitext, links), part)
    part.replace(path)


def _without_nan(batch: Any) -> Any:
    """The links alone: a pair without any is empty, and probabilities are not counted."""
    lists = [pc.fill_null(batch[name], pa.scalar([], batch[name].type)) for name in ("src", "tgt")]
    return pa.record_batch(lists, names=["src", "tgt"])
