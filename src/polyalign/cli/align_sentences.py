"""``polyalign align-sentences``."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import ConfigError
from polyalign.core.files import read_lines, suffixes, write_lines
from polyalign.core.jit import set_threads

BEAD_SUFFIXES = ("", ".txt", ".beads", ".align")


def align_sentences(method: Any, *, src: str, tgt: str, out: str, pair: str, threads: int, as_json: bool) -> None:
    """Align two files of one sentence a line."""
    from polyalign.corpus.formats import write_bitext

    if as_json and out == "-":
        raise ConfigError(
            "align-sentences: --json and the beads cannot both go to standard output; name a file for OUT"
        )
    set_threads(threads)
    lines = list(read_lines(src)), list(read_lines(tgt))
    docs = [Document.from_lines(side) for side in lines]
    beads = method.align([docs[0]], [docs[1]])[0]
    if suffixes(out)[0] in BEAD_SUFFIXES:
        # Sentence numbers in the file are line numbers, so that empty lines shift nothing.
        at = [[n for n, line in enumerate(side) if line.strip() not in ("", "<p>")] for side in lines]
        write_lines(out, [f"{[at[0][i] for i in s]}:{[at[1][j] for j in t]}:{p:.4f}" for s, t, p, _ in beads.rows()])
    else:
        tags, rows = langs.parse_pair(pair), beads.rows()
        texts = [
            [langs.sentence_space(tag).join(doc.sentences[i] for i in row[side]) for row in rows]
            for side, (tag, doc) in enumerate(zip(tags, docs, strict=True))
        ]
        columns = {"score.align": pa.array([row[2] for row in rows], pa.float32())}
        if any(row[3] for row in rows):
            columns["unaligned"] = pa.array([row[3] for row in rows], pa.string())
        bitext = Bitext.build(texts[0], texts[1], langs=tags, columns=columns)
        write_bitext(bitext, out)
    if as_json:
        print_json({"src_sentences": len(docs[0]), "tgt_sentences": len(docs[1]), "beads": beads.types(), "out": out})


command = MethodGroup(
    task="sentences.align",
    verb=align_sentences,
    help="Align two documents, one sentence a line (an empty line ends a paragraph). "
    "OUT gets vecalign's format, `\\[src]:\\[tgt]:score` with 0-based line numbers, or a bitext if it is named .tsv, .tmx, .jsonl, .parquet.",
    arguments=[
        click.Argument(["src"]),
        click.Argument(["tgt"]),
        click.Argument(["out"]),
        click.Option(["--pair"], default="und-und", metavar="SRC-TGT", help="Languages to note in a bitext: de-rm."),
        click.Option(
            ["--threads"], type=int, default=0, help="Threads; 0 is all. The result is the same for any number."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
