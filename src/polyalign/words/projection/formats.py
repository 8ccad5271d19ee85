"""Files of labelled sentences: read into one form, and written from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polyalign.core.errors import ConfigError, DataError, did_you_mean
from polyalign.core.files import read_lines, suffixes, write_lines
from polyalign.words.projection.brat import read_brat, write_brat
from polyalign.words.projection.inline import read_brackets, read_markup, write_brackets, write_markup
from polyalign.words.projection.spans import Labelled, Span, to_words
from polyalign.words.projection.tags import Scheme, Tags, scheme_of, split_tag, tags_of

SUFFIXES = {
    **dict.fromkeys((".conll", ".conllu", ".bio", ".iob", ".bioes", ".tsv"), "conll"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".slots": "slots",
    ".ann": "brat",
}
#: ``jsonl-tags`` is what ``jsonl`` is called where it has words and tags.
FORMATS = ("conll", "slots", "jsonl", "jsonl-tags", "brat", "brackets", "markup")
_WORDS_LINE = re.compile(r"\d+[-.]\d+\Z")  # 3-4 and 5.1 of CoNLL-U, which are no words
_TEXT_LINE = re.compile(r"# ?text ?=")


@dataclass(slots=True)
class LabelFile:
    """What a file has.

    Args:
        sentences: Its sentences.
        format: One of `FORMATS`.
        scheme: What its tags are in; ``bio`` if it has none.
        malformed: Tags that were read as something else than they say (see `Tags.spans`).
        ignored: Lines that say something else than labels.
    """

    sentences: list[Labelled] = field(default_factory=list)
    format: str = ""
    scheme: Scheme = "bio"
    malformed: int = 0
    ignored: int = 0


@dataclass(slots=True)
class Written:
    """What a format could not say.

    Args:
        left: Spans that are not in the file, each with its sentence.
        widened: Spans that were widened to whole words.
        empty: Sentences without a word, which ``conll`` has none of.
    """

    left: list[tuple[int, Span]] = field(default_factory=list)
    widened: int = 0
    empty: int = 0


def label_format(path: str | Path, format: str | None = None) -> str:
    """The format of a file, by its name if it is not said.

    Raises:
        ConfigError: It is not known.

    Example:
        >>> label_format("x.conll.gz"), label_format("x.txt", "brackets")
        ('conll', 'brackets')
    """
    if format is None:
        format = SUFFIXES.get(suffixes(path)[0])
        if format is None and suffixes(path)[0] == ".txt" and Path(path).with_suffix(".ann").is_file():
            format = "brat"
    if format not in FORMATS:
        found = (
            f"unknown format {format!r}{did_you_mean(format, FORMATS)}"
            if format
            else "its name tells no format of labels"
        )
        raise ConfigError(f"{path}: {found}; say one of {', '.join(FORMATS)}")
    return format


def read_labels(
    path: str | Path,
    *,
    format: str | None = None,
    scheme: Scheme | None = None,
    token_column: int | None = None,
    tag_column: int = -1,
) -> LabelFile:
    """Read labelled sentences from a file of any format.

    Args:
        path: The file, ``-`` for standard input; for ``brat`` the ``.ann`` or the ``.txt`` beside it.
        format: One of `FORMATS`; by default the name says.
        scheme: What tags are in; by default what they look like.
        token_column: Column of the words, from 0, in ``conll``; by default the first one, or the second in ``.conllu``.
        tag_column: Column of the tags; negative ones are counted from the last, which is -1.

    Raises:
        ConfigError: The format is not known.
        DataError: The file cannot be read, or a line is not what its format says.
    """
    name = label_format(path, format)
    if name == "brat":
        sentences, ignored = read_brat(path)
        return LabelFile(sentences, "brat", ignored=ignored)
    if name in ("brackets", "markup"):
        read = read_brackets if name == "brackets" else read_markup
        return LabelFile([_inline(read, *x) for x in _numbered(path)], name)
    if token_column is None:
        token_column = 1 if suffixes(path)[0] == ".conllu" else 0
    if name == "conll":
        rows: list[_Tagged | Labelled] = list(_conll(str(path), token_column, tag_column))
    elif name == "slots":
        rows = [_slots(*x) for x in _numbered(path)]
    else:
        rows = [_json(*x) for x in _numbered(path)]
        name = "jsonl-tags" if rows and all(isinstance(r, tuple) for r in rows) else "jsonl"
    tagged = [r for r in rows if isinstance(r, tuple)]
    tags = Tags(scheme or scheme_of(t for _, t, _, _ in tagged))
    sentences = [
        r if isinstance(r, Labelled) else Labelled.of_words(r[0], tags.spans(r[1]), where=r[2], about=r[3])
        for r in rows
    ]
    return LabelFile(sentences, name, tags.scheme or "bio", tags.malformed)


def write_labels(
    path: str | Path, sentences: Sequence[Labelled], *, format: str | None = None, scheme: Scheme = "bio"
) -> Written:
    """Write labelled sentences.

    Args:
        path: The file, ``-`` for standard output; for ``brat`` the ``.ann`` or the ``.txt`` of the two.
        sentences: The sentences.
        format: One of `FORMATS`; by default the name says.
        scheme: What tags are written in.

    Returns:
        What the format could not say.

    Raises:
        ConfigError: The format is not known.
        DataError: The file cannot be written.
    """
    name = label_format(path, format)
    out = Written()
    if name == "brat":
        write_brat(path, sentences)
    else:
        write_lines(path, [line for k, s in enumerate(sentences) for line in _lines(name, k, s, scheme, out)])
    return out


def _lines(name: str, k: int, sentence: Labelled, scheme: Scheme, out: Written) -> Iterator[str]:
    if name == "jsonl":
        spans = [
            {"start": s.start, "end": s.end, "label": s.label}
            | ({"more": [list(f) for f in s.more]} if s.more else {})
            | ({"id": s.id} if s.id else {})
            for s in sentence.spans
        ]
        yield json.dumps({**_keys(sentence), "text": sentence.text, "spans": spans}, ensure_ascii=False)
        return
    if name in ("brackets", "markup"):
        line, left = (write_brackets if name == "brackets" else write_markup)(sentence.text, sentence.spans)
        out.left += [(k, s) for s in left]
        yield line
        return
    moved = [to_words(s, sentence.words or ()) for s in sentence.spans]
    out.widened += sum(wide for _, wide in moved)
    tags, left = tags_of([s for s, _ in moved], len(sentence.tokens), scheme)
    whole = {word: s for (word, _), s in zip(moved, sentence.spans, strict=True)}
    out.left += [(k, whole[s]) for s in left]
    rows = list(zip(sentence.tokens, tags, strict=True))
    if name == "slots":
        yield " ".join(f"{word}:{tag}" for word, tag in rows)
    elif name == "jsonl-tags":
        yield json.dumps({**_keys(sentence), "tokens": sentence.tokens, "tags": tags}, ensure_ascii=False)
    elif not rows:
        out.empty += 1
    else:
        for comment in sentence.about.get("comments", ()):
            yield f"# text = {sentence.text}" if _TEXT_LINE.match(comment) else comment
        yield from ("\t".join(row) for row in rows)
        yield ""


def _keys(sentence: Labelled) -> dict[str, Any]:
    return {k: v for k, v in sentence.about.items() if k != "comments"}


_Tagged = tuple[list[str], list[str], str, dict[str, Any]]


def _numbered(path: str | Path) -> Iterator[tuple[str, str]]:
    return ((line, f"{path} line {number}") for number, line in enumerate(read_lines(path), 1))


def _inline(read: Callable[[str], tuple[str, list[Span]]], line: str, where: str) -> Labelled:
    try:
        text, spans = read(line)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    return Labelled(text, spans=tuple(spans), where=where)


def _checked(tag: str, where: str) -> str:
    try:
        split_tag(tag)
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    return tag


def _slots(line: str, where: str) -> _Tagged:
    words, tags = [], []
    for item in line.split():
        word, colon, tag = item.rpartition(":")
        if not colon or not word:
            raise DataError(f"{where}: found {item!r}, expected words with tags such as 'Halo:B-song'")
        words.append(word)
        tags.append(_checked(tag, where))
    return words, tags, where, {}


def _conll(path: str, token_column: int, tag_column: int) -> Iterator[_Tagged]:
    words: list[str] = []
    tags: list[str] = []
    comments: list[str] = []
    first = ""
    for line, where in _numbered(path):
        if not line.strip():
            if words:
                yield words, tags, first, {"comments": comments}
                words, tags, comments = [], [], []
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        if line.startswith("-DOCSTART-") or (line.startswith("#") and not _is_row(cells, tag_column)):
            comments.append(line)
            continue
        if token_column and _WORDS_LINE.match(cells[0]):
            continue
        if not -len(cells) <= tag_column < len(cells) or not -len(cells) <= token_column < len(cells) or len(cells) < 2:
            raise DataError(
                f"{where}: found {len(cells)} columns, expected words in column {token_column} and tags in column {tag_column} "
                "(from 0, negative from the last); say which columns they are in"
            )
        first = first if words else where
        words.append(cells[token_column].strip())
        tags.append(_checked(cells[tag_column].strip(), where))
    if words:
        yield words, tags, first, {"comments": comments}


def _is_row(cells: list[str], tag_column: int) -> bool:
    """Whether what begins with # is a word and its tag after all."""
    try:
        split_tag(cells[tag_column])
    except (ValueError, IndexError):
        return False
    return len(cells) > 1


def _json(line: str, where: str) -> _Tagged | Labelled:
    expected = '{"tokens": [...], "tags": [...]} or {"text": "...", "spans": [{"start": 0, "end": 4, "label": "PER"}]}'
    try:
        row = json.loads(line)
        if "tokens" in row and "tags" in row:
            words, tags = row.pop("tokens"), row.pop("tags")
            if not all(isinstance(x, str) for x in (*words, *tags)) or len(words) != len(tags):
                raise DataError(
                    f"{where}: found {len(words)} tokens and {len(tags)} tags, expected as many strings of both"
                )
            return words, [_checked(t, where) for t in tags], where, row
        text, spans = row.pop("text"), tuple(_span(s) for s in row.pop("spans"))
        if not isinstance(text, str):
            raise TypeError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{where}: found {line[:60]!r}, expected {expected}") from None
    for s in spans:
        if not all(0 <= a <= b <= len(text) for a, b in s.fragments):
            raise DataError(
                f"{where}: found {s.label} from {s.start} to {s.last} in a text of {len(text)} characters; offsets count "
                "characters from 0, the end is not included"
            )
    return Labelled(text, spans=spans, where=where, about=row)


def _span(found: dict[str, Any]) -> Span:
    more = tuple((int(a), int(b)) for a, b in found.get("more", ()))
    return Span(int(found["start"]), int(found["end"]), str(found["label"]), more, str(found.get("id", "")))
