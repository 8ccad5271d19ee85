"""brat's standoff files: ``x.txt`` is the text, a sentence a line, and ``x.ann`` has the labels."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines, write_lines
from polyalign.words.projection.spans import Fragment, Labelled, Span

_TEXT_BOUND = re.compile(r"(T\S*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)(?:\t(.*))?\Z")


def brat_files(path: str | Path) -> tuple[Path, Path]:
    """The text and the labels of which either is named.

    Raises:
        DataError: It is neither.
    """
    path = Path(path)
    if path.suffix not in (".ann", ".txt"):
        raise DataError(f"{path}: brat has a .txt and an .ann beside it, expected a name with one of these ends")
    return path.with_suffix(".txt"), path.with_suffix(".ann")


def read_brat(path: str | Path) -> tuple[list[Labelled], int]:
    r"""Labelled sentences, and how many lines of the labels are of another kind (relations, events, notes).

    Offsets count characters of the whole text. In one of CR LF lines they count an end as two characters, or as one,
    whichever fits what the labels cite.

    Raises:
        DataError: A file cannot be read, or a label is not of one line or does not have the text that it cites.
    """
    text_file, label_file = brat_files(path)
    lines = list(read_lines(text_file, ends=True))
    spans: list[tuple[str, list[Fragment], Span, str | None]] = []
    ignored = 0
    for number, line in enumerate(read_lines(label_file), 1):
        if not line.startswith("T"):
            ignored += bool(line.strip())
            continue
        match = _TEXT_BOUND.match(line)
        if match is None:
            raise DataError(
                f"{label_file} line {number}: found {line[:60]!r}, expected such as 'T1', a tab, 'PER 0 4', a tab, 'Anna'"
            )
        places = [(int(a), int(b)) for a, b in (x.split(" ") for x in match[3].split(";"))]
        spans.append((f"{label_file} line {number}", places, Span(0, 0, match[2], (), match[1]), match[4]))
    wrong = ""
    for readings in ([x for x in lines], [x.replace("\r\n", "\n") for x in lines]):
        text = "".join(readings)
        wrong = wrong or next(_unfit(spans, text), "")
        if not next(_unfit(spans, text), ""):
            return list(_sentences(readings, spans, text_file)), ignored
    raise DataError(wrong)


def _unfit(spans: Sequence[tuple[str, list[Fragment], Span, str | None]], text: str) -> Iterator[str]:
    """What is wrong with labels that do not fit the text."""
    for where, places, span, cited in spans:
        found = " ".join(text[a:b] for a, b in places)
        if any(a > b or b > len(text) for a, b in places) or (cited is not None and found.split() != cited.split()):
            yield (
                f"{where}: found {span.id} at {places[0][0]} to {places[-1][1]}, where the text has {found[:40]!r}, expected "
                f"{(cited or '')[:40]!r}; offsets count characters of the .txt from its start"
            )


def _sentences(
    lines: Sequence[str], spans: Sequence[tuple[str, list[Fragment], Span, str | None]], file: Path
) -> Iterator[Labelled]:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    of_line: list[list[Span]] = [[] for _ in lines]
    for where, places, span, _ in spans:
        k = max(0, min(bisect_right(starts, places[0][0]) - 1, len(lines) - 1))
        length = len(lines[k].rstrip("\r\n")) if lines else 0
        first, *more = ((a - starts[k], b - starts[k]) for a, b in places)
        if max(b for _, b in (first, *more)) > length or min(a for a, _ in (first, *more)) < 0:
            raise DataError(
                f"{where}: {span.id} reaches over the end of line {k + 1} of {file}, expected labels of one sentence, a sentence a line"
            )
        of_line[k].append(span._replace(start=first[0], end=first[1], more=tuple(more)))
    for number, (line, found) in enumerate(zip(lines, of_line, strict=True), 1):
        yield Labelled(line.rstrip("\r\n"), spans=tuple(found), where=f"{file} line {number}")


def write_brat(path: str | Path, sentences: Sequence[Labelled]) -> None:
    """Write both files; labels keep the names they have, others are named T1, T2, ...

    Raises:
        DataError: A file cannot be written.
    """
    text_file, label_file = brat_files(path)
    taken = {s.id for sentence in sentences for s in sentence.spans}
    fresh = (f"T{n}" for n in range(1, len(taken) + sum(len(x.spans) for x in sentences) + 1) if f"T{n}" not in taken)
    lines = []
    start = 0
    for sentence in sentences:
        for s in sentence.spans:
            places = ";".join(f"{start + a} {start + b}" for a, b in s.fragments)
            cited = " ".join(sentence.text[a:b] for a, b in s.fragments)
            lines.append(f"{s.id or next(fresh)}\t{s.label} {places}\t{cited}")
        start += len(sentence.text) + 1
    write_lines(text_file, [s.text for s in sentences])
    write_lines(label_file, lines)
