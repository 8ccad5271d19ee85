"""Columns of numbers: found in every usual form, and never taken for what is text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.beads import parse_vecalign
from polyalign.core.document import Document
from polyalign.core.files import read_lines
from polyalign.evaluate.sentences import SentenceAlignment
from polyalign.sentences.lexical import Lexical
from polyalign.sentences.numbering import strip_numbering

TEXT = ("The bear sleeps.", "No fish!", "« Why? »", "你好。", "Она пришла в 1990.", "So it ends", "А")


def document(lines):
    return Document("d", tuple(lines), np.arange(len(lines), dtype=np.int32) // 2)


def stripped(lines):
    return strip_numbering([document(lines)])[0].sentences


@pytest.mark.parametrize(
    "form",
    ["{n}\t{s}", "{n} {s}", "[{n}] {s}", "({n}) {s}", "{n}) {s}", "{n:03}. {s}", "{n}: {s}", "1:{n} {s}", "Gen.3.{n}\t{s}",
     "#{n} {s}", "{n} | {s}", "{n}|||{s}", "<{n}>{s}", "[{n}]{s}", "  {n}.\t{s}", "3.{n} {s}"],
)  # fmt: skip
def test_the_usual_forms(form):
    assert stripped([form.format(n=n, s=s) for n, s in enumerate(TEXT, 1)]) == TEXT


def test_other_digits_gaps_and_new_starts():
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    assert stripped([f"{n}".translate(arabic) + f" {s}" for n, s in enumerate(TEXT, 1)]) == TEXT
    verses = ["1:30", "1:31", "2:1", "2:2", "2:2", "2:3", "3:1"]
    assert stripped([f"{v} {s}" for v, s in zip(verses, TEXT, strict=True)]) == TEXT
    chapters = [*range(1, 30), *range(1, 40)]
    assert set(stripped([f"{n} part{n % 7}" for n in chapters])) == {f"part{k}" for k in range(7)}
    gaps = [3, 8, 9, 44, 60, 61, 205]
    assert stripped([f"{n}\t{s}" for n, s in zip(gaps, TEXT, strict=True)]) == TEXT
    ids = [48213, 90011, 12345, 77001, 50005, 31313, 22221]
    assert stripped([f"s{n}\t{s}" for n, s in zip(ids, TEXT, strict=True)]) == TEXT


def test_nearly_all_is_enough_and_a_bare_number_stays():
    lines = [f"{n} word{n}" for n in range(1, 41)]
    lines[20] = "no number here"
    out = stripped(lines)
    assert out[20] == "no number here"
    assert out[0] == "word1"
    assert stripped(["1\tone", "2\ttwo", "3", "4\t", "5\tfive"]) == ("one", "two", "3", "4\t", "five")


@pytest.mark.parametrize(
    "lines",
    [
        [f"{y} {s}" for y, s in enumerate(TEXT, 1990)],
        [f"{y}: {s}" for y, s in zip((1815, 1848, 1871, 1914, 1918, 1939, 1945), TEXT, strict=True)],
        [f"{y}\t{s}" for y, s in zip((1815, 1848, 1871, 1914, 1918, 1939, 1945), TEXT, strict=True)],
        [f"{p} {s}" for p, s in zip((12, 5, 80, 7, 19, 44, 3), TEXT, strict=True)],
        [f"{p}\t{s}" for p, s in zip((12, 5, 80, 7, 19, 44, 3), TEXT, strict=True)],
        [f"{p:.2f}\t{s}" for p, s in zip((1.2, 2.5, 8, 9.9, 12, 13, 14), TEXT, strict=True)],
        [f"{n} Euro for {s}" for n, s in enumerate(TEXT, 1)],
        [f"{n}. Mai: {s}" for n, s in enumerate(TEXT, 1)],
        [f"{n}% of {s}" for n, s in enumerate(TEXT, 1)],
        [f"{h}:30 {s}" for h, s in enumerate(TEXT, 8)],
        [f"{n},5 {s}" for n, s in enumerate(TEXT, 1)],
        ["1 bear", "2 deer", "3 fish"],
        ["1 bear", "2 deer", "No fish", "4 dogs", "No cat", "6 cows"],
        list(TEXT),
        [],
        [""] * 9,
        ["7"] * 9,
        [str(n) for n in range(9)],
    ],
)
def test_text_that_begins_with_numbers_stays(lines):
    assert stripped(lines) == tuple(lines)


@given(st.lists(st.text("0123456789.:[] \tab", max_size=8), max_size=12))
def test_nothing_is_lost_but_what_stands_before(lines):
    for before, after in zip(lines, stripped(lines), strict=True):
        assert after == before or (after and before.rstrip().endswith(after))


def test_says_so_once_and_leaves_its_input_alone(capsys):
    one = document([f"{n} {s}" for n, s in enumerate(TEXT, 1)])
    out = strip_numbering([one, document(TEXT), one])
    assert [d.sentences for d in out] == [TEXT] * 3
    assert one.sentences[0] == "1 The bear sleeps."
    assert out[0].paragraphs.tolist() == one.paragraphs.tolist()
    assert " ".join(capsys.readouterr().err.split()).startswith("2 of 3 documents have a number or id before every")
    strip_numbering([document(TEXT)])
    assert capsys.readouterr().err == ""


@pytest.mark.data
@pytest.mark.parametrize("form", ["{n}\t{s}", "[{n}] {s}", "1:{n} {s}"])
def test_ids_do_a_lexical_aligner_no_harm(data, form):
    folder = data / "sa-bleualign-defr"
    lines = [[x.strip() for x in read_lines(folder / f"test2.{lang}")] for lang in ("de", "fr")]
    gold = parse_vecalign(read_lines(folder / "test2.defr"), "gold")
    scores = []
    for text in ("{s}", form):
        src, tgt = (document([text.format(n=n, s=s) for n, s in enumerate(side, 1)]) for side in lines)
        beads = Lexical(paragraphs="ignore").align([src], [tgt])[0].to_indices()
        scores.append(SentenceAlignment(samples=0).score([beads], [gold]).value)
    assert scores[0] == scores[1]
