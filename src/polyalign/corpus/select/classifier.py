"""Selection by a classifier of clean and spoiled rows that learns from scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_text, write_text
from polyalign.core.jit import F32, F64, Mask
from polyalign.core.rng import generator
from polyalign.corpus.score.runs import score_runs
from polyalign.corpus.score.texts import Run
from polyalign.corpus.select.corrupt import DOCUMENTS, PAIRS, corrupt_documents, corrupt_pairs
from polyalign.corpus.select.threshold import R, Threshold, scores_of

SCORE = "score.clean"


@dataclass(frozen=True, slots=True, eq=False)
class CleanModel:
    """A classifier of rows by their scores.

    Args:
        columns: The score columns it reads.
        edges: Where each column's range is cut, rising, one list a column.
        weights: Of the constant; then for each column of being missing, and of lying beyond each edge.
        scale: Slope and offset of the calibration.
        methods: The scores by name, as ids and parameters, for whoever computes them again.
        measured: What it reached on rows it did not learn from: accuracy by kind.
    """

    columns: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    weights: F64
    scale: tuple[float, float]
    methods: Mapping[str, Any]
    measured: Mapping[str, float]

    def probability(self, run: Run) -> F32:
        """How probable it is that each row is clean, if half of all are, shape (n,).

        Raises:
            DataError: A score column is not there.
        """
        table = run.table if isinstance(run, Bitext) else run
        margin = _features(table, self.columns, self.edges) @ self.weights
        return _sigmoid(self.scale[0] * margin + self.scale[1]).astype(np.float32)

    def score(self, run: R) -> R:
        """The rows with the column ``score.clean``. Raises as `probability`."""
        values = pa.array(self.probability(run), pa.float32())
        if isinstance(run, Bitext):
            return run.with_column(SCORE, values)
        there = SCORE in run.column_names
        return (
            run.set_column(run.column_names.index(SCORE), SCORE, values) if there else run.append_column(SCORE, values)
        )

    def save(self, path: str | Path) -> None:
        """Write the model as JSON.

        Raises:
            DataError: It cannot be written.
        """
        held = {name: getattr(self, name) for name in ("columns", "edges", "scale", "methods", "measured")}
        write_text(
            path,
            json.dumps({"polyalign": "clean", **held, "weights": self.weights.tolist()}, ensure_ascii=False) + "\n",
        )

    @classmethod
    def load(cls, path: str | Path) -> CleanModel:
        """Read what `save` wrote.

        Raises:
            DataError: It is no such file.
        """
        try:
            held = json.loads(read_text(path))
            return cls(
                tuple(held["columns"]),
                tuple(tuple(e) for e in held["edges"]),
                np.asarray(held["weights"], np.float64),
                (float(held["scale"][0]), float(held["scale"][1])),
                held["methods"],
                held["measured"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: found no classifier ({error!r}), expected a file that corpus.select/classifier saved"
            ) from None


@dataclass(frozen=True, slots=True)
class Classifier:
    r"""Keep the rows that a classifier holds for clean; it learns from a clean sample and spoiled copies of it.

    As bicleaner does, every pair of the sample is spoiled in several ways: with the target of another pair, or of the next
    one; one side cut off; words of one side replaced; the sides changed; one side copied, misread, repeated (documents: mojibake, repetition,
    scrambled letters, lists). All are scored, and a logistic regression learns to tell them from clean ones, where a score
    :math:`x_j` counts by the quantiles it exceeds:

    .. math:: p(\text{clean}) = \sigma\Big(b + \sum_j m_j [x_j \text{ missing}] + \sum_{j,k} w_{jk} [x_j > q_{jk}]\Big)

    so any curve of a score can be learned and outliers do no harm. Clean rows weigh as much as all bad ones together, and the
    margin is calibrated by Platt's sigmoid on a fifth of the sample that is not learned from: ``score.clean`` is the
    probability that a row is clean if half of the corpus is.

    **Differs:** bicleaner's features come from a lexicon and its classifier is a forest; here they are whatever scores are
    given, the lexicon one or vectors among them. What no score sees cannot be learned.

    Args:
        model: A saved model; without it `learn` first.
        minimum: Least probability to keep.
        bins: Into how many parts of equal size a score's range is cut; its ends are cut finer.
        penalty: Weight of the squares of all weights; stronger for small samples.
        seed: Of the spoiling and of what is held out.

    Raises:
        ValueError: A parameter out of range.

    References: sanchez2018prompsit, platt1999probabilistic
    """

    model: PathText = ""
    minimum: float = 0.5
    bins: int = 12
    penalty: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= 1:
            raise ValueError(f"minimum must lie between 0 and 1, not {self.minimum}")
        if self.bins < 2 or self.penalty <= 0:
            raise ValueError(f"bins must be at least 2 and penalty above 0, not {self.bins} and {self.penalty}")

    def select(self, run: R) -> tuple[R, pa.Table]:
        """Divide the rows into kept and dropped, both with ``score.clean``.

        Raises:
            DataError: No model, one that cannot be read, or a score that it needs is not there.
        """
        if not self.model:
            raise DataError(
                "corpus.select/classifier: found no model, expected one of clean rows; give model, or call learn"
            )
        return Threshold(minimum={SCORE: self.minimum}).select(CleanModel.load(self.model).score(run))

    def learn(
        self, clean: Run, methods: Mapping[str, Any], *, described: Mapping[str, Any] | None = None
    ) -> CleanModel:
        """Learn from a clean sample.

        Args:
            clean: Clean pairs, or documents; some thousands are enough.
            methods: Scores by the name of their column; those that learn have learned.
            described: The same as plain values, to be kept with the model.

        Raises:
            DataError: Too few rows, or a method's own complaint.
        """
        parts = _spoiled(clean, self.seed)
        tables = {kind: _table(next(score_runs([part], methods))) for kind, part in parts.items()}
        good = tables["clean"]
        columns = tuple(c for c in good.column_names if c.startswith("score.") and c != SCORE)
        if good.num_rows < 50 or not columns:
            raise DataError(
                f"corpus.select/classifier: found {good.num_rows} clean rows and {len(columns)} scores, expected 50 and 1 or more; give a larger sample"
            )
        everything = pa.concat_tables([t.select(columns) for t in tables.values()])
        edges = tuple(_edges(scores_of(everything, c), self.bins) for c in columns)
        x = _features(everything, columns, edges)
        sizes = [t.num_rows for t in tables.values()]
        kind = np.repeat(np.arange(len(sizes)), sizes)
        y = kind == 0
        held = generator(self.seed, "held out").random(len(y)) < 0.2
        weight = np.where(y, 1 / max(1, y.sum()), 1 / max(1, (~y).sum())) * len(y) / 2
        weights = _logistic(x[~held], y[~held], weight[~held], self.penalty)
        margin = x @ weights
        scale = _logistic(np.stack([margin[held], np.ones(held.sum())], axis=1), y[held], weight[held], 1e-6)
        found = (scale[0] * margin + scale[1] > 0) == y
        measured = {
            name: float(found[held & (kind == k)].mean()) for k, name in enumerate(tables) if (held & (kind == k)).any()
        }
        return CleanModel(columns, edges, weights, (float(scale[0]), float(scale[1])), dict(described or {}), measured)


def _spoiled(clean: Run, seed: int) -> dict[str, Run]:
    if isinstance(clean, Bitext):
        bare = Bitext(clean.table.select(["id", "src", "tgt"]))
        return {"clean": bare, **{kind: corrupt_pairs(bare, kind, seed=seed) for kind in PAIRS}}
    keep = clean.select([c for c in ("doc", "lang", "text") if c in clean.column_names])
    return {"clean": keep, **{kind: corrupt_documents(keep, kind, seed=seed) for kind in DOCUMENTS}}


def _table(run: Run) -> pa.Table:
    return run.table if isinstance(run, Bitext) else run


def _edges(values: F64, bins: int) -> tuple[float, ...]:
    there = values[~np.isnan(values)]
    if not len(there):
        return ()
    # The least value among the edges would part nothing.
    # Flaws are rare, so the ends are cut finer, and what is not the best value of all is told from it.
    shares = np.unique([*np.arange(1, bins) / bins, 0.005, 0.01, 0.02, 0.05, 0.95, 0.98, 0.99])
    below = there[there < there.max()]
    edges = np.append(np.quantile(there, shares, method="lower"), below.max(initial=there.max()))
    return tuple(float(e) for e in np.unique(edges.astype(np.float32)) if e < there.max())


def _features(table: pa.Table, columns: Sequence[str], edges: Sequence[Sequence[float]]) -> F64:
    parts = [np.ones((table.num_rows, 1))]
    for name, cuts in zip(columns, edges, strict=True):
        values = np.asarray(scores_of(table, name), np.float64)
        parts += [np.isnan(values)[:, None], values[:, None] > np.asarray(cuts, np.float64)[None, :]]
    return np.concatenate(parts, axis=1, dtype=np.float64)


def _logistic(x: F64, y: Mask, weight: F64, penalty: float) -> F64:
    """Weights of least logistic loss plus half the penalty times their squares, the first feature's apart."""
    # Scipy takes 40 MB, and only learning needs it.
    from scipy.optimize import minimize

    sign = np.where(y, 1.0, -1.0)

    def loss(w: F64) -> tuple[float, F64]:
        margin = sign * (x @ w)
        slope = -weight * sign * _sigmoid(-margin)
        kept = np.append(0.0, w[1:])
        return float(weight @ np.logaddexp(0, -margin) + penalty / 2 * kept @ kept), x.T @ slope + penalty * kept

    return np.asarray(minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x)


def _sigmoid(x: F64) -> F64:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))
