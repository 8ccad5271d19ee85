"""``polyalign split``."""

from __future__ import annotations

import json
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.core import langs
from polyalign.core.files import read_text, write_lines


def split(method: Any, *, source: str, out: str, lang: str, as_json: bool) -> None:
    """Split IN, one sentence a line of OUT."""
    text = read_text(source)
    result = method(text, langs.normalise(lang))
    rows: list[str] = []
    last = None
    for (a, b), paragraph in zip(result.spans.tolist(), result.paragraphs.tolist(), strict=True):
        if as_json:
            rows.append(
                json.dumps({"start": a, "end": b, "paragraph": paragraph, "text": text[a:b]}, ensure_ascii=False)
            )
            continue
        if last is not None and paragraph != last:
            rows.append("")
        rows.append(" ".join(text[a:b].split("\n")))
        last = paragraph
    write_lines(out, rows)


command = MethodGroup(
    task="text.split",
    verb=split,
    help="Split the text file IN into sentences, one a line of OUT, an empty line between paragraphs.",
    arguments=[
        click.Argument(["source"], metavar="IN"),
        click.Argument(["out"], default="-"),
        click.Option(["--lang", "-l"], required=True, help="Language of the text: de, deu, deu_Latn."),
        click.Option(
            ["--json", "as_json"], is_flag=True, help="Write JSON lines: start, end (code points), paragraph, text."
        ),
    ],
)
