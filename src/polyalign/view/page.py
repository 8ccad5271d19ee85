"""What the pages share: what is open, templates, and the arguments of an address."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polyalign.core import langs
from polyalign.report.page import direction, number, pair_name, visible

if TYPE_CHECKING:
    from jinja2 import Environment

    from polyalign.view.edits import Edits
    from polyalign.view.source import Opened, Source


@dataclass(frozen=True, slots=True)
class View:
    """What a server shows.

    Args:
        opened: The run or the file.
        edits: The corrections to it.
        author: Who corrects.
    """

    opened: Opened
    edits: Edits
    author: str


def view_of(request: Request) -> View:
    """What is open."""
    view: View = request.app.state.view
    return view


def source_of(request: Request) -> Source:
    """The language pair that the address names as ``unit``, else the first.

    Raises:
        HTTPException: There is none, or none of that name.
    """
    opened = view_of(request).opened
    units = opened.units()
    if not units:
        raise HTTPException(404, f"{opened.name}: no sentence pairs yet; come back when the run has made some")
    unit = request.query_params.get("unit") or units[0]
    if unit not in units:
        raise HTTPException(404, f"no language pair {unit!r}; there are {', '.join(units)}")
    return opened.source(unit)


def whole(request: Request, name: str, default: int = 0, *, least: int = 0, most: int | None = None) -> int:
    """A whole number of the address.

    Raises:
        HTTPException: It is none, or out of range.
    """
    given = request.query_params.get(name)
    try:
        value = default if given in (None, "") else int(str(given))
    except ValueError:
        raise HTTPException(400, f"{name}: found {given!r}, expected a whole number") from None
    if value < least or (most is not None and value > most):
        reach = f"from {least:,}" + ("" if most is None else f" to {most:,}")
        raise HTTPException(404, f"{name}: found {value:,}, expected a number {reach}")
    return value


def answer(value: Any) -> Response:
    """JSON for a script."""
    return JSONResponse(value)


def language(tag: str) -> dict[str, str]:
    """What a page must know of a language to set its text: ``lang``, ``dir``, name, and how its lines run.

    Example:
        >>> language("arb_Arab")["dir"], language("mvf_Mong")["mode"], language("deu_Latn")["name"]
        ('rtl', 'vertical', 'German')
    """
    code = langs.short(tag) if tag == langs.UNKNOWN else f"{langs.short(tag)}-{tag.split('_')[1]}"
    # Mongolian and Phags-pa have no other way to be set; Han and kana are at home in lines as well.
    vertical = tag.split("_")[-1] in ("Mong", "Phag")
    return {
        "tag": tag,
        "lang": code,
        "dir": direction(tag),
        "name": langs.name(tag),
        "mode": "vertical" if vertical else "lines",
    }


def render(request: Request, template: str, *, title: str, status: int = 200, **context: Any) -> Response:
    """A page from its template; everything in it is escaped.

    Args:
        request: What was asked.
        template: A file of ``templates/``, which extends ``base.html``.
        title: Of the page.
        status: The HTTP status.
        **context: What the template names.
    """
    from starlette.responses import HTMLResponse

    view = view_of(request)
    html = (
        _templates()
        .get_template(template)
        .render(
            title=title,
            path=request.url.path,
            menu=request.app.state.menu,
            name=view.opened.name,
            author=view.author,
            units=view.opened.units(),
            unit=request.query_params.get("unit") or next(iter(view.opened.units()), ""),
            **context,
        )
    )
    return HTMLResponse(html, status)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("polyalign.view", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(visible=visible, number=number, pair_name=pair_name)
    made.globals.update(language=language)
    return made
