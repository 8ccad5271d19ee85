"""Rows drawn at the rates of their groups, the same ones every time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import F64, I64, U64
from polyalign.core.progress import note
from polyalign.corpus.balance.sizes import Unit, amounts, groups
from polyalign.corpus.dedup.clusters import columns_of, table_of
from polyalign.corpus.dedup.fold import Fold, buffers
from polyalign.kernels.draws import draws, filled
from polyalign.kernels.folding import content_hashes

#: Above this, text that is repeated again is said to teach little more.
EPOCHS = 4.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of each group as often as its rate says: 0.3 is a third of them, 2.5 all twice and half of them once more.

    Each row's fate depends on a random number of its own, drawn by the seed and the row's content (or its number), and on
    its group's rate; so the order of the files, the size of runs and rows added later change nothing for it. Equal rows
    have one fate by content, and fates of their own by number.

    Args:
        by: The column of groups.
        key: What a row's random number depends on: its "content" or its "row" number.
        exact: Whether each group's amount is met as nearly as whole rows can, instead of on average; it costs 24 bytes a
            row, and what is drawn then depends on the group's other rows.
        unit: What rates are of, where amounts are exact: "rows", "characters" or "words".
        seed: Of the draws.

    Complexity: O(bytes) time, in the memory of a run unless exact.

    Example:
        >>> table = pa.table({"doc": ["a", "b"], "lang": ["deu", "roh"], "text": ["ja", "gea"]})
        >>> [run["doc"].to_pylist() for run in Sample().take([table], {"deu": 0.0, "roh": 3.0})]
        [['b', 'b', 'b']]
    """

    by: str = "lang"
    key: Literal["content", "row"] = "content"
    exact: bool = False
    unit: Unit = "rows"
    seed: int = 1

    def take(self, runs: Iterable[Bitext | pa.Table], rates: Mapping[str, float]) -> Iterator[Any]:
        """The rows drawn, run by run, copies of a row behind one another; the ids of further copies end in ``#2``, ``#3``.

        Args:
            runs: The corpus; if exact, it is read twice.
            rates: Of each group, as a balance gives them.

        Raises:
            DataError: There is no such column, a group without a rate, or runs that can be read only once if exact.
        """
        high = {name: rate for name, rate in rates.items() if rate > EPOCHS}
        if high:
            text = ", ".join(f"{name} {rate:.1f}" for name, rate in sorted(high.items(), key=lambda kv: -kv[1])[:5])
            note(f"corpus.balance: repeated more than {EPOCHS:g} times: {text}; repeated text teaches less and less")
        met = self._met(runs, rates) if self.exact else None
        first = 0
        for run in runs:
            table = table_of(run)
            copies = self.copies(table, rates, first) if met is None else met[first : first + table.num_rows]
            first += table.num_rows
            yield _repeated(run, copies)

    def copies(self, table: pa.Table, rates: Mapping[str, float], first: int = 0) -> I64:
        """How often each row of a run is drawn; `first` is the number of its first row.

        Raises:
            DataError: As `take`.
        """
        rate = self._rates(table, rates)
        whole = np.floor(rate)
        return np.asarray(whole + (draws(self._keys(table, first), self.seed) < rate - whole), np.int64)

    def _rates(self, table: pa.Table, rates: Mapping[str, float]) -> F64:
        found = groups(table, self.by).dictionary_encode()
        names = found.dictionary.to_pylist()
        if unknown := [name for name in names if name not in rates]:
            raise DataError(
                f"corpus.balance: found the group {unknown[0]!r}, expected {', '.join(rates)}; give it a rate"
            )
        of_group = np.asarray([rates[name] for name in names], np.float64)
        return np.asarray(of_group[found.indices.to_numpy()], np.float64)

    def _keys(self, table: pa.Table, first: int) -> U64:
        if self.key == "row":
            return np.arange(first, first + table.num_rows, dtype=np.uint64)
        return content_keys(table)

    def _met(self, runs: Iterable[Bitext | pa.Table], rates: Mapping[str, float]) -> I64:
        """How often each row of the corpus is drawn so that every group's amount is met."""
        if iter(runs) is runs:
            raise DataError(
                "corpus.balance: found runs that can be read only once, expected a list or what begins anew; exact amounts read them twice"
            )
        numbers: dict[str, int] = {}
        of, drawn, sizes, first = [np.zeros(0, np.int32)], [np.zeros(0)], [np.zeros(0)], 0
        for run in runs:
            table = table_of(run)
            self._rates(table, rates)
            found = groups(table, self.by).dictionary_encode()
            places = [numbers.setdefault(name, len(numbers)) for name in found.dictionary.to_pylist()]
            of.append(np.asarray(places, np.int32)[found.indices.to_numpy()])
            drawn.append(draws(self._keys(table, first), self.seed))
            sizes.append(amounts(table, self.unit))
            first += table.num_rows
        group, draw, size = np.concatenate(of), np.concatenate(drawn), np.concatenate(sizes)
        copies = np.zeros(first, np.int64)
        for name, number in numbers.items():
            rows = np.flatnonzero(group == number)
            order = np.lexsort((rows, draw[rows]))
            copies[rows] = filled(order, size[rows], rates[name] * float(size[rows].sum()) + 1e-6)
        return copies


def content_keys(table: pa.Table) -> U64:
    """A hash of the text of each row, both sides of a pair, exactly as it is."""
    exact = Fold(case=False, accents=False, punctuation=False, space=False).table()
    keys = np.zeros(table.num_rows, np.uint64)
    for number, name in enumerate(columns_of(table, "both")):
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + content_hashes(*buffers(table[name]), exact, number)[0]
    return keys


def _repeated(run: Bitext | pa.Table, copies: I64) -> Bitext | pa.Table:
    table = table_of(run)
    rows = np.repeat(np.arange(len(copies)), copies)
    out = table.take(pa.array(rows))
    if "id" in table.column_names:
        number = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies) + 1
        suffix = pa.array([f"#{n}" if n > 1 else "" for n in number.tolist()], pa.string())
        ids = pc.binary_join_element_wise(out["id"].cast(pa.string()), suffix, "")
        out = out.set_column(out.column_names.index("id"), "id", ids)
    return Bitext(out) if isinstance(run, Bitext) else out
