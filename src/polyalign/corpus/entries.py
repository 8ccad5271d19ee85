"""The entries of a PO file as they stand, the broken ones with what is wrong with them."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from polyalign.corpus.rejects import Rejected, Rejects, byte_lines

_FIELD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d{1,2})\])?\s*"(.*)"$')
#: Bytes by their numbers, several in a row as in UTF-8; or a character by its letter.
_ESCAPE = re.compile(r'((?:\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}))+)|\\([abfnrtv"\\?\'])')
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(slots=True)
class Entry:
    """One entry.

    Args:
        line: The number of its first line.
        fields: Its texts by name: msgctxt, msgid, msgid_plural, msgstr, msgstr[0], ...
        notes: Its comments.
        places: Where the program has the message.
        flags: Such as ``fuzzy``.
        obsolete: Whether the program has it no longer.
        wrong: What is broken about it, if anything is.
        raw: Its lines.
    """

    line: int
    fields: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    obsolete: bool = False
    wrong: str = ""
    raw: list[str] = field(default_factory=list)


def entries(path: Path, rejects: Rejects) -> Iterator[Entry]:
    """The entries in the file's order, whatever state they are in; `Entry.wrong` says what is broken.

    Args:
        path: The file, ``-`` for standard input.
        rejects: Takes the lines that are no text in the encoding that the header names.

    Raises:
        DataError: The file cannot be read, or a line is no text and nobody takes it.
    """
    entry: Entry | None = None
    current = ""
    for number, line in _decoded(path, rejects):
        text = line.strip()
        old = text.startswith("#~")
        body = text[2:].strip() if old else text
        if entry is not None and _ends(entry, body, old):
            yield from _finished(entry)
            entry = None
        if not text:
            continue
        entry = entry or Entry(number)
        entry.raw.append(line)
        entry.obsolete = entry.obsolete or old
        if not old and text.startswith("#"):
            _comment(entry, text)
        elif body and not (old and body.startswith("|")):
            current = _put(entry, body, current, number)
    if entry is not None:
        yield from _finished(entry)


def _ends(entry: Entry, body: str, old: bool) -> bool:
    """Whether an entry ends before a line: blank lines and comments between its fields are part of it."""
    if not entry.fields:
        return not body and not old
    if old != entry.obsolete and body:
        return True
    whole = any(name.startswith("msgstr") for name in entry.fields)
    if not body or (not old and body.startswith("#")):
        return whole
    name = "msgctxt" if body.startswith("msgctxt") else "msgid" if re.match(r'msgid[\s"]', body) else ""
    return bool(name) and (whole or name in entry.fields)


def _finished(entry: Entry) -> Iterator[Entry]:
    if not entry.fields and not entry.wrong:
        return  # comments alone
    if not entry.wrong and "msgid" not in entry.fields:
        entry.wrong = "found an entry without msgid, expected msgid and msgstr"
    elif not entry.wrong and not any(name.startswith("msgstr") for name in entry.fields):
        entry.wrong = "found an entry without msgstr, expected msgid and msgstr"
    yield entry


def _comment(entry: Entry, text: str) -> None:
    if text.startswith("#,"):
        entry.flags |= {flag.strip() for flag in text[2:].split(",")}
    elif text.startswith("#:"):
        entry.places.append(text[2:].strip())
    elif not text.startswith("#|") and text.lstrip("#.").strip():
        entry.notes.append(text.lstrip("#.").strip())


def _put(entry: Entry, text: str, current: str, number: int) -> str:
    """Add a line to an entry; returns the field it belongs to."""
    match = _FIELD.match(text)
    if match:
        name = match[1] + (f"[{int(match[2])}]" if match[2] else "")
        if name in entry.fields:
            entry.wrong = entry.wrong or f"found {name} twice (line {number}), expected it once"
        entry.fields[name], content = "", match[3]
    elif len(text) > 1 and text[0] == text[-1] == '"' and current in entry.fields:
        name, content = current, text[1:-1]
    else:
        entry.wrong = entry.wrong or f"found {text[:40]!r} (line {number}), expected msgid, msgstr or a text in quotes"
        return current
    try:
        entry.fields[name] += _unescaped(content)
    except ValueError as error:
        entry.wrong = entry.wrong or f"found {error} (line {number}), expected quotes and backslashes escaped"
    return name


def _unescaped(content: str) -> str:
    rest = _ESCAPE.sub("", content)
    if "\\" in rest or '"' in rest:
        raise ValueError(f"the text {content[:40]!r}")
    if "\\" not in content:
        return content
    return _ESCAPE.sub(_character, content)


def _character(match: re.Match[str]) -> str:
    if not match[1]:
        return _PLAIN.get(match[2], match[2])
    raw = bytes(int(c[1:], 16) if c[0] == "x" else int(c, 8) & 0xFF for c in match[1].split("\\")[1:])
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decoded(path: Path, rejects: Rejects) -> Iterator[tuple[int, str]]:
    """The lines in the encoding that the header names."""
    lines = byte_lines(path, rejects)
    head: list[tuple[int, bytes]] = []
    encoding = "utf-8-sig"
    for number, raw in lines:
        head.append((number, raw))
        named = re.search(rb"charset=([A-Za-z0-9_.:-]+)", raw)
        if named:
            encoding = _codec(named[1].decode("ascii"))
        if named or (number > 1 and not raw.strip() and any(b"msgstr" in line for _, line in head)) or number > 500:
            break
    for number, raw in chain(head, lines):
        try:
            if b"\x00" in raw:
                raise ValueError("a NUL byte")
            yield number, raw.decode(encoding)
        except ValueError as error:
            shown = f"bytes that are not {encoding.removesuffix('-sig')} text ({error})"
            reason = f"found {shown}, expected the encoding that the header names; correct either"
            rejects.broken(Rejected(str(path), f"line {number}", reason, raw.decode("ascii", "backslashreplace")))


def _codec(name: str) -> str:
    """A codec that reads ASCII as ASCII, which PO needs; UTF-8 where none of that name does."""
    ascii_text = b'msgid "a\\n"'
    try:
        known = codecs.lookup(name).name
        return "utf-8-sig" if known == "utf-8" or ascii_text.decode(known) != ascii_text.decode() else known
    except (LookupError, ValueError):
        return "utf-8-sig"
