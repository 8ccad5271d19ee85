"""Selection by thresholds: the rows that meet every one, and the others with the reason they do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import Mask

#: A bitext, or a table of documents.
R = TypeVar("R", Bitext, pa.Table)


@dataclass(frozen=True, slots=True)
class Threshold:
    r"""Keep the pairs that meet every threshold; the others come back with the reason.

    The tests are made in this order, and a pair's reason is the first it fails:

    1. ``empty-src``, ``empty-tgt``: a side holds nothing but white space (`nonempty`).
    2. ``length-ratio``: :math:`\max(|s|, |t|) / \max(1, \min(|s|, |t|))` in code points is above `max_length_ratio`.
    3. ``score.x < 0.2``: the score is below its minimum; ``score.x missing``: it is null or no number.
    4. ``duplicate``: source and target are those of an earlier pair that passed all other tests (`distinct`).

    Kept and dropped rows together are the input, both in its order. Of a table of documents, the text is what must not be
    empty (``empty-text``) and not be there twice, and there is no length ratio.

    Args:
        minimum: The least value of each score column, such as ``"score.align" = 0.2``; higher is better.
        nonempty: Whether both sides must hold text.
        max_length_ratio: How many times as long as the shorter side the longer may be; no limit by default.
        distinct: Whether of equal pairs only the first is kept.
        missing: Whether a row whose score is null or no number is kept, as one that cannot be told.

    Raises:
        ValueError: A minimum that is no number, or a length ratio below 1.

    Complexity:
        O(n) time for n pairs, O(n log n) with `distinct`.

    Example:
        >>> kept, dropped = Threshold().select(Bitext.build(["Haus", " "], ["house", "tree"]))
        >>> kept.src, dropped["reason"].to_pylist()
        (['Haus'], ['empty-src'])
    """

    minimum: dict[str, float] = field(default_factory=dict)
    nonempty: bool = True
    max_length_ratio: float | None = None
    distinct: bool = False
    missing: bool = False

    def __post_init__(self) -> None:
        if any(not np.isfinite(value) for value in self.minimum.values()):
            raise ValueError(f"minimum must give a number for each score, not {self.minimum}")
        if self.max_length_ratio is not None and not self.max_length_ratio >= 1:
            raise ValueError(f"max_length_ratio must be at least 1, not {self.max_length_ratio}")

    def select(self, run: R) -> tuple[R, pa.Table]:
        """Divide the rows into kept and dropped.

        Args:
            run: Sentence pairs, or a table of documents.

        Returns:
            The kept rows, and a table of the dropped rows with a further column ``reason``.

        Raises:
            DataError: A score column is not there or holds no numbers.
        """
        table = run.table if isinstance(run, Bitext) else run
        texts = ("src", "tgt") if isinstance(run, Bitext) else ("text",)
        reasons: list[str] = [""]
        reason = np.zeros(table.num_rows, np.int32)
        for name, fails in self._tests(table, texts):
            reasons.append(name)
            reason[(reason == 0) & fails] = len(reasons) - 1
        if self.distinct:
            reasons.append("duplicate")
            left = np.flatnonzero(reason == 0)
            reason[left[_repeated(table.take(pa.array(left)), texts)]] = len(reasons) - 1
        names = pa.DictionaryArray.from_arrays(pa.array(reason), pa.array(reasons)).cast(pa.string())
        dropped = table.append_column("reason", names).filter(pa.array(reason != 0))
        return (run.select(reason == 0) if isinstance(run, Bitext) else table.filter(pa.array(reason == 0))), dropped

    def _tests(self, table: pa.Table, texts: tuple[str, ...]) -> Iterator[tuple[str, Mask]]:
        """Every threshold as its reason and the rows that fail it."""
        if self.nonempty:
            for side in texts:
                yield f"empty-{side}", _mask(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(table[side])), 0))
        if self.max_length_ratio is not None and len(texts) == 2:
            lengths = [pc.utf8_length(table[side]).to_numpy() for side in texts]
            yield "length-ratio", np.maximum(*lengths) > self.max_length_ratio * np.maximum(np.minimum(*lengths), 1)
        for name, least in self.minimum.items():
            values = scores_of(table, name)
            # In the column's own precision, so that a float32 score of 0.2 meets a minimum of 0.2.
            least_there = values.dtype.type(least) if values.dtype.kind == "f" else least
            if not self.missing:
                yield f"{name} missing", np.isnan(values)
            yield f"{name} < {least:g}", values < least_there


def scores_of(table: pa.Table, name: str) -> npt.NDArray[Any]:
    """The numbers of a column, NaN for null.

    Raises:
        DataError: It is not there or holds no numbers.
    """
    what = "bitext" if "src" in table.column_names else "documents"
    if name not in table.column_names:
        scores = [c for c in table.column_names if c.startswith("score.")]
        raise DataError(
            f"{what}: no column {name!r} for minimum; found the scores {', '.join(scores) or '(none)'}; run the step that adds it first"
        )
    kind = table[name].type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise DataError(f"{what}: column {name!r} is {kind}, expected numbers; minimum compares scores only")
    return np.asarray(table[name].to_numpy())


def _mask(column: pa.ChunkedArray) -> Mask:
    return np.asarray(column.to_numpy(), np.bool_)


def _repeated(table: pa.Table, texts: tuple[str, ...]) -> Mask:
    """Which rows have the texts of a row before them."""
    codes = np.zeros(table.num_rows, np.int64)
    for side in texts:
        column = table[side].combine_chunks().dictionary_encode()
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        codes = (codes << 32) | column.indices.to_numpy().astype(np.int64)
    repeated: Mask = np.ones(table.num_rows, np.bool_)
    repeated[np.unique(codes, return_index=True)[1]] = False
    return repeated
