"""``polyalign view``."""

from __future__ import annotations

import getpass
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError, MissingExtraError

if TYPE_CHECKING:
    from polyalign.view.page import View

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.argument("path", metavar="RUN_OR_FILE", type=click.Path(path_type=Path))
@click.option("--pair", default="und-und", metavar="SRC-TGT", help="Languages of a file that does not tell: de-rm.")
@click.option("--from", "source_format", help="Format of the file, where its name does not tell.")
@click.option("--texts", type=click.Path(path_type=Path), help="The bitext that a file of links was made from.")
@click.option("--links", multiple=True, type=click.Path(path_type=Path), help="Links to lay over the bitext (Pharaoh).")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="OTHER",
    help="Another run or file, whose links are laid over these.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8650, show_default=True, help="Port; 0 is any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Elsewhere, the address gets a token.")
@click.option("--author", help="Who corrects; by default your login name.")
@click.option(
    "--corrections",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where corrections are kept; further files are read, to compare with.",
)
@click.option(
    "--export",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the author's gold standard into a folder and end.",
)
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@json_option
def command(
    path: Path,
    pair: str,
    source_format: str | None,
    texts: Path | None,
    links: tuple[Path, ...],
    compare: Path | None,
    port: int,
    host: str,
    author: str | None,
    corrections: tuple[Path, ...],
    folder: Path | None,
    no_browser: bool,
    as_json: bool,
) -> None:
    """Look at a run, a bitext, links or a TMX in the browser, and correct it.

    The page is served from this machine to this machine, and loads nothing from elsewhere. Corrections go at once to
    RUN/corrections.jsonl, or FILE.corrections.jsonl, and never into the data.
    """
    absent = [m for m in ("starlette", "uvicorn", "jinja2") if find_spec(m) is None]
    if absent:
        raise MissingExtraError(f"view needs {', '.join(absent)}; install with: pip install 'polyalign[view]'")
    from polyalign.view.against import Against
    from polyalign.view.edits import Edits
    from polyalign.view.opening import opening
    from polyalign.view.page import View
    from polyalign.view.source import Opened

    tags = langs.parse_pair(pair)
    own = opening(path, pair=tags, format=source_format, texts=texts, links=links)
    opened = Opened(own if compare is None else Against(own, opening(compare, pair=tags)))
    view = View(opened, Edits(*_journals(path, corrections)), _author(author))
    if folder is not None:
        _export(view, folder, as_json)
        return
    for unit in opened.units():
        # What takes long, the names of languages too, is done before the address is told.
        source = opened.source(unit)
        len(source.documents)
        for tag in source.langs:
            langs.name(tag)
    _serve(view, host, port, browser=not no_browser, as_json=as_json)


def _journals(path: Path, named: tuple[Path, ...]) -> tuple[Path, tuple[Path, ...]]:
    """Where corrections go, and the files they are compared with."""
    if named:
        return named[0], named[1:]
    beside = path / "corrections.jsonl" if path.is_dir() else path.with_name(f"{path.name}.corrections.jsonl")
    return beside, ()


def _author(named: str | None) -> str:
    if named is None:
        try:
            named = getpass.getuser()
        except (OSError, KeyError):
            named = "me"
    name = named.strip()
    if not name or len(name) > 80:
        raise ConfigError(f"--author: found {named!r}, expected a name of 1 to 80 characters")
    return name


def _export(view: View, folder: Path, as_json: bool) -> None:
    from polyalign.view.gold import Gold, write_gold

    files: list[str] = []
    unfinished = 0
    for unit in dict.fromkeys(c.item.unit for c in view.edits.all()):
        gold = Gold.of(view.edits.all(unit=unit), unit, view.author)
        unfinished += gold.unfinished
        files += [str(made) for made in write_gold(gold, folder, unit=unit)]
    if as_json:
        print_json({"author": view.author, "files": files, "unfinished": unfinished})
        return
    for file in files:
        click.echo(file)
    if not files:
        click.echo(f"{view.edits.path}: {view.author} has marked nothing as done", err=True)
    if unfinished:
        click.echo(f"{unfinished} items were changed and not marked done; they are left out", err=True)


def _serve(view: View, host: str, port: int, *, browser: bool, as_json: bool) -> None:
    import secrets
    import threading
    import webbrowser

    import uvicorn

    from polyalign.view.app import make_app

    local = host in LOOPBACK
    token = "" if local else secrets.token_urlsafe(24)
    listening = _listen(host, port)
    bound = listening.getsockname()[1]
    shown = (
        f"[{host}]"
        if ":" in host
        else "127.0.0.1"
        if local
        else socket.gethostname()
        if host in ("0.0.0.0", "::")
        else host
    )
    address = f"http://{shown}:{bound}/" + (f"?token={token}" if token else "")
    print_json({"address": address}) if as_json else click.echo(address)
    click.echo("Stop it with Ctrl-C.", err=True)
    if browser:
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    config = uvicorn.Config(
        make_app(view, token=token), log_level="warning", access_log=False, timeout_graceful_shutdown=2
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # Ctrl-C is how it is ended; uvicorn has shut down and hands the signal on.


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From now on a browser may ask; it is answered as soon as the server has started.
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise DataError(
            f"{host}:{port}: cannot be listened on ({error.strerror}); choose another port with --port, 0 for any"
        ) from None
    return listening
