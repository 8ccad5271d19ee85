"""What is open: language pairs, each with its sentence pairs, links and documents, all found by number at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.jit import I32
from polyalign.view.documents import Documents
from polyalign.view.opening import Opening, opening
from polyalign.view.prepare import GOLD, prepare
from polyalign.view.table import Table

_SHOWN_APART = ("id", "doc", "src", "tgt", "src_spans", "tgt_spans", "links")


@dataclass(frozen=True, slots=True)
class Link:
    """One link of one aligner.

    Args:
        src: Source word.
        tgt: Target word.
        prob: Its probability, None where the aligner gave none.
        sure: Whether it is a sure link, else a possible one.
    """

    src: int
    tgt: int
    prob: float | None
    sure: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """One sentence pair.

    Args:
        row: Its number, from 0.
        id: Its id.
        doc: The document it is of, empty where that is not known.
        src: Source text.
        tgt: Target text.
        src_spans: Where its source words begin and end, in code points.
        tgt_spans: Where its target words begin and end.
        columns: Its other columns: scores, places.
    """

    row: int
    id: str
    doc: str
    src: str
    tgt: str
    src_spans: tuple[tuple[int, int], ...]
    tgt_spans: tuple[tuple[int, int], ...]
    columns: dict[str, Any]

    @property
    def words(self) -> tuple[list[str], list[str]]:
        """The words of both sides."""
        return [self.src[a:b] for a, b in self.src_spans], [self.tgt[a:b] for a, b in self.tgt_spans]


class Source:
    """One language pair, as its prepared folder has it.

    Args:
        folder: What `prepare` made; whatever else is made of the pair once may be kept in it.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.folder = folder
        self.unit: str = about["unit"]
        self.langs: tuple[str, str] = tuple(about["langs"])
        self.aligners: tuple[str, ...] = tuple(about["aligners"])
        self.notes: tuple[str, ...] = tuple(about["notes"])
        self.table = Table(folder / "pairs.arrow")
        self._links = [Table(folder / f"links-{k}.arrow") for k in range(len(self.aligners))]
        self.order: I32 = np.load(folder / "order.npy", mmap_mode="r")
        beads = folder / "beads.arrow"
        self._beads = Table(beads) if beads.is_file() else self.table
        self._places: I32 | None = None
        self._documents: Documents | None = None

    def __len__(self) -> int:
        return int(self.table.rows)

    def pairs(self, start: int, end: int) -> list[Pair]:
        """Sentence pairs in a row."""
        table = self.table.slice(start, min(end, len(self)))
        bitext = Bitext(table)
        sides: tuple[Side, Side] = ("src", "tgt")
        src, tgt = ([x or "" for x in bitext.column(side)] for side in sides)
        filled = Bitext(table) if None not in bitext.src + bitext.tgt else _filled(bitext, src, tgt)
        spans = [filled.spans(side) for side in sides]
        rest = [name for name in table.column_names if name not in _SHOWN_APART]
        columns = [dict(zip(rest, row, strict=True)) for row in zip(*(table[c].to_pylist() for c in rest), strict=True)]
        docs = table["doc"].to_pylist() if "doc" in table.column_names else [""] * table.num_rows
        return [
            Pair(
                start + k,
                str(id),
                docs[k] or "",
                src[k],
                tgt[k],
                tuple(spans[0][k]),
                tuple(spans[1][k]),
                columns[k] if columns else {},
            )
            for k, id in enumerate(bitext.ids)
        ]

    def pair(self, row: int) -> Pair:
        """One sentence pair."""
        return self.pairs(row, row + 1)[0]

    def links_of(self, aligner: str) -> Table:
        """The links of an aligner, a row a pair: lists `src`, `tgt`, `prob`, `sure`."""
        return self._links[self.aligners.index(aligner)]

    def links(self, aligner: str, row: int) -> list[Link] | None:
        """An aligner's links of a sentence pair; None if it has not seen the pair."""
        table = self.links_of(aligner).slice(row, row + 1)
        if not table["src"][0].is_valid:
            return None
        src, tgt, prob, sure = (table[name][0].as_py() for name in ("src", "tgt", "prob", "sure"))
        return [Link(i, j, None if p != p else round(p, 4), s) for i, j, p, s in zip(src, tgt, prob, sure, strict=True)]

    def place(self, row: int, *, least: bool) -> int:
        """Where a row stands: in the file, or in the order of certainty, least first."""
        if not least:
            return row
        if self._places is None:
            self._places = np.empty(len(self), np.int32)
            self._places[self.order] = np.arange(len(self), dtype=np.int32)
        return int(self._places[row])

    def row(self, place: int, *, least: bool) -> int:
        """The row at a place, the inverse of `place`."""
        return int(self.order[place]) if least else place

    @property
    def base(self) -> str | None:
        """The aligner whose links a correction starts from."""
        return next((a for a in self.aligners if a != GOLD), None)

    @property
    def documents(self) -> Documents:
        """The documents, found out when they are first asked for."""
        if self._documents is None:
            sentences = self.folder / "sentences.arrow"
            self._documents = Documents(
                self.table, self._beads, Table(sentences) if sentences.is_file() else None, self.langs
            )
        return self._documents


def _filled(bitext: Bitext, src: Sequence[str], tgt: Sequence[str]) -> Bitext:
    text = pa.large_string()
    return bitext.with_column("src", pa.array(src, text)).with_column("tgt", pa.array(tgt, text))


@dataclass(slots=True)
class Opened:
    """A run folder or a file that was opened.

    Args:
        opening: What was found there.
    """

    opening: Opening
    _sources: dict[str, tuple[object, Source]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def at(cls, path: Path, **given: Any) -> Opened:
        """What is at a path, as `opening` finds it."""
        return cls(opening(path, **given))

    @property
    def name(self) -> str:
        """What it is called."""
        return self.opening.path.resolve().name

    @property
    def run(self) -> Path | None:
        """The run folder, if it is one."""
        return self.opening.path if self.opening.is_run else None

    def units(self) -> list[str]:
        """The names of its language pairs; those of a run that goes on grow."""
        return self.opening.units()

    def source(self, unit: str) -> Source:
        """A language pair, prepared when it is first asked for.

        Raises:
            DataError: It cannot be read, or is none of those there are.
        """
        if unit not in self.units():
            raise DataError(f"{self.opening.path}: no language pair {unit!r}; there are {', '.join(self.units())}")
        with self._lock:
            given = self.opening.given(unit)
            stamp = given.stamp()
            found = self._sources.get(unit)
            if found is None or found[0] != stamp:
                found = self._sources[unit] = (stamp, Source(prepare(given)))
            return found[1]
