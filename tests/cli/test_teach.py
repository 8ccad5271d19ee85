from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.core import registry
from polyalign.recipes import FOLDER, RECIPES, file_of
from tests.cli.outcome import fails
from tests.models.tiny import byte_level, llama
from tests.pipeline.tiny_encoder import encoder

SAMPLE = FOLDER.parent / "sample" / "documents"
#: Recipes whose model says what is masked.
MASKED = ("maft", "translico", "ppa")
#: That documents of one's own are needed for.
OWN = ("romansh",)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    texts = [p.read_text(encoding="utf-8-sig") for p in sorted(SAMPLE.glob("*.txt"))]
    return {
        "causal": str(llama(folder / "causal", byte_level(texts, 500))),
        "masked": str(encoder(folder / "masked", texts)),
    }


def model_of(models, name):
    return models["masked" if name in MASKED else "causal"]


def runs(name):
    """Skips a recipe whose methods are not installed."""
    for step in tomllib.loads(file_of(name).read_text(encoding="utf-8"))["step"]:
        row = registry.rows().get(step["use"])
        if row is not None and (lack := registry.missing(row)):
            pytest.skip(lack)


def test_every_recipe_is_listed_and_says_what_it_follows():
    assert {p.stem for p in FOLDER.glob("*.toml")} == set(RECIPES)
    known = registry.bibliography()
    for name in RECIPES:
        text = file_of(name).read_text(encoding="utf-8")
        head = tomllib.loads(text)["project"]
        assert head["papers"], name
        assert all(key in known for key in head["papers"]), name
        assert "A full run: " in text.split("[project]")[0], name
        assert head["new"] in head["languages"], name
        assert tomllib.loads(text)["smoke"]["proof"], name


@pytest.mark.parametrize("name", [n for n in RECIPES if n not in OWN])
def test_a_recipe_is_checked_whole_without_being_run(call, models, name):
    runs(name)
    for more in ([], ["--smoke"]):
        status, out, err = call("teach", name, "--dry-run", "--model", model_of(models, name), *more)
        assert status == 0, err
        steps = [line.split("\t")[0] for line in out.splitlines()]
        assert steps[0] == "step"
        assert steps[-1] == "proof"
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", ["prealign", "translico"])
def test_a_recipe_runs(call, models, name):
    runs(name)
    status, out, err = call("teach", name, "--smoke", "--model", model_of(models, name))
    assert status == 0, err
    folder = Path("runs") / f"{name}-smoke"
    assert "<!DOCTYPE html>" in (folder / "proof.html").read_text(encoding="utf-8")
    told = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    names = [m["name"] for m in told["models"]]
    assert out.splitlines()[0].split("\t") == ["measure", "of", *names, "beside"]
    assert f"Did it help? {told['verdict']['helped']}" in err
    assert names[0] == "base"
    assert bool(told["bits_per_byte"]) == (name not in MASKED)
    # The paper of the recipe is cited with those of its methods.
    status, out, _ = call("cite", str(folder))
    assert status == 0
    assert all(key in out for key in tomllib.loads(file_of(name).read_text(encoding="utf-8"))["project"]["papers"])


def test_the_real_case_is_checked_with_its_data(call, models, tmp_path):
    text = file_of("romansh").read_text(encoding="utf-8").replace(".jsonl.xz", ".jsonl")
    (tmp_path / "romansh.toml").write_text(text, encoding="utf-8")
    rows = [{"id": f"{year}01011", "de": "Ein Text.", "rm": "In text."} for year in (2020, 2021)]
    (tmp_path / "dermit-1997-2021.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "english").mkdir()
    (tmp_path / "english" / "a.en.txt").write_text("A text.", encoding="utf-8")
    status, out, err = call("teach", "romansh.toml", "--dry-run", "--json", "--smoke", "--model", models["causal"])
    assert status == 0, err
    assert json.loads(out)[-1]["step"] == "proof"


def test_a_recipe_is_copied_with_what_it_reads_and_runs_from_there(call, models):
    status, out, err = call("cp", "maltese", "mine")
    assert (status, out.strip()) == (0, "mine/project.toml"), err
    assert Path("mine/maltese/origins.tsv").is_file()
    assert len(list(Path("mine/documents").glob("*.txt"))) == len(list(SAMPLE.glob("*.txt")))
    status, out, err = call("teach", "mine/project.toml", "--dry-run", "--model", models["causal"])
    assert status == 0, err
    fails(call("cp", "maltese", "mine"), "mine: exists already")
    status, out, _ = call("cp", "--json")
    assert "Maltese" not in out
    assert json.loads(out)["maltese"].startswith("teach a model a language: ")


def test_what_is_refused_in_one_line(call, tmp_path):
    fails(call("teach", "nothing.toml"), "nothing.toml: neither a file nor a recipe", "focus")
    (tmp_path / "bitext.toml").write_text(
        '[project]\nlanguages = ["de", "en"]\n[[step]]\nid = "d"\nuse = "corpus.documents/folder"\npath = "texts"\n'
    )
    (tmp_path / "texts").mkdir()
    for lang in ("de", "en"):
        (tmp_path / "texts" / f"a.{lang}.txt").write_text("x")
    fails(call("teach", "bitext.toml"), 'no language is taught; say which at the top: [project] new = "rm"')
    status, _, err = call("teach", "focus", "--dry-run", "--model", "./not/there")
    assert status == 2
    assert "step 1 'base': model './not/there': no such file or folder" in err
