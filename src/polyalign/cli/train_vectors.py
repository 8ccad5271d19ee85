"""``polyalign train-vectors``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import params, registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines, suffixes
from polyalign.core.jit import set_threads
from polyalign.core.progress import note


def train_vectors(
    method: Any, *, file: str, out: str, lang: str, tokenize: str, lowercase: bool, threads: int, as_json: bool
) -> None:
    """Train vectors of the words of FILE and write them to OUT."""
    from polyalign.encoders.write_vectors import SUFFIXES, write_space

    suffix, packed = suffixes(out)
    if suffix not in SUFFIXES and (suffix or packed):
        raise ConfigError(
            f"train-vectors: OUT is {out}, expected a name that ends with {', '.join(SUFFIXES)} or without ending"
        )
    if not Path(out).absolute().parent.is_dir():
        raise DataError(f"{out}: its folder does not exist; make it first")
    set_threads(threads)
    space = method.fit(_sentences(file, lang, tokenize, lowercase))
    write_space(space, out)
    told = {"words": len(space.words), "dimensions": int(space.vectors.shape[1]), "out": out}
    if as_json:
        print_json(told)
    else:
        note(f"{told['words']:,} words, {told['dimensions']} dimensions, in {out}")


def _sentences(file: str, lang: str, tokenize: str, lowercase: bool) -> Iterator[list[str]]:
    split = params.build(registry.find(tokenize, task="text.tokenize"))
    for line in read_lines(file):
        text = line.lower() if lowercase else line
        yield [text[a:b] for a, b in split(text, lang).tolist()]


command = MethodGroup(
    task="spaces.vectors",
    verb=train_vectors,
    help="Train vectors of words. FILE is text, a sentence or paragraph a line, `-` is standard input; OUT is .vec, .txt, .bin "
    "(word2vec's forms) or a folder. ppmi-svd needs no extra and gives the same vectors every time.",
    arguments=[
        click.Argument(["file"]),
        click.Argument(["out"]),
        click.Option(["--lang"], default="und", help="Language of FILE, for splitting it into words."),
        click.Option(
            ["--tokenize"],
            default="words",
            show_default=True,
            help="How to split lines into words: words, or whitespace for text that is split already.",
        ),
        click.Option(
            ["--lowercase/--no-lowercase"], default=True, show_default=True, help="Lower-case the text first."
        ),
        click.Option(["--threads"], type=int, default=0, help="Threads; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
