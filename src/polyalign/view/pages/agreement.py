"""Corrections: whose there are, how far two people agree, and the gold standards to take away."""

from __future__ import annotations

import io
import tempfile
import zipfile
from itertools import combinations
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polyalign.view.agreement import Agreement, agreement
from polyalign.view.gold import Gold, write_gold
from polyalign.view.page import render, source_of, view_of

#: Differing items that are listed of two people.
LISTED = 50


def page(request: Request) -> Response:
    """Everybody's corrections of a language pair, and the agreement of every two people."""
    view, source = view_of(request), source_of(request)
    corrections = view.edits.all(unit=source.unit)
    authors = sorted({c.author for c in corrections})
    people = [(author, Gold.of(corrections, source.unit, author)) for author in authors]
    compared = [agreement(corrections, pair) for pair in combinations(authors, 2)]
    return render(
        request,
        "agreement.html",
        title="Corrections",
        pair=source.unit,
        people=people,
        compared=[(found, _rows(found)) for found in compared],
        path_of_edits=str(view.edits.path),
        damaged=view.edits.damaged,
    )


def export(request: Request) -> Response:
    """An author's gold standard of a language pair as a ZIP file."""
    view, source = view_of(request), source_of(request)
    author = request.query_params.get("author") or view.author
    gold = Gold.of(view.edits.all(unit=source.unit), source.unit, author)
    if not (gold.pairs or gold.bad or gold.documents):
        raise HTTPException(404, f"{author} has marked nothing of {source.unit} as done yet")
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in write_gold(gold, Path(folder), unit=source.unit):
            archive.write(path, path.relative_to(folder).as_posix())
    headers = {"Content-Disposition": f'attachment; filename="gold.{source.unit}.zip"'}
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


def _rows(found: Agreement) -> list[dict[str, Any]]:
    rows = []
    for both in found.items[:LISTED]:
        item = both.first.item
        where = "pairs" if item.kind == "pair" else "documents"
        at = ("row" if item.kind == "pair" else "doc", both.first.row)
        rows.append({"kind": item.kind, "id": item.id, "differing": both.differing, "page": where, "at": at})
    return rows
