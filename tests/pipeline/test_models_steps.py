from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyalign
from polyalign.core.errors import ConfigError, DataError

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.pipeline.artefacts import Writer
from polyalign.pipeline.project import read_project
from polyalign.pipeline.run import dry_run, run
from polyalign.pipeline.steps.given import texts_of
from polyalign.pipeline.steps.models import place_of
from polyalign.report.build import write_report
from tests.models.tiny import byte_level, llama

SAMPLE = Path(polyalign.__file__).parent / "sample" / "documents"
HEAD = """
[project]
name = "Tiny"
languages = ["de", "en", "es"]
pairs = ["en-de", "en-es"]
new = "de"

[[step]]
id = "base"
use = "models.read/pretrained"
model = "tiny"

[[step]]
id = "documents"
use = "corpus.documents/folder"
path = "texts"

[[step]]
id = "sets"
use = "corpus.split/hash"
test = 0.3
dev = 0.0

[[step]]
id = "held"
use = "corpus.select/where"
in = "sets"
equal = { split = "test" }

[[step]]
id = "seen"
use = "corpus.select/where"
in = "sets"
equal = { split = "train" }

[[step]]
id = "sentences"
use = "text.split/sentencex"
in = "held"

[[step]]
id = "beads"
use = "sentences.align/gale-church"
"""
PROOF = """
[[step]]
id = "proof"
use = "evaluate/teaching"
in = [{inputs}]
windows = 12
window = 150
sentences = 12
translations = 2
shots = 1
completions = 1
max_tokens = 6
samples = 50
"""


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    texts = [p.read_text(encoding="utf-8") for p in sorted(SAMPLE.glob("*.eng_Latn.txt"))]
    return llama(tmp_path_factory.mktemp("model") / "tiny", byte_level(texts, 400))


@pytest.fixture
def project(tmp_path, model):
    """Writes a project over the model and the sample in a folder of its own."""
    shutil.copytree(model, tmp_path / "tiny")
    (tmp_path / "texts").mkdir()
    for lang in ("deu_Latn", "eng_Latn", "spa_Latn"):
        for path in SAMPLE.glob(f"*.{lang}.txt"):
            shutil.copyfile(path, tmp_path / "texts" / path.name)

    def written(steps, head=HEAD):
        file = tmp_path / "tiny.toml"
        file.write_text(head + steps, encoding="utf-8")
        return file

    return written


def step(id, use, inputs="", **more):
    named = f"in = {json.dumps(inputs)}\n" if inputs else ""
    return f'\n[[step]]\nid = "{id}"\nuse = "{use}"\n{named}' + "".join(f"{k} = {v}\n" for k, v in more.items())


TRAIN = step("trained", "models.train/objectives", ["base", "seen"], steps=2, length=32, batch=2)


def test_a_model_is_read_trained_and_proved(project):
    file = project(TRAIN + PROOF.format(inputs='"base", "held", "trained", "seen", "beads"'))
    out = run(read_project(file))
    told = json.loads((out / "proof.json").read_text(encoding="utf-8"))
    assert [m["name"] for m in told["models"]] == ["base", "trained"]
    assert told["new"] == "deu_Latn"
    assert told["known"] == ["eng_Latn", "spa_Latn"]
    # The pairs of all language pairs reach the one step.
    assert [(p["src"], p["tgt"]) for p in told["alignment"]] == [("eng_Latn", "deu_Latn"), ("eng_Latn", "spa_Latn")]
    assert all(told["text"][lang]["seen_bytes"] > 1000 for lang in told["text"])
    assert all({"parameters", "vocabulary", "megabytes", "reading"} <= set(m) for m in told["models"])
    # The trained model is an ordinary folder, and there once only.
    stored = next((out / "work" / "trained").glob("all-*/model/model.safetensors"))
    assert os.path.samefile(stored, out / "models" / "trained" / "model.safetensors")
    assert not (out / "models" / "base").exists()
    assert {reason for _, _, reason in dry_run(read_project(file))} == {"stored"}
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["new"] == "deu_Latn"
    # Its page comes with the report.
    write_report(out)
    assert "<title>Tiny — polyalign teach</title>" in (out / "proof.html").read_text(encoding="utf-8")


def test_another_model_makes_all_that_depends_on_it_anew(project, tmp_path):
    file = project(TRAIN)
    run(read_project(file))
    os.utime(tmp_path / "tiny" / "model.safetensors", ns=(1, 1))
    plan = {id: reason for id, _, reason in dry_run(read_project(file))}
    assert plan["base"] == "run: changed input: model"
    assert plan["trained"] == "run: after base"
    assert plan["seen"] == "stored"


def test_a_run_that_was_stopped_goes_on_from_its_checkpoint(project, monkeypatch):
    from polyalign.models import language_model

    def no_room(made, folder):
        raise DataError("the disk is full")

    steps = step("trained", "models.train/objectives", ["base", "seen"], steps=4, length=32, batch=2, save_every=2)
    file = project(steps)
    with monkeypatch.context() as patch:
        patch.setattr(language_model, "write_model", no_room)
        with pytest.raises(DataError, match=r"step 'trained' \(all\): the disk is full"):
            run(read_project(file))
    out = file.parent / "runs" / "tiny" / "work" / "trained"
    assert list(out.glob("all-*.shards/*/checkpoint-*"))
    run(read_project(file))
    assert not list(out.glob("all-*.shards"))


def test_pieces_are_added_and_given_rows(project):
    registered("models.extend/bpe", "models.rows/constituents")
    steps = step("pieces", "models.extend/bpe", ["base", "seen"], pieces=50, minimum_count=2)
    steps += step("extended", "models.rows/constituents", ["base", "pieces"])
    out = run(read_project(project(steps)))
    from transformers import AutoModelForCausalLM, AutoTokenizer

    made = out / "models" / "extended"
    assert len(AutoTokenizer.from_pretrained(made)) == 450
    assert AutoModelForCausalLM.from_pretrained(made).get_input_embeddings().weight.shape[0] == 450
    new = next((out / "work" / "extended").glob("all-*/new.npy"))
    assert len(np.load(new)) == 50


def test_vectors_and_a_lexicon_of_our_own_links_reach_the_rows(project):
    registered("models.extend/bpe", "models.rows/wechsel")
    steps = step("all-sentences", "text.split/sentencex", "seen") + step(
        "pairs", "sentences.align/gale-church", "all-sentences"
    )
    steps += step("kept", "corpus.select/threshold", "pairs") + step("tokens", "text.tokenize/words", "kept")
    steps += step("links", "words.align/ibm1", "tokens") + step("lexicon", "words.lexicon/relative-frequency", "links")
    steps += step("vectors", "spaces.vectors/ppmi-svd", "seen", dimensions=20, min_count=1)
    steps += step("one", "spaces.map/procrustes", ["vectors", "lexicon"])
    steps += step("pieces", "models.extend/bpe", ["base", "seen"], pieces=30, minimum_count=2)
    steps += step("extended", "models.rows/wechsel", ["base", "pieces", "one", "lexicon"])
    out = run(read_project(project(steps)))
    assert (out / "models" / "extended" / "model.safetensors").is_file()
    found = sorted(p.name for p in next((out / "work" / "one").glob("all-*")).glob("vectors/*"))
    assert found == ["deu_Latn", "eng_Latn"]


def test_a_vocabulary_is_trimmed(project):
    registered("models.trim/corpus")
    out = run(read_project(project(step("trimmed", "models.trim/corpus", ["base", "seen"]))))
    counts = json.loads(next((out / "work" / "trimmed").glob("all-*/manifest.json")).read_text(encoding="utf-8"))[
        "counts"
    ]
    assert counts["out"] <= counts["in"] == 400


def test_models_are_merged(project):
    registered("models.merge/linear")
    steps = TRAIN + step("other", "models.train/objectives", ["base", "seen"], steps=1, length=32, batch=2)
    out = run(read_project(project(steps + step("merged", "models.merge/linear", ["base", "trained", "other"]))))
    from safetensors.numpy import load_file

    of = {id: load_file(out / "models" / id / "model.safetensors") for id in ("trained", "other", "merged")}
    name = next(iter(of["merged"]))
    assert not np.array_equal(of["trained"][name], of["other"][name])
    low, high = (f(of["trained"][name], of["other"][name]) for f in (np.minimum, np.maximum))
    assert ((of["merged"][name] >= low - 1e-6) & (of["merged"][name] <= high + 1e-6)).all()


def test_an_intervention_is_learnt_and_proved(project):
    registered("models.intervene/incline")
    steps = step("mapped", "models.intervene/incline", ["base", "beads"], held_out=5, alphas=[0.0, 0.5])
    out = run(read_project(project(steps + PROOF.format(inputs='"base", "held", "mapped", "seen", "beads"'))))
    told = json.loads((out / "proof.json").read_text(encoding="utf-8"))
    assert [m["name"] for m in told["models"]] == ["base", "mapped"]
    assert told["bits_per_byte"] == {}
    assert "bits per byte: left out, as what an intervention changes is states" in told["notes"]
    assert len(told["alignment"][0]["layers"]) == 2


def test_adapters_are_kept_beside_the_model_and_proved(project):
    registered("models.weights/bottleneck")
    weights = '{ use = "bottleneck" }\nlearning_rate = 0.01'
    steps = step("trained", "models.train/objectives", ["base", "seen"], steps=4, length=32, batch=2, weights=weights)
    out = run(read_project(project(steps + PROOF.format(inputs='"base", "held", "trained", "seen", "beads"'))))
    told = json.loads((out / "proof.json").read_text(encoding="utf-8"))
    first, second = (cell["value"] for cell in told["bits_per_byte"]["deu_Latn"]["cells"])
    assert first != second
    assert told["models"][1]["parameters"] > told["models"][0]["parameters"]


def test_an_intervention_that_cannot_be_measured_is_no_step(project):
    with pytest.raises(ConfigError, match=r"models.intervene/mt-llm cannot be a step of a project; tasks that can: "):
        read_project(project(step("mapped", "models.intervene/mt-llm", ["base", "beads"])))


TABLES = '[{ use = "code-switch", lexicon = "words.tsv" }, { use = "guided", guide = "tiny" }]'
SWITCHED = step("trained", "models.train/objectives", ["base", "seen"], objectives=TABLES)


def test_paths_in_tables_are_taken_from_the_projects_folder(project, tmp_path, monkeypatch):
    file = project(SWITCHED)
    with pytest.raises(ConfigError, match=r"step 8 'trained': .*words.tsv: no such file or folder"):
        read_project(file)
    (tmp_path / "words.tsv").write_text("src\ttgt\tp_tgt_given_src\nder\tthe\t1\n", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    first, second = read_project(file).steps[-1].method.objectives
    assert first["lexicon"] == str(tmp_path / "words.tsv")
    assert second["guide"] == str(tmp_path / "tiny")
    step = read_project(file).steps[-1]
    job = step.job(read_project(file), None, (), tmp_path)
    assert step.task.files(step.method, job) == [tmp_path / "words.tsv"]
    assert list(step.task.marks(step.method, job)) == ["guide"]
    hub = read_project(project(SWITCHED.replace('"tiny" }', '"some/guide" }'))).steps[-1]
    assert hub.method.objectives[1]["guide"] == "some/guide"
    assert hub.task.marks(hub.method, job) == {}
    # What is no method is told of by whoever takes the table.
    with pytest.raises(ConfigError, match=r"trained.*code-swich"):
        read_project(project(SWITCHED.replace("code-switch", "code-swich")))


def test_documents_are_romanised_in_the_new_language_only(project, tmp_path):
    registered("models.script/romanise")
    pytest.importorskip("uroman")
    (tmp_path / "texts" / "x.de.txt").write_text("музей", encoding="utf-8")
    (tmp_path / "texts" / "x.en.txt").write_text("музей", encoding="utf-8")
    head = HEAD.split('[[step]]\nid = "sets"')[0]
    out = run(read_project(project(step("latin", "models.script/romanise", "documents"), head)))
    import pyarrow.parquet as pq

    rows = pq.read_table(next((out / "work" / "latin").glob("all-*/documents.parquet"))).to_pylist()
    assert {r["lang"]: r["text"] for r in rows if r["doc"] == "x"} == {"deu_Latn": "muzei", "eng_Latn": "музей"}


def registered(*methods):
    from polyalign.core import registry

    for method in methods:
        if method not in registry.rows():
            pytest.skip(f"{method} is not registered")


def test_documents_of_two_steps_are_joined(project, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "new.de.txt").write_text("Neu.", encoding="utf-8")
    steps = step("more", "corpus.documents/folder", path='"more"') + step(
        "both", "corpus.select/threshold", ["held", "more"]
    )
    out = run(read_project(project(steps)))
    texts = texts_of([next((out / "work" / "both").glob("all-*"))])
    assert texts["deu_Latn"][-1] == "Neu."
    assert len(texts["eng_Latn"]) > 0
    again = step("both", "corpus.select/threshold", ["held", "documents"])
    with pytest.raises(DataError, match="occurs in more than one of the joined documents; rename one"):
        run(read_project(project(again)))


SMOKE = "\n[smoke.trained]\nsteps = 1\n"


def test_smoke_changes_what_its_table_says_and_runs_elsewhere(project):
    file = project(TRAIN + SMOKE)
    usual, trial = read_project(file), read_project(file, smoke=True)
    assert [p.steps[-1].method.steps for p in (usual, trial)] == [2, 1]
    assert [p.output.name for p in (usual, trial)] == ["tiny", "tiny-smoke"]


def test_another_model_can_be_named(project, tmp_path, monkeypatch):
    file = project(TRAIN)
    (tmp_path / "elsewhere").mkdir()
    shutil.copytree(tmp_path / "tiny", tmp_path / "elsewhere" / "other")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_project(file, model="other").steps[0].method.model == str(tmp_path / "elsewhere" / "other")
    assert read_project(file, model="some/name").steps[0].method.model == "some/name"
    assert read_project(file).steps[0].method.model == str(tmp_path / "tiny")


@pytest.mark.parametrize(
    ("change", "steps", "message"),
    [
        (("", ""), "\n[smoke.trined]\nsteps = 1\n" + TRAIN, r"\[smoke.trined\]: no step has that id; did you mean 'trained'"),
        (("", ""), "\n[smoke]\nsteps = 1\n" + TRAIN, r"\[smoke\]: expected a table a step, written \[smoke.ID\]"),
        (('new = "de"', ""), TRAIN, r"which language is new to the model\? Say it at the top: \[project\] new = \"rm\""),
        (('new = "de"', 'new = "rm"'), TRAIN, r"new = 'rm': not among the project's languages"),
        (('new = "de"', 'new = "de-xxx-y"'), TRAIN, r"\[project\] new: "),
        (('new = "de"', 'new = "de"\npapers = ["liu2024translic"]'), TRAIN, r"papers: no entry for 'liu2024translic' in the bibliography; did you mean 'liu2024translico'"),
        (('"tiny"', '"./tinier"'), TRAIN, r"model '.*tinier': no such file or folder"),
        (("", ""), TRAIN.replace('in = ["base", "seen"]\n', ""), r"takes model and any of documents, bitext, links; say which steps they come from"),
        (("", ""), TRAIN.replace('["base", "seen"]', '["base", "sentences"]'), r"takes documents, bitext, links after model, but 'sentences' \(text.split/sentencex\) gives sentences"),
        (("", ""), TRAIN.replace('["base", "seen"]', '["seen", "base"]'), r"takes model, but 'seen' .* gives documents"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_runs(project, change, steps, message):
    with pytest.raises(ConfigError, match=message):
        read_project(project(steps, HEAD.replace(*change) if change[0] else HEAD))


def test_a_name_on_the_hub_is_looked_for_when_it_is_needed(project):
    planned = read_project(project(TRAIN, HEAD.replace('"tiny"', '"some/name"')))
    assert dry_run(planned)[0] == ("base", "all", "run: nothing stored yet")


def test_no_model_to_replace(project):
    head = HEAD.replace('[[step]]\nid = "base"\nuse = "models.read/pretrained"\nmodel = "tiny"\n', "")
    with pytest.raises(ConfigError, match=r"--model x: the project reads no model \(models.read/pretrained\)"):
        read_project(project("", head), model="x")


def test_held_out_text_of_the_new_language_is_needed(project, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "x.en.txt").write_text("Old.", encoding="utf-8")
    steps = step("old", "corpus.documents/folder", path='"old"') + PROOF.format(inputs='"base", "old"')
    with pytest.raises(
        DataError, match=r"found held-out documents in eng_Latn, expected some in German \(deu_Latn\); hold some"
    ):
        run(read_project(project(steps)))
    with pytest.raises(
        DataError, match=r"found documents in eng_Latn, expected some in deu_Latn, which is new to the model"
    ):
        run(
            read_project(
                project(steps.split('[[step]]\nid = "proof"')[0] + step("pieces", "models.extend/bpe", ["base", "old"]))
            )
        )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text(max_size=3)), max_size=12), st.integers(1, 4))
def test_texts_are_those_of_their_language_in_order(tmp_path_factory, rows, size):
    folder = tmp_path_factory.mktemp("documents")
    schema = pa.schema([("doc", pa.string()), ("lang", pa.string()), ("text", pa.large_string())])
    with Writer(folder / "documents.parquet", schema) as writer:
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            writer.write(
                pa.table(
                    {"doc": ["x"] * len(some), "lang": [r[0] for r in some], "text": [r[1] for r in some]},
                    schema=schema,
                )
            )
            writer._flush()
    found = texts_of([folder, folder])
    for lang in "ab":
        expected = [t for x, t in rows if x == lang and t.strip()] * 2
        assert list(found.get(lang, [])) == expected
        if expected:
            assert found[lang][-1] == expected[-1]
            assert found[lang][1:] == expected[1:]


def test_a_gguf_file_or_folder_is_where_it_was(tmp_path):
    (tmp_path / "model.json").write_text('{"model": "here/it.gguf"}')
    assert place_of(tmp_path) == "here/it.gguf"
    (tmp_path / "model").mkdir()
    assert place_of(tmp_path) == str(tmp_path / "model")
