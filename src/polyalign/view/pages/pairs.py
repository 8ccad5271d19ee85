"""Sentence pairs with their word links, looked at and corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polyalign.core.registry import find, load
from polyalign.view.changes import carried, words
from polyalign.view.edits import Corrected, Item, fingerprint
from polyalign.view.page import answer, language, render, source_of, view_of, whole
from polyalign.view.source import Pair, Source

ORDERS = {"file": "as they stand", "least": "least certain first"}


def page(request: Request) -> Response:
    """The page; its script asks for one pair after the other."""
    source = source_of(request)
    marked = view_of(request).edits.marked(source.unit, "pair", view_of(request).author)
    return render(
        request,
        "pairs.html",
        title="Sentence pairs",
        total=len(source),
        aligners=source.aligners,
        notes=source.notes,
        orders=ORDERS,
        done=len(marked),
    )


def pair(request: Request) -> Response:
    """One pair with everybody's links: by its ``row``, or the one that goes before or behind it in an ``order``."""
    source, least = source_of(request), _least(request)
    if not len(source):
        raise HTTPException(404, f"{source.unit}: has no sentence pairs")
    row = whole(request, "row", -1, least=-1, most=len(source) - 1)
    step = {"next": 1, "previous": -1}.get(request.query_params.get("go", ""), 0)
    if row < 0 or step:
        place = -1 if row < 0 else source.place(row, least=least)
        row = source.row(_beside(request, source, place, step or 1), least=least)
    return answer(_shown(request, source, source.pair(row)))


def edit(request: Request, given: dict[str, Any]) -> Response:
    """Make a change to a pair and answer with what it is now."""
    view, source = view_of(request), source_of(request)
    row = whole(request, "row", most=len(source) - 1)
    found, change = source.pair(row), given.get("change")
    if not isinstance(change, dict) or not isinstance(given.get("version"), int):
        raise HTTPException(400, "expected a change and the version it is made to")
    item = item_of(source, found)
    start = _start(source, found, str(given.get("base") or source.base or ""))
    if change.get("do") == "text":
        change = _with_words(source, change)
    view.edits.add(item, view.author, change, version=given["version"], start=start, row=row)
    return answer(_shown(request, source, found))


def item_of(source: Source, pair: Pair) -> Item:
    """What a correction of a pair is kept under."""
    return Item(source.unit, "pair", pair.id, fingerprint(pair.words))


def layers(request: Request, source: Source, pair: Pair, mine: Corrected | None) -> list[dict[str, Any]]:
    """The links of every aligner and of everybody else who corrected the pair, over the words that are shown."""
    view, item = view_of(request), item_of(source, pair)
    shown = pair.words if mine is None or mine.value is None else (words(mine.value, "src"), words(mine.value, "tgt"))
    out: list[dict[str, Any]] = []
    for name in source.aligners:
        links = source.links(name, pair.row)
        if links is None:
            out.append({"name": name, "kind": "aligner", "links": None})
            continue
        prob = {f"{x.src}-{x.tgt}": x.prob for x in links}
        kinds = {f"{x.src}-{x.tgt}": "sure" if x.sure else "possible" for x in links}
        if pair.words == shown:
            moved = [[x.src, x.tgt, prob[f"{x.src}-{x.tgt}"], x.sure] for x in links]
        else:
            moved = _flat(_moved(kinds, pair.words, shown))
        out.append({"name": name, "kind": "aligner", "links": moved})
    for author in dict.fromkeys(c.author for c in view.edits.all(unit=source.unit, kind="pair")):
        other = view.edits.of(item, author) if author != view.author else None
        if other is not None and other.value is not None:
            theirs = words(other.value, "src"), words(other.value, "tgt")
            out.append({"name": author, "kind": "author", "links": _flat(_moved(other.value["links"], theirs, shown))})
    return out


def _shown(request: Request, source: Source, pair: Pair) -> dict[str, Any]:
    view = view_of(request)
    mine = view.edits.of(item_of(source, pair), view.author)
    value = None if mine is None else mine.value
    sides = {}
    for side, tag, own in zip(("src", "tgt"), source.langs, pair.words, strict=True):
        text = getattr(pair, side) if value is None else value[side]
        spans = getattr(pair, f"{side}_spans") if value is None else value[f"{side}_spans"]
        said = own if value is None else words(value, side)
        sides[side] = {"language": language(tag), "text": text, "spans": spans, "words": said}
    corrected: dict[str, Any] = {
        "version": 0 if mine is None else mine.version,
        "undo": False,
        "redo": False,
        "value": None,
    }
    if mine is not None:
        corrected |= {"undo": mine.undo, "redo": mine.redo}
        if value is not None:
            links = [[i, j, None, kind == "sure"] for (i, j), kind in _split(value["links"])]
            corrected["value"] = {"links": links, "mark": value["mark"]}
    return {
        "row": pair.row,
        "place": source.place(pair.row, least=_least(request)),
        "total": len(source),
        "id": pair.id,
        "doc": pair.doc,
        "columns": {k: v for k, v in pair.columns.items() if isinstance(v, int | float | str) and v == v},
        **sides,
        "layers": layers(request, source, pair, mine),
        "base": source.base,
        "mine": corrected,
        "done": len(view.edits.marked(source.unit, "pair", view.author)),
    }


def _start(source: Source, pair: Pair, base: str) -> dict[str, Any]:
    """What a correction starts from: an aligner's links, or none."""
    if base and base not in source.aligners:
        raise HTTPException(400, f"no aligner {base!r}; there are {', '.join(source.aligners)}")
    links = (source.links(base, pair.row) if base else None) or []
    return {
        "links": {f"{x.src}-{x.tgt}": "sure" if x.sure else "possible" for x in links},
        "src": pair.src,
        "tgt": pair.tgt,
        "src_spans": [list(s) for s in pair.src_spans],
        "tgt_spans": [list(s) for s in pair.tgt_spans],
        "mark": "",
    }


def _with_words(source: Source, change: Mapping[str, Any]) -> dict[str, Any]:
    """A new text with its words: as the project's tokeniser finds them, or between spaces where the pairs have no spans."""
    side, text = change.get("side"), change.get("to")
    if side not in ("src", "tgt") or not isinstance(text, str):
        raise HTTPException(400, "expected a side and its new text")
    text = " ".join(text.split())
    if f"{side}_spans" in source.table.schema.names:
        spans = load(find("text.tokenize/words"))()(text, source.langs[side == "tgt"]).tolist()
    else:
        spans, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            spans.append([at, at + len(word)])
            at += len(word)
    return {"do": "text", "side": side, "to": text, "spans": spans}


def _moved(links: Mapping[str, str], old: Any, new: Any) -> Mapping[str, str]:
    for k, side in enumerate(("src", "tgt")):
        if list(old[k]) != list(new[k]):
            links = carried(links, side, old[k], new[k])
    return links


def _split(links: Mapping[str, str]) -> list[tuple[tuple[int, int], str]]:
    return [((int(name.split("-")[0]), int(name.split("-")[1])), kind) for name, kind in links.items()]


def _flat(links: Mapping[str, str]) -> list[list[Any]]:
    return [[i, j, None, kind == "sure"] for (i, j), kind in _split(links)]


def _least(request: Request) -> bool:
    """Whether the pairs are wanted least certain first."""
    name = request.query_params.get("order") or "file"
    if name not in ORDERS:
        raise HTTPException(404, f"no order {name!r}; there are {', '.join(ORDERS)}")
    return name == "least"


def _beside(request: Request, source: Source, place: int, step: int) -> int:
    """The next place, of pairs that are not marked if so wished; where there is none, the same place."""
    view, least = view_of(request), _least(request)
    todo = request.query_params.get("todo") == "1"
    marked = view.edits.marked(source.unit, "pair", view.author) if todo else {}
    k = place + step
    while 0 <= k < len(source) and source.row(k, least=least) in marked:
        k += step
    return k if 0 <= k < len(source) else min(max(place, 0), len(source) - 1)
