"""``polyalign align-words``."""

from __future__ import annotations

from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError
from polyalign.core.files import write_lines
from polyalign.core.jit import set_threads


def align_words(
    method: Any,
    *,
    source: str,
    out: str,
    format: str | None,
    pair: str,
    probabilities: bool,
    threads: int,
    seed: int | None,
    as_json: bool,
) -> None:
    """Align IN and write Pharaoh links to OUT, a line for every sentence pair."""
    from polyalign.corpus.formats import read_bitext

    if as_json and out == "-":
        raise ConfigError("align-words: --json and the links cannot both go to standard output; name a file for OUT")
    set_threads(threads)
    bitext = read_bitext(source, format=format, pair=langs.parse_pair(pair))
    links = method.fit(bitext).align(bitext)
    write_lines(out, links.to_pharaoh(probabilities=probabilities))
    if as_json:
        print_json({"pairs": len(bitext), "links": len(links.src), "out": out})


command = MethodGroup(
    task="words.align",
    verb=align_words,
    help="Align the words of a bitext: IN is any bitext format, OUT gets Pharaoh links (`i-j`, 0-based), a line a pair.",
    arguments=[
        click.Argument(["source"], metavar="IN"),
        click.Argument(["out"], metavar="OUT"),
        click.Option(
            ["--format"],
            help="Format of IN, where its name does not tell: tsv, csv, jsonl, moses, fast-align, tmx, parquet.",
        ),
        click.Option(
            ["--pair"], default="und-und", metavar="SRC-TGT", help="Languages, needed to pick them out of a TMX: de-rm."
        ),
        click.Option(
            ["--probabilities"], is_flag=True, help="Write links as `i-j:p` where the method has probabilities."
        ),
        click.Option(
            ["--threads"], type=int, default=0, help="Threads; 0 is all. The result is the same for any number."
        ),
        click.Option(
            ["--seed"], type=int, help="Of the random choices; a method that makes none gives the same for any."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
