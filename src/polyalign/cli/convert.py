"""``polyalign convert``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError


@click.command()
@click.argument("source", metavar="IN")
@click.argument("out")
@click.option("--from", "source_format", help="Format of IN, where its name does not tell.")
@click.option("--to", "out_format", help="Format of OUT, where its name does not tell.")
@click.option("--pair", default="und-und", metavar="SRC-TGT", help="Languages: de-rm. Needed for TMX.")
@click.option("--read", "reading", multiple=True, metavar="NAME=VALUE", help="A parameter of the reader of IN.")
@click.option("--write", "writing", multiple=True, metavar="NAME=VALUE", help="A parameter of the writer of OUT.")
@click.option("--rejects", metavar="FILE", help="Put broken records here (JSON lines) and go on.")
@json_option
def command(
    source: str,
    out: str,
    source_format: str | None,
    out_format: str | None,
    pair: str,
    reading: tuple[str, ...],
    writing: tuple[str, ...],
    rejects: str | None,
    as_json: bool,
) -> None:
    """Convert the bitext IN to OUT; the formats follow from the names, `-` is standard input or output.

    tsv, csv, jsonl, moses, fast-align, tmx, xliff, parquet, dataset (a folder); from po and locale files
    ({lang}.json, .yaml, .properties) as well; with .gz, .xz, .zst or .bz2 behind. Files of any size, some at a time.
    """
    from polyalign.corpus.formats import format_of, write_bitext
    from polyalign.corpus.rejects import rejects_file
    from polyalign.corpus.stream import BitextFile

    if as_json and out == "-":
        raise ConfigError("convert: --json and the bitext cannot both go to standard output; name a file for OUT")
    options = [_options(values, where) for values, where in ((reading, source), (writing, out))]
    format_of(out, out_format)
    with rejects_file(rejects) if rejects else nullcontext() as aside:
        file = BitextFile(source, format=source_format, pair=langs.parse_pair(pair), options=options[0], rejects=aside)
        # Standard input comes by once.
        runs = iter(file) if source == "-" else file
        written = write_bitext(runs, out, format=out_format, options=options[1])
    if as_json:
        counts = {"rejects": aside.count} if aside else {}
        print_json({"pairs": written.pairs, "languages": list(written.langs), "out": out, **counts})
    elif aside is not None and aside.count:
        click.echo(f"{aside.count} records put into {rejects}", err=True)


def _options(given: Sequence[str], where: str) -> dict[str, Any]:
    """``NAME=VALUE`` as parameters: the value is JSON where it can be, else text."""
    out: dict[str, Any] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(f"{where}: found the parameter {item!r}, expected NAME=VALUE")
        try:
            out[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            out[name.replace("-", "_")] = value
    return out
