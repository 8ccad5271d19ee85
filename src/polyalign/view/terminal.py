"""A pair's alignment drawn in a terminal: a grid with the target's words as stairs below it, or a list where that is too wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from polyalign.report.page import visible

#: First strong isolate and its end: a word of a right-to-left script stays in its place on the line.
_ISOLATE, _END = "\u2068", "\u2069"
#: What a grid takes at most, in lines of words.
TALL = 60


@dataclass(frozen=True, slots=True)
class Drawn:
    """A link of a pair.

    Args:
        src: Source word.
        tgt: Target word.
        sure: Whether it is sure rather than possible.
        prob: Its probability, if it has one.
    """

    src: int
    tgt: int
    sure: bool = True
    prob: float | None = None


def draw(src: Sequence[str], tgt: Sequence[str], links: Sequence[Drawn], *, width: int) -> Text:
    """Draw the links of a pair.

    Args:
        src: Source words.
        tgt: Target words.
        links: Links between them.
        width: Columns of the terminal.

    Returns:
        Lines: a full square is a sure link, an empty one a possible one, a small one a link of a probability below one half.
    """
    label = max((cell_len(visible(w)) for w in src), default=0)
    stairs = max((label + 2 * j + 4 + cell_len(visible(w)) for j, w in enumerate(tgt)), default=0)
    if max(stairs, label + 2 * len(tgt) + 2) <= width and len(src) + len(tgt) <= TALL and src and tgt:
        return _grid(src, tgt, links, label)
    return _list(src, tgt, links)


def _grid(src: Sequence[str], tgt: Sequence[str], links: Sequence[Drawn], label: int) -> Text:
    at = {(x.src, x.tgt): x for x in links}
    out = Text()
    for i, word in enumerate(src):
        out.append(" " * (label - cell_len(visible(word))) + _isolated(word) + " ")
        for j in range(len(tgt)):
            mark, style = _mark(at.get((i, j)))
            out.append(" ")
            out.append(mark, style)
        out.append("\n")
    for j in reversed(range(len(tgt))):
        out.append(" " * (label + 1) + " │" * j + " └ ", "dim")
        out.append(_isolated(tgt[j]) + "\n")
    return out


def _list(src: Sequence[str], tgt: Sequence[str], links: Sequence[Drawn]) -> Text:
    wide = len(str(max(len(src), len(tgt))))
    out = Text()
    for i, word in enumerate(src):
        out.append(f"{i:>{wide}} ", "dim")
        out.append(_isolated(word), "bold")
        for number, x in enumerate(x for x in links if x.src == i):
            mark, style = _mark(x)
            out.append("  " if number == 0 else ", ")
            out.append(mark, style)
            out.append(f" {_isolated(tgt[x.tgt])} ")
            out.append(str(x.tgt) + ("" if x.prob is None else f" {x.prob:.2f}"), "dim")
        out.append("\n")
    linked = {x.tgt for x in links}
    alone = [f"{_isolated(w)} {j}" for j, w in enumerate(tgt) if j not in linked]
    if alone:
        out.append("without a link: ", "dim")
        out.append(", ".join(alone) + "\n")
    return out


def _mark(link: Drawn | None) -> tuple[str, str]:
    if link is None:
        return "·", "dim"
    if not link.sure:
        return "□", "yellow"
    return ("■", "bold green") if link.prob is None or link.prob >= 0.5 else ("▪", "green")


def _isolated(word: str) -> str:
    text = visible(word)
    strange = any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)
    return _ISOLATE + text + _END if strange else text
