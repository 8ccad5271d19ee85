"""Concordance: a word or phrase of either language, with its translations, counted, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from polyalign.core.bitext import Side
from polyalign.view.concordance import Concordance, concordance
from polyalign.view.index import MOST, Index
from polyalign.view.making import make_once
from polyalign.view.page import language, render, source_of, whole
from polyalign.view.source import Source

PAGE = 50
#: Translations listed.
LISTED = 24


def page(request: Request) -> Response:
    """The page; a search is its address."""
    source = source_of(request)
    given = request.query_params
    phrase, side = given.get("q", "").strip(), _side(given.get("side"))
    index, ready, failed = _index(source)
    shown: dict[str, Any] = {
        "title": "Concordance",
        "langs": source.langs,
        "phrase": phrase,
        "side": side,
        "translation": given.get("t"),
        "failed": failed,
        "ready": ready,
        "total": len(source),
        "found": None,
    }
    if not ready or not phrase:
        return render(request, "concordance.html", **shown)
    offset = whole(request, "from")
    found = concordance(
        source, index, phrase, side=side, aligner=source.base, translation=given.get("t"), limit=PAGE, offset=offset
    )
    here, there = source.langs if side == "src" else source.langs[::-1]
    shown |= {
        "found": found,
        "here": language(here),
        "there": language(there),
        "aligner": source.base,
        "most_counted": MOST,
        "listed": LISTED,
        "longest": found.translations[0][1] if found.translations else 1,
        "of": _of(found, given.get("t")),
        "first": offset,
        "link": lambda **more: _link(request, **more),
        "page": PAGE,
    }
    return render(request, "concordance.html", **shown)


def _index(source: Source) -> tuple[Index, bool, str]:
    """The index of a language pair, whether it is ready, and why it cannot be made."""
    index = Index(source.folder / "index.sqlite")

    def runs() -> Iterator[tuple[list[str], list[str]]]:
        for batch in source.table:
            yield [x or "" for x in batch["src"].to_pylist()], [x or "" for x in batch["tgt"].to_pylist()]

    ready, failed = make_once(
        index.path, lambda: index.whole, lambda: Index.build(index.path, runs(), total=len(source))
    )
    return index, ready, failed


def _side(given: str | None) -> Side:
    return "tgt" if given == "tgt" else "src"


def _of(found: Concordance, translation: str | None) -> int:
    """How many hits there are to page through."""
    return min(found.total, MOST) if translation is None else dict(found.translations).get(translation, 0)


def _link(request: Request, **more: str | int | None) -> str:
    """The same search with something changed."""
    given = {k: v for k, v in request.query_params.items() if k in ("unit", "q", "side", "t")}
    changed = {k: str(v) for k, v in {**given, **more}.items() if v is not None}
    return "?" + urlencode(changed)
