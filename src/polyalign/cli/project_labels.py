"""``polyalign project-labels``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines, suffixes, write_lines
from polyalign.core.progress import note

if TYPE_CHECKING:
    from polyalign.words.projection.formats import LabelFile, Written
    from polyalign.words.projection.spans import Labelled, Projection

#: Why a span that was carried is not in OUT.
NOT_HELD = "nested, crossing or split, which OUT's format cannot say"
#: The columns of the report.
_REPORT = ("where", "sentence", "label", "start", "end", "text", "reason")
#: What is noted about spans and sentences, in the order of the summary.
_ODD = (
    "spans widened to whole words",
    "marked spans in the translation that got no label",
    "sentences without a word, which this format leaves out",
    "malformed tags in LABELS, such as an I- without a B-, where a span was begun nevertheless",
    "lines of LABELS left out, which are relations, events or notes",
)


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a method gave.

    Args:
        targets: The target's sentences with their labels.
        projection: What became of each span.
        rows: The source sentences.
        in_words: Whether source spans count words, not characters.
        widened: Source spans that had to be widened to whole words.
    """

    targets: list[Labelled]
    projection: Projection
    rows: list[Labelled]
    in_words: bool
    widened: int


def project_labels(
    method: Any,
    *,
    labels: str,
    out: str | None,
    labels_format: str | None,
    out_format: str | None,
    scheme: Any,
    token_column: int | None,
    tag_column: int,
    report: str | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Carry the labels of LABELS over, and write the target's sentences with theirs to OUT."""
    from polyalign.words.projection.formats import label_format, read_labels, write_labels

    given = {
        "OUT": out,
        "--report": report,
        "--write-marked": how.get("write_marked"),
        "--json": "-" if as_json else "",
    }
    printed = [name for name, path in given.items() if path == "-"]
    if len(printed) > 1:
        raise ConfigError(
            f"project-labels: {' and '.join(printed)} cannot both go to standard output; name a file for {printed[0]}"
        )
    if [labels, how.get("source"), how.get("links"), how.get("read_translated")].count("-") > 1:
        raise ConfigError("project-labels: only one file can be standard input; name the others")
    file = read_labels(labels, format=labels_format, token_column=token_column, tag_column=tag_column)
    if how.get("write_marked") is not None:
        _write_marked(method, labels, file, out=out, report=report, as_json=as_json, **how)
        return
    if out is None:
        raise ConfigError("project-labels: OUT is missing; name a file for the labels, or give --write-marked FILE")
    format = label_format(out, out_format or (file.format if out == "-" else None))
    carried = (_by_links if "links" in how else _by_markers)(method, labels, file, **how)
    written = write_labels(out, carried.targets, format=format, scheme=scheme or file.scheme)
    lost = _lost(carried, written)
    if report is not None:
        _write_report(report, lost)
    reasons = dict(Counter(row["reason"] for row in lost).most_common())
    total = len(carried.projection.outcomes)
    note(
        f"{out}: {total - len(lost):,} of {total:,} spans carried"
        + "".join(f"; {count:,} {reason}" for reason, count in reasons.items())
    )
    odd = {
        "widened": carried.widened + written.widened,
        "extra": carried.projection.extra,
        "without_words": written.empty,
        "malformed": file.malformed,
        "other_lines": file.ignored,
    }
    for count, what in zip(odd.values(), _ODD, strict=True):
        if count:
            note(f"{out}: {what}: {count:,}")
    if as_json:
        counts = {"spans": total, "carried": total - len(lost), "not_carried": reasons}
        print_json({"sentences": len(carried.targets), **counts, **odd, "out": out})


def _write_marked(
    method: Any, labels: str, file: LabelFile, *, write_marked: str, as_json: bool, **other: str | None
) -> None:
    if any(value is not None for value in other.values()):
        raise ConfigError(
            "project-labels: --write-marked writes what is to be translated and no more; give OUT and --report with "
            "--read-translated FILE when it is, or --translator COMMAND alone"
        )
    marked = method.mark(_lines_only(file, labels))
    write_lines(write_marked, marked)
    note(f"{write_marked}: {len(marked):,} sentences to be translated, a line each")
    if as_json:
        spans = sum(len(s.spans) for s in file.sentences)
        print_json({"sentences": len(marked), "spans": spans, "marked": write_marked})


def _by_links(
    method: Any,
    labels: str,
    file: LabelFile,
    *,
    source: str,
    links: str,
    format: str | None,
    pair: str,
    one_based: bool,
) -> _Carried:
    from polyalign.corpus.formats import read_bitext
    from polyalign.words.pharaoh import read_links
    from polyalign.words.projection.spans import Labelled, on_words, rows_of, to_characters, words_of

    bitext = read_bitext(source, format=format, pair=langs.parse_pair(pair))
    read = read_links(links, one_based=one_based)
    if len(read) != len(bitext):
        raise DataError(
            f"{links}: found {len(read):,} lines, and {len(bitext):,} sentence pairs in {source}, expected as many; links need a "
            "line for every pair, empty ones too"
        )
    spans, widened = on_words(file.sentences, bitext)
    projection = method.project(bitext, read, spans, where=links)
    of_row = dict(zip(rows_of(file.sentences, bitext), file.sentences, strict=True))
    said = [of_row.get(k, Labelled("")) for k in range(len(bitext))]
    targets = [
        Labelled(text, words, tuple(to_characters(s, words) for s in found), row.where, row.about)
        for text, words, found, row in zip(bitext.tgt, words_of(bitext, "tgt"), projection.labels, said, strict=True)
    ]
    rows = [Labelled(t, w, (), row.where) for t, w, row in zip(bitext.src, words_of(bitext, "src"), said, strict=True)]
    return _Carried(targets, projection, rows, True, widened)


def _by_markers(
    method: Any,
    labels: str,
    file: LabelFile,
    *,
    translator: str | None,
    read_translated: str | None,
    **_: None,
) -> _Carried:
    from polyalign.words.projection.command import Command

    if (translator is None) == (read_translated is None):
        raise ConfigError(
            "project-labels: give --translator COMMAND, or --write-marked FILE, and after it is translated --read-translated FILE"
        )
    sentences = _lines_only(file, labels)
    if translator is not None:
        targets, projection = method.project(sentences, Command(translator))
        return _Carried(targets, projection, sentences, False, 0)
    translated = list(read_lines(str(read_translated)))
    if len(translated) != len(sentences):
        raise DataError(
            f"{read_translated}: found {len(translated):,} lines, and {len(sentences):,} sentences in {labels}, expected as many; "
            "the translation needs a line for each line that --write-marked wrote"
        )
    targets, projection = method.read(sentences, translated)
    return _Carried(targets, projection, sentences, False, 0)


def _lines_only(file: LabelFile, labels: str) -> list[Labelled]:
    for s in file.sentences:
        if "\n" in s.text or "\r" in s.text:
            raise DataError(
                f"{s.where or labels}: found a line break in the text, expected a sentence; translators get a line each"
            )
    return file.sentences


def _lost(carried: _Carried, written: Written) -> list[dict[str, Any]]:
    """The spans that are not in OUT, and why."""
    from polyalign.words.projection.spans import to_characters

    out = {(o.sentence, o.source): o.reason for o in carried.projection.lost}
    left = set(written.left)
    for o in carried.projection.outcomes:
        if o.target is not None:
            words = carried.targets[o.sentence].words or ()
            target = to_characters(o.target, words) if carried.in_words else o.target
            if (o.sentence, target) in left:
                out[o.sentence, o.source] = NOT_HELD
    found = []
    for (k, span), reason in out.items():
        row = carried.rows[k]
        at = to_characters(span, row.words or ()) if carried.in_words else span
        text = " ".join(row.text[a:b] for a, b in at.fragments)
        found.append((k, span.label, span.start, span.last, text, reason))
    return [{"where": carried.rows[x[0]].where, **dict(zip(_REPORT[1:], x, strict=True))} for x in sorted(found)]


def _write_report(path: str, lost: Sequence[dict[str, Any]]) -> None:
    if suffixes(path)[0] in (".jsonl", ".ndjson"):
        write_lines(path, [json.dumps(row, ensure_ascii=False) for row in lost])
        return
    rows = [[str(row[name]).replace("\t", " ") for name in _REPORT] for row in lost]
    write_lines(path, ["\t".join(row) for row in [_REPORT, *rows]])


class Projectors(MethodGroup):
    """Methods of which each has arguments of its own beside those of all."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The method's own command."""
        self.arguments = [*_OWN.get(args[0].removeprefix(f"{self.task}/"), []), *_SHARED]
        return super().resolve_command(ctx, args)


_FORMATS = "conll, slots, jsonl, jsonl-tags, brat, brackets, markup"
_OWN: dict[str, list[click.Parameter]] = {
    "links": [
        click.Argument(["source"], metavar="IN"),
        click.Argument(["links"]),
        click.Argument(["labels"]),
        click.Argument(["out"]),
        click.Option(["--format"], help="Format of IN, a bitext, where its name does not tell."),
        click.Option(
            ["--pair"], default="und-und", metavar="SRC-TGT", help="Languages, needed to pick them out of a TMX."
        ),
        click.Option(["--one-based"], is_flag=True, help="LINKS counts words from 1."),
    ],
    "easyproject": [
        click.Argument(["labels"]),
        click.Argument(["out"], required=False),
        click.Option(
            ["--translator"],
            metavar="COMMAND",
            help="What translates: a command that reads lines and writes as many, with its arguments in quotes.",
        ),
        click.Option(["--write-marked"], metavar="FILE", help="Write the marked sentences, a line each, and no more."),
        click.Option(["--read-translated"], metavar="FILE", help="Read the translations of what --write-marked wrote."),
    ],
}
_SHARED: list[click.Parameter] = [
    click.Option(
        ["--labels-format"], metavar="NAME", help=f"Format of LABELS, where its name does not tell: {_FORMATS}."
    ),
    click.Option(["--out-format"], metavar="NAME", help="Format of OUT, likewise; that of LABELS for `-`."),
    click.Option(
        ["--scheme"],
        type=click.Choice(["bio", "iob", "bioes"]),
        help="What tags are written in; as in LABELS by default.",
    ),
    click.Option(
        ["--token-column"], type=int, help="Column of the words in LABELS, from 0 [dim](default: 0, 1 in .conllu)[/dim]"
    ),
    click.Option(
        ["--tag-column"],
        type=int,
        default=-1,
        show_default=True,
        help="Column of the tags, from 0, or -1 for the last.",
    ),
    click.Option(
        ["--report"], metavar="FILE", help="Write what was not carried and why, TSV or .jsonl, a span a line."
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
]

command = Projectors(
    task="words.project",
    verb=project_labels,
    help="Carry labels of spans (names, slots, any markup) to the other language of a text. LABELS has the source's "
    "sentences with labels, OUT gets the target's: CoNLL columns (.conll, .tsv), JSON lines (.jsonl), brat (.ann and .txt), "
    "`word:tag` (.slots), `[PER Anna]` (brackets) or `<PER>Anna</PER>` (markup). "
    "`links` goes along the links of `align-words`, `easyproject` translates markers with the text.",
    arguments=_SHARED,
)
