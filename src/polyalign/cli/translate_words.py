"""``polyalign translate-words``."""

from __future__ import annotations

from typing import Any

import numpy as np
import rich_click as click

from polyalign.cli.map_space import load_maps
from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import params, registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import set_threads
from polyalign.core.progress import note
from polyalign.core.space import Space, unit

map_option = click.option(
    "--map",
    "folder",
    metavar="DIR",
    help="Maps of the two spaces, from map-space; without, they are one space already.",
)
retrieve_option = click.option(
    "--retrieve", default="csls", show_default=True, help="How, as `polyalign methods spaces.retrieve` lists."
)


@click.command()
@click.argument("src")
@click.argument("tgt")
@click.argument("words", nargs=-1)
@map_option
@retrieve_option
@click.option(
    "-k", "--translations", "k", type=click.IntRange(1), default=5, show_default=True, help="Translations of a word."
)
@click.option("--threads", type=int, default=0, help="Threads; 0 is all.")
@json_option
def command(
    src: str, tgt: str, words: tuple[str, ...], folder: str | None, retrieve: str, k: int, threads: int, as_json: bool
) -> None:
    """Translate WORDS by their vectors: the words of the space TGT nearest to each word of the space SRC.

    `-` reads words from standard input, one a line. A word that is not there as it is written is looked up in lower case;
    words without a vector get no translation, and are told.
    """
    asked = [line.strip() for line in read_lines("-")] if words == ("-",) else list(words)
    asked = [word for word in asked if word]
    if not asked:
        raise ConfigError("translate-words: found no words, expected some behind SRC and TGT, or - for standard input")
    set_threads(threads)
    method = retrieval(retrieve)
    spaces = load_pair(src, tgt, folder)
    held = {word: row for row, word in enumerate(spaces[0].words)}
    rows = {w: held[w if w in held else w.lower()] for w in asked if w in held or w.lower() in held}
    known = [word for word in dict.fromkeys(asked) if word in rows]
    scores, found = method.retrieve(
        spaces[0].vectors, spaces[1].vectors, k, rows=np.array([rows[w] for w in known], np.int32)
    )
    answers: dict[str, list[tuple[str, float]]] = {
        word: [(spaces[1].words[j], float(s)) for j, s in zip(of, by, strict=True)]
        for word, of, by in zip(known, found.tolist(), scores.tolist(), strict=True)
    }
    if missing := [word for word in dict.fromkeys(asked) if word not in rows]:
        note(f"{src}: {len(missing):,} of {len(set(asked)):,} words have no vector: {', '.join(missing[:10])}")
    if as_json:
        print_json(
            [{"word": w, "translations": [{"word": t, "score": s} for t, s in answers.get(w, [])]} for w in asked]
        )
        return
    table = [(w, str(n), t, f"{s:.4f}") for w in asked for n, (t, s) in enumerate(answers.get(w, []), 1)]
    print_table(("word", "rank", "translation", "score"), table)


def retrieval(name: str) -> Any:
    """A retrieval method by its name.

    Raises:
        UnknownMethodError: There is none of that name.
    """
    return params.build(registry.find(name, task="spaces.retrieve"))


def load_pair(src: str, tgt: str, folder: str | None) -> tuple[Space, Space]:
    """Two spaces of files, mapped into one, of unit vectors.

    Raises:
        DataError: A file is missing or broken, or they are of different dimension and there are no maps.
    """
    from polyalign.encoders.write_vectors import read_space

    spaces = read_space(src), read_space(tgt)
    if folder is not None:
        return load_maps(folder)(*spaces)
    dims = [space.vectors.shape[1] for space in spaces]
    if dims[0] != dims[1]:
        raise DataError(
            f"{src} and {tgt}: found {dims[0]} and {dims[1]} dimensions, expected as many; map them with map-space and say --map"
        )
    return Space(spaces[0].words, unit(spaces[0].vectors)), Space(spaces[1].words, unit(spaces[1].vectors))
