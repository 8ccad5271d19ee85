"""``polyalign map-space``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import I32, set_threads
from polyalign.core.progress import note

if TYPE_CHECKING:
    from polyalign.core.space import MapPair, Space


def map_space(
    method: Any,
    *,
    src: str,
    tgt: str,
    out: str,
    seeds: str | None,
    start: str | None,
    mapped: tuple[str, str] | None,
    threads: int,
    as_json: bool,
) -> None:
    """Fit the method to SRC and TGT, and write the maps to OUT."""
    from polyalign.encoders.write_vectors import read_space, write_space
    from polyalign.spaces.map.muse import criterion

    if start is not None and not hasattr(method, "refine"):
        raise ConfigError("map-space: --start is for methods that make a map better, muse; leave it out")
    if start is not None and seeds is not None:
        raise ConfigError("map-space: --start and --seeds are two ways to begin; leave one out")
    for folder in [Path(out), *(Path(file).absolute().parent for file in mapped or ())]:
        if folder.exists() and not folder.is_dir():
            raise DataError(f"{folder}: is a file, expected a folder, or a name that is free")
    set_threads(threads)
    spaces = read_space(src), read_space(tgt)
    rows = None if seeds is None else seeds_of(*spaces, seeds)
    begin = time.perf_counter()
    maps: MapPair = method.fit(*spaces, rows) if start is None else method.refine(*spaces, load_maps(start))
    seconds = time.perf_counter() - begin
    maps.save(Path(out))
    brought = maps(*spaces)
    if mapped is not None:
        for space, file in zip(brought, mapped, strict=True):
            write_space(space, file)
    told = {
        "src_words": len(spaces[0].words),
        "tgt_words": len(spaces[1].words),
        "dimensions": int(maps.src.matrix.shape[1]),
        "seeds": None if rows is None else len(rows),
        "seconds": round(seconds, 3),
        "criterion": round(criterion(*(space.vectors for space in brought)), 6),
        "out": out,
    }
    if as_json:
        print_json(told)
        return
    of = "no seeds" if rows is None else f"{len(rows):,} seeds"
    note(f"{told['src_words']:,} and {told['tgt_words']:,} words, {of}, {seconds:.1f} s; maps are in {out}")
    note(
        f"frequent words have a mean cosine of {told['criterion']:.3f} to their translations (of two maps of the same spaces, "
        "the better one mostly has the greater)"
    )


def seeds_of(src: Space, tgt: Space, seeds: str) -> I32:
    """The pairs of rows that ``--seeds`` means: identical, numerals, or a lexicon's file.

    Raises:
        DataError: There are none, or the file is no lexicon.
    """
    from polyalign.spaces import seeds as known

    if seeds in ("identical", "numerals"):
        rows = (known.identical if seeds == "identical" else known.numerals)(src, tgt)
        found = f"no {seeds} words"
    else:
        pairs = known.read_lexicon(seeds)
        rows = known.known(src, tgt, pairs)
        found = f"no pair, of {len(pairs):,}, of which both words have a vector"
        if 0 < len(rows) < len(pairs):
            note(f"{seeds}: {len(rows):,} of {len(pairs):,} pairs have vectors on both sides")
    if len(rows) == 0:
        raise DataError(
            f"{seeds}: found {found}, expected some to begin with; check languages and case, or use a method without seeds, "
            "wasserstein or vecmap --initialization unsupervised"
        )
    return np.asarray(rows, np.int32)


def load_maps(folder: str) -> MapPair:
    """A pair of maps that `polyalign map-space` wrote.

    Raises:
        DataError: There is none.
    """
    from polyalign.core.space import MapPair

    return MapPair.load(Path(folder))


command = MethodGroup(
    task="spaces.map",
    verb=map_space,
    help="Learn to map two spaces of word vectors into one. SRC and TGT are .vec, .txt or .bin files or saved spaces, words in "
    "order of frequency; OUT is a folder that gets the maps, for translate-words, lexicon and evaluate bli.",
    arguments=[
        click.Argument(["src"]),
        click.Argument(["tgt"]),
        click.Argument(["out"]),
        click.Option(
            ["--seeds"],
            metavar="FILE|identical|numerals",
            help="Words known to translate each other: a file with a source word, a tab and a target word on each line; or words, "
            "or numerals, written the same on both sides.",
        ),
        click.Option(["--start"], metavar="DIR", help="Maps to begin with, for muse."),
        click.Option(
            ["--mapped"], nargs=2, metavar="SRC TGT", help="Write the mapped vectors too: .vec, .bin, or folders."
        ),
        click.Option(["--threads"], type=int, default=0, help="Threads; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
