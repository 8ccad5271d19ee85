"""The documents of a language pair: their sentences and the beads between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.jit import I64
from polyalign.view.table import ROWS, Table

#: Pairs to a part, where a bitext does not say which document they are of.
PART = 10_000
RANGES = ("src_start", "src_end", "tgt_start", "tgt_end")


@dataclass(frozen=True, slots=True)
class Outline:
    """A document as a sentence aligner left it.

    Args:
        number: Which document of its source it is.
        name: What it is called.
        beads: Source sentences, target sentences, score (None for none) and a reason, of each bead.
        src: Its source sentences.
        tgt: Its target sentences.
        rows: The sentence pair that was made of each bead; None where it was left out.
    """

    number: int
    name: str
    beads: list[tuple[list[int], list[int], float | None, str]]
    src: list[str]
    tgt: list[str]
    rows: list[int | None]


class Documents:
    """The documents of a language pair, in the order of its beads.

    Args:
        pairs: The sentence pairs.
        beads: The beads they were made of; the pairs themselves where nothing else is known.
        sentences: The documents' sentences, where a run kept them.
        langs: The languages of the two sides.
    """

    def __init__(self, pairs: Table, beads: Table, sentences: Table | None, langs: tuple[str, str]) -> None:
        self._pairs, self._beads, self._langs, self._sentences = pairs, beads, langs, sentences
        self.ranged = set(RANGES) <= set(beads.schema.names)
        self.names, self.first = _documents(beads)
        self._found = {} if sentences is None else _places(sentences)

    def __len__(self) -> int:
        return len(self.names)

    def beads(self, number: int) -> int:
        """How many beads a document has."""
        return int(self.first[number + 1] - self.first[number])

    def number_of(self, row: int) -> int:
        """The document a row of the beads is of."""
        return int(np.searchsorted(self.first, row, "right")) - 1

    @lru_cache(maxsize=4)  # noqa: B019 - one object a language pair, which lives as long as the server
    def outline(self, number: int) -> Outline:
        """A document whole."""
        a, b = int(self.first[number]), int(self.first[number + 1])
        table = self._beads.slice(a, b)
        texts = [[x or "" for x in table[side].to_pylist()] for side in ("src", "tgt")]
        scores = table["score.align"].to_pylist() if "score.align" in table.column_names else [None] * (b - a)
        reasons = table["unaligned"].to_pylist() if "unaligned" in table.column_names else [""] * (b - a)
        places, sides = [], []
        for side, lang, text in zip(("src", "tgt"), self._langs, texts, strict=True):
            place, said = self._side(table, side, lang, number, text)
            places.append(place)
            sides.append(said)
        beads = [
            (i, j, None if s is None or s != s else round(s, 4), r or "")
            for i, j, s, r in zip(*places, scores, reasons, strict=True)
        ]
        return Outline(number, self.names[number], beads, sides[0], sides[1], self._rows(table, a))

    def _rows(self, beads: pa.Table, first: int) -> list[int | None]:
        """The pairs with the ids of some beads, which begin at a row."""
        if self._beads is self._pairs:
            return list(range(first, first + beads.num_rows))
        ids = beads["id"].combine_chunks()
        found: dict[str, int] = {}
        for number, batch in enumerate(self._pairs):
            column = batch["id"]
            at = pc.indices_nonzero(pc.is_in(column, value_set=ids))
            for k, id in zip(at.to_pylist(), column.take(at).to_pylist(), strict=True):
                found.setdefault(id, number * ROWS + k)
        return [found.get(id) for id in ids.to_pylist()]

    def _side(
        self, table: pa.Table, side: str, lang: str, number: int, texts: list[str]
    ) -> tuple[list[list[int]], list[str]]:
        """The sentences of each bead and their texts; where a run did not keep them, a bead's text is one sentence."""
        if self.ranged:
            starts, ends = (table[f"{side}_{end}"].to_pylist() for end in ("start", "end"))
            known = self._known(self.names[number], lang)
            if len(known) >= max(ends, default=0):
                return [list(range(x, y)) for x, y in zip(starts, ends, strict=True)], known
        places: list[list[int]] = []
        said: list[str] = []
        for text in texts:
            places.append([len(said)] if text else [])
            said += [text] if text else []
        return places, said

    def _known(self, doc: str, lang: str) -> list[str]:
        if self._sentences is None or (doc, lang) not in self._found:
            return []
        start, end = self._found[doc, lang]
        return list(self._sentences.slice(start, end)["text"].to_pylist())


def _documents(table: Table) -> tuple[list[str], I64]:
    """What the documents are called and the row each begins at, and one past the last."""
    if "doc" in table.schema.names:
        names, first = _runs(table, lambda batch: pc.fill_null(batch["doc"], ""))
        return names, np.asarray([*first, table.rows], np.int64)
    ends = [*range(0, table.rows, PART), table.rows]
    return [f"pairs {a:,} to {b - 1:,}" for a, b in zip(ends[:-1], ends[1:], strict=True)], np.asarray(ends, np.int64)


def _places(sentences: Table) -> dict[tuple[str, str], tuple[int, int]]:
    """The rows of each document's version; one whose sentences do not stand together is left out."""
    names, first = _runs(sentences, lambda b: pc.binary_join_element_wise(b["doc"], b["lang"], "\t"))
    out: dict[tuple[str, str], tuple[int, int]] = {}
    twice: set[tuple[str, str]] = set()
    for name, a, b in zip(names, first, [*first[1:], sentences.rows], strict=True):
        doc, _, tag = name.rpartition("\t")
        twice |= {(doc, tag)} & out.keys()
        out[doc, tag] = (a, b)
    return {key: place for key, place in out.items() if key not in twice}


def _runs(table: Table, key: Callable[[Any], Any]) -> tuple[list[str], list[int]]:
    """Runs of rows with the same key: what it is, and the row each begins at."""
    names: list[str] = []
    begins: list[int] = []
    for number, batch in enumerate(table):
        column = key(batch)
        changed = pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
        for k in [0, *(np.flatnonzero(changed) + 1).tolist()] if len(column) else []:
            # A batch may begin in the middle of a run.
            if k or not names or column[k].as_py() != names[-1]:
                names.append(column[k].as_py())
                begins.append(number * ROWS + k)
    return names, begins
