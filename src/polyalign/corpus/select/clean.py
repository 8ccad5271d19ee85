"""Cleaning a corpus of any size: which scores, which thresholds, and what became of every row."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, did_you_mean
from polyalign.corpus.rejects import Rejected
from polyalign.corpus.score.texts import Run
from polyalign.corpus.select.presets import PRESETS, Preset

TASKS = ("corpus.score", "corpus.tag")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is computed of each row and what it must reach.

    Args:
        methods: Scores and tags by name.
        minimum: The least value of each column.
        described: Id and parameters of each method by name.
    """

    methods: Mapping[str, Any]
    minimum: Mapping[str, float]
    described: Mapping[str, Mapping[str, Any]]


def plan(
    presets: Sequence[str],
    scores: Sequence[str],
    minima: Sequence[str],
    *,
    documents: bool,
    described: Mapping[str, Mapping[str, Any]] | None = None,
    decide: bool = True,
) -> Plan:
    """Put presets, scores and thresholds together; what is named later stands.

    Args:
        presets: Names of presets.
        scores: Specifications such as ``length``, ``copy:measure=substring`` or ``top_2=top-ngram:n=2``.
        minima: Thresholds such as ``length=1`` or ``score.src.length=0.5``.
        documents: Whether the rows are documents; then a preset's scores of pairs are left out.
        described: Further scores, as a classifier's model names them.
        decide: Whether the thresholds of presets count; a classifier decides instead.

    Raises:
        ConfigError: A preset, score or threshold that is not known.
    """
    chosen: dict[str, tuple[str, Mapping[str, Any]]] = {}
    minimum: dict[str, float] = {}
    for name in presets:
        preset = preset_of(name)
        chosen |= preset.scores
        minimum |= preset.minimum if decide else {}
    optional = set(chosen)
    chosen |= {name: (str(d["id"]), d["params"]) for name, d in (described or {}).items()}
    optional -= set(described or {})
    for spec in scores:
        name, asked, values = parse_score(spec)
        chosen[name] = (asked, values)
        optional.discard(name)
    methods: dict[str, Any] = {}
    for name, (method, given) in chosen.items():
        built = params.build(_row(method), given, where=f"score {name}")
        if not documents or hasattr(built, "texts") or hasattr(built, "tags"):
            methods[name] = built
        elif name in optional:
            minimum.pop(name, None)
        else:
            raise ConfigError(
                f"score {name}: {method} compares the two sides of a pair, found documents; choose another"
            )
    minimum |= {name: value for name, value in map(parse_minimum, minima)}
    told = {n: {"id": chosen[n][0], "params": dict(chosen[n][1])} for n in methods}
    return Plan(methods, _columns(minimum, methods, documents), told)


def preset_of(name: str) -> Preset:
    """A preset by name.

    Raises:
        ConfigError: It is not known.
    """
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}{did_you_mean(name, PRESETS)}; known are {', '.join(PRESETS)}")
    return PRESETS[name]


def parse_score(spec: str) -> tuple[str, str, dict[str, Any]]:
    """A specification as the name of the score, the method and its parameters.

    Raises:
        ConfigError: A parameter without a value.

    Example:
        >>> parse_score("top_2=top-ngram:n=2"), parse_score("copy:measure=substring")
        (('top_2', 'top-ngram', {'n': 2}), ('copy', 'copy', {'measure': 'substring'}))
    """
    head, *rest = spec.split(":")
    name, alias, method = head.rpartition("=")
    given: dict[str, Any] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise ConfigError(f"score {spec!r}: found {part!r}, expected parameter=value behind each colon")
        try:
            given[key] = json.loads(value)
        except ValueError:
            given[key] = value
    return (name if alias else method.split("/")[-1].replace("-", "_")), method, given


def parse_minimum(text: str) -> tuple[str, float]:
    """A threshold as the score and its least value.

    Raises:
        ConfigError: It is no score and number with ``=`` between.

    Example:
        >>> parse_minimum("copy=0.2")
        ('copy', 0.2)
    """
    name, equals, value = text.rpartition("=")
    try:
        return name.strip().replace("-", "_"), float(value) if equals and name.strip() else float("x")
    except ValueError:
        raise ConfigError(f"threshold {text!r}: expected a score, = and a number, such as copy=0.2") from None


def _row(method: str) -> registry.Row:
    if "/" in method:
        return registry.find(method)
    known = {row.name: row for row in registry.rows().values() if row.task in TASKS}
    if method not in known:
        raise ConfigError(
            f"unknown score {method!r}{did_you_mean(method, known)}; `polyalign methods corpus.score` lists them"
        )
    return known[method]


def _columns(minimum: Mapping[str, float], methods: Mapping[str, Any], documents: bool) -> dict[str, float]:
    """Thresholds by column: a score of single texts must be met by both sides."""
    out: dict[str, float] = {}
    for name, least in minimum.items():
        if name.startswith("score."):
            out[name] = least
        elif name not in methods:
            if name != "clean":
                raise ConfigError(
                    f"threshold {name}={least:g}: no such score is computed{did_you_mean(name, methods)}; add --score {name}, or write score.{name} for a column that is there"
                )
            out["score.clean"] = least
        elif documents or hasattr(methods[name], "pairs"):
            out[f"score.{name}"] = least
        else:
            out |= {f"score.{side}.{name}": least for side in ("src", "tgt")}
    return out


@dataclass(slots=True)
class Tally:
    """What became of the rows so far: how many came, stayed and went for which reason, with a sample of each."""

    rows: int = 0
    kept: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    samples: dict[str, str] = field(default_factory=dict)

    def add(self, kept: int, dropped: pa.Table) -> None:
        """Count one run."""
        self.rows += kept + dropped.num_rows
        self.kept += kept
        found = pc.value_counts(dropped["reason"]).to_pylist()
        for entry in found:
            name = entry["values"]
            self.reasons[name] = self.reasons.get(name, 0) + entry["counts"]
            if name not in self.samples:
                first = dropped.slice(pc.index(dropped["reason"], name).as_py(), 1)
                texts = ("src", "tgt") if "src" in dropped.column_names else ("text",)
                self.samples[name] = " | ".join(" ".join((first[t][0].as_py() or "").split())[:60] for t in texts)

    def add_unread(self, unread: Sequence[Rejected], documents: bool) -> pa.Table:
        """Count records that could not be read, and give them as rejected rows: where they were, why, and what is known."""
        names = [f"unreadable {n}" for n in range(len(unread))]
        empty = [""] * len(unread)
        texts = {"doc": names, "text": empty} if documents else {"id": names, "src": empty, "tgt": empty}
        table = pa.table(
            {
                **{k: pa.array(v, pa.string() if k in ("id", "doc") else pa.large_string()) for k, v in texts.items()},
                "reason": [f"unreadable: {r.reason}" for r in unread],
                "source": [r.source for r in unread],
                "at": [r.at for r in unread],
                "record": [r.record for r in unread],
            }
        )
        self.rows += len(unread)
        self.reasons["unreadable"] = self.reasons.get("unreadable", 0) + len(unread)
        self.samples.setdefault("unreadable", f"{unread[0].source} {unread[0].at}: {unread[0].reason}")
        return table

    def told(self) -> list[dict[str, Any]]:
        """Reasons, most frequent first."""
        order = sorted(self.reasons, key=lambda r: (-self.reasons[r], r))
        return [{"reason": r, "rows": self.reasons[r], "sample": self.samples.get(r, "")} for r in order]


def divide(runs: Iterable[Run], select: Any, tally: Tally, reject: Callable[[pa.Table], None]) -> Iterator[Run]:
    """The rows that a method of ``corpus.select`` keeps; the others go to `reject`, and all are counted.

    Args:
        runs: The corpus.
        select: A method of ``corpus.select``.
        tally: Where they are counted.
        reject: Takes the dropped rows of each run.
    """
    for run in runs:
        kept, dropped = select.select(run)
        rows = len(kept) if isinstance(kept, Bitext) else kept.num_rows
        tally.add(rows, dropped)
        if dropped.num_rows:
            reject(dropped)
        yield kept
