"""``polyalign look``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from rich.console import Console

from polyalign.cli.output import json_option, print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError


@click.command()
@click.argument("source", metavar="RUN_OR_FILE", type=click.Path(path_type=Path))
@click.argument("pair_number", metavar="N", type=click.IntRange(min=0), default=0)
@click.option("--unit", metavar="SRC-TGT", default="", help="Language pair of a run that has several.")
@click.option("--aligner", metavar="NAME", default="", help="Whose links; by default the last aligner's.")
@click.option("--links", "links", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help="Pharaoh links over the bitext, several times for several.")  # fmt: skip
@click.option("--texts", type=click.Path(path_type=Path), metavar="FILE", help="The bitext that a file of links was made from.")  # fmt: skip
@click.option("--pair", default="und-und", metavar="SRC-TGT", help="Languages, where the file does not tell.")
@click.option("--from", "format", help="Format of the bitext, where its name does not tell.")
@click.option("--width", type=click.IntRange(min=20), help="Columns; by default those of the terminal.")
@json_option
def command(
    source: Path,
    pair_number: int,
    unit: str,
    aligner: str,
    links: tuple[Path, ...],
    texts: Path | None,
    pair: str,
    format: str | None,
    width: int | None,
    as_json: bool,
) -> None:
    """Draw the word links of sentence pair N, counted from 0, in the terminal.

    RUN_OR_FILE is a run's folder, a bitext of any format, or a file of Pharaoh links with its texts beside it. A full
    square is a sure link, a small one a link less probable than not, an empty one a possible link.
    """
    from polyalign.view.source import Opened
    from polyalign.view.terminal import Drawn, draw

    opened = Opened.at(source, pair=langs.parse_pair(pair), format=format, texts=texts, links=links)
    units = opened.units()
    if not units:
        raise DataError(f"{source}: has no sentence pairs yet; run the project first")
    name = "-".join(langs.parse_pair(unit)) if unit else units[0]
    found = opened.source(name)
    if pair_number >= len(found):
        raise DataError(
            f"{source}: found {len(found):,} pairs, expected one of number {pair_number:,}; they count from 0"
        )
    if aligner and aligner not in found.aligners:
        known = ", ".join(found.aligners) or "none"
        raise ConfigError(f"{source}: no aligner {aligner!r}; there are: {known}")
    whose = aligner or found.base
    shown = found.pair(pair_number)
    src, tgt = shown.words
    drawn = [Drawn(x.src, x.tgt, x.sure, x.prob) for x in (found.links(whose, pair_number) or [])] if whose else []
    if as_json:
        rows = [{"src": x.src, "tgt": x.tgt, "sure": x.sure, "prob": x.prob} for x in drawn]
        print_json({"pair": pair_number, "id": shown.id, "aligner": whose, "src": src, "tgt": tgt, "links": rows})
        return
    console = Console(highlight=False, width=width)
    said = f"{len(drawn)} links by {whose}" if whose else "no links here; make some with `polyalign align-words`"
    console.print(f"pair {pair_number:,} of {len(found):,}, {name}: {said}", style="dim", markup=False)
    console.print(draw(src, tgt, drawn, width=console.width), soft_wrap=True, end="")
