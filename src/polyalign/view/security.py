"""Who may ask: only pages of this server, in a browser on this machine or with the token."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Names of this machine that no other site can be served under.
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
#: What a page may load: its own files and nothing else; no inline script or style, no frames, no plug-ins.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Guard:
    """Refuses what does not come from this server's own pages, and marks what is sent.

    A page of another site could ask this server in the visitor's name, or be served under a name that its owner
    then points at this machine (DNS rebinding). So the name asked for must be one of this machine's, the origin of a
    request must be this server, and where anybody on the network can reach it the token of its address is needed,
    which a cookie then keeps.

    Args:
        app: What is guarded.
        hosts: Names under which it may be asked for besides those of `LOOPBACK`.
        token: What every visitor must bring, in the address the first time; empty for none.
    """

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...], token: str) -> None:
        self._app, self._hosts, self._token = app, tuple(h.lower() for h in hosts), token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, marked)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        # With a token any name will do: a page that was rebound to this address has not the token.
        if not self._token and _name_of(host) not in (*LOOPBACK, *self._hosts):
            return PlainTextResponse(
                f"Host {host!r}: this server answers to {', '.join((*LOOPBACK, *self._hosts))} alone.\n", 403
            )
        origin = headers.get("origin")
        if origin is not None and (urlsplit(origin).scheme, urlsplit(origin).netloc.lower()) != (scope["scheme"], host):
            return PlainTextResponse(f"Origin {origin!r}: requests of other sites are refused.\n", 403)
        reading = scope["method"] in ("GET", "HEAD")
        elsewhere = headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")
        if elsewhere and not (reading and headers.get("sec-fetch-mode") == "navigate" and _is_page(headers)):
            return PlainTextResponse("Requests of other sites are refused.\n", 403)
        if not reading and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            # Forms of other sites cannot send this type without asking first, which is refused.
            return PlainTextResponse("Expected application/json.\n", 415)
        return self._without_token(scope, headers, host) if self._token else None

    def _without_token(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        name = f"polyalign-{host.rpartition(':')[2]}"  # cookies are shared between the ports of a machine
        if _same(cookie_parser(headers.get("cookie", "")).get(name, ""), self._token):
            return None
        if scope["method"] == "GET" and _same(query.pop("token", [""])[0], self._token):
            left = urlencode(query, doseq=True)
            response = RedirectResponse(scope["path"] + (f"?{left}" if left else ""), 303)
            response.set_cookie(name, self._token, httponly=True, samesite="strict")
            return response
        return PlainTextResponse("Open the whole address that `polyalign view` printed, with its token.\n", 401)


def _is_page(headers: Headers) -> bool:
    return headers.get("sec-fetch-dest", "document") == "document"


def _name_of(host: str) -> str:
    """A Host header without its port.

    Example:
        >>> _name_of("localhost:8000"), _name_of("[::1]:80"), _name_of("a.b")
        ('localhost', '[::1]', 'a.b')
    """
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
