"""What a run folder says about itself: its steps, what each counted and took, its scores and notes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Unit:
    """One step for one language pair, or for all languages.

    Args:
        step: The step's id.
        unit: The pair's name, or ``all``.
        method: The method's id.
        papers: Keys of the papers behind it.
        gives: The kind of its result.
        params: Its parameters that are not at their default.
        folder: Where its result is stored.
        counts: What it counted.
        seconds: How long making it took; None when the log does not say.
        peak_mb: Peak memory while it was made, in MB; None when the log does not say.
        state: ``fresh`` if the last run made it, ``stored`` if it was there, ``""`` if the log does not say.
    """

    step: str
    unit: str
    method: str
    papers: tuple[str, ...]
    gives: str
    params: Mapping[str, Any]
    folder: Path
    counts: Mapping[str, Any]
    seconds: float | None
    peak_mb: float | None
    state: str

    def path(self, name: str) -> Path:
        """A file of its result.

        Raises:
            DataError: The file is not there.
        """
        path = self.folder / name
        if not path.is_file():
            raise DataError(
                f"{path}: recorded in run.json but not there, expected the result of step '{self.step}'; run the project file again, only what is missing is made anew"
            )
        return path


@dataclass(frozen=True, slots=True)
class Record:
    """A finished run.

    Args:
        folder: The run folder.
        file: The project file's name.
        version: The version of polyalign that ran it.
        name: The project's name.
        languages: Its language tags.
        pairs: The names of its language pairs.
        seed: Of every random choice.
        units: Every step for every pair, in order.
        scores: What was measured: the score's JSON with `step` and `pair`.
        notes: What the steps of the last run had to say.
        followed: Keys of the papers that the project as a whole follows.
    """

    folder: Path
    file: str
    version: str
    name: str
    languages: tuple[str, ...]
    pairs: tuple[str, ...]
    seed: int
    units: tuple[Unit, ...]
    scores: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    followed: tuple[str, ...] = ()

    @property
    def papers(self) -> list[str]:
        """Keys of the papers that the project follows and of those behind its methods, each once."""
        return list(dict.fromkeys([*self.followed, *(key for u in self.units for key in u.papers)]))

    def last(self, kind: str, unit: str = "all") -> Unit | None:
        """The last result of a kind (``links``) or of a task (``sentences.align``) for a pair."""
        found = (u for u in reversed(self.units) if u.unit == unit and kind in (u.gives, u.method.split("/")[0]))
        return next(found, None)

    def corpus(self, pair: str) -> Path | None:
        """The published bitext of a pair, if there is one."""
        path = self.folder / "bitext" / f"{pair}.parquet"
        return path if path.is_file() else None


def read_record(folder: Path) -> Record:
    """Read a run folder's ``run.json``, ``scores.json`` and ``events.jsonl``.

    Raises:
        DataError: It is not a finished run, or one of the files is damaged.
    """
    data = read_json(folder, "run.json")
    scores = read_json(folder, "scores.json")
    finished, states, notes = _read_events(folder / "events.jsonl")
    try:
        units = tuple(
            Unit(
                step=u["step"],
                unit=u["unit"],
                method=u["method"],
                papers=tuple(u["papers"]),
                gives=u["gives"],
                params=u["params"],
                folder=folder / u["folder"],
                counts=u["counts"],
                seconds=finished.get((u["step"], u["unit"]), {}).get("seconds"),
                peak_mb=finished.get((u["step"], u["unit"]), {}).get("peak_mb"),
                state=states.get((u["step"], u["unit"]), ""),
            )
            for u in data["steps"]
        )
        return Record(
            folder,
            data["file"],
            data["version"],
            data["name"],
            tuple(data["languages"]),
            tuple(data["pairs"]),
            data["seed"],
            units,
            tuple(scores),
            notes,
            tuple(data.get("papers", ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder / 'run.json'}: {error} is missing or of the wrong form, expected what `polyalign run` writes; run the project file again"
        ) from None


def read_json(folder: Path, name: str) -> Any:
    """A file of a run folder.

    Raises:
        DataError: It is not there, or damaged.
    """
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"{folder}: has no {name}, expected the folder of a finished run; run its project file first (`polyalign run`)"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / name}: cannot be read ({error}); run the project file again") from None


Key = tuple[str, str]


def _read_events(path: Path) -> tuple[dict[Key, Mapping[str, Any]], dict[Key, str], tuple[str, ...]]:
    """The last `finished` event of each unit, each unit's state in the last run, and that run's notes."""
    finished: dict[Key, Mapping[str, Any]] = {}
    states: dict[Key, str] = {}
    notes: list[str] = []
    if path.is_file():
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    event = json.loads(line)
                    kind, key = event["event"], (event.get("step", ""), event.get("unit", ""))
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue  # A killed run may leave half a line; the next run wrote its own behind it.
                if kind == "run":
                    states, notes = {}, []
                elif kind == "finished":
                    finished[key], states[key] = event, "fresh"
                elif kind == "stored":
                    states[key] = "stored"
                elif kind == "note":
                    notes.append(str(event.get("message", "")))
    return finished, states, tuple(dict.fromkeys(notes))
