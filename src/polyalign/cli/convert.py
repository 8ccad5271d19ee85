"""``polyalign convert``."""

from __future__ import annotations

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
@json_option
def command(source: str, out: str, source_format: str | None, out_format: str | None, pair: str, as_json: bool) -> None:
    """Convert the bitext IN to OUT; the formats follow from the names, `-` is standard input or output.

    tsv, csv, jsonl, moses, fast-align, tmx, parquet; with .gz, .xz, .zst or .bz2 behind.
    """
    from polyalign.corpus.formats import read_bitext, write_bitext

    if as_json and out == "-":
        raise ConfigError("convert: --json and the bitext cannot both go to standard output; name a file for OUT")
    bitext = read_bitext(source, format=source_format, pair=langs.parse_pair(pair))
    write_bitext(bitext, out, format=out_format)
    if as_json:
        print_json({"pairs": len(bitext), "languages": list(bitext.langs), "out": out})
