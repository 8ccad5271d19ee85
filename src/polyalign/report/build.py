"""Build the report of a run: gather, assemble, write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from polyalign.core.files import write_text
from polyalign.report import summary, views
from polyalign.report.page import contents, page
from polyalign.report.record import read_json, read_record
from polyalign.report.teach import write_proof

#: The parts in the order people read them; a part without data is left out.
_PARTS = (
    summary.scores,
    summary.steps,
    views.bead_types,
    views.kept,
    views.distributions,
    views.lexicon,
    views.pictures,
    views.excerpts,
    views.worst,
    summary.cost,
    summary.methods,
    summary.reproduce,
)
_HEADING = re.compile(r'<section id="(\w+)"[^>]*><h2[^>]*>([^<]*)</h2>')


def write_report(run: Path) -> Path:
    """Write ``report.html`` into a run folder: one file, no script, nothing loaded from elsewhere; and pages of its proofs.

    The same run folder gives the same bytes. Only the columns and rows that are shown are read,
    one row group at a time.

    Args:
        run: The folder of a finished run.

    Returns:
        The path of the report.

    Raises:
        DataError: The folder is not that of a finished run, or a result it records is gone.

    Complexity: O(pairs) to read lengths and scores, O(entries log entries) to order the lexicon.
    """
    record = read_record(run)
    parts = [part for build in _PARTS if (part := build(record))]
    titles = [(match[1], match[2]) for part in parts if (match := _HEADING.match(part))]
    body = summary.header(record) + contents(titles) + "<main>\n" + "".join(parts) + "</main>\n"
    path = run / "report.html"
    write_text(path, page(f"{record.name} — polyalign report", body))
    write_proofs(run)
    return path


def write_proofs(run: Path) -> dict[str, dict[str, Any]]:
    """Write the page of each proof in a run folder beside its JSON.

    Args:
        run: The folder of a finished run.

    Returns:
        The proofs, by the step that made them.

    Raises:
        DataError: The folder is not that of a finished run, or a proof is gone.
    """
    record = read_record(run)
    found = {unit.step: read_json(run, f"{unit.step}.json") for unit in record.units if unit.gives == "proof"}
    for id, told in found.items():
        write_proof(told, run / f"{id}.html", name=record.name, papers=record.papers)
    return found
