"""Many metrics of one or more models over parallel texts, as one plain object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from polyalign import __version__
from polyalign.core import registry
from polyalign.core.errors import ConfigError, MissingExtraError, did_you_mean
from polyalign.core.jit import F32, F64
from polyalign.core.progress import note
from polyalign.core.score import Score, bootstrap
from polyalign.core.space import unit
from polyalign.encoders.causal import Causal
from polyalign.encoders.centre import centre
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.model.metrics import MEASURES
from polyalign.evaluate.model.parallel import Parallel
from polyalign.evaluate.model.work import LeftOut, Measured, Work
from polyalign.evaluate.ratios import check_samples

#: Sentences of the map.
MAP = 100


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """Measure models over parallel texts: how near translations are in every layer, tokenizer, likelihood.

    Each language is compared with the pivot. Metrics of one layer are taken in the layer where most sentences of all
    languages are nearest to their translation in both directions; it is chosen on the same sentences, and so is a little
    flattered. Models are compared by resampling the same sentences for both.

    Args:
        metrics: Names of the metrics; empty for all that a model can have.
        pooling: What is made of a sentence's hidden states; auto: of causal models a mean in which the k-th token weighs
            k, of encoders a plain mean.
        samples: Resamples of the bootstrap over sentences; 0 for no intervals.
        seed: Of the resampling.

    Raises:
        ValueError: An unknown metric, or a negative number of samples.

    References: kargaran2025mexa, efron1979bootstrap
    """

    metrics: tuple[str, ...] = ()
    pooling: Literal["auto", "weighted", "mean", "last"] = "auto"
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in self.metrics:
            if name not in MEASURES:
                raise ValueError(
                    f"metric {name!r}: expected some of {', '.join(MEASURES)}{did_you_mean(name, MEASURES)}"
                )
        check_samples(self.samples)

    def profile(self, models: Sequence[str], parallel: Parallel, *, folder: str = "") -> dict[str, Any]:
        """Measure models.

        Args:
            models: Names of encoders and causal models, as `named_encoder` takes them.
            parallel: The texts.
            folder: What the texts are called.

        Returns:
            An object for JSON; what is not defined is None. Languages are tags; a score of all languages at once stands
            under ``all``::

                {"polyalign": version, "parallel": {"folder", "sentences", "multiway"}, "pivot", "languages": [tag, ...],
                 "metrics": {metric: {"title", "about", "better", "group", "top", "method", "papers", "parts": {part: title}}},
                 "models": [{
                     "model": name, "pivot", "languages", "depth": layers above the embeddings, "layer": the best,
                     "metrics": {metric: {tag: {"value", "ci": [low, high], "n", "signature", "parts"}}},
                     "layers": {metric: {tag: [value of the embeddings, of layer 1, ...]}},
                     "pairs": {"mexa": [[share, ...], ...],           # the pivot first, then languages; multiway texts only
                               "bias": [[share, ...], ...]},          # of each language's nearest sentences, in which they are
                     "map": {"as it is" | "centred": {"points": {tag: [[x, y], ...]}, "explained": [share, share]}},
                     "notes": [...]}],
                 "differences": [{"models": [a, b], "metric", "language", "value": b - a, "ci", "n"}],
                 "texts": {tag: [sentence of the map, ...]}}

        Raises:
            ConfigError: No such model, the same twice, or one that cannot be read.
            DataError: A model is damaged.
            MissingExtraError: What reads it is not installed.
        """
        if len(set(models)) < len(models) or not models:
            raise ConfigError(f"models {', '.join(models) or 'none'}: expected at least one, and each once")
        # Before any is read, which takes minutes: whether they are there at all.
        encoders = [named_encoder(name) for name in models]
        depths = [encoder.depth for encoder in encoders]
        shown = _shown(models)
        made, measured = [], []
        for name, encoder, depth, short in zip(models, encoders, depths, shown, strict=True):
            pooling = (
                ("weighted" if isinstance(encoder, Causal) else "mean") if self.pooling == "auto" else self.pooling
            )
            work = Work(name, encoder, parallel, pooling, self.samples, self.seed)
            found, notes = self._metrics(work, short)
            measured.append(found)
            made.append(_model(work, short, depth, found, notes))
        names = [name for name in MEASURES if any(name in found for found in measured)]
        several = parallel.multiway and any(m["map"] for m in made)
        return {
            "polyalign": __version__,
            "parallel": {
                "folder": folder,
                "sentences": max(len(rows) for rows in parallel.rows.values()),
                "multiway": parallel.multiway,
            },
            "pivot": parallel.pivot,
            "languages": parallel.languages,
            "metrics": {name: _described(name) for name in names},
            "models": made,
            "differences": self._differences(shown, measured),
            "texts": {lang: texts[:MAP] for lang, texts in parallel.texts.items()} if several else {},
        }

    def _metrics(self, work: Work, shown: str) -> tuple[dict[str, Measured], list[str]]:
        found, notes = {}, []
        for name in self.metrics or [n for n, measure in MEASURES.items() if measure.default]:
            try:
                found[name] = MEASURES[name].of(work)
            except (LeftOut, MissingExtraError) as reason:
                notes.append(f"{name}: left out, as {reason}")
        if not found:
            raise ConfigError(f"model {shown!r}: has none of the metrics; {'; '.join(notes)}")
        # Who asked for everything knows that not every model has it all.
        for told in notes if self.metrics else ():
            note(f"{shown}: {told}")
        return found, notes

    def _differences(self, models: Sequence[str], measured: Sequence[dict[str, Measured]]) -> list[dict[str, Any]]:
        """Each model less the first."""
        out = []
        for name, found in zip(models[1:], measured[1:], strict=True):
            for metric in (m for m in found if m in measured[0]):
                first, mine = measured[0][metric].scores, found[metric].scores
                for lang in (x for x in mine if x in first and mine[x].aggregate):
                    told = self._difference(first[lang], mine[lang])
                    out.append({"models": [models[0], name], "metric": metric, "language": lang, **told})
        return out

    def _difference(self, a: Score, b: Score) -> dict[str, Any]:
        split, value = a.items.shape[1], b.aggregate
        assert value is not None

        def difference(sums: F64) -> F64:
            return np.asarray(value(sums[..., split:]) - value(sums[..., :split]), np.float64)

        ci = bootstrap(np.concatenate([a.items, b.items], axis=1), difference, samples=self.samples, seed=self.seed)
        return {"value": _plain(b.value - a.value), "ci": [_plain(x) for x in ci], "n": a.n}


def _model(work: Work, shown: str, depth: int, found: dict[str, Measured], notes: list[str]) -> dict[str, Any]:
    read = any(MEASURES[name].group == "representation" for name in found)
    layers = {n: m.layers for n, m in found.items() if m.layers and depth}
    if not work.parallel.multiway:
        notes.append("map and pairs: left out, as each language has its own sentences")
    return {
        "model": shown,
        "pivot": work.parallel.pivot,
        "languages": work.parallel.languages,
        "depth": depth,
        "layer": work.layer if read and depth else None,
        "metrics": {n: {lang: _scored(s) for lang, s in m.scores.items()} for n, m in found.items()},
        "layers": {n: {lang: [_plain(v) for v in curve] for lang, curve in held.items()} for n, held in layers.items()},
        "pairs": {"mexa": _pairs(work), "bias": _bias(work)} if read and work.parallel.multiway else {},
        "map": _map(work.at_layer()) if read and work.parallel.multiway else {},
        "notes": notes,
    }


def _pairs(work: Work) -> list[list[float | None]]:
    """The share of mutual nearest translations for every two languages, the pivot first."""
    mexa, sides = work.metric("evaluate/mexa", samples=0), list(work.at_layer().values())
    out: list[list[float | None]] = [[None] * len(sides) for _ in sides]
    for i, x in enumerate(sides):
        for j, y in enumerate(sides[:i]):
            out[i][j] = out[j][i] = _plain(mexa.hits(x, y).mean())
    return out


def _bias(work: Work) -> list[list[float | None]]:
    """Of the nearest sentences of all languages, the share in each, the pivot first; rows are the languages asked in."""
    shares = work.metric("evaluate/lareqa", samples=0).bias(work.at_layer())
    return [[_plain(x) for x in row] for row in shares]


def _map(sides: dict[str, F32]) -> dict[str, Any]:
    vectors = {lang: unit(x) for lang, x in sides.items()}
    means = dict(zip(vectors, centre(*vectors.values(), prior=0), strict=True))
    return {"as it is": _components(vectors), "centred": _components(means)}


def _components(sides: dict[str, F32]) -> dict[str, Any]:
    """The first two principal components of all languages' vectors together."""
    whole = np.concatenate(list(sides.values())).astype(np.float64)
    whole -= whole.mean(axis=0)
    values, axes = np.linalg.eigh(whole.T @ whole)
    # Signs are free; the largest part of an axis points up.
    first = axes[:, :-3:-1]
    first = first * np.sign(first[np.abs(first).argmax(axis=0), np.arange(first.shape[1])])
    explained = values[::-1][:2] / max(float(values.sum()), 1e-300)
    places = np.split(whole @ first, np.cumsum([len(x) for x in sides.values()])[:-1])
    points = {lang: np.round(rows[:MAP], 4).tolist() for lang, rows in zip(sides, places, strict=True)}
    return {"points": points, "explained": [_plain(x) for x in explained]}


def _described(name: str) -> dict[str, Any]:
    held = asdict(MEASURES[name])
    del held["of"], held["default"]
    return {**held, "papers": list(registry.find(MEASURES[name].method).papers)}


def _scored(score: Score) -> dict[str, Any]:
    return {
        "value": _plain(score.value),
        "ci": [_plain(x) for x in score.ci],
        "n": score.n,
        "signature": score.signature,
        "parts": {k: _plain(x) for k, x in score.parts.items()},
    }


def _plain(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def _shown(models: Sequence[str]) -> list[str]:
    """Models by the last part of a path where that tells them apart."""
    short = [Path(name).name.removesuffix(".gguf") for name in models]
    return short if len(set(short)) == len(short) else list(models)
