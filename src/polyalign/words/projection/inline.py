r"""Labels inside of the text: ``[PER Anna] wohnt in [LOC Bern]`` and ``<PER>Anna</PER> wohnt``.

A bracket that opens no label, such as that of ``[1]``, is text; ``\[``, ``\]`` and ``\\`` are always. In markup ``&lt;``, ``&gt;`` and
``&amp;`` are characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from polyalign.words.projection.spans import Span

_OPEN = re.compile(r"\[([^\W\d][\w.\-/&|]*)(?:[ \t]*:)?[ \t]+(?=\S)")
_TAG = re.compile(r"<(/?)([^\W\d][\w.\-]*)((?:\s[^<>]*)?)>")
_ENTITY = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def read_brackets(line: str) -> tuple[str, list[Span]]:
    r"""Text and labels of ``[PER Anna] wohnt``; ``[time : nine am]`` is read as well.

    Returns:
        The text without labels, and spans of its characters in the order they begin.

    Raises:
        ValueError: A label without an end.

    Example:
        >>> text, spans = read_brackets(r"[ORG Uni [LOC Bern]] \[sic] [1]")
        >>> text, [s[:3] for s in spans]
        ('Uni Bern [sic] [1]', [(0, 8, 'ORG'), (4, 8, 'LOC')])
    """
    out: list[str] = []
    spans: list[Span | None] = []
    opened: list[int | None] = []  # the place in `spans`, None for a bracket that is text
    at = length = 0
    while at < len(line):
        piece, step = line[at], 1
        if line[at : at + 2] in (r"\[", r"\]", "\\\\"):
            piece, step = line[at + 1], 2
        elif piece == "[" and (match := _OPEN.match(line, at)):
            opened.append(len(spans))
            spans.append(Span(length, at, match[1]))
            piece, step = "", match.end() - at
        elif piece == "[":
            opened.append(None)
        elif piece == "]" and opened and (x := opened.pop()) is not None:
            spans[x] = Span(spans[x].start, length, spans[x].label)  # type: ignore[union-attr]
            piece = ""
        out.append(piece)
        length += len(piece)
        at += step
    for x in opened:
        if x is not None and (span := spans[x]) is not None:
            raise ValueError(
                f"found '[{span.label} ' in column {span.end + 1} without its ']'; write \\[ for a bracket of the text"
            )
    return "".join(out), [s for s in spans if s is not None]


def read_markup(line: str) -> tuple[str, list[Span]]:
    """Text and labels of ``<PER>Anna</PER> wohnt``; a label is all that stands in the tag, attributes too.

    Returns:
        The text without tags, and spans of its characters in the order they begin; they may cross.

    Raises:
        ValueError: A tag without its other one.

    Example:
        >>> text, spans = read_markup('<b>Uni <a href="x">Bern</b></a> &lt; 3')
        >>> text, [s[:3] for s in spans]
        ('Uni Bern < 3', [(0, 8, 'b'), (4, 8, 'a href="x"')])
    """
    out: list[str] = []
    spans: list[Span] = []
    opened: list[tuple[str, int, int]] = []  # name, place in `spans`, column
    at = length = 0

    def add(text: str) -> int:
        text = re.sub("|".join(_ENTITY), lambda m: _ENTITY[m[0]], text)
        out.append(text)
        return len(text)

    for match in _TAG.finditer(line):
        length += add(line[at : match.start()])
        at = match.end()
        closes, name, rest = match.groups()
        if rest.rstrip().endswith("/"):
            length += add(match[0])  # <br/> encloses nothing: it stays in the text
        elif not closes:
            opened.append((name, len(spans), match.start()))
            spans.append(Span(length, length, name + rest.rstrip()))
        else:
            x = next((x for x in range(len(opened) - 1, -1, -1) if opened[x][0] == name), None)
            if x is None:
                raise ValueError(
                    f"found {match[0]} in column {match.start() + 1} without a <{name}> before it; write &lt; for a < of the text"
                )
            place = opened.pop(x)[1]
            spans[place] = spans[place]._replace(end=length)
    if opened:
        name, _, column = opened[0]
        raise ValueError(f"found <{name}> in column {column + 1} without its </{name}>; write &lt; for a < of the text")
    add(line[at:])
    return "".join(out), spans


def write_brackets(text: str, spans: Iterable[Span]) -> tuple[str, list[Span]]:
    """The line, and the spans that brackets cannot say: those that cross another, are empty, or have gaps.

    Example:
        >>> write_brackets("Uni Bern", [Span(0, 8, "ORG"), Span(4, 8, "LOC")])
        ('[ORG Uni [LOC Bern]]', [])
    """
    kept: list[Span] = []
    left: list[Span] = []
    for s in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
        crosses = any(s.start < k.start < s.end < k.end or k.start < s.start < k.end < s.end for k in kept)
        word = re.fullmatch(r"[^\W\d][\w.\-/&|]*", s.label)
        (left if crosses or s.more or s.start >= s.end or not word else kept).append(s)
    return _around(text, [(s, f"[{s.label} ", "]") for s in kept], {"[": r"\[", "]": r"\]", "\\": "\\\\"}), left


def write_markup(text: str, spans: Iterable[Span]) -> tuple[str, list[Span]]:
    """The line, and the spans that markup cannot say: empty, with gaps, of a label that is no tag, or across one of its tag.

    Example:
        >>> write_markup("Uni < Bern", [Span(6, 10, 'a href="x"')])
        ('Uni &lt; <a href="x">Bern</a>', [])
    """
    kept: list[tuple[Span, str, str]] = []
    left: list[Span] = []
    for s in sorted(spans, key=lambda s: (s.start, -s.end)):
        match = _TAG.fullmatch(f"<{s.label}>")
        alike = [k for k, _, end in kept if match and end == f"</{match[2]}>"]
        crosses = any(k.start < s.start < k.end < s.end for k in alike)
        if crosses or s.more or s.start >= s.end or match is None or match[1]:
            left.append(s)
        else:
            kept.append((s, match[0], f"</{match[2]}>"))
    return _around(text, kept, {"<": "&lt;", ">": "&gt;", "&": "&amp;"}), left


def _around(text: str, spans: list[tuple[Span, str, str]], escape: dict[str, str]) -> str:
    """The text with something before and after each span: nested ones inside of each other."""
    before: dict[int, list[str]] = {}
    after: dict[int, list[str]] = {}
    for span, opening, closing in sorted(spans, key=lambda x: (x[0].start, -x[0].end)):
        before.setdefault(span.start, []).append(opening)
        after.setdefault(span.end, []).insert(0, closing)
    out = []
    for k in range(len(text) + 1):
        out += after.get(k, [])
        out += before.get(k, [])
        out.append(escape.get(text[k], text[k]) if k < len(text) else "")
    return "".join(out)
