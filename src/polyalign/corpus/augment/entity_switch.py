"""Names replaced by the names of the same things in other languages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText, read_lines
from polyalign.core.langs import normalise
from polyalign.corpus.augment.draws import Draws, check_copies, check_rates
from polyalign.corpus.augment.rows import Edit, Row, Run, Text, augment
from polyalign.corpus.augment.words import lower

_WIKILINK = re.compile(r"\[\[([^\[\]|]*)(?:\|([^\[\]|]*))?\]\]")


class Entity(NamedTuple):
    """A name in a text: where it stands, marks included; what it is called there and what it is looked up by."""

    start: int
    end: int
    shown: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What things are called: a row a thing, by language.

    Args:
        rows: The names of each thing by language.
        index: The thing of an id, or of a language and a name in lower case; -1 where several share it.
    """

    rows: Sequence[Mapping[str, str]]
    index: Mapping[tuple[str, str], int]

    def of(self, name: str, lang: str) -> Mapping[str, str]:
        """The names of the thing that is called so, empty if none or more than one is."""
        at = self.index.get(("", name), self.index.get((lang, lower(name, lang)), -1))
        return self.rows[at] if at >= 0 else {}


@dataclass(frozen=True, slots=True)
class EntitySwitch:
    r"""Replace the names that are marked in a text by those of the same things in other languages (EntityCS).

    For each of `copies` variants a language is drawn from `into`, none twice, and every marked name that the table
    has in that language is replaced by it with probability `rate`; the rest of the text stays as it is, so grammar is
    left alone and only names are mixed. Marks ``[[...]]`` are taken out of new rows, or kept around what is replaced.

    **Differs:** EntityCS takes the links of the English Wikipedia and the names that Wikidata has for them in 93
    languages; here marks and table are given.

    Args:
        names: Table of names, tab-separated: its first line has language tags (and ``id``, if wanted), every other line the
            names of one thing, empty where it has none. A name of several things is passed over.
        into: The languages; by default all of the table but the text's own.
        marked: How names are marked: "links" as ``[[name]]`` or ``[[name or id|what is shown]]`` in the text; "bio" by tags
            with spaces between, one a token, in the column ``src_tags``, ``tgt_tags`` (documents: ``tags``); "spans" by a
            flat list of start and end in code points in ``src_entities``, ``tgt_entities`` (``entities``).
        side: Which side of a bitext; documents have one.
        rate: Probability that a name is replaced.
        copies: Variants made of each row, at most, each of another language.
        keep_marks: Whether ``[[...]]`` stays around the new names.
        seed: Of the random choices.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(length) a row, and the table in memory.

    References: whitehouse2022entitycs

    Example:
        >>> import pathlib, tempfile
        >>> from polyalign.core.bitext import Bitext
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "names.tsv"
        >>> _ = file.write_text("en\tde\nMunich\tMünchen\nRain\tRegen\n", encoding="utf-8")
        >>> pairs = Bitext.build(["Rain in [[Munich|town]] today"], ["Hujan"], langs=("eng_Latn", "ind_Latn"))
        >>> EntitySwitch(names=str(file)).build(pairs).src
        ['Rain in München today']
    """

    names: PathText
    into: tuple[str, ...] = ()
    marked: Literal["links", "bio", "spans"] = "links"
    side: Literal["src", "tgt", "both"] = "src"
    rate: float = 1.0
    copies: int = 5
    keep_marks: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        check_rates(rate=self.rate)
        check_copies(self.copies)

    def inputs(self, langs: Sequence[str]) -> list[Path]:
        """The table that `build` would read."""
        return [Path(self.names)]

    def build(self, run: Run) -> Run:
        """New rows of a bitext or of documents.

        Raises:
            DataError: The table cannot be read; the column of tags or spans is missing or does not fit the texts.
        """
        names = read_names(self.names)
        into = {normalise(tag) for tag in self.into} or {lang for row in names.rows for lang in row}
        sides = {"src": (0,), "tgt": (1,), "both": (0, 1)}[self.side] if isinstance(run, Bitext) else (0,)
        marks = {k: self._marks(run.table if isinstance(run, Bitext) else run, k) for k in sides}

        def edits(row: Row, draws: Draws, copy: int) -> dict[int, list[Edit]]:
            found: dict[int, list[Edit]] = {}
            for k in sides:
                text, cells = row.texts[k], marks[k]
                entities = self._entities(text, row.id, None if cells is None else cells[row.number])
                things = [names.of(e.name, text.lang) for e in entities]
                can = sorted({lang for thing in things for lang in thing if lang != text.lang} & into)
                if copy < len(can):
                    # One order of languages for all variants of a row.
                    order = Draws(self.seed, k, "entity-switch languages", row.id, text.lang)
                    to = order.some(can, len(can))[copy]
                    found[k] = self._edits(text, entities, [thing.get(to) for thing in things], draws)
            return found

        return augment(run, "entity-switch", seed=self.seed, copies=self.copies, edits=edits)

    def _edits(self, text: Text, entities: Sequence[Entity], new: Sequence[str | None], draws: Draws) -> list[Edit]:
        out, any_new = [], False
        for entity, name in zip(entities, new, strict=True):
            taken = draws.happens(self.rate) and name is not None and name != entity.shown
            any_new |= taken
            put = name if taken and name is not None else entity.shown
            edit = Edit(entity.start, entity.end, f"[[{put}]]" if taken and self.keep_marks else put)
            if edit.text != text.text[edit.start : edit.end]:
                out.append(edit)
        return out if any_new else []

    def _marks(self, table: pa.Table, side: int) -> list[Any] | None:
        """The column that says where a side's names are; None if the text does."""
        if self.marked == "links":
            return None
        kind = "tags" if self.marked == "bio" else "entities"
        column = f"{('src', 'tgt')[side]}_{kind}" if "src" in table.column_names else kind
        if column not in table.column_names:
            raise DataError(
                f"corpus.augment/entity-switch: no column {column!r}, found {', '.join(table.column_names)}; mark the names or say how they are marked"
            )
        return list(table[column].to_pylist())

    def _entities(self, text: Text, id: str, cell: Any) -> list[Entity]:
        if self.marked == "links":
            return [
                Entity(m.start(), m.end(), m[2] if m[2] is not None else m[1], m[1].strip())
                for m in _WIKILINK.finditer(text.text)
            ]
        spans = _bio(text, cell or "", id) if self.marked == "bio" else _spans(text, cell or [], id)
        return [Entity(a, b, text.text[a:b], text.text[a:b]) for a, b in spans]


def read_names(path: str | Path) -> Names:
    """Read a table of names.

    Raises:
        DataError: It cannot be read, has no heading of languages, or a line has another number of columns.
    """
    lines = [line.split("\t") for line in read_lines(path)]
    head = [h.strip() for h in lines[0]] if lines else []
    try:
        langs = [h if h == "id" else normalise(h) for h in head]
    except ConfigError as error:
        raise DataError(f"{path} line 1: {error}; the first line has the languages of the columns") from None
    rows: list[dict[str, str]] = []
    index: dict[tuple[str, str], int] = {}
    for number, cells in enumerate(lines[1:], 2):
        if cells == [""]:
            continue
        if len(cells) != len(langs):
            raise DataError(
                f"{path} line {number}: found {len(cells)} columns, expected {len(langs)}; put a tab for every name that is missing"
            )
        named = {lang: cell.strip() for lang, cell in zip(langs, cells, strict=True) if cell.strip()}
        if id := named.pop("id", ""):
            index["", id] = len(rows)
        for lang, name in named.items():
            key = lang, lower(name, lang)
            index[key] = -1 if key in index else len(rows)
        rows.append(named)
    return Names(rows, index)


def _bio(text: Text, tags: str, id: str) -> list[tuple[int, int]]:
    """The spans of BIO tags, in characters; an I- that continues nothing begins one."""
    words = text.tokens if text.tokens is not None else tuple(m.span() for m in re.finditer(r"[^ \t]+", text.text))
    marks = tags.split()
    if len(marks) != len(words):
        raise DataError(
            f"row {id!r}: found {len(marks)} tags for {len(words)} tokens, expected as many; tag the text as it is tokenised"
        )
    out: list[tuple[int, int]] = []
    before = "O"
    for mark, (a, b) in zip(marks, words, strict=True):
        if mark[:1] == "I" and before != "O" and before[2:] == mark[2:]:
            out[-1] = out[-1][0], b
        elif mark != "O":
            out.append((a, b))
        before = mark
    return out


def _spans(text: Text, flat: Sequence[int], id: str) -> list[tuple[int, int]]:
    rising = list(flat) == sorted(flat) and len(flat) % 2 == 0
    if not rising or (len(flat) and not 0 <= flat[0] <= flat[-1] <= len(text.text)):
        raise DataError(
            f"row {id!r}: found the spans {list(flat)[:8]}, expected starts and ends that rise within {len(text.text)} characters; give them in code points"
        )
    return list(zip(flat[::2], flat[1::2], strict=True))
