from __future__ import annotations

import re

import pytest

from polyalign.cli.teach import show
from polyalign.report.teach import write_proof
from polyalign.report.teach_charts import curves_of_models


def cell(value, wide=0.1):
    return {"value": value, "ci": [value - wide, value + wide], "n": 40, "signature": f"metric:made-up|value:{value}"}


def change(value, wide=0.05):
    return {"value": value, "ci": [value - wide, value + wide], "n": 40}


def held(before, after, **more):
    return {"cells": [cell(before), cell(after)], "changes": [None, change(after - before)], **more}


def made_up():
    yard = {**cell(1.97), "name": "PPMd"}
    return {
        "polyalign": "0.1.0",
        "new": "roh_Latn",
        "known": ["deu_Latn", "arb_Arab"],
        "tolerance": 0.1,
        "models": [
            {
                "name": name, "parameters": 134_515_008, "megabytes": 513.1, "vocabulary": 49_152 + 2000 * k,
                "reading": {"tokens_per_second": 500.0, "bytes_per_second": 1500.0 + 700 * k},
                "writing": {"tokens_per_second": 40.0, "bytes_per_second": 120.0},
            }
            for k, name in enumerate(["base", "<trained>"])
        ],
        "text": {tag: {"documents": 9, "bytes": 24_000, "windows": 40, "seen_bytes": 120_000} for tag in ("roh_Latn", "deu_Latn", "arb_Arab")},
        "bits_per_byte": {
            "roh_Latn": held(3.16, 1.9, compressor=yard),
            "deu_Latn": held(2.14, 2.34, compressor=yard),
            "arb_Arab": held(1.5, 1.5, compressor=yard),
        },
        "tokenizer": {
            tag: {"fertility": [cell(2.2), cell(1.5)], "bytes_per_token": [cell(2.9), cell(4.3)]} for tag in ("roh_Latn", "deu_Latn")
        },
        "alignment": [
            {"src": "deu_Latn", "tgt": "roh_Latn", "n": 100, "layers": [[0.1, None, 0.3], [0.1, 0.4, 0.5]], "mexa": held(0.2, 0.35), "retrieval": held(0.6, 0.4)}
        ],
        "translation": [
            {
                "src": "deu_Latn", "tgt": "arb_Arab", "n": 24, "shots": 4, **held(10.0, 25.0), "copied": cell(18.0),
                "examples": [{"source": "a < b", "reference": "مرحبا", "outputs": ["x", "<script>alert(1)</script>"]}],
            }
        ],
        "samples": [{"lang": "arb_Arab", "prompt": "في", "text": "البداية", "outputs": ["one", "two & three"]}],
        "verdict": {"helped": "yes, at a price", "said": ["It needs 1.90 bits, -1.26 less."]},
        "notes": ["something was left out"],
    }  # fmt: skip


@pytest.fixture
def page(tmp_path):
    write_proof(made_up(), tmp_path / "proof.html", name="A & B", papers=["efron1979bootstrap", "not-there"])
    return (tmp_path / "proof.html").read_text(encoding="utf-8")


def test_every_part_has_a_heading_and_a_link_to_it(page):
    ids = re.findall(r'<section id="(\w+)"', page)
    assert ids == ["verdict", "bits", "alignment", "translation", "samples", "tokens", "models", "measured"]
    assert re.findall(r'<a href="#(\w+)">', page) == ids


def test_the_page_says_what_was_measured(page):
    for said in (
        "Yes, at a price.", "−1.26 less", "3.16 → 1.90", "PPMd", "−1.260", "+0.200", "untranslated", "135 M", "something was left out",
        "Efron", "metric:made-up|value:1.97", "as it was written",
    ):  # fmt: skip
        assert said in page, said
    # A change for the worse, one for the better, and one that may be none.
    assert 'class="difference worse">+0.200' in page
    assert 'class="difference better">−1.260' in page
    assert 'class="difference">+0.000' in page


def test_what_models_wrote_does_nothing_on_the_page(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "A &amp; B" in page
    assert "&lt;trained&gt;" in page
    assert '<span lang="ar-Arab" dir="rtl">مرحبا</span>' in page
    assert "http://" not in re.sub(r'<a href="[^"]*"[^>]*>[^<]*</a>', "", page)


def test_the_same_measurement_gives_the_same_page(page, tmp_path):
    write_proof(made_up(), tmp_path / "again.html", name="A & B", papers=["efron1979bootstrap", "not-there"])
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_parts_without_data_are_left_out(tmp_path):
    told = made_up() | {"bits_per_byte": {}, "alignment": [], "translation": [], "samples": [], "notes": []}
    for model in told["models"]:
        del model["reading"], model["writing"]
    write_proof(told, tmp_path / "proof.html", name="x" * 50)
    page = (tmp_path / "proof.html").read_text(encoding="utf-8")
    assert re.findall(r'<section id="(\w+)"', page) == ["verdict", "tokens", "models", "measured"]
    assert '<h1 class="long">' in page


def test_curves_are_named_at_their_ends_and_apart():
    chart = curves_of_models(["before", "after"], [[0.1, 0.2, 0.5], [0.1, 0.2, 0.5]], "MEXA")
    heights = [float(y) for y in re.findall(r'style="fill:var\(--m\d\)" x="[\d.]+" y="([\d.]+)"', chart)]
    assert abs(heights[0] - heights[1]) >= 14
    assert chart.count('class="curve"') == 2
    assert curves_of_models(["none"], [[None, None]], "MEXA").count('class="curve"') == 0


def test_the_table_for_a_pipe(capsys):
    show(made_up())
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["measure", "of", "base", "<trained>", "beside"]
    assert rows[1] == ["bits per byte", "Romansh", "3.160", "1.900 (-1.260)", "PPMd 1.970"]
    assert ["chrF", "German to Standard Arabic", "10.0", "25.0 (+15.0)", "untranslated 18.0"] in rows
    assert ["bytes a second, reading", "Romansh", "1,500", "2,200", ""] in rows
    assert len({len(row) for row in rows}) == 1
