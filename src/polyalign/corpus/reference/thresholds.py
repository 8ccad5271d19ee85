"""Thresholds that were learned: the least value of each score, in a small file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import read_text, suffixes, write_text
from polyalign.core.jit import F64


@dataclass(frozen=True, slots=True)
class Thresholds:
    r"""The least value of each score column, as ``corpus.select/threshold`` takes it as its ``minimum``.

    Args:
        minimum: Value of each column; higher is better.
        rule: How they were found.
        rows: How many rows of the reference had each score.

    Example:
        >>> Thresholds({"score.length": 0.25}, "corpus.thresholds/tail", {"score.length": 1000}).to_toml()
        'rule = "corpus.thresholds/tail"\n\n[minimum]\n"score.length" = 0.25\n\n[rows]\n"score.length" = 1000\n'
    """

    minimum: dict[str, float]
    rule: str = ""
    rows: dict[str, int] = field(default_factory=dict)

    def to_toml(self) -> str:
        """As a TOML file."""
        tables: dict[str, Mapping[str, float]] = {"minimum": self.minimum, "rows": self.rows}
        parts = [f"rule = {json.dumps(self.rule)}\n"]
        for name, values in tables.items():
            parts.append(f"\n[{name}]\n" + "".join(f"{json.dumps(k)} = {v}\n" for k, v in values.items()))
        return "".join(parts)

    def save(self, path: Path) -> None:
        """Write a TOML file, or a JSON file if its name says so.

        Raises:
            DataError: It cannot be written.
        """
        as_json = {"rule": self.rule, "minimum": self.minimum, "rows": self.rows}
        write_text(path, json.dumps(as_json, indent=1) + "\n" if suffixes(path)[0] == ".json" else self.to_toml())

    @classmethod
    def load(cls, path: Path) -> Thresholds:
        """Read what `save` wrote.

        Raises:
            DataError: It cannot be read, or holds no minimum.
        """
        text = read_text(path)
        try:
            found = json.loads(text) if suffixes(path)[0] == ".json" else tomllib.loads(text)
            minimum = {str(k): float(v) for k, v in found["minimum"].items()}
            return cls(minimum, str(found.get("rule", "")), {str(k): int(v) for k, v in found.get("rows", {}).items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}: not saved thresholds ({error}); expected a table 'minimum' of numbers by score column"
            ) from None


def scores(runs: Iterable[Bitext | pa.Table], columns: tuple[str, ...] = ()) -> dict[str, F64]:
    """The values of score columns, sorted, what is null or no number left out; by default of all ``score.*`` columns.

    Memory: 4 bytes a value until the end, then 8.

    Raises:
        DataError: A column is in no run, or has no value, or there is none at all.
    """
    parts: dict[str, list[pa.ChunkedArray]] = {}
    for run in runs:
        table = run.table if isinstance(run, Bitext) else run
        for name in columns or [c for c in table.column_names if c.startswith("score.")]:
            if name in table.column_names:
                parts.setdefault(name, []).append(np.asarray(table[name].cast(pa.float32()).to_numpy(), np.float32))
    out = {}
    for name in columns or sorted(parts):
        values = np.concatenate(parts[name]).astype(np.float64) if name in parts else np.zeros(0)
        out[name] = np.sort(values[~np.isnan(values)])
        if not len(out[name]):
            raise DataError(
                f"corpus.thresholds: found no value of {name!r} in the reference, expected at least one; score it first"
            )
    if not out:
        raise DataError("corpus.thresholds: found no column score.*, expected some in the reference; score it first")
    return out
