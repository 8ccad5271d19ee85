"""Pairs of a long sentence and of several that say the same, from beads of one sentence with several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_lines
from polyalign.core.progress import note

_RANGES = ("src_start", "src_end", "tgt_start", "tgt_end")


@dataclass(frozen=True, slots=True)
class SplitRephrase:
    """Make split-and-rephrase pairs from 1-2 and 2-1 beads of aligned sentences (BiSECT).

    Where a translator has made two sentences of one, the one side is a complex sentence and the other the same in simple
    ones. The new rows are

    * of a bitext of two languages: those beads as they are, for a translation model that splits or joins; `complex` says
      which side is the one sentence;
    * of two translations into one language, aligned with each other (both sides of the bitext have one tag): the complex
      sentence as `src`, the split one as `tgt`;
    * with `translations` of the rows' other side: the complex and the split text in the language of side `lang`, of which
      one is a translation.

    Which beads are good is for a score and a selection before, or after: scores are kept, for they are of the same bead.

    **Differs:** BiSECT has the foreign side of 1-2 and 2-1 beads translated by a system of its own, and filters and
    classifies the pairs; here the translation is given, and filtering is for other steps.
    Where sides are exchanged or translated, tokens and links of the bitext are left out.

    Args:
        max_parts: Most sentences that one is split into.
        translations: Lines ``id<TAB>translation`` of the side that is not `lang`, into that language; empty for none.
        lang: The side in whose language both texts are wanted, with `translations`.

    Raises:
        ValueError: Fewer than two parts.

    Complexity: O(rows).

    References: kim2021bisect

    Example:
        >>> beads = {name: pa.array([0, 1], pa.int32()) for name in ("src_start", "tgt_start")}
        >>> beads |= {"src_end": pa.array([1, 2], pa.int32()), "tgt_end": pa.array([1, 3], pa.int32())}
        >>> pairs = Bitext.build(["Ja.", "Er kam und ging."], ["Yes.", "He came. He left."], columns=beads)
        >>> new = SplitRephrase().build(pairs)
        >>> new.tgt, new.column("complex"), new.column("parts")
        (['He came. He left.'], ['src'], [2])
    """

    max_parts: int = 2
    translations: PathText = ""
    lang: Literal["src", "tgt"] = "tgt"

    def __post_init__(self) -> None:
        if self.max_parts < 2:
            raise ValueError(f"max_parts must be 2 or more, found {self.max_parts}")

    def inputs(self, langs: Sequence[str]) -> list[Path]:
        """The file of translations, if there is one."""
        return [Path(self.translations)] if self.translations else []

    def build(self, run: Bitext) -> Bitext:
        """New rows of a bitext with the sentences' ranges that `sentences.align` notes.

        Returns:
            The bitext's columns, and `complex` ("src" or "tgt"), `parts` and `augmented`.

        Raises:
            DataError: It is no bitext, a column of ranges is missing, or the translations cannot be read or are of other rows.
        """
        if not isinstance(run, Bitext):
            raise DataError("corpus.augment/split-rephrase: found documents, expected a bitext; align sentences first")
        missing = [c for c in _RANGES if c not in run.table.column_names]
        if missing:
            raise DataError(
                f"corpus.augment/split-rephrase: no column {', '.join(missing)}, expected the ranges of sentences; align sentences first"
            )
        ranges = zip(*(run.column(c) for c in _RANGES), strict=True)
        old = run.column("augmented") if "augmented" in run.table.column_names else [None] * len(run)
        rows: list[tuple[int, Side, int]] = []
        for number, (a, b, c, d) in enumerate(ranges):
            sizes = b - a, d - c
            if not old[number] and min(sizes) == 1 and 2 <= max(sizes) <= self.max_parts:
                rows.append((number, "src" if sizes[0] == 1 else "tgt", max(sizes)))
        if self.translations:
            return self._translated(run, rows)
        table = _taken(run, rows)
        if run.langs[0] == run.langs[1]:
            table = _turned(table, [side == "tgt" for _, side, _ in rows])
        return Bitext(table)

    def _translated(self, run: Bitext, rows: list[tuple[int, Side, int]]) -> Bitext:
        given: dict[str, str] = {}
        for number, line in enumerate(read_lines(self.translations), 1):
            id, tab, text = line.partition("\t")
            if not tab:
                raise DataError(f"{self.translations} line {number}: found {line[:60]!r}, expected id<TAB>translation")
            given[id] = text
        ids = run.ids
        have = [row for row in rows if given.get(ids[row[0]], "").strip()]
        if rows and not have:
            raise DataError(
                f"{self.translations}: has no translation of {ids[rows[0][0]]!r} or of any of {len(rows)} rows; translate what this step gives without it"
            )
        if len(have) < len(rows):
            note(
                f"corpus.augment/split-rephrase: {len(rows) - len(have)} of {len(rows)} pairs have no translation and are left out"
            )
        table, other = _taken(run, have), "src" if self.lang == "tgt" else "tgt"
        table = table.set_column(
            table.column_names.index(other), other, pa.array([given[ids[n]] for n, _, _ in have], pa.large_string())
        )
        tag = run.langs[0 if self.lang == "src" else 1]
        table = table.replace_schema_metadata({"src_lang": tag, "tgt_lang": tag})
        return Bitext(_turned(table, [side == "tgt" for _, side, _ in have]))


def _taken(run: Bitext, rows: Sequence[tuple[int, Side, int]]) -> pa.Table:
    """Those rows, with what they are and new ids."""
    table = run.table.take(pa.array([n for n, _, _ in rows], pa.int64()))
    ids = table["id"].to_pylist()
    table = table.set_column(
        table.column_names.index("id"), "id", pa.array([f"{id}~split-rephrase" for id in ids], pa.string())
    )
    columns = {
        "complex": [side for _, side, _ in rows],
        "augmented": [f"corpus.augment/split-rephrase {id}" for id in ids],
    }
    for name, values in columns.items():
        old = [name] if name in table.column_names else []
        table = table.drop_columns(old).append_column(name, pa.array(values, pa.string()))
    return table.append_column("parts", pa.array([parts for _, _, parts in rows], pa.int32()))


def _turned(table: pa.Table, turn: Sequence[bool]) -> pa.Table:
    """Source and target exchanged where asked, with all columns that are of one side; tokens and links left out."""
    table = table.drop_columns([n for n in ("src_spans", "tgt_spans", "links") if n in table.column_names])
    names = set(table.column_names)
    mask = pa.array(turn, pa.bool_())
    out = table
    for src in [n for n in table.column_names if n == "src" or n.startswith("src_")]:
        tgt = f"tgt{src[3:]}"
        if tgt in names:
            first, second = table[src], table[tgt]
            for name, yes, no in ((src, second, first), (tgt, first, second)):
                out = out.set_column(out.column_names.index(name), name, _either(mask, yes, no))
    at = out.column_names.index("complex")
    return out.set_column(at, "complex", pa.array(["src"] * len(turn), pa.string()))


def _either(mask: pa.Array, yes: pa.ChunkedArray, no: pa.ChunkedArray) -> pa.Array:
    pick = [a if m else b for m, a, b in zip(mask.to_pylist(), yes.to_pylist(), no.to_pylist(), strict=True)]
    return pa.array(pick, yes.type)
