"""``polyalign align-multi``."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.document import Document
from polyalign.core.errors import ConfigError
from polyalign.core.files import COMPRESSIONS, open_output, read_lines, suffixes, write_lines
from polyalign.core.jit import set_threads
from polyalign.core.multibeads import MultiBeads

FORMATS = (".tsv", ".jsonl", ".parquet", ".ladder")


def align_multi(method: Any, *, files: Sequence[str], out: str, tags: str, threads: int, as_json: bool) -> None:
    """Align files of one sentence a line, one a language."""
    from polyalign.sentences.segments import segments_table

    kind = ".tsv" if out == "-" else suffixes(out)[0]
    if kind not in FORMATS:
        raise ConfigError(f"{out}: found the suffix {kind!r}, expected one of {', '.join(FORMATS)}; rename OUT")
    if as_json and out == "-":
        raise ConfigError("align-multi: --json and the segments cannot both go to standard output; name a file for OUT")
    if len(files) < 2:
        raise ConfigError(
            f"align-multi: found {len(files)} file to align, expected two or more before OUT; name a file a language"
        )
    names = _languages(files, tags)
    set_threads(threads)
    versions = {
        lang: [Document.from_lines(list(read_lines(f)), id=Path(out).name.split(".")[0])]
        for lang, f in zip(names, files, strict=True)
    }
    fine: MultiBeads = method.align(versions)[0]
    whole = fine.select(fine.langs)
    if kind == ".ladder":
        write_lines(out, fine.to_lines())
    else:
        _write(segments_table(versions, [whole]), out, kind, whole.langs)
    if as_json:
        print_json({
            "sentences": dict(zip(whole.langs, whole.cuts[-1].tolist(), strict=True)),
            "segments": len(whole),
            "pieces": len(fine),
            "n_ways": {str(n): k for n, k in sorted(Counter(whole.ways().tolist()).items())},
            "agreement": round(float(whole.score.mean()), 4) if len(whole) else None,
            "out": out,
        })  # fmt: skip


def _languages(files: Sequence[str], tags: str) -> list[str]:
    """The language of each file, by `tags` or by its name."""
    if tags:
        names = [langs.normalise(tag) for tag in tags.split(",")]
        if len(names) != len(files):
            raise ConfigError(
                f"--langs {tags}: found {len(names)} languages for {len(files)} files, expected one for each, in their order"
            )
    else:
        names = [_language_of(path) for path in files]
    twice = [lang for lang, n in Counter(names).items() if n > 1]
    if twice:
        raise ConfigError(
            f"align-multi: found {twice[0]} twice, expected a different language for each file; name them with --langs"
        )
    return names


def _language_of(path: str) -> str:
    """The last part of a file's name, or the one before its suffix, that is a language."""
    name = Path(path).name
    for packed in COMPRESSIONS:
        name = name.removesuffix(packed)
    for part in reversed(re.split(r"\.", name)[1:]):
        if part.lower() in ("txt", "tsv", "sent"):
            continue
        try:
            return langs.normalise(part)
        except ConfigError:
            break
    raise ConfigError(
        f"{path}: found no language in the name, expected one such as in story.de.txt; rename it or give --langs de,en,..."
    )


def _write(table: pa.Table, out: str, kind: str, names: Sequence[str]) -> None:
    if kind == ".parquet":
        with open_output(out) as file:
            pq.write_table(table, file)
        return
    columns = ("id", "n_ways", "score", *names)
    rows = [
        dict(zip(columns, cells, strict=True)) for cells in zip(*(table[c].to_pylist() for c in columns), strict=True)
    ]
    if kind == ".jsonl":
        write_lines(out, [json.dumps({**r, "score": round(r["score"], 4)}, ensure_ascii=False) for r in rows])
        return
    # A tab or a line end within a sentence would end the cell.
    cells = [[re.sub(r"[\t\n\r]", " ", r[lang] or "") for lang in names] for r in rows]
    write_lines(
        out,
        [
            "\t".join(c)
            for c in ([*names, "score"], *([*c, f"{r['score']:.4f}"] for c, r in zip(cells, rows, strict=True)))
        ],
    )


command = MethodGroup(
    task="sentences.multiway",
    verb=align_multi,
    help="Align the versions of a document in two or more languages at once: one sentence a line (an empty line ends a paragraph), "
    "the language in the file's name as in story.de.txt. OUT (.tsv, .jsonl, .parquet) gets a row a segment and a column a language; "
    "a .ladder gets sentence numbers, 0-based and without empty lines: the cuts of every language, `3+` for one inside sentence 3.",
    arguments=[
        click.Argument(["files"], nargs=-1, required=True, metavar="FILE.LANG..."),
        click.Argument(["out"]),
        click.Option(
            ["--langs", "tags"], default="", metavar="TAGS", help="Languages of the files in their order: de,rm,it."
        ),
        click.Option(
            ["--threads"], type=int, default=0, help="Threads; 0 is all. The result is the same for any number."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
