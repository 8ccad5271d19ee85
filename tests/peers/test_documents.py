"""Readers of documents beside the libraries that others use for a format."""

from __future__ import annotations

import io

import pytest

from polyalign.corpus.documents.docx import Docx
from polyalign.corpus.documents.subtitles import Subtitles

pytestmark = pytest.mark.peer


@pytest.mark.data
@pytest.mark.parametrize("name", ["captions.en.vtt", "captions.ru.vtt", "captions.sv.vtt"])
def test_cues_and_times_of_pysubs2(data, name):
    pysubs2 = pytest.importorskip("pysubs2")
    path = data / "sub-elephantsdream" / name
    (ours,) = Subtitles("").extract(io.BytesIO(path.read_bytes()), name)
    theirs = [e for e in pysubs2.load(str(path)) if e.plaintext.strip()]
    assert ours.text.split("\n\n") == [e.plaintext.strip() for e in theirs]
    stamp = pysubs2.formats.webvtt.WebVTTFormat.ms_to_timestamp
    assert [mark for _, mark in ours.marks] == [f"{stamp(e.start)} --> {stamp(e.end)}" for e in theirs]


def test_paragraphs_and_cells_of_python_docx():
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.core_properties.language = "rm-CH"
    document.add_heading("Title", 1)
    document.add_paragraph("One\ntwo\tthree").add_run(" bold").bold = True
    document.add_paragraph("item", style="List Bullet")
    table = document.add_table(2, 2)
    for i, cell in enumerate(cell for row in table.rows for cell in row.cells):
        cell.text = f"cell {i}"
    document.add_paragraph("Last")
    file = io.BytesIO()
    document.save(file)
    (ours,) = Docx("").extract(io.BytesIO(file.getvalue()), "a.docx")
    theirs: list[str] = []
    for part in document.iter_inner_content():
        rows = part.rows if hasattr(part, "rows") else ()
        theirs += [cell.text for row in rows for cell in row.cells] or [part.text]
    assert ours.text.split("\n\n") == theirs
    assert ours.lang == "rm-CH"
