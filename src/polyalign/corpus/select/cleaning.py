"""A corpus in, a clean one out: scores, thresholds or a classifier, masks, and the rejects with their reasons."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note, track
from polyalign.corpus.corpus_files import CorpusFiles, Spool, is_documents, write_rows
from polyalign.corpus.formats import write_bitext
from polyalign.corpus.rejects import Rejected
from polyalign.corpus.score.runs import fitted, mask_runs, needs_fit, score_runs
from polyalign.corpus.score.texts import Run
from polyalign.corpus.select.classifier import SCORE, Classifier, CleanModel
from polyalign.corpus.select.clean import Plan, Tally, divide, parse_minimum, plan
from polyalign.corpus.select.quantile import Quantile
from polyalign.corpus.select.threshold import Threshold
from polyalign.corpus.stream import stream_bitext

#: Rows in memory at a time.
ROWS = 16_384


@dataclass(frozen=True, slots=True)
class Cleaning:
    """How a corpus is cleaned.

    Args:
        presets: Names of presets; "web" if there is nothing else to decide by.
        scores: Further scores and tags, as `clean.parse_score` reads them.
        minima: Thresholds, as `clean.parse_minimum` reads them.
        shares: The best share of rows to keep by a score, written alike.
        reference: Clean text for scores that must learn; without it they learn from the corpus's first rows.
        train: Clean rows to train a classifier on.
        save_model: Where to save it.
        model: A saved classifier. With one, the thresholds of presets count only if presets are named.
        masks: What to hide, as scores are written.
        missing: Whether a row whose score cannot be told is kept.
        distinct: Whether of equal rows of a run only the first is kept.
        with_scores: Whether the columns of scores are written.
        format: Of the corpus, where its name does not tell.
        pair: Its languages, if it is a bitext.
        lang: Its language, if it is documents that name none.

    Raises:
        ConfigError: Settings that do not go together.
    """

    presets: tuple[str, ...] = ()
    scores: tuple[str, ...] = ()
    minima: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    reference: str | None = None
    train: str | None = None
    save_model: str | None = None
    model: str | None = None
    masks: tuple[str, ...] = ()
    missing: bool = True
    distinct: bool = False
    with_scores: bool = True
    format: str | None = None
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN)
    lang: str = UNKNOWN

    def __post_init__(self) -> None:
        if self.train and self.model:
            raise ConfigError("clean: --train makes a classifier and --model brings one; leave one of them out")
        if self.save_model and not self.train:
            raise ConfigError("clean: --save-model has nothing to save; give --train")

    def run(self, source: str, out: str, rejects: str | None = None) -> tuple[Tally, CleanModel | None]:
        """Clean a corpus.

        Args:
            source: A bitext of any format, or documents; ``-`` is standard input.
            out: The clean corpus.
            rejects: Where the other rows go, with a column ``reason``; what cannot be read at all goes there too, and
                without this is an error.

        Returns:
            What became of the rows, and the classifier if there was one.

        Raises:
            ConfigError: A score, preset or format that is not known.
            DataError: A file cannot be read or written.
        """
        documents = source != "-" and is_documents(source, self.format)
        steps, known = self._prepared(documents)
        minimum = {**({SCORE: 0.5} if known else {}), **steps.minimum}
        select = Threshold(minimum=minimum, distinct=self.distinct, missing=self.missing)
        tally = Tally()
        parent = Path(out).parent if out != "-" else None
        with (
            tempfile.TemporaryDirectory(prefix=".clean-", dir=parent) as place,
            Spool(_new(place, "rejected")) as rejected,
        ):
            unread: list[Rejected] = []
            runs: Iterable[Run] = self._read(source, documents, unread.append if rejects else None)
            runs = score_runs(runs, steps.methods)
            runs = (known.score(run) for run in runs) if known else runs
            with Spool(_new(place, "scored")) as scored, Spool(_new(place, "kept")) as kept:
                if self.shares:
                    for run in runs:
                        scored.add(_table(run))
                    runs = _again(scored.table(), self.pair, documents)
                    select = self._with_shares(select, runs)
                put = rejected.add if rejects else _nowhere
                runs = divide(runs, select, tally, put)
                if self.masks:
                    runs = mask_runs(runs, plan((), self.masks, (), documents=documents).methods.values())
                runs = runs if self.with_scores else map(_without_scores, runs)
                if documents:
                    for run in runs:
                        kept.add(_table(run))
                    write_rows(kept.table(), out)
                else:
                    write_bitext(iter(runs), out)
                if unread:
                    rejected.add(tally.add_unread(unread, documents))
                if rejects:
                    write_rows(_complete(rejected.table(), documents, self.pair), rejects)
        return tally, known

    def _prepared(self, documents: bool) -> tuple[Plan, CleanModel | None]:
        """The scores, those that learn from clean text having done so, and the classifier."""
        known = CleanModel.load(self.model) if self.model else None
        presets = self.presets
        if not (presets or known or (not self.train and (self.scores or self.minima or self.shares))):
            presets = ("web",)
        described: Any = known.methods if known else None
        decide = bool(self.presets) or not (known or self.train)
        if self.train:
            # The classifier's own threshold may be set before there is one.
            steps = plan(
                presets,
                self.scores,
                [m for m in self.minima if parse_minimum(m)[0] != "clean"],
                documents=documents,
                decide=decide,
            )
        else:
            steps = plan(presets, self.scores, self.minima, documents=documents, described=described, decide=decide)
        methods = dict(steps.methods)
        clean = self.train or self.reference
        if clean and any(map(needs_fit, methods.values())):
            methods = fitted(methods, self._read(clean, documents, None))
        elif any(map(needs_fit, methods.values())):
            names = ", ".join(name for name, method in methods.items() if needs_fit(method))
            note(
                f"clean: {names} learn from the first rows of the corpus itself; give --reference to learn from clean text"
            )
        minimum = dict(steps.minimum)
        if self.train:
            told = {name: {**d, "params": _learned(methods[name], d["params"])} for name, d in steps.described.items()}
            known = Classifier().learn(
                _joined(self._read(self.train, documents, None), self.train), methods, described=told
            )
            minimum |= {f"score.{name}": value for name, value in map(parse_minimum, self.minima) if name == "clean"}
            if self.save_model:
                known.save(self.save_model)
        return Plan(methods, minimum, steps.described), known

    def _read(self, path: str, documents: bool, rejects: Callable[[Rejected], None] | None) -> Iterator[Run]:
        with track(f"reading {path}", unit="rows") as progress:
            if not documents:
                for bitext in stream_bitext(path, format=self.format, pair=self.pair, pairs=ROWS, rejects=rejects):
                    yield bitext
                    progress.advance(len(bitext))
                return
            tables: Any = CorpusFiles((path,), rows=ROWS).of(path)
            for table in tables:
                if "lang" not in table.column_names:
                    table = table.append_column("lang", pa.array([self.lang] * table.num_rows, pa.string()))
                yield table
                progress.advance(table.num_rows)

    def _with_shares(self, select: Threshold, runs: Iterable[Run]) -> Threshold:
        named = (parse_minimum(share) for share in self.shares)
        keep = {name if name.startswith("score.") else f"score.{name}": share for name, share in named}
        least = Quantile(keep=keep, missing=self.missing).fit(runs).minimum
        return Threshold(minimum={**select.minimum, **least}, distinct=self.distinct, missing=self.missing)


def _learned(method: Any, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters that bring a fitted score back, where they can; what is not a method's class learns anew."""
    known = {row.target.split(":")[1] for row in registry.rows().values() if row.task == "corpus.score"}
    return params.non_default(method) if is_dataclass(method) and type(method).__name__ in known else given


def _joined(runs: Iterable[Run], path: str) -> Run:
    parts = list(runs)
    if not parts:
        raise DataError(f"{path}: found no row, expected clean ones to learn from")
    bitexts = [run for run in parts if isinstance(run, Bitext)]
    return Bitext.concat(bitexts) if bitexts else pa.concat_tables(parts, promote_options="default")


class _Again:
    """The rows of a table in runs, as often as they are asked for."""

    def __init__(self, table: pa.Table, pair: tuple[str, str], documents: bool) -> None:
        meta = {"src_lang": pair[0], "tgt_lang": pair[1]}
        self.table = table if documents else table.replace_schema_metadata(table.schema.metadata or meta)
        self.documents = documents

    def __iter__(self) -> Iterator[Run]:
        for start in range(0, self.table.num_rows, ROWS):
            part = self.table.slice(start, ROWS)
            yield part if self.documents else Bitext(part)


def _again(table: pa.Table, pair: tuple[str, str], documents: bool) -> Iterable[Run]:
    return _Again(table, pair, documents) if table.num_columns else []


def _complete(table: Any, documents: bool, pair: tuple[str, str]) -> Any:
    """The rejects' table with every column that its format needs; empty if nothing was rejected."""
    names = ("doc", "text", "reason") if documents else ("id", "src", "tgt", "reason")
    for name in names:
        if name not in table.column_names:
            table = table.append_column(name, pa.array([""] * table.num_rows, pa.large_string()))
    meta = table.schema.metadata or {"src_lang": pair[0], "tgt_lang": pair[1]}
    return table if documents else table.replace_schema_metadata(meta)


def _new(place: str, name: str) -> Path:
    folder = Path(place, name)
    folder.mkdir()
    return folder


def _nowhere(table: pa.Table) -> None:
    """Takes rows that nobody asked for; they are counted all the same."""


def _table(run: Run) -> pa.Table:
    return run.table if isinstance(run, Bitext) else run


def _without_scores(run: Run) -> Run:
    table: Any = _table(run)
    table = table.drop_columns([name for name in table.column_names if name.startswith("score.")])
    return Bitext(table) if isinstance(run, Bitext) else table
