"""Where a phrase stands, and what its words are linked to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from polyalign.core.bitext import Bitext, Side
from polyalign.view.index import MOST, Index, places
from polyalign.view.source import Source

#: Pairs whose links are looked at for the count of translations: the first that have the phrase.
COUNTED = 1000
#: Characters shown before what was found and after it.
AROUND = 220
#: Between words of a translation that do not stand together.
GAP = " … "
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hit:
    """A pair that has the phrase.

    Args:
        row: Its number.
        found: The side that was searched, in parts; what was found is marked.
        linked: The other side, what is linked to it marked.
        translations: What each place where it stands is linked to, in lower case; empty if to nothing.
    """

    row: int
    found: list[tuple[str, bool]]
    linked: list[tuple[str, bool]]
    translations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Concordance:
    """What was found.

    Args:
        total: Pairs that have the phrase; ``MOST + 1`` for more than are counted.
        hits: Some of them, all that were asked for.
        translations: How often each translation stands in the first pairs, most frequent first.
        counted: How many pairs were looked at for that.
    """

    total: int
    hits: list[Hit]
    translations: list[tuple[str, int]]
    counted: int


def concordance(
    source: Source,
    index: Index,
    phrase: str,
    *,
    side: Side,
    aligner: str | None,
    translation: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Concordance:
    """Find a phrase and its translations.

    Args:
        source: The language pair.
        index: Its index.
        phrase: Words; see `Index.find`.
        side: Where to look for it.
        aligner: Whose links say what a translation is; none for no translations.
        translation: Only pairs with this translation, of those that are counted; empty for those without any.
        limit: Most hits given.
        offset: How many are passed over.
    """
    total, rows = index.find(phrase, side=side, limit=MOST)
    read = _read(source, rows[:COUNTED], phrase, side, aligner)
    counts = Counter(t for one in read for t in one.translations)
    ranked = sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])) if aligner else []
    if translation is not None:
        shown = [one for one in read if translation in one.translations][offset : offset + limit]
    elif offset + limit <= len(read) or len(read) == total:
        shown = read[offset : offset + limit]
    else:
        shown = _read(source, rows[offset : offset + limit], phrase, side, aligner)
    return Concordance(total, [one.hit() for one in shown], ranked, len(read))


class _Read(NamedTuple):
    """A pair that was looked at: its texts, and where in them the phrase stands and what is linked to it."""

    row: int
    here: str
    there: str
    found: list[Span]
    marked: list[Span]
    translations: tuple[str, ...]

    def hit(self) -> Hit:
        here, there = _around(_parts(self.here, self.found)), _around(_parts(self.there, self.marked))
        return Hit(self.row, here, there, self.translations)


def _read(source: Source, rows: Sequence[int], phrase: str, side: Side, aligner: str | None) -> list[_Read]:
    other: Side = "tgt" if side == "src" else "src"
    out = []
    for row, here, there, spans, links in _columns(source, rows, side, other, aligner):
        found = places(here, phrase)
        linked = [_linked(links, spans[0], place, len(spans[1])) for place in found]
        marked = [spans[1][j] for words in linked for j in words]
        told = tuple(_phrase(there, words, spans[1]).casefold() for words in linked)
        out.append(_Read(row, here, there, found, marked, told))
    return out


def _linked(links: list[Span], spans: list[Span], place: Span, count: int) -> list[int]:
    """The words of the other side that words reaching into a place are linked to."""
    inside = [k for k, (a, b) in enumerate(spans) if a < place[1] and place[0] < b]
    return sorted({j for i, j in links if i in inside and j < count}) if inside else []


def _columns(
    source: Source, rows: Sequence[int], side: Side, other: Side, aligner: str | None
) -> Iterable[tuple[int, str, str, tuple[list[Span], list[Span]], list[tuple[int, int]]]]:
    """The texts of some pairs, where their words are, and the links from one side to the other."""
    if not rows:
        return
    bitext = Bitext(source.table.take(rows))
    here, there = ([text or "" for text in bitext.column(s)] for s in (side, other))
    spans = [bitext.spans(s) for s in (side, other)]
    links: list[list[tuple[int, int]]] = [[] for _ in rows]
    if aligner is not None:
        table = source.links_of(aligner).take(rows)
        columns = (table[side].to_pylist(), table[other].to_pylist())
        links = [list(zip(i or (), j or (), strict=True)) for i, j in zip(*columns, strict=True)]
    yield from zip(rows, here, there, zip(*spans, strict=True), links, strict=True)


def _phrase(text: str, words: Sequence[int], spans: Sequence[Span]) -> str:
    """Linked words as one phrase; words that do not follow each other with a gap between them."""
    out = ""
    for k, j in enumerate(words):
        if k:
            out += text[spans[words[k - 1]][1] : spans[j][0]] if j == words[k - 1] + 1 else GAP
        out += text[spans[j][0] : spans[j][1]]
    return out


def _parts(text: str, marked: Iterable[Span]) -> list[tuple[str, bool]]:
    """A text in parts that are marked or not; marks with no more than white space between them are one."""
    runs: list[Span] = []
    for a, b in sorted(marked):
        if runs and not text[runs[-1][1] : a].strip():
            runs[-1] = (runs[-1][0], max(b, runs[-1][1]))
        else:
            runs.append((a, b))
    out: list[tuple[str, bool]] = []
    at = 0
    for a, b in runs:
        out += [(text[at:a], False), (text[a:b], True)]
        at = b
    return [(part, mark) for part, mark in [*out, (text[at:], False)] if part] or [("", False)]


def _around(parts: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """The parts with what is far from a mark left out, which dots say."""
    out: list[Any] = []
    for k, (text, mark) in enumerate(parts):
        before, after = k > 0, k < len(parts) - 1
        # Of a text without a mark its beginning is shown.
        keep = 2 * AROUND if before == after else AROUND
        if mark or len(text) <= keep:
            out.append((text, mark))
        elif before and after:
            out.append((f"{text[:AROUND]} … {text[-AROUND:]}", False))
        else:
            out.append((f"… {text[-AROUND:]}" if after else f"{text[:keep]} …", False))
    return out
