"""Documents side by side with the beads between their sentences, looked at and corrected."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polyalign.view.documents import Outline
from polyalign.view.edits import Item, fingerprint
from polyalign.view.page import answer, language, render, source_of, view_of, whole
from polyalign.view.source import Source

#: Documents that are listed at once; others are found by their name.
LISTED = 200
#: Sentences of a side that are sent at once.
SENT = 2_000


def page(request: Request) -> Response:
    """The page; its script asks for a document's beads, and for sentences as they come into view."""
    source = source_of(request)
    return render(
        request,
        "documents.html",
        title="Documents",
        total=len(source.documents),
        sides=[language(tag) for tag in source.langs],
    )


def names(request: Request) -> Response:
    """The documents whose names hold what is looked for, the first of them."""
    view, source = view_of(request), source_of(request)
    wanted = (request.query_params.get("find") or "").casefold()
    found = [k for k, name in enumerate(source.documents.names) if wanted in name.casefold()]
    marked = view.edits.marked(source.unit, "document", view.author)
    rows = [
        {"number": k, "name": source.documents.names[k], "beads": source.documents.beads(k), "mark": marked.get(k, "")}
        for k in found[:LISTED]
    ]
    return answer({"total": len(found), "documents": rows})


def outline(request: Request) -> Response:
    """A document's beads, without its texts."""
    source = source_of(request)
    return answer(_shown(request, source, _document(request, source)))


def texts(request: Request) -> Response:
    """Some of its sentences: from ``src`` to ``src_end`` and from ``tgt`` to ``tgt_end``."""
    source = source_of(request)
    document = _document(request, source)
    found = {}
    for side, said in (("src", document.src), ("tgt", document.tgt)):
        start = whole(request, side, most=len(said))
        end = whole(request, f"{side}_end", start, least=start, most=min(len(said), start + SENT))
        found[side] = said[start:end]
    return answer(found)


def edit(request: Request, given: dict[str, Any]) -> Response:
    """Make a change to a document's beads and answer with what they are now."""
    view, source = view_of(request), source_of(request)
    document, change = _document(request, source), given.get("change")
    if not isinstance(change, dict) or not isinstance(given.get("version"), int):
        raise HTTPException(400, "expected a change and the version it is made to")
    start = {"beads": [[src, tgt] for src, tgt, _, _ in document.beads], "mark": ""}
    view.edits.add(
        item_of(source, document), view.author, change, version=given["version"], start=start, row=document.number
    )
    return answer(_shown(request, source, document))


def item_of(source: Source, document: Outline) -> Item:
    """What a correction of a document is kept under."""
    return Item(source.unit, "document", document.name, fingerprint([document.src, document.tgt]))


def _document(request: Request, source: Source) -> Outline:
    if not len(source.documents):
        raise HTTPException(404, f"{source.unit}: has no documents")
    return source.documents.outline(whole(request, "doc", most=len(source.documents) - 1))


def _shown(request: Request, source: Source, document: Outline) -> dict[str, Any]:
    view = view_of(request)
    mine = view.edits.of(item_of(source, document), view.author)
    found: dict[str, Any] = {"version": 0, "undo": False, "redo": False, "mark": "", "changed": False}
    beads: list[list[Any]] = [[*bead, row] for bead, row in zip(document.beads, document.rows, strict=True)]
    if mine is not None:
        found |= {"version": mine.version, "undo": mine.undo, "redo": mine.redo}
        if mine.value is not None:
            known = {(tuple(src), tuple(tgt)): rest for src, tgt, *rest in beads}
            changed = [None, "changed", None]
            beads = [[s, t, *known.get((tuple(s), tuple(t)), changed)] for s, t in mine.value["beads"]]
            found |= {"mark": mine.value["mark"], "changed": True}
    return {
        "number": document.number,
        "name": document.name,
        "documents": len(source.documents),
        "src": len(document.src),
        "tgt": len(document.tgt),
        "beads": beads,
        "mine": found,
    }
