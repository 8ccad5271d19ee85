"""Cues: what is recognised in any script, what the products are, and that nothing depends on the run."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.document import Document
from polyalign.sentences.cues import cue_vectors, cues


def document(*lines):
    return Document("d", tuple(lines), np.zeros(len(lines), np.int32))


def kinds(text, mark):
    return [c[1:] for c in cues(text) if c[0] == mark]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1'250.50", ["1250.5"]),
        ("1.250,50", ["1250.5"]),
        ("1 250,50", ["1250.5"]),
        ("1\u202f250", ["1250"]),
        ("1,250", ["1250"]),
        ("12,5", ["12.5"]),
        ("12.50", ["12.5"]),
        ("١٢٫٥", ["12.5"]),
        ("१२", ["12"]),
        ("17.05.2026", ["17", "5", "2026"]),
        ("17/5/2026", ["17", "5", "2026"]),
        ("1990-1995", ["1990", "1995"]),
        ("007", ["7"]),
        ("0", ["0"]),
        ("3.0", ["3"]),
    ],
)
def test_numbers_however_they_are_written(text, numbers):
    assert kinds(f"abc {text} def", "#") == numbers


def test_the_other_kinds():
    assert kinds("see https://x.org/A?b=1, or a.b@c.de.", "@") == ["https://x.org/a?b=1", "a.b@c.de"]
    assert kinds("00:01:12,500 --> 00:01:14", "t") == kinds("0:01:12.500 0:01:14", "t")
    assert kinds("IV. Kapitel", "*") == ["4"] == kinds("4. Chapter", "*")
    assert kinds("XC) x", "*") == ["90"]
    assert kinds("a) x", "*") == ["a"] == kinds("A. x", "*")
    assert kinds("1.2. x", "*") == ["1.2"]
    assert kinds("Er kam. IV. war er.", "*") == []
    assert kinds("§ 5 kostet 3 €", "+") == ["§", "€"]
    assert kinds("Really?»", ".") == ["?"] == kinds("真的？", ".")
    assert kinds("No.", ".") == []
    assert kinds("Putin UNO Рим", "~") == ["putin", "uno"]
    assert kinds("Президент", "~") == kinds("Prezident", "~") == ["prezi"]
    assert kinds("Zürich", "~") == kinds("zurich", "~")
    assert list(cues("")) == list(cues("...")) == []


def test_products_are_idf_weighted_overlap():
    src = [
        document("Paid 17 and 4711 to Smith", "nothing here", "only 17", "17 again for Brown?", *["none at all"] * 16)
    ]
    tgt = [document("rien", "Smith 4711 17", "17 encore", "Brown?", "17", *["rien"] * 15)]
    x, y = cue_vectors(src, tgt, 512)
    assert x.shape == y.shape == (20, 512)
    assert x.dtype == y.dtype == np.float32
    norms = np.linalg.norm(np.concatenate([x, y]), axis=1)
    assert (np.isclose(norms, 1, atol=1e-5) | (norms == 0)).all()
    assert not x[1].any()
    assert not y[0].any()
    products = x @ y.T
    assert products[0, 1] > 0.95
    assert products[0, 1] > products[0, 2] > 0.05
    assert abs(products[0, 3]) < 0.2


def test_what_only_one_side_has_or_all_sentences_have_does_not_count():
    src = [document(*(f"Same {k} Onlyhere" for k in range(100, 120)))]
    tgt = [document(*(f"Same {k} Justthere" for k in range(119, 99, -1)))]
    x, y = cue_vectors(src, tgt, 512)
    products = x @ y.T
    assert np.array_equal(products.argmax(axis=1), np.arange(20)[::-1])
    assert products.max() > 0.99
    assert np.abs(products[0, :19]).max() < 0.3


@given(st.lists(st.text(max_size=12), max_size=6), st.lists(st.text("0123456789.,:IVXa ?§٣é", max_size=12), max_size=6))
def test_any_text_gives_unit_rows_or_zeros(src, tgt):
    for side, rows in zip((src, tgt), cue_vectors([document(*src)], [document(*tgt)], 16), strict=True):
        assert rows.shape == (len(side), 16)
        norms = np.linalg.norm(rows, axis=1)
        assert (np.isclose(norms, 1, atol=1e-4) | (norms == 0)).all()


def test_documents_lie_end_to_end_and_none_is_fine():
    parts = cue_vectors([document("4711"), document(), document("12", "13")], [document("13", "12"), document("4711")])
    whole = cue_vectors([document("4711", "12", "13")], [document("13", "12", "4711")])
    for a, b in zip(parts, whole, strict=True):
        assert np.array_equal(a, b)
    assert [v.shape for v in cue_vectors([], [])] == [(0, 64), (0, 64)]


def test_another_process_gives_the_same_bytes():
    code = (
        "import numpy as np, sys; from polyalign.core.document import Document; from polyalign.sentences.cues import cue_vectors;"
        "d = [Document('d', ('Anna 12', 'Berlin 4711 §', 'Zug'), np.zeros(3, np.int32))];"
        "sys.stdout.write(cue_vectors(d, d)[0].tobytes().hex())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert runs.pop()


@pytest.mark.parametrize("dim", [0, 12, 520, -8])
def test_dimensions_that_cannot_be(dim):
    with pytest.raises(ValueError, match="multiple of 8 from 8 to 512"):
        cue_vectors([], [], dim)
