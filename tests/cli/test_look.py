from __future__ import annotations

import json

import pytest

from polyalign.cli.main import _run


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.tsv").write_text("der Hund\tthe dog\n你好\tمرحبا\n\x1b[31m x\ty\n", encoding="utf-8")
    (tmp_path / "a.pharaoh").write_text("0-0:0.900 1p1:0.400\n0-0:0.300\n\n")
    return tmp_path


def look(files, *more):
    return _run(["look", str(files / "a.tsv"), *more, "--links", str(files / "a.pharaoh"), "--pair", "de-en"])


def test_a_pair_is_drawn(files, capsys):
    assert look(files, "0", "--width", "60") == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "pair 0 of 3, deu_Latn-eng_Latn: 2 links by a"
    assert out.splitlines()[1:] == [" der  ■ ·", "Hund  · □", "      │ └ dog", "      └ the"]


def test_in_json(files, capsys):
    assert look(files, "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["links"] == [{"src": 0, "tgt": 0, "sure": True, "prob": 0.3}]
    assert told["tgt"] == ["مرحبا"]


def test_what_a_terminal_would_obey_is_spelt_out(files, capsys):
    assert look(files, "2") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[U+001B][31m" in out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["3"], "found 3 pairs, expected one of number 3; they count from 0"),
        (["0", "--aligner", "b"], "no aligner 'b'; there are: a"),
        (["0", "--unit", "de-fr"], "no language pair 'deu_Latn-fra_Latn'; there are deu_Latn-eng_Latn"),
    ],
)
def test_what_is_not_there(files, capsys, more, told):
    assert look(files, *more) == 2
    assert told in capsys.readouterr().err


def test_a_file_that_is_not_there(capsys):
    assert _run(["look", "absent.tmx", "0"]) == 2
    assert "absent.tmx: no such file" in capsys.readouterr().err


def test_a_bitext_without_links(files, capsys):
    assert _run(["look", str(files / "a.tsv"), "0"]) == 0
    assert "no links here; make some with `polyalign align-words`" in capsys.readouterr().out
