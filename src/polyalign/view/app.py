"""The web application: every address it answers, in one table."""

from __future__ import annotations

import importlib
import json
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from polyalign.core.errors import PolyalignError
from polyalign.view.edits import Conflict
from polyalign.view.page import View, render
from polyalign.view.security import Guard

#: Address, HTTP method, and the function of a page that answers: ``module:function`` under `polyalign.view.pages`.
ROUTES = (
    ("/", "GET", "run:page"),
    ("/api/run", "GET", "run:state"),
    ("/pairs", "GET", "pairs:page"),
    ("/api/pair", "GET", "pairs:pair"),
    ("/api/pair/edit", "POST", "pairs:edit"),
    ("/documents", "GET", "documents:page"),
    ("/api/documents", "GET", "documents:names"),
    ("/api/document", "GET", "documents:outline"),
    ("/api/document/texts", "GET", "documents:texts"),
    ("/api/document/edit", "POST", "documents:edit"),
    ("/concordance", "GET", "concordance:page"),
    ("/lexicon", "GET", "lexicon:page"),
    ("/measures", "GET", "measures:page"),
    ("/agreement", "GET", "agreement:page"),
    ("/export", "GET", "agreement:export"),
)
#: What the pages are called, in the order of the menu.
MENU = (
    ("/", "Run"),
    ("/documents", "Documents"),
    ("/pairs", "Sentence pairs"),
    ("/concordance", "Concordance"),
    ("/lexicon", "Lexicon"),
    ("/measures", "Measures"),
    ("/agreement", "Corrections"),
)
_MOST_BYTES = 4 << 20


def make_app(view: View, *, hosts: tuple[str, ...] = (), token: str = "") -> Starlette:
    """The application over what was opened.

    Args:
        view: What is shown and where corrections go.
        hosts: Names under which it may be asked for, besides this machine's own; none for no others.
        token: What every visitor must bring; empty for none.
    """
    routes: list[BaseRoute] = [Route(path, _handler(target), methods=[method]) for path, method, target in ROUTES]
    routes.append(Mount("/static", StaticFiles(directory=str(files("polyalign.view") / "static"))))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=hosts, token=token)],
        exception_handlers={PolyalignError: _refused, Conflict: _conflict, HTTPException: _missing},
    )
    app.state.view = view
    app.state.menu = MENU
    return app


def _handler(target: str) -> Callable[[Request], Awaitable[Response]]:
    """The answer of a page; off the loop, for it reads files."""
    module, _, name = target.partition(":")
    function: Any = getattr(importlib.import_module(f"polyalign.view.pages.{module}"), name)

    async def handle(request: Request) -> Response:
        given = await _body(request) if request.method == "POST" else None

        def answer() -> Response:
            response: Response = function(request) if given is None else function(request, given)
            return response

        return await run_in_threadpool(answer)

    handle.__name__ = name
    return handle


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, f"the request is larger than {_MOST_BYTES:,} bytes")
    try:
        given = json.loads(body)
    except ValueError:
        raise HTTPException(400, "the request is not JSON") from None
    if not isinstance(given, dict):
        raise HTTPException(400, "the request is not a JSON object")
    return given


def _refused(request: Request, error: Exception) -> Response:
    return _told(request, str(error), 400)


def _missing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _told(request, error.detail, error.status_code)


def _conflict(request: Request, error: Exception) -> Response:
    assert isinstance(error, Conflict)
    return JSONResponse({"error": str(error), "version": error.version}, 409)


def _told(request: Request, message: str, status: int) -> Response:
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": message}, status)
    return render(request, "error.html", title="Not shown", message=message, status=status)
