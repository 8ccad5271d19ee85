"""What a run measured, and how it differs from another run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from polyalign.report.page import pair_name
from polyalign.report.teach_charts import curves_of_models
from polyalign.view.against import Against, differences, overlap, steps_of
from polyalign.view.page import render, view_of
from polyalign.view.source import Opened


def page(request: Request) -> Response:
    """Scores with their intervals, curves over a model's layers; of two runs both, and what differs."""
    opened = view_of(request).opened
    opening = opened.opening
    other = opening.other if isinstance(opening, Against) else None
    run, theirs = opened.run, other.path if other is not None and other.is_run else None
    return render(
        request,
        "measures.html",
        title="Measures" if other is None else "Comparison",
        other=other.path.resolve().name if other is not None else "",
        scores=_scores(run, theirs),
        curves=_curves(run) if run is not None else [],
        links=_links(opened, opening) if isinstance(opening, Against) else [],
        steps=differences(steps_of(run), steps_of(theirs)) if run is not None and theirs is not None else [],
        pair_name=lambda unit: pair_name(unit) if "-" in unit or unit == "all" else unit,
    )


def _scores(run: Path | None, other: Path | None) -> list[dict[str, Any]]:
    """Every score of either run; of both the difference."""
    found = [_read(folder / "scores.json") if folder is not None else [] for folder in (run, other)]
    tables = [{(s["step"], s["pair"], s["name"]): s for s in scores} for scores in found]
    out = []
    for key in dict.fromkeys((*tables[0], *tables[1])):
        own, theirs = (table.get(key) for table in tables)
        row = {"step": key[0], "pair": key[1], "name": key[2], "own": own, "other": theirs, "difference": None}
        if own is not None and theirs is not None:
            row["difference"] = own["value"] - theirs["value"]
            row["apart"] = _apart(own.get("ci"), theirs.get("ci"))
        out.append(row)
    return out


def _apart(a: Any, b: Any) -> bool:
    """Whether two intervals have nothing in common."""
    return bool(a and b and (a[0] > b[1] or b[0] > a[1]))


def _curves(run: Path) -> list[tuple[str, Markup]]:
    """The layer curves of every proof that the run has published."""
    out = []
    for step, unit in steps_of(run):
        told = _read(run / f"{step}.json") if unit == "all" else None
        if isinstance(told, dict) and "alignment" in told:
            names = [m["name"] for m in told["models"]]
            for held in told["alignment"]:
                label = f"MEXA of every layer, {pair_name(held['src'] + '-' + held['tgt'])}"
                # Made of numbers and escaped names.
                out.append((label, Markup(curves_of_models(names, held["layers"], label))))
    return out


def _links(opened: Opened, opening: Against) -> list[dict[str, Any]]:
    """How alike the links of the two are, by language pair, or why that cannot be told."""
    out = []
    for unit in opened.units():
        source = opened.source(unit)
        name = opening.named("")
        theirs = [a for a in source.aligners if a.endswith(name)]
        told = "; ".join(note for note in source.notes if name in note)
        if source.base is not None and theirs:
            out.append({"unit": unit, "overlap": overlap(source, source.base, theirs[0]), "told": told})
        elif told:
            out.append({"unit": unit, "overlap": None, "told": told})
    return out


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
