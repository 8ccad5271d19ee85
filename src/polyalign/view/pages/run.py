"""The run: its steps as they go, with rates and the time that is left."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from polyalign.report.page import duration, memory, number, pair_name
from polyalign.view.page import answer, language, render, view_of

#: Seconds without an event after which a run that has not ended may have been killed.
QUIET_S = 60


def page(request: Request) -> Response:
    """The steps of a run; of a file, what is in it."""
    opened = view_of(request).opened
    if opened.run is None:
        sources = [opened.source(unit) for unit in opened.units()]
        return render(request, "file.html", title="File", sources=sources, languages=language)
    return render(request, "run.html", title="Run")


def state(request: Request) -> Response:
    """What the run's page shows; 304 where nothing is new since the version that the address names."""
    run = view_of(request).opened.run
    if run is None:
        raise HTTPException(404, "a file was opened, not a run")
    path = run / "events.jsonl"
    version = f"{path.stat().st_size}" if path.is_file() else "0"
    if version == request.query_params.get("since"):
        return answer({"version": version})
    with open(path, encoding="utf-8", errors="replace") as file:
        found = steps(file, _recorded(run))
    return answer({"version": version, **found})


def steps(
    lines: Iterable[str], recorded: Iterable[tuple[str, str, str]] = (), *, now: float | None = None
) -> dict[str, Any]:
    """The last run in a log of events: every step for every pair, how far it is, and how it ended.

    Args:
        lines: JSON lines, as `core.progress` writes them; one that was left half written is none.
        recorded: Steps (step, unit, method) of the run before, which tell what is still to come.
        now: The time; by default this moment's.

    Returns:
        ``project``, ``state`` (running, quiet, done or failed), ``steps``, ``notes``, and `seconds` since it began.
    """
    found: dict[str, Any] = {"project": "", "state": "none", "notes": [], "begun": 0.0, "last": 0.0}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    current: dict[str, Any] | None = None
    progress = ""
    for line in lines:
        if '"event": "progress"' in line:
            # One a second for as long as a run goes on; only the last says anything.
            progress = line
            continue
        if (event := _event(line)) is None:
            continue
        kind, at = event["event"], event["time"]
        key = str(event.get("step", "")), str(event.get("unit", ""))
        if kind == "run":
            found = {"project": event.get("project", ""), "state": "running", "notes": [], "begun": at, "last": at}
            rows, current = {}, None
        found["last"] = at
        match kind:
            case "start":
                rows[key] = current = _row(*key, "running", event)
                progress = ""
            case "stored":
                rows[key] = _row(*key, "stored", event)
            case "finished":
                rows[key] = _row(*key, "finished", event) | _cost(event)
                current = None
            case "failed":
                rows[key] = _row(*key, "failed", event) | {"told": str(event.get("message", ""))}
                found["state"], current = "failed", None
            case "note":
                found["notes"].append(str(event.get("message", "")))
            case "done":
                found["state"] = "done"
    if current is not None and (event := _event(progress)) is not None:
        current["progress"], found["last"] = _progress(event), event["time"]
    if found["state"] == "running":
        silent = (time.time() if now is None else now) - found["last"]
        found |= {"state": "running" if silent < QUIET_S else "quiet", "silent": duration(silent)}
        for step, unit, method in recorded:
            rows.setdefault((step, unit), _row(step, unit, "waiting", {"method": method}))
    found["steps"] = list(rows.values())
    found["ended"] = sum(row["state"] in ("finished", "stored") for row in rows.values())
    found["took"] = duration(max(0.0, found["last"] - found["begun"]))
    found["notes"] = list(dict.fromkeys(found["notes"]))
    return found


def _event(line: str) -> dict[str, Any] | None:
    """An event, or None of a line that was left half written."""
    try:
        event = json.loads(line)
        return {**event, "event": str(event["event"]), "time": float(event["time"])}
    except (ValueError, KeyError, TypeError):
        return None


def _row(step: str, unit: str, state: str, event: Mapping[str, Any]) -> dict[str, Any]:
    shown = pair_name(unit) if "-" in unit or unit == "all" else unit
    return {"step": step, "unit": unit, "shown": shown, "method": event.get("method", ""), "state": state}


def _progress(event: Mapping[str, Any]) -> dict[str, Any]:
    done, total, seconds = int(event["done"]), event.get("total"), float(event.get("seconds") or 0)
    rate = done / seconds if seconds > 0 else 0.0
    left = duration((total - done) / rate) if total and rate and total > done else ""
    told = f"{done:,}" + (f" of {total:,}" if total else "") + f" {event.get('unit', '')}"
    speed = f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.2g} a second" if rate else ""
    return {"label": event.get("label", ""), "done": done, "total": total, "told": told, "rate": speed, "left": left}


def _cost(event: Mapping[str, Any]) -> dict[str, Any]:
    counts: Mapping[str, Any] = event.get("counts") or {}
    told = [f"{counts['value']:.4f} on {counts['in']:,}"] if "value" in counts and "in" in counts else []
    if "out" in counts and not told:
        told.append(f"{counts['in']:,} → {counts['out']:,}" if "in" in counts else f"{counts['out']:,}")
    dropped = counts.get("dropped")
    reasons = sorted(dropped.items(), key=lambda kv: -kv[1]) if isinstance(dropped, dict) else []
    return {
        "told": " ".join(told),
        "dropped": [f"{reason} {number(n)}" for reason, n in reasons],
        "seconds": duration(float(event.get("seconds") or 0)),
        "memory": memory(float(event.get("peak_mb") or 0)),
    }


def _recorded(run: Path) -> list[tuple[str, str, str]]:
    try:
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        return [(s["step"], s["unit"], s["method"]) for s in record["steps"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
