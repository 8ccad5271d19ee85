from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.models.language_model import read_model, read_tokenizer
from tests.models import tiny
from tests.models.vocabulary.test_extend import ROMANSH


@pytest.fixture
def files(tmp_path):
    tiny.llama(tmp_path / "model", tied=False)
    (tmp_path / "roh.txt").write_text("\n".join(ROMANSH) + "\n", encoding="utf-8")
    (tmp_path / "eng.txt").write_text("\n".join(tiny.TEXT) + "\n", encoding="utf-8")
    return tmp_path


def run(capsys, *args):
    from polyalign.cli.main import _run

    status = _run([str(a) for a in args])
    said = capsys.readouterr()
    return status, said.out, said.err


def extended(capsys, files, *more):
    return run(
        capsys, "vocabulary", "extend", *more, files / "model", "--text", files / "roh.txt", "-o", files / "out",
        "--pieces", 30, "--minimum-count", 3, "--json",
    )  # fmt: skip


@pytest.mark.parametrize("method", [(), ("splice",)])
def test_a_model_is_extended_measured_and_swapped_back(capsys, files, method):
    status, out, err = extended(capsys, files, *method)
    said = json.loads(out)
    assert (status, said["pieces"], said["new"], said["unreachable"]) == (0, [330, 360], 30, 0)
    assert said["tokens"][1] < said["tokens"][0]
    assert "30 new pieces" in err
    made = read_model(str(files / "out"))
    assert (len(made.tokenizer), made.model.config.vocab_size, made.tied) == (360, 360, False)
    status, out, err = run(
        capsys, "vocabulary", "measure", files / "model", files / "out", "--text", f"rm={files / 'roh.txt'}", "--text",
        f"eng={files / 'eng.txt'}", "--json",
    )  # fmt: skip
    measured = json.loads(out)
    assert status == 0
    before, after = (measured[str(files / name)] for name in ("model", "out"))
    assert after["unreachable"] == before["unreachable"]
    assert set(after["languages"]) == {"roh_Latn", "eng_Latn"}
    gained = after["languages"]["roh_Latn"]
    assert gained["saved"] == pytest.approx(1 - gained["tokens"] / before["languages"]["roh_Latn"]["tokens"])
    assert 0 <= gained["unchanged"] < after["languages"]["eng_Latn"]["unchanged"] <= 1
    assert run(capsys, "vocabulary", "swap", files / "out", files / "model", "-o", files / "back")[0] == 0
    assert (read_model(str(files / "back")).matrices()[1] == read_model(str(files / "model")).matrices()[1]).all()


def test_a_tokenizer_alone_is_extended(capsys, files):
    (files / "model" / "config.json").unlink()
    assert extended(capsys, files)[0] == 0
    assert len(read_tokenizer(str(files / "out"))) == 360
    assert not (files / "out" / "config.json").exists()


def test_a_tokenizer_alone_has_no_rows(capsys, files):
    (files / "model" / "config.json").unlink()
    status, _, err = run(capsys, "vocabulary", "extend", files / "model", "--text", files / "roh.txt", "-o", files / "out", "--lexicon", files / "roh.txt")  # fmt: skip
    assert status == 2
    assert "found --lexicon and a tokenizer without a model" in err
    assert not (files / "out").exists()


def test_parallel_text_adds_the_premium(capsys, files):
    folder = files / "parallel"
    folder.mkdir()
    for name, line in (("roh.txt", ROMANSH[0]), ("eng.txt", tiny.TEXT[0])):
        (folder / name).write_text((line + "\n") * 10, encoding="utf-8")
    status, out, _ = run(capsys, "vocabulary", "measure", files / "model", "--parallel", folder)
    assert status == 0
    assert "premium" in out.splitlines()[0].split("\t")
    assert "saved" not in out


def test_errors(capsys, files):
    extended(capsys, files)
    wrong = {
        "is there already": ("extend", files / "model", "--text", files / "roh.txt", "-o", files / "out"),
        "found no --text": ("extend", files / "model", "-o", files / "new"),
        "expected the folder that it lies in": (
            "extend", files / "model" / "tokenizer.json", "--text", files / "roh.txt", "-o", files / "new",
        ),
        "give one of the two": ("measure", files / "model"),
        "expected LANG=FILE": ("measure", files / "model", "--text", "roh.txt"),
        "is empty, expected a text": ("measure", files / "model", "--text", f"roh={files / 'empty.txt'}"),
    }  # fmt: skip
    (files / "empty.txt").write_text("\n")
    for message, args in wrong.items():
        status, _, err = run(capsys, "vocabulary", *args)
        assert status == 2
        assert message in err
