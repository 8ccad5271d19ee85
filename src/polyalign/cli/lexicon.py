"""``polyalign lexicon``."""

from __future__ import annotations

from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines, write_lines
from polyalign.core.links import Links
from polyalign.pipeline.artefacts import lexicon_lines


def lexicon(method: Any, *, source: str, links: str, out: str, format: str | None, pair: str, as_json: bool) -> None:
    """Count the word pairs that LINKS joins in IN."""
    from polyalign.corpus.formats import read_bitext

    bitext = read_bitext(source, format=format, pair=langs.parse_pair(pair))
    read = Links.from_pharaoh(read_lines(links), where=links)
    if len(read) != len(bitext):
        raise DataError(
            f"{links}: {len(read)} lines, but {source} has {len(bitext)} sentence pairs; links need a line for every pair, empty ones too"
        )
    table = method.extract(bitext, read)
    write_lines(out, lexicon_lines(table))
    if as_json:
        print_json({"pairs": len(bitext), "entries": table.num_rows, "out": out})


command = MethodGroup(
    task="words.lexicon",
    verb=lexicon,
    help="Extract a bilingual lexicon with probabilities: IN is a bitext, LINKS its Pharaoh file, OUT gets TSV.",
    arguments=[
        click.Argument(["source"], metavar="IN"),
        click.Argument(["links"]),
        click.Argument(["out"]),
        click.Option(["--format"], help="Format of IN, where its name does not tell."),
        click.Option(
            ["--pair"], default="und-und", metavar="SRC-TGT", help="Languages, needed to pick them out of a TMX."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
