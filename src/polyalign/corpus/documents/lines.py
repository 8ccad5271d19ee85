"""Lines as they stand on pages, joined to the paragraphs they were."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from statistics import median

from polyalign.corpus.documents.texts import Blocks

_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
_DIVIDED = re.compile(r"([^\W\d_]+)[-\u2010\u00ad]$")
_ENDS = re.compile(r"[.!?:…。！？।؟۔][\"'”’»)\]]*$")
_UNSPACED = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_EDGE = 3  # lines at the top and at the bottom of a page that may be running ones


@dataclass(frozen=True, slots=True)
class Line:
    """A line on a page.

    Args:
        text: Its text.
        x: Where it begins, in points from the left.
        y: Where it stands, in points from the bottom.
        size: The size of its letters, in points.
    """

    text: str
    x: float
    y: float
    size: float


def without_running(pages: list[list[Line]]) -> tuple[list[list[Line]], int]:
    """The pages without the lines that run through them, and how many lines those were.

    A line runs that is, but for its digits, the highest or the lowest of two pages in five, of three at least; then
    the next one is looked at, up to three from each edge.

    Example:
        >>> page = lambda n: [Line(f"Report {n}", 0, 800, 9), Line("abcd"[n], 0, 700, 9), Line("efgh"[n], 0, 650, 9)]
        >>> without_running([page(n) for n in range(4)])[0][1][0].text
        'b'
    """
    dropped = 0
    for _ in range(_EDGE):
        edges = [_edges(page) for page in pages]
        counts = Counter(key for edge in edges for key in edge.values())
        running = {key for key, count in counts.items() if count >= max(3.0, 0.4 * len(pages))}
        if not running:
            break
        before = sum(map(len, pages))
        pages = [
            [line for i, line in enumerate(page) if edge.get(i) not in running]
            for page, edge in zip(pages, edges, strict=True)
        ]
        dropped += before - sum(map(len, pages))
    return pages, dropped


def _edges(page: list[Line]) -> dict[int, tuple[str, str]]:
    """A page's lowest and highest line, by their number: which edge, and the text without digits."""
    order = sorted(range(len(page)), key=lambda i: -page[i].y)
    found = {i: ("bottom", _DIGITS.sub("#", page[i].text)) for i in order[-1:]}
    return found | {i: ("top", _DIGITS.sub("#", page[i].text)) for i in order[:1]}


def join(pages: list[list[Line]]) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Paragraphs of lines, and where each page begins."""
    leading = _leading(pages)
    full = _full(pages)
    words = Counter(word for page in pages for line in page for word in _WORD.findall(line.text.lower()))
    blocks = Blocks()
    before: Line | None = None
    for number, page in enumerate(pages, 1):
        for i, line in enumerate(page):
            if before is not None and _breaks(before, line, i == 0, leading, full):
                blocks.add(before.text)
                blocks.end()
                before = None
            if before is not None:
                # A line is written when the next is known: its hyphen may have to go.
                blocks.add(_before(before.text, line.text, words))
            if i == 0:
                blocks.mark(f"page {number}")
            before = line
        if not page:
            blocks.mark(f"page {number}")
    if before is not None:
        blocks.add(before.text)
    return blocks.taken()


def _leading(pages: list[list[Line]]) -> dict[int, float]:
    """The usual distance of lines, by the size of their letters."""
    gaps: dict[int, list[float]] = {}
    for page in pages:
        for a, b in zip(page, page[1:], strict=False):
            if round(a.size) == round(b.size) and 0 < a.y - b.y < 4 * max(a.size, 1.0):
                gaps.setdefault(round(a.size), []).append(a.y - b.y)
    return {size: median(found) for size, found in gaps.items()}


def _full(pages: list[list[Line]]) -> dict[int, int]:
    """The usual length of full lines in characters, by the size of their letters: nine in ten are no longer."""
    lengths: dict[int, list[int]] = {}
    for page in pages:
        for line in page:
            lengths.setdefault(round(line.size), []).append(len(line.text))
    return {size: sorted(found)[len(found) * 9 // 10] for size, found in lengths.items()}


def _breaks(a: Line, b: Line, fresh: bool, leading: dict[int, float], full: dict[int, int]) -> bool:
    """Whether a paragraph ends between two lines; `fresh` says that the second begins a page."""
    size = round(a.size)
    if abs(a.size - b.size) > 0.1 * max(a.size, b.size):
        return True
    ended = _ENDS.search(a.text) is not None
    short = len(a.text) < 0.75 * full.get(size, 0)
    if fresh or b.y > a.y + 0.5 * a.size:  # the next page or column: only the words can tell
        return (ended or short) and (not b.text[:1].islower() or (ended and short))
    gap = a.y - b.y
    usual = leading.get(size, 1.2 * a.size)
    if gap > max(1.3 * usual, usual + 2):
        return True
    if b.x > a.x + 0.8 * max(a.size, 1.0) and gap > 0.5 * usual and (ended or short):
        return True
    return ended and short


def _before(a: str, b: str, words: Counter[str]) -> str:
    """A line as it stands before the next one of its paragraph: with a space, or without its hyphen."""
    divided = _DIVIDED.search(a)
    if divided and b[:1].isalpha():
        rest = _WORD.match(b)
        first, second = divided[1].lower(), rest[0].lower() if rest else ""
        joined = b[:1].islower() and words[first + second] >= words[f"{first}-{second}"]
        return a[:-1] if joined or a[-1] == "\u00ad" else a
    return a if _UNSPACED.match(a[-1]) and _UNSPACED.match(b) else a + " "
