"""A project is the same bytes whoever runs it, in shards so small that everything has several."""

from __future__ import annotations

import importlib.util
import json
import os

import pyarrow.parquet as pq
import pytest

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.registry import Row
from polyalign.pipeline import artefacts
from polyalign.pipeline.project import read_project
from polyalign.pipeline.run import run
from polyalign.pipeline.steps import bitext as steps_on_bitext

from .test_run import contents

STEPS = """
[project]
languages = ["en", "de", "fr"]
pairs = ["en-de"]

[[step]]
id = "documents"
use = "corpus.documents/folder"
path = "texts"

[[step]]
id = "plain"
use = "text.normalize/unicode"

[[step]]
id = "identified"
use = "text.identify/cld2"

[[step]]
id = "sentences"
use = "text.split/sentencex"

[[step]]
id = "joint"
use = "sentences.multiway/joint"
aligner = "gale-church"

[[step]]
id = "views"
use = "sentences.project/pair"

[[step]]
id = "beads"
use = "sentences.align/gale-church"

[[step]]
id = "scored"
use = "corpus.score/ratio"

[[step]]
id = "kept"
use = "corpus.select/threshold"
max_length_ratio = 1.5

[[step]]
id = "tokens"
use = "text.tokenize/words"

[[step]]
id = "tsv"
use = "corpus.write/tsv"
"""


@pytest.fixture
def small(monkeypatch):
    """Runs of three rows, and methods that are here alone."""
    monkeypatch.setattr(artefacts, "ROWS", 3)
    for name in ("score/lengths", "score/ratio", "select/short"):
        row = Row(f"corpus.{name}", f"tests.pipeline.tasks:{name.split('/')[1].capitalize()}")
        monkeypatch.setitem(registry.rows(), row.id, row)


def by(file, **settings):
    return run(read_project(file, file.parent / "-".join(map(str, ["by", *settings.values()])), settings))


ENGINES = [
    {"engine": "local", "workers": 2},
    pytest.param(
        {"engine": "ray", "workers": 2},
        marks=pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed"),
    ),
]


@pytest.mark.parametrize("settings", ENGINES, ids=lambda s: s["engine"])
def test_every_engine_gives_the_same_bytes(toy, small, settings, monkeypatch):
    monkeypatch.setenv("RAY_object_store_memory", "100000000")
    toy.write_text(STEPS, encoding="utf-8")
    alone = by(toy, engine="local", workers=1)
    others = by(toy, **settings)
    assert contents(others) == contents(alone)
    assert not list(others.rglob("*.shards"))
    record = json.loads((alone / "run.json").read_text(encoding="utf-8"))
    counts = {s["step"]: s["counts"] for s in record["steps"]}
    assert counts["plain"]["in"] == 5
    assert counts["beads"]["in"] == counts["joint"]["in"] == counts["views"]["in"] == 2
    assert counts["beads"]["without_partner"] == 0
    tokens = next(s["folder"] for s in record["steps"] if s["step"] == "tokens")
    sizes = pq.read_metadata(alone / tokens / "bitext.parquet")
    assert [sizes.row_group(k).num_rows for k in range(sizes.num_row_groups)] == [3] * (counts["kept"]["out"] // 3)


def test_in_shards_or_not_the_rows_are_the_same(toy, small, monkeypatch):
    toy.write_text(STEPS, encoding="utf-8")
    cut = by(toy, engine="local", workers=1)
    monkeypatch.setattr(artefacts, "ROWS", 1 << 16)
    whole = run(read_project(toy, toy.parent / "whole"))
    tables = [pq.read_table(folder / "bitext" / "eng_Latn-deu_Latn.parquet") for folder in (cut, whole)]
    assert tables[0].equals(tables[1])
    assert (cut / "bitext" / "eng_Latn-deu_Latn.tsv").read_bytes() == (
        whole / "bitext" / "eng_Latn-deu_Latn.tsv"
    ).read_bytes()


HEAD = STEPS.split('[[step]]\nid = "plain"')[0]


def results(folder, step):
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    entry = next(s for s in record["steps"] if s["step"] == step)
    return entry["counts"], folder / entry["folder"]


def test_documents_are_scored_and_selected_as_pairs_are(toy, small):
    toy.write_text(
        HEAD + '[[step]]\nid = "scored"\nuse = "corpus.score/lengths"\n'
        '[[step]]\nid = "short"\nuse = "corpus.select/short"\ncharacters = 85\n'
        '[[step]]\nid = "sentences"\nuse = "text.split/sentencex"\nin = "scored"\n'
        '[[step]]\nid = "beads"\nuse = "sentences.align/gale-church"\n'
        '[[step]]\nid = "sides"\nuse = "corpus.score/lengths"\n'
    )
    project = read_project(toy)
    gives = {s.id: (s.task.gives, s.units) for s in project.steps}
    assert gives["scored"] == gives["short"] == ("documents", (None,))
    assert gives["sides"] == ("bitext", project.pairs)
    out = run(project)
    counts, folder = results(out, "scored")
    assert counts == {"in": 5, "out": 5}
    scored = pq.read_table(folder / "documents.parquet")
    longest = max(map(len, scored["text"].to_pylist()))
    expected = [
        len(t) / longest + (lang == "deu_Latn")
        for t, lang in zip(*(scored[c].to_pylist() for c in ("text", "lang")), strict=True)
    ]
    assert scored["score.lengths"].to_pylist() == pytest.approx(expected)
    counts, folder = results(out, "short")
    assert counts["in"] == counts["out"] + counts["dropped"]["long"] == 5
    assert set(pq.read_table(folder / "dropped.parquet")["reason"].to_pylist()) == {"long"}
    sides = pq.read_table(out / "bitext" / "eng_Latn-deu_Latn.parquet")
    assert {"score.src.lengths", "score.tgt.lengths"} <= set(sides.column_names)
    assert min(sides["score.tgt.lengths"].to_pylist()) > 1


def test_a_score_of_pairs_wants_pairs(toy, small):
    toy.write_text(HEAD + '[[step]]\nid = "scored"\nuse = "corpus.score/ratio"\n')
    with pytest.raises(ConfigError, match="compares the two sides of a pair, found documents"):
        run(read_project(toy))


def test_only_the_first_of_equal_pairs_is_kept_across_runs(toy, small, monkeypatch):
    pairs = toy.parent / "pairs.tsv"
    rows = ["a\tb", "\tx", "c\td", "a\tb", "c\td", "a\t", "A\tb", "a\tb"] * 3
    pairs.write_text("src\ttgt\n" + "\n".join(rows) + "\n", encoding="utf-8")
    steps = (
        '[project]\nlanguages = ["en", "de"]\n[[step]]\nuse = "corpus.bitext/tsv"\npath = "pairs.tsv"\n'
        '[[step]]\nid = "kept"\nuse = "corpus.select/threshold"\ndistinct = true\n'
    )
    toy.write_text(steps)
    made = [run(read_project(toy, toy.parent / "runs"))]
    counts, folder = results(made[0], "kept")
    assert (counts["out"], counts["dropped"]) == (3, {"duplicate": 15, "empty-src": 3, "empty-tgt": 3})
    assert pq.read_table(folder / "bitext.parquet")["id"].to_pylist() == ["0", "2", "6"]
    monkeypatch.setattr(artefacts, "ROWS", 1 << 16)
    made.append(run(read_project(toy, toy.parent / "whole")))
    folders = [results(out, "kept")[1] for out in made]
    for name in ("bitext", "dropped"):
        cut, whole = (pq.read_table(folder / f"{name}.parquet") for folder in folders)
        assert cut.equals(whole)
        assert cut.schema.metadata == whole.schema.metadata


def test_bitexts_are_joined_run_by_run_and_selected_from(toy, small):
    (toy.parent / "a.tsv").write_text("src\ttgt\n" + "".join(f"a{k % 5}\tb\n" for k in range(8)), encoding="utf-8")
    (toy.parent / "b.tsv").write_text(
        "id\tsrc\ttgt\tnote\n" + "".join(f"x{k}\ta{k}\tb\tn\n" for k in range(7)), encoding="utf-8"
    )
    steps = (
        '[project]\nlanguages = ["en", "de"]\n[[step]]\nid = "a"\nuse = "corpus.bitext/tsv"\npath = "a.tsv"\n'
        '[[step]]\nid = "b"\nuse = "corpus.bitext/tsv"\npath = "b.tsv"\n'
        '[[step]]\nid = "kept"\nuse = "corpus.select/threshold"\ndistinct = true\nin = ["a", "b"]\n'
    )
    toy.write_text(steps)
    counts, folder = results(run(read_project(toy)), "kept")
    assert counts == {"in": 15, "out": 7, "dropped": {"duplicate": 8}}
    kept = pq.read_table(folder / "bitext.parquet")
    assert kept["id"].to_pylist() == ["0", "1", "2", "3", "4", "x5", "x6"]
    assert kept["note"].to_pylist() == [None] * 5 + ["n"] * 2
    (toy.parent / "b.tsv").write_text("id\tsrc\ttgt\nx\ta\tb\n5\tc\td\n", encoding="utf-8")
    with pytest.raises(DataError, match="id '5' occurs in more than one of the joined bitexts"):
        run(read_project(toy))


def test_a_bitext_is_read_in_runs(toy, small, monkeypatch):
    rows = [{"src": f"s{k}", "tgt": f"t{k}", **({"doc": "d"} if k > 4 else {})} for k in range(8)]
    (toy.parent / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    toy.write_text(
        '[project]\nlanguages = ["en", "de"]\n[[step]]\nid = "read"\nuse = "corpus.bitext/jsonl"\npath = "pairs.jsonl"\n'
    )
    whole = pq.read_table(results(run(read_project(toy, toy.parent / "whole")), "read")[1] / "bitext.parquet")
    monkeypatch.setattr(steps_on_bitext, "ROWS", 3)
    counts, folder = results(run(read_project(toy, toy.parent / "cut")), "read")
    cut = pq.read_table(folder / "bitext.parquet")
    assert counts == {"out": 8}
    assert cut.select(whole.column_names).equals(whole)
    assert cut.num_columns == whole.num_columns
    assert cut["doc"].to_pylist() == [None] * 5 + ["d"] * 3
    assert Bitext(cut).langs == ("eng_Latn", "deu_Latn")
    (toy.parent / "pairs.jsonl").write_text("", encoding="utf-8")
    counts, folder = results(run(read_project(toy, toy.parent / "none")), "read")
    assert counts == {"out": 0}
    assert Bitext(pq.read_table(folder / "bitext.parquet")).langs == ("eng_Latn", "deu_Latn")


def test_balance_draws_by_the_seed_of_the_project_or_its_own(toy, small):
    (toy.parent / "pairs.tsv").write_text("src\ttgt\tlang\n" + "".join(f"a{k}\tb{k}\tx\n" for k in range(60)))
    drawn = {}
    for name, head, own in (("one", "", ""), ("two", "seed = 2", ""), ("own", "seed = 2", "seed = 1")):
        toy.write_text(
            f'[project]\nlanguages = ["en", "de"]\n{head}\n[[step]]\nuse = "corpus.bitext/tsv"\npath = "pairs.tsv"\n'
            f'[[step]]\nid = "drawn"\nuse = "corpus.balance/temperature"\nbudget = 120.0\n{own}\n'
        )
        _, folder = results(run(read_project(toy, toy.parent / name)), "drawn")
        drawn[name] = pq.read_table(folder / "bitext.parquet")["id"].to_pylist()
    assert 10 < len(drawn["one"]) < 50
    assert drawn["one"] == drawn["own"]
    assert drawn["one"] != drawn["two"]


def test_shards_of_another_attempt_are_swept_away(toy):
    out = run(read_project(toy))
    stale = out / "work" / "beads" / "eng_Latn-deu_Latn-000000000000.shards"
    stale.mkdir()
    run(read_project(toy), start="beads")
    assert not stale.exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('engine = "rayy"', "[project] engine = 'rayy': expected local or ray; did you mean 'ray'?"),
        ("workers = -1", "[project] workers = -1: expected 1 or more"),
        ('workers = "two"', "[project] workers = 'two': wrong type"),
        ("engine = 3", "[project] engine = 3: wrong type"),
        ('ray_address = "x:1"', 'only engine = "ray" takes an address'),
    ],
)
def test_engines_that_cannot_be(toy, line, expected):
    toy.write_text(toy.read_text().replace('name = "Toy"', line))
    with pytest.raises(ConfigError) as caught:
        read_project(toy)
    assert expected in str(caught.value)
    assert os.linesep not in str(caught.value)
