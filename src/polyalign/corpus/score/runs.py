"""Columns added to a corpus of any size: its runs come, are scored by all methods, and go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32, threads
from polyalign.corpus.score.texts import Run, by_language, column, forget

T = TypeVar("T")
#: Columns by name.
Scores: TypeAlias = dict[str, pa.Array]
#: Rows that a thread scores at a time: what is decoded of them fits the processor's cache.
PIECE = 4096
#: Rows from which a method learns that learns from the corpus itself.
HEAD = 20_000


def score_runs(runs: Iterable[Run], methods: Mapping[str, Any], *, head: int = HEAD) -> Iterator[Run]:
    """Add a column for each method to every run.

    A pair score is the column ``score.<name>``, a score of single texts ``score.src.<name>`` and ``score.tgt.<name>``, of
    documents ``score.<name>``, a tag ``<name>``; what cannot be told is null. A method that must learn first and has not
    does so from the first `head` rows of the corpus. Rows are scored in several threads; the values depend on neither
    their number nor the sizes of the runs. With more than one thread a run is read while the one before it is scored, and
    so is at hand before that one is asked for.

    Args:
        runs: Sentence pairs or tables of documents, all of one kind.
        methods: Scores and tags by the name of their column.
        head: Rows to learn from.

    Raises:
        ConfigError: A pair score for documents.
        DataError: What the methods raise.

    Example:
        >>> from polyalign.corpus.score.length_ratio import LengthRatio
        >>> run = next(score_runs([Bitext.build(["ab"], ["a"])], {"length_ratio": LengthRatio()}))
        >>> run.column("score.length_ratio")
        [0.5]
    """
    runs = iter(runs)
    if any(needs_fit(method) for method in methods.values()):
        first, runs = peek(runs, head)
        methods = fitted(methods, first)
    with ThreadPoolExecutor(max(1, threads())) as pool:
        try:
            begun = (_begin(run, methods, pool) for run in runs)
            yield from map(_ended, _ahead(begun, 1 if threads() > 1 else 0))
        finally:
            # The threads end and what they hold with them; this one may have decoded texts too.
            pool.shutdown(cancel_futures=True)
            forget()


def _ahead(items: Iterable[T], number: int) -> Iterator[T]:
    """The items, each when so many after it have been made."""
    made: deque[T] = deque()
    for item in items:
        made.append(item)
        if len(made) > number:
            yield made.popleft()
    yield from made


def needs_fit(method: Any) -> bool:
    """Whether a method must learn before it can score."""
    return hasattr(method, "fit") and not getattr(method, "fitted", False)


def fitted(methods: Mapping[str, Any], runs: Iterable[Run]) -> dict[str, Any]:
    """The methods, those that must learn fitted to a corpus."""
    known = list(runs)
    return {name: method.fit(known) if needs_fit(method) else method for name, method in methods.items()}


def peek(runs: Iterator[Run], rows: int = HEAD) -> tuple[list[Run], Iterator[Run]]:
    """The first rows of a corpus, and all of it."""
    taken: list[Run] = []
    head: list[Run] = []
    for run in runs:
        taken.append(run)
        left = rows - sum(map(_rows, head))
        head.append(_slice(run, 0, left))
        if left <= _rows(run):
            break
    return head, chain(taken, runs)


def _rows(run: Run) -> int:
    return len(run) if isinstance(run, Bitext) else int(run.num_rows)


def _slice(run: Run, start: int, rows: int) -> Run:
    return Bitext(run.table.slice(start, rows)) if isinstance(run, Bitext) else run.slice(start, rows)


def _begin(run: Run, methods: Mapping[str, Any], pool: ThreadPoolExecutor) -> tuple[Run, list[Future[Scores]]]:
    """A run, and the scores of its pieces that are being computed."""
    table = (run.table if isinstance(run, Bitext) else run).combine_chunks()
    whole = Bitext(table) if isinstance(run, Bitext) else table
    pieces = (_slice(whole, start, PIECE) for start in range(0, max(1, table.num_rows), PIECE))
    return whole, [pool.submit(score_run, piece, methods) for piece in pieces]


def _ended(begun: tuple[Run, list[Future[Scores]]]) -> Run:
    """The run with its scores as columns, when they are there."""
    run, parts = begun[0], [part.result() for part in begun[1]]
    table = run.table if isinstance(run, Bitext) else run
    for name in parts[0]:
        values = pa.concat_arrays([part[name] for part in parts])
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, values)
        else:
            table = table.append_column(name, values)
    return Bitext(table) if isinstance(run, Bitext) else table


def score_run(run: Run, methods: Mapping[str, Any]) -> Scores:
    """The columns that the methods give a run, by name."""
    out: Scores = {}
    for name, method in methods.items():
        if hasattr(method, "tags"):
            out[name] = method.tags(run.table if isinstance(run, Bitext) else run)
        elif isinstance(run, Bitext) and hasattr(method, "pairs"):
            out[f"score.{name}"] = _column(method.pairs(run))
        elif isinstance(run, Bitext):
            for side, lang in zip(("src", "tgt"), run.langs, strict=True):
                out[f"score.{side}.{name}"] = _column(method.texts(column(run.table, side), lang))
        elif hasattr(method, "texts"):
            out[f"score.{name}"] = _column(_documents(run, method))
        else:
            raise ConfigError(
                f"score {name!r} compares the two sides of a pair, found documents of one language; choose another"
            )
    return out


def _documents(table: pa.Table, method: Any) -> F32:
    texts, out = column(table, "text"), np.full(table.num_rows, np.nan, np.float32)
    groups = by_language(table)
    for lang, rows in groups:
        out[rows] = method.texts(texts if len(groups) == 1 else texts.take(pa.array(rows)), lang)
    return out


def _column(values: F32) -> pa.Array:
    return pa.array(values, pa.float32(), from_pandas=True)


def mask_runs(runs: Iterable[Run], masks: Iterable[Any]) -> Iterator[Run]:
    """Hide in every run's texts what each of the masks finds."""
    masks = list(masks)
    for run in runs:
        table = run.table if isinstance(run, Bitext) else run
        names = zip(("src", "tgt"), run.langs, strict=True) if isinstance(run, Bitext) else [("text", "")]
        for name, lang in names:
            texts = column(table, name)
            for mask in masks:
                texts = mask.mask(texts, lang) if lang else _masked_documents(table, texts, mask)
            table = table.set_column(table.column_names.index(name), name, texts)
        yield Bitext(table) if isinstance(run, Bitext) else table


def _masked_documents(table: pa.Table, texts: pa.LargeStringArray, mask: Any) -> pa.LargeStringArray:
    parts, order = [], []
    for lang, rows in by_language(table):
        parts.append(mask.mask(texts.take(pa.array(rows)), lang))
        order.append(rows)
    if not parts:
        return texts
    return pa.concat_arrays(parts).take(pc.sort_indices(pa.array(np.concatenate(order))))
