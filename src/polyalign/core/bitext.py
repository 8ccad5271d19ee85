"""Bitext: sentence pairs in an Arrow table, with any further columns a method adds.

Columns: `id` (unique), `doc`, `src`, `tgt`, any `score.*` (float32, higher is better), and
`src_spans` / `tgt_spans` where the text has been tokenised: flat lists of start and end offsets
in code points, so that every token maps back to the raw text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.errors import DataError
from polyalign.core.jit import I32, Mask

Side = Literal["src", "tgt"]
_TEXT, _SPANS = pa.large_string(), pa.list_(pa.int32())
_SPACE, _WHITE = re.compile(r"[^ \t]+"), re.compile(r"\S+")


@dataclass(frozen=True, slots=True, eq=False)
class Bitext:
    """Sentence pairs of one language pair.

    Args:
        table: Arrow table with at least `id`, `src`, `tgt`; metadata `src_lang`, `tgt_lang`.

    Raises:
        DataError: A needed column is missing.
    """

    table: pa.Table

    def __post_init__(self) -> None:
        missing = [c for c in ("id", "src", "tgt") if c not in self.table.column_names]
        if missing:
            raise DataError(
                f"bitext: column {', '.join(missing)} missing, found {', '.join(self.table.column_names)}; a bitext has id, src and tgt"
            )

    @classmethod
    def build(
        cls,
        src: Sequence[str],
        tgt: Sequence[str],
        *,
        langs: tuple[str, str] = ("und", "und"),
        ids: Sequence[str] | None = None,
        columns: dict[str, Any] | None = None,
    ) -> Bitext:
        """From two lists of equal length; ids default to the row number.

        Raises:
            DataError: The sides differ in length.

        Example:
            >>> b = Bitext.build(["a b"], ["c"], langs=("deu_Latn", "eng_Latn"))
            >>> len(b), b.tokens("src"), b.langs
            (1, [['a', 'b']], ('deu_Latn', 'eng_Latn'))
        """
        if len(src) != len(tgt):
            raise DataError(
                f"bitext: {len(src)} source and {len(tgt)} target sentences; both sides need the same number"
            )
        data: dict[str, Any] = {
            "id": pa.array(list(ids) if ids is not None else [str(i) for i in range(len(src))], pa.string()),
            "src": pa.array(list(src), _TEXT),
            "tgt": pa.array(list(tgt), _TEXT),
            **(columns or {}),
        }
        return cls(pa.table(data).replace_schema_metadata({"src_lang": langs[0], "tgt_lang": langs[1]}))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def _repr_html_(self) -> str:
        from polyalign.core.notebook import bitext_html

        return bitext_html(self)

    @property
    def langs(self) -> tuple[str, str]:
        """Source and target language tags."""
        meta = self.table.schema.metadata or {}
        return meta.get(b"src_lang", b"und").decode(), meta.get(b"tgt_lang", b"und").decode()

    def column(self, name: str) -> list[Any]:
        """One column as a Python list.

        Raises:
            DataError: No such column.
        """
        if name not in self.table.column_names:
            raise DataError(f"bitext: no column {name!r}; found {', '.join(self.table.column_names)}")
        return list(self.table[name].to_pylist())

    @property
    def src(self) -> list[str]:
        """Source sentences."""
        return self.column("src")

    @property
    def tgt(self) -> list[str]:
        """Target sentences."""
        return self.column("tgt")

    @property
    def ids(self) -> list[str]:
        """Row ids."""
        return self.column("id")

    def tokens(self, side: Side) -> list[list[str]]:
        """The words of each sentence: by its spans if it was tokenised, else between spaces and tabs."""
        if f"{side}_spans" not in self.table.column_names:
            return [_SPACE.findall(t) for t in self.column(side)]
        return [[t[a:b] for a, b in s] for t, s in zip(self.column(side), self.spans(side), strict=True)]

    def spans(self, side: Side) -> list[list[tuple[int, int]]]:
        """Where the words of each sentence begin and end, in code points, as `tokens` has them."""
        if f"{side}_spans" not in self.table.column_names:
            return [[m.span() for m in _SPACE.finditer(t)] for t in self.column(side)]
        return [list(zip(s[::2], s[1::2], strict=True)) for s in self.column(f"{side}_spans")]

    def with_spans(self, side: Side, spans: Sequence[I32 | Sequence[int]]) -> Bitext:
        """With that side tokenised: one flat [start, end, start, end, ...] a sentence."""
        return self.with_column(f"{side}_spans", pa.array([np.asarray(s, np.int32).reshape(-1) for s in spans], _SPANS))

    def split_on_whitespace(self) -> Bitext:
        """Both sides tokenised at any Unicode white space, as `str.split` does."""
        out = self
        for side in ("src", "tgt"):
            out = out.with_spans(side, [[x for m in _WHITE.finditer(t) for x in m.span()] for t in self.column(side)])
        return out

    def with_column(self, name: str, values: Any) -> Bitext:
        """With one column added or replaced."""
        table = self.table
        if name in table.column_names:
            return Bitext(table.set_column(table.column_names.index(name), name, values))
        return Bitext(table.append_column(name, values))

    def select(self, keep: Mask) -> Bitext:
        """The rows where `keep`, shape (n,), is true."""
        return Bitext(self.table.filter(pa.array(keep)))

    @staticmethod
    def concat(parts: Sequence[Bitext]) -> Bitext:
        """Several bitexts of one language pair end to end, keeping every column of any.

        Raises:
            DataError: Different languages, or an id that occurs twice.
        """
        langs = {p.langs for p in parts}
        if len(langs) != 1:
            raise DataError(
                f"bitext: cannot join different language pairs: {', '.join(sorted('-'.join(x) for x in langs))}"
            )
        if len(parts) == 1:
            return parts[0]
        # Tokenisation is all or nothing: make the implicit one explicit before joining.
        for side in ("src", "tgt"):
            if any(f"{side}_spans" in p.table.column_names for p in parts):
                parts = [
                    p
                    if f"{side}_spans" in p.table.column_names
                    else p.with_spans(side, [[x for m in _SPACE.finditer(t) for x in m.span()] for t in p.column(side)])
                    for p in parts
                ]
        table = pa.concat_tables([p.table for p in parts], promote_options="default")
        counts = pc.value_counts(table["id"])
        twice = [c["values"] for c in counts.to_pylist() if c["counts"] > 1][:3]
        if twice:
            raise DataError(
                f"bitext: id {', '.join(map(repr, twice))} occurs in more than one of the joined bitexts; ids must be unique"
            )
        return Bitext(table)
