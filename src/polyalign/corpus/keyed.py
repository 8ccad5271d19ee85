"""Texts by key: the locale files of programs as (key, text), in the file's order and never trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.files import open_binary, suffixes
from polyalign.core.progress import note
from polyalign.corpus.rejects import Rejected, Rejects

Key = tuple[str, ...]
#: A text, or something that is none: a number, true or false, null, an empty list.
Leaf = tuple[Key, str | None]
#: A file of more bytes is no locale file, and its tree would fill the memory.
MAX_BYTES = 1 << 26
#: How many times as many texts as it has lines a YAML file may hold through its aliases.
_GROWTH = 10
_DEPTH = 100
_HALF = re.compile("[\ud800-\udfff]")
_NEITHER = re.compile(
    r"null|~|true|false|[-+]?[0-9][0-9_,:.]*(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan|0[xo][0-9A-Fa-f]+", re.I
)
_ESCAPE = re.compile(r"\\(u+[0-9A-Fa-f]{4}|.)", re.S)
_WHITE = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def keyed_texts(path: Path, rejects: Rejects) -> dict[Key, str]:
    """The texts of a JSON, ARB, YAML or .properties file by key, nested keys as tuples.

    What is no text is left out and counted in a note. A key that occurs again with another text is broken: the later
    one holds, as in the programs that use such files, and the earlier one goes to the rejects.

    Raises:
        DataError: The file cannot be read or parsed, or a key has two texts and nobody takes the earlier one.
        MissingExtraError: YAML, and the extra for it is not installed.
    """
    with open_binary(path) as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise DataError(f"{path}: found more than {MAX_BYTES} bytes, expected a locale file; divide it")
    suffix = suffixes(path)[0]
    parse: Callable[[bytes, Path], Iterator[Leaf]] = _json
    if suffix in (".yaml", ".yml"):
        parse = _yaml
    elif suffix == ".properties":
        parse = _properties
    out: dict[Key, str] = {}
    others = halves = 0
    for key, text in parse(raw, path):
        if suffix == ".arb" and key[0].startswith("@"):
            continue  # what is said about a message
        if text is None:
            others += 1
            rejects.left_out(Rejected(str(path), f"key {'.'.join(key)}", "found no text, expected one", ""))
            continue
        text, count = _HALF.subn("\ufffd", text)
        key = tuple(_HALF.sub("\ufffd", part) for part in key)
        halves += count
        if out.get(key, text) != text:
            reason = f"found two texts, expected one; the later one is {text[:60]!r}: remove one of them"
            rejects.broken(Rejected(str(path), f"key {'.'.join(key)}", reason, out[key]))
        out[key] = text
    if others:
        note(f"{path}: {others} values are no text and were left out")
    if halves:
        note(f"{path}: {halves} halves of surrogate pairs are no characters and became U+FFFD")
    return out


def _json(raw: bytes, path: Path) -> Iterator[Leaf]:
    try:
        # Pairs instead of objects, for an object forgets the first of two equal keys.
        tree = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_Pairs)
    except RecursionError:
        raise _too_deep(path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: found byte 0x{raw[error.start]:02x}, expected UTF-8 text; convert it") from None
    except ValueError as error:
        raise DataError(
            f"{path}: found broken JSON ({error}), expected one object of texts; if it has an object a line, read it as jsonl"
        ) from None
    if not isinstance(tree, _Pairs):
        raise DataError(f"{path}: found JSON that is no object, expected an object of texts by key; check its format")
    stack: list[tuple[Key, Any]] = [((), tree)]
    while stack:
        key, value = stack.pop()
        if len(key) > _DEPTH:
            raise _too_deep(path)
        if isinstance(value, _Pairs):
            stack += [((*key, name), item) for name, item in reversed(value)]
        elif isinstance(value, list) and value:
            stack += [((*key, str(i)), item) for i, item in reversed(list(enumerate(value)))]
        elif key:
            yield key, value if isinstance(value, str) else None


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its keys and values."""


def _too_deep(path: Path) -> DataError:
    return DataError(f"{path}: found keys nested more than {_DEPTH} deep, expected a locale file; check its format")


def _yaml(raw: bytes, path: Path) -> Iterator[Leaf]:
    """Texts by the parser's events: nothing is constructed, and no alias is more than a list of texts."""
    try:
        import yaml
    except ImportError:
        raise MissingExtraError(f"{path}: YAML needs yaml; install with: pip install 'polyalign[formats]'") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from _Events(path, raw.count(b"\n") + 1).leaves(yaml.parse(raw.decode("utf-8-sig"), Loader=loader))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: found byte 0x{raw[error.start]:02x}, expected UTF-8 text; convert it") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        said = " ".join(str(error).split())
        raise DataError(f"{path}: found broken YAML ({said}), expected texts by key; correct it") from None


class _Events:
    """Turns the events of a YAML parser into texts.

    Args:
        path: The file, for messages.
        lines: How many lines it has.
    """

    def __init__(self, path: Path, lines: int) -> None:
        self._path, self._most, self._count = path, _GROWTH * lines + 1000, 0
        self._anchors: dict[str, list[Leaf]] = {}

    def leaves(self, events: Iterator[Any]) -> list[Leaf]:
        """The texts of the first document; a second one is refused."""
        import yaml

        out: list[Leaf] = []
        documents = 0
        for event in events:
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise DataError(f"{self._path}: found several YAML documents, expected one; divide the file")
            if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent, yaml.ScalarEvent, yaml.AliasEvent)):
                out = self._node(event, events, 0)
        if any(not key and text is not None for key, text in out):
            raise DataError(f"{self._path}: found YAML that is no mapping, expected texts by key; check its format")
        return [(key, text) for key, text in out if key]

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> list[Leaf]:
        import yaml

        if depth > _DEPTH:
            raise _too_deep(self._path)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise DataError(f"{self._path}: found the alias *{event.anchor} without its anchor; correct it")
            return self._counted(self._anchors[event.anchor])
        if isinstance(event, yaml.ScalarEvent):
            # "yes" and "no" are words; YAML 1.1 alone thinks otherwise.
            plain = event.implicit[0] and (not event.value or _NEITHER.fullmatch(event.value) is not None)
            out: list[Leaf] = self._counted([((), None if plain else event.value)])
        else:
            out = self._inside(event, events, depth)
        if event.anchor:
            self._anchors[event.anchor] = out
        return out

    def _inside(self, event: Any, events: Iterator[Any], depth: int) -> list[Leaf]:
        import yaml

        is_map = isinstance(event, yaml.MappingStartEvent)
        out: list[Leaf] = []
        merged: list[Leaf] = []
        number = 0
        while not isinstance(first := next(events), (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            if not is_map:
                out += [((str(number), *key), text) for key, text in self._node(first, events, depth + 1)]
                number += 1
                continue
            if not isinstance(first, yaml.ScalarEvent):
                raise DataError(f"{self._path}: found a key that is no text, expected texts by key; check its format")
            if first.anchor:
                self._anchors[first.anchor] = [((), first.value)]
            second = next(events)
            value = self._node(second, events, depth + 1)
            if first.value == "<<" and first.implicit[0]:
                several = isinstance(second, yaml.SequenceStartEvent)
                merged += [(key[1:] if several else key, text) for key, text in value]
            else:
                out += [((first.value, *key), text) for key, text in value]
        own = {key for key, _ in out}
        fresh = {key: text for key, text in reversed(merged) if key and key not in own}
        return out + self._counted(list(reversed(fresh.items())))

    def _counted(self, leaves: list[Leaf]) -> list[Leaf]:
        self._count += len(leaves)
        if self._count > self._most:
            raise DataError(
                f"{self._path}: found aliases that make more than {self._most} texts of it, expected few (they can be "
                "made to fill the memory); write the texts out"
            )
        return leaves


def _properties(raw: bytes, path: Path) -> Iterator[Leaf]:
    """The lines of a .properties file as Java reads them: UTF-8, or ISO 8859-1 where that fails."""
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        content = raw.decode("latin-1")
    if "\x00" in content:
        raise DataError(f"{path}: found binary data (a NUL byte), expected a .properties file; check its format")
    waiting = ""
    for line in re.split("\r\n|\n|\r", content):
        text = line.lstrip(" \t\f")
        if not waiting and (not text or text[0] in "#!"):
            continue
        ends = len(text) - len(text.rstrip("\\"))
        if ends % 2:
            waiting += text[:-1]
            continue
        yield _property(waiting + text)
        waiting = ""
    if waiting:
        yield _property(waiting)


def _property(line: str) -> Leaf:
    match = re.match(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*", line, re.S)
    key, rest = (match[1], line[match.end() :]) if match else ("", line)
    return (_unescaped(key),), _unescaped(rest)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    out = _ESCAPE.sub(lambda m: chr(int(m[1][-4:], 16)) if len(m[1]) > 4 else _WHITE.get(m[1], m[1]), text)
    # Two escapes may be the halves of one character.
    return out.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass") if _HALF.search(out) else out
