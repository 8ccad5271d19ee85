"""``polyalign parallelism``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json, print_table
from polyalign.core import langs
from polyalign.core.errors import ConfigError
from polyalign.core.files import write_lines


def parallelism(method: Any, *, files: Sequence[str], out: str, pairs: str, as_json: bool) -> None:
    """Count in how many languages each sentence of several bitexts is."""
    from polyalign.corpus.formats import read_bitext, write_bitext

    names = [Path(f).name for f in files]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise ConfigError(
            f"parallelism: {twice[0]} is there twice, expected files of different names, as OUT gets one of each; rename one"
        )
    tags = _pairs(names, pairs)
    found = method.find([read_bitext(f, pair=pair) for f, pair in zip(files, tags, strict=True)])
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, bitext in zip(names, found.bitexts, strict=True):
        write_bitext(bitext, folder / name)
    rows = zip(*(column.to_pylist() for column in found.tuples.columns), strict=True)
    lines = [f"{n}\t{lang}\t{_cell(text)}\t{int(stays)}" for n, lang, text, stays in rows]
    write_lines(folder / "tuples.tsv", ["\t".join(found.tuples.column_names), *lines])
    if as_json:
        print_json({**found.counts, "out": out})
        return
    counts = found.counts
    table = [(f"tuples of {n} languages", f"{k:,}") for n, k in counts["ways"].items()]
    table += [(f"pairs: {name}", f"{k:,}") for name, k in counts["fates"].items()]
    print_table(("what", "how many"), [("sentences", f"{counts['sentences']:,}"), *table])


def _cell(text: str) -> str:
    """A text without what would end its cell."""
    return " ".join(text.split())


def _pairs(names: Sequence[str], pairs: str) -> list[tuple[str, str]]:
    """The language pair of each file, by `pairs` or by the part of its name that is one."""
    if pairs:
        tags = [langs.parse_pair(p) for p in pairs.split(",")]
        if len(tags) != len(names):
            raise ConfigError(
                f"--pairs {pairs}: found {len(tags)} pairs for {len(names)} files, expected one for each, in their order"
            )
        return tags
    return [_pair_of(name) for name in names]


def _pair_of(name: str) -> tuple[str, str]:
    for part in name.split("."):
        try:
            return langs.parse_pair(part)
        except ConfigError:
            continue
    raise ConfigError(
        f"{name}: found no language pair in the name, expected one such as in news.de-en.tsv; rename it or give --pairs de-en,..."
    )


command = MethodGroup(
    task="corpus.parallelism",
    verb=parallelism,
    help="Count in how many languages each sentence of several bitexts is, which tells machine-translated web text. "
    "The folder OUT gets every bitext with a column `score.n_ways`, and `tuples.tsv`.",
    arguments=[
        click.Argument(["files"], nargs=-1, required=True, metavar="FILE.SRC-TGT..."),
        click.Argument(["out"]),
        click.Option(
            ["--pairs"], default="", metavar="PAIRS", help="Language pairs of the files in their order: de-en,en-fr."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
