"""``polyalign mine``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import set_threads
from polyalign.core.progress import note


def mine(
    method: Any,
    *,
    src: str,
    tgt: str,
    out: str,
    work: str | None,
    src_vectors: str | None,
    tgt_vectors: str | None,
    pair: str,
    threads: int,
    as_json: bool,
) -> None:
    """Mine two files of one sentence a line."""
    from polyalign.corpus.formats import format_of, write_bitext

    if as_json and out == "-":
        raise ConfigError("mine: --json and the pairs cannot both go to standard output; name a file for OUT")
    if (src_vectors is None) != (tgt_vectors is None):
        raise ConfigError("mine: found vectors of one side only; give both --src-vectors and --tgt-vectors, or neither")
    format = "tsv" if out == "-" else format_of(out)
    tags = langs.parse_pair(pair)
    set_threads(threads)
    texts = list(read_lines(src)), list(read_lines(tgt))
    vectors = None
    if src_vectors is not None and tgt_vectors is not None:
        vectors = _vectors(src_vectors, len(texts[0]), src), _vectors(tgt_vectors, len(texts[1]), tgt)
    found = method.mine(*texts, vectors=vectors, work=Path(work) if work is not None else None)
    src_rows, tgt_rows = found.src.tolist(), found.tgt.tolist()
    bitext = Bitext.build(
        [texts[0][i].strip() for i in src_rows],
        [texts[1][j].strip() for j in tgt_rows],
        langs=tags,
        ids=[f"{i}-{j}" for i, j in zip(src_rows, tgt_rows, strict=True)],
        columns={"score.margin": found.score},
    )
    write_bitext(bitext, out, format=format)
    left = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in found.counts.items() if count)
    note(
        f"{out}: {len(found)} pairs with a margin of {found.threshold:.4f} or more, "
        f"of {len(texts[0])} source and {len(texts[1])} target lines; left out: {left or 'nothing'}"
    )
    if as_json:
        print_json(
            {
                "src_lines": len(texts[0]),
                "tgt_lines": len(texts[1]),
                "pairs": len(found),
                "threshold": found.threshold,
                "left_out": dict(found.counts),
                "out": out,
            }
        )


def _vectors(path: str, lines: int, of: str) -> npt.NDArray[Any]:
    try:
        vectors: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: cannot be read as vectors ({error}); expected a .npy file with one row a line"
        ) from None
    if vectors.ndim != 2 or len(vectors) != lines or vectors.dtype.kind != "f":
        raise DataError(
            f"{path}: found an array of shape {vectors.shape} and type {vectors.dtype}, expected floats and a row for "
            f"each of the {lines} lines of {of}; encode that file"
        )
    return vectors


command = MethodGroup(
    task="sentences.mine",
    verb=mine,
    help="Find sentences that translate each other in two collections, one sentence a line in any order. "
    "OUT is a bitext (.tsv, .csv, .jsonl, .parquet, .tmx; - is TSV on standard output) with a column `score.margin`, best pairs first; "
    "a pair's id is its two line numbers, from 0.",
    arguments=[
        click.Argument(["src"]),
        click.Argument(["tgt"]),
        click.Argument(["out"]),
        click.Option(
            ["--work"],
            metavar="DIR",
            help="Keep shards of vectors and neighbours here; a killed run goes on from them.",
        ),
        click.Option(
            ["--src-vectors"], metavar="NPY", help="Vectors of the source lines, a row each, instead of an encoder."
        ),
        click.Option(["--tgt-vectors"], metavar="NPY", help="Vectors of the target lines."),
        click.Option(["--pair"], default="und-und", metavar="SRC-TGT", help="Languages to note in the bitext: de-rm."),
        click.Option(["--threads"], type=int, default=0, help="Threads of the compiled kernels; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
