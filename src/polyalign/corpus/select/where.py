"""Selection by what columns say: rows whose values are some value, or lie in a range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import Mask

#: A bitext, or a table of documents.
R = TypeVar("R", Bitext, pa.Table)


@dataclass(frozen=True, slots=True)
class Where:
    """Keep the rows whose columns have the given texts; the others come back with the reason.

    Texts are compared letter by letter, so that a date at the beginning of a document's name can say what is held out:
    ``least = { doc = "2021" }`` keeps 20210104-a and all after it, ``below = { doc = "2021" }`` all before. A row without a
    value (null) is not kept where its column is asked for; where nothing is asked for, all are.

    Args:
        equal: The text that each of these columns must have, such as ``{ split = "test" }``.
        least: The least text of each of these columns.
        below: What the text of each of these columns must come before.

    Complexity: O(n).

    Example:
        >>> table = pa.table({"doc": ["2020-a", "2021-b"], "text": ["x", "y"]})
        >>> kept, dropped = Where(below={"doc": "2021"}).select(table)
        >>> kept["doc"].to_pylist(), dropped["reason"].to_pylist()
        (['2020-a'], ['doc not below 2021'])
    """

    equal: dict[str, str] = field(default_factory=dict)
    least: dict[str, str] = field(default_factory=dict)
    below: dict[str, str] = field(default_factory=dict)

    def select(self, run: R) -> tuple[R, pa.Table]:
        """Divide the rows into kept and dropped.

        Args:
            run: Sentence pairs, or a table of documents.

        Returns:
            The kept rows, and a table of the dropped rows with a further column ``reason``, the first test that failed.

        Raises:
            DataError: A column is not there or holds no text.
        """
        table = run.table if isinstance(run, Bitext) else run
        reasons, reason = [""], np.zeros(table.num_rows, np.int32)
        for name, holds in self._tests(table):
            reasons.append(name)
            reason[(reason == 0) & ~holds] = len(reasons) - 1
        names = pa.DictionaryArray.from_arrays(pa.array(reason), pa.array(reasons)).cast(pa.string())
        dropped = table.append_column("reason", names).filter(pa.array(reason != 0))
        return (run.select(reason == 0) if isinstance(run, Bitext) else table.filter(pa.array(reason == 0))), dropped

    def _tests(self, table: pa.Table) -> Iterator[tuple[str, Mask]]:
        """Every test as the reason to fail it and the rows that pass it."""
        kinds = (
            ("not", self.equal, pc.equal),
            ("not at least", self.least, pc.greater_equal),
            ("not below", self.below, pc.less),
        )
        for said, wanted, compare in kinds:
            for name, value in wanted.items():
                if name not in table.column_names:
                    raise DataError(
                        f"corpus.select/where: no column {name!r}; found {', '.join(table.column_names)}; run the step that adds it first"
                    )
                kind = table[name].type
                if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                    raise DataError(
                        f"corpus.select/where: column {name!r} is {kind}, expected text; for numbers take corpus.select/threshold"
                    )
                holds = pc.fill_null(compare(table[name], pa.scalar(value, kind)), False)
                yield f"{name} {said} {value}", np.asarray(holds.to_numpy(), np.bool_)
