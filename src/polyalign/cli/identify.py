"""``polyalign identify``."""

from __future__ import annotations

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import langs, params, registry
from polyalign.core.files import read_lines, read_text


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--lines", is_flag=True, help="Identify every line by itself.")
@click.option("--method", default="cld2", help="A method of text.identify.")
@json_option
def command(files: tuple[str, ...], lines: bool, method: str, as_json: bool) -> None:
    """Identify language and script of FILES (`-` is standard input); `und` where it cannot be told."""
    identify = params.build(registry.find(method, task="text.identify"))
    names: list[str] = []
    texts: list[str] = []
    for file in files:
        found = list(read_lines(file)) if lines else [read_text(file)]
        texts += found
        names += [f"{file}:{n}" for n in range(1, len(found) + 1)] if lines else [file]
    rows = list(zip(names, identify(texts), strict=True))
    if as_json:
        print_json([{"file": name, "lang": r.lang, "script": r.script, "confidence": r.confidence} for name, r in rows])
        return
    print_table(
        ("file", "lang", "language", "script", "confidence"),
        [(n, r.lang, langs.name(r.lang), r.script, f"{r.confidence:.2f}") for n, r in rows],
    )
