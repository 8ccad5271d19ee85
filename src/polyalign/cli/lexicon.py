"""``polyalign lexicon``."""

from __future__ import annotations

from typing import Any

import numpy as np
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import json_option, print_json
from polyalign.cli.translate_words import load_pair, map_option, retrieval, retrieve_option
from polyalign.core import langs
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines, write_lines
from polyalign.core.links import Links
from polyalign.core.space import Space
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


class LexiconGroup(MethodGroup):
    """Its subcommands are the methods of ``words.lexicon``, and the lexicon of two spaces."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``--from-space`` is another way to write ``from-space``."""
        return super().parse_args(ctx, ["from-space", *args[1:]] if args[:1] == ["--from-space"] else args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The task's methods, and that."""
        return [*super().list_commands(ctx), "from-space"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A stand-in that knows what the method does, for the list."""
        return from_space if cmd_name == "from-space" else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The method's own command, or that of spaces."""
        if args[0] == "from-space":
            return args[0], from_space, args[1:]
        return super().resolve_command(ctx, args)


@click.command(name="from-space")
@click.argument("src")
@click.argument("tgt")
@click.argument("out")
@map_option
@retrieve_option
@click.option(
    "--max-rank", type=click.IntRange(0), default=0, help="Only so many most frequent words of each space; 0 is all."
)
@click.option("--min-score", type=float, help="Leave out pairs with a lower score.")
@json_option
def from_space(
    src: str,
    tgt: str,
    out: str,
    folder: str | None,
    retrieve: str,
    max_rank: int,
    min_score: float | None,
    as_json: bool,
) -> None:
    """Words of the spaces SRC and TGT that are each other's best translation; OUT gets TSV, best first."""
    from polyalign.spaces.dictionary import mutual

    method = retrieval(retrieve)
    spaces = [Space(s.words[: max_rank or None], s.vectors[: max_rank or None]) for s in load_pair(src, tgt, folder)]
    rows, columns, scores = mutual(spaces[0].vectors, spaces[1].vectors, method)
    order = np.argsort(-scores, kind="stable")
    if min_score is not None:
        order = order[scores[order] >= min_score]
    lines = [f"{spaces[0].words[rows[k]]}\t{spaces[1].words[columns[k]]}\t{scores[k]:.6g}" for k in order.tolist()]
    write_lines(out, ["src\ttgt\tscore", *lines])
    if as_json:
        print_json(
            {"src_words": len(spaces[0].words), "tgt_words": len(spaces[1].words), "entries": len(lines), "out": out}
        )


command = LexiconGroup(
    task="words.lexicon",
    verb=lexicon,
    help="Extract a bilingual lexicon with probabilities: IN is a bitext, LINKS its Pharaoh file, OUT gets TSV. `from-space` takes two "
    "spaces of word vectors instead.",
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
