"""Rows with parts of their texts replaced: tokens, links and named places go along, scores do not."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar, cast

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.corpus.augment.draws import Draws
from polyalign.corpus.augment.words import Span, units

#: A bitext, or a table of documents; what is made of it is of the same kind.
Run = TypeVar("Run", bound="Bitext | pa.Table")
_WHITE = re.compile(r"\S+")
#: Columns that say something of a text as it was.
_STALE = re.compile(r"score\..*|cluster|cluster_size|starts|identified|confidence|(?:src_|tgt_)?(?:tags|entities)")


class Edit(NamedTuple):
    """A stretch of a text, half-open, in code points, and what is to stand there."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a row.

    Args:
        column: Its column.
        text: The text.
        lang: Its language.
        tokens: Where its tokens are, if it has been tokenised.
    """

    column: str
    text: str
    lang: str
    tokens: tuple[Span, ...] | None

    @property
    def words(self) -> Sequence[Span]:
        """Where its words are: its tokens, or what the script makes of them."""
        return units(self.text) if self.tokens is None else self.tokens


@dataclass(frozen=True, slots=True)
class Row:
    """A row.

    Args:
        number: Its place in the run.
        id: Its name.
        texts: Its texts: source and target, or the one of a document.
        links: Pairs of source and target tokens that correspond; None if the bitext does not say.
    """

    number: int
    id: str
    texts: tuple[Text, ...]
    links: tuple[tuple[int, int], ...] | None


def rows_of(run: Bitext | pa.Table) -> Iterator[Row]:
    """The rows of a run that are not themselves augmented.

    Raises:
        DataError: A column is missing, or the links cannot be read.
    """
    bitext = isinstance(run, Bitext)
    table = run.table if isinstance(run, Bitext) else run
    for name in () if bitext else ("doc", "lang", "text"):
        if name not in table.column_names:
            raise DataError(
                f"documents: no column {name!r}, found {', '.join(table.column_names)}; documents have doc, lang and text"
            )
    columns = ("src", "tgt") if bitext else ("text",)
    texts = [table[c].to_pylist() for c in columns]
    tokens = [table[f"{c}_spans"].to_pylist() if f"{c}_spans" in table.column_names else None for c in columns]
    langs = [[lang] * len(run) for lang in run.langs] if isinstance(run, Bitext) else [table["lang"].to_pylist()]
    old = table["augmented"].to_pylist() if "augmented" in table.column_names else None
    links = (
        Links.from_pharaoh(table["links"].to_pylist(), where="the bitext's column 'links'")
        if "links" in table.column_names and bitext
        else None
    )
    names = table["id"].to_pylist() if bitext else table["doc"].to_pylist()
    for number, name in enumerate(names):
        if old is not None and old[number]:
            continue
        sides = []
        for c, text, spans, lang in zip(columns, texts, tokens, langs, strict=True):
            flat = spans[number] if spans is not None else None
            pairs = None if flat is None else tuple(zip(flat[::2], flat[1::2], strict=True))
            sides.append(Text(c, text[number], lang[number], pairs))
        yield Row(number, name, tuple(sides), None if links is None else tuple(links.pairs(number)))


def augment(
    run: Run, method: str, *, seed: int, copies: int, edits: Callable[[Row, Draws, int], Mapping[int, Sequence[Edit]]]
) -> Run:
    """New rows of a run's rows.

    A new row has the columns of the one it comes from, and `augmented`: ``corpus.augment/METHOD ID``. Its id is that one's
    with the method, the seed and its number behind. Tokens, links and `marks` are carried along; scores, clusters and
    labels, which are those of the old text, are null.

    Args:
        run: A bitext or a table of documents.
        method: The method's name.
        seed: Of its random choices, which depend on seed, method and the row's name alone.
        copies: Variants of each row; one that is like an earlier one is left out.
        edits: The edits of each of a row's texts, by place, given the row, its random numbers and the variant's number.

    Returns:
        The new rows alone; none of a row that has no edits.
    """
    made: list[tuple[Row, str, dict[int, _Edited]]] = []
    for row in rows_of(run):
        seen = {tuple(t.text for t in row.texts)}
        name = row.id if isinstance(run, Bitext) else f"{row.id}\0{row.texts[0].lang}"
        for copy in range(copies):
            found = edits(row, Draws(seed, copy, method, name), copy)
            edited = {k: _Edited(row.texts[k], sorted(e)) for k, e in found.items() if e}
            texts = tuple(edited[k].text if k in edited else t.text for k, t in enumerate(row.texts))
            if texts not in seen:
                seen.add(texts)
                made.append((row, f"{row.id}~{method}.{seed}.{copy}", edited))
    table = _table(
        run.table if isinstance(run, Bitext) else run, method, made, "id" if isinstance(run, Bitext) else "doc"
    )
    return cast(Run, Bitext(table) if isinstance(run, Bitext) else table)


class _Edited:
    """A text after its edits: where places of the old text are now, its tokens, and what each old one became."""

    __slots__ = ("_ends", "_shifts", "_starts", "becomes", "text", "tokens")

    def __init__(self, old: Text, edits: Sequence[Edit]) -> None:
        self._starts, self._ends = [e.start for e in edits], [e.end for e in edits]
        for before, after in zip(self._ends, self._starts[1:], strict=False):
            if after < before:
                raise ValueError(f"edits of {old.text!r} overlap at {after}")
        self._shifts = [0, *accumulate(len(e.text) - (e.end - e.start) for e in edits)]
        gaps = zip([0, *self._ends], [*self._starts, len(old.text)], strict=True)
        kept = [old.text[a:b] for a, b in gaps]
        self.text = kept[0] + "".join(e.text + k for e, k in zip(edits, kept[1:], strict=True))
        self.becomes: dict[int, tuple[int, ...]] = {}
        self.tokens = None if old.tokens is None else self._retokenised(old.tokens)

    def place(self, at: int) -> int:
        """Where a place of the old text is now; the beginning of what replaced it if that was edited."""
        k = bisect_right(self._starts, at) - 1
        if k >= 0 and at < self._ends[k]:
            return self._starts[k] + self._shifts[k]
        return at + self._shifts[k + 1]

    def _touched(self, start: int, end: int) -> tuple[int, int]:
        """The first edit that touches a stretch of the old text, and the one after the last."""
        return bisect_right(self._ends, start), bisect_left(self._starts, end)

    def _retokenised(self, old: tuple[Span, ...]) -> tuple[Span, ...]:
        tokens: list[Span] = []
        k = 0
        while k < len(old):
            first, (start, end) = k, old[k]
            a, b = self._touched(start, end)
            # A token with all that edits join to it.
            while a < b and k + 1 < len(old) and old[k + 1][0] < self._ends[b - 1]:
                k, end = k + 1, old[k + 1][1]
                b = self._touched(start, end)[1]
            if a >= b:
                fresh = [(self.place(start), self.place(end - 1) + 1)]
            else:
                # What stands there now is split at white space.
                begin = self.place(min(start, self._starts[a]))
                stop = self.place(max(end, self._ends[b - 1]))
                fresh = [(begin + m.start(), begin + m.end()) for m in _WHITE.finditer(self.text[begin:stop])]
            here = tuple(range(len(tokens), len(tokens) + len(fresh)))
            tokens += fresh
            self.becomes |= dict.fromkeys(range(first, k + 1), here)
            k += 1
        return tuple(tokens)


def _table(table: pa.Table, method: str, made: Sequence[tuple[Row, str, dict[int, _Edited]]], key: str) -> pa.Table:
    new = table.take(pa.array([row.number for row, _, _ in made], pa.int64()))

    def put(name: str, values: Sequence[Any], kind: pa.DataType) -> None:
        nonlocal new
        column = pa.array(values, kind)
        at = new.column_names.index(name) if name in new.column_names else -1
        new = new.append_column(name, column) if at < 0 else new.set_column(at, name, column)

    put(key, [name for _, name, _ in made], pa.string())
    for name in new.column_names:
        if _STALE.fullmatch(name):
            put(name, [None] * len(made), new.schema.field(name).type)
    for k, column in enumerate(("src", "tgt") if key == "id" else ("text",)):
        put(column, [e[k].text if k in e else row.texts[k].text for row, _, e in made], pa.large_string())
        if f"{column}_spans" in new.column_names:
            spans = [(e[k].tokens if k in e else row.texts[k].tokens) for row, _, e in made]
            put(
                f"{column}_spans",
                [None if s is None else [x for span in s for x in span] for s in spans],
                pa.list_(pa.int32()),
            )
    if key == "id" and "links" in new.column_names:
        put("links", [_links(row, e) for row, _, e in made], pa.string())
    if key == "doc" and "marks" in new.column_names:
        marks = new["marks"].to_pylist()
        moved = [
            m and [{**x, "start": e[0].place(x["start"])} for x in m] for m, (_, _, e) in zip(marks, made, strict=True)
        ]
        put("marks", moved, new.schema.field("marks").type)
    put("augmented", [f"corpus.augment/{method} {row.id}" for row, _, _ in made], pa.string())
    return new


def _links(row: Row, edited: Mapping[int, _Edited]) -> str:
    """A row's links between its tokens as they are now: what replaced a token has all its links."""

    def now(side: int, token: int) -> tuple[int, ...]:
        if side not in edited:
            return (token,)
        if row.texts[side].tokens is not None:
            return edited[side].becomes.get(token, ())
        raise DataError(
            "bitext: found links without tokens' places, expected src_spans and tgt_spans; tokenise the bitext first"
        )

    return " ".join(
        f"{i}-{j}" for i, j in sorted({(i, j) for a, b in row.links or () for i in now(0, a) for j in now(1, b)})
    )
