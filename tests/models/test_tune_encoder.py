"""`polyalign tune-encoder` as a user calls it."""

from __future__ import annotations

import json

import pytest

from tests.cli import conftest
from tests.cli.outcome import fails
from tests.models.conftest import SRC, TGT
from tests.models.test_encoders import LINKS

for needed in ("torch", "transformers", "accelerate"):
    pytest.importorskip(needed)

FLAGS = ["--steps", "3", "--batch", "4", "--max-tokens", "32", "--save-every", "2"]

call = conftest.call


@pytest.fixture
def files(tmp_path, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    pairs = list(zip(SRC, TGT, strict=True))
    text = {
        "pairs.tsv": [f"{a}\t{b}" for a, b in pairs],
        "pairs.links": LINKS.to_pharaoh(),
        "nli.tsv": [f"{a}\t{b}\t{x}" for k, (a, b) in enumerate(pairs) for x in [("entailment", "neutral", "contradiction")[k % 2]]],
        "sts.tsv": [f"{a}\t{b}\t{k % 6}" for k, (a, b) in enumerate(pairs)],
        "en.txt": [*SRC[:3], "", "", *SRC[3:]],
        "de/a.txt": TGT[:3],
        "de/b.txt": TGT[3:],
    }  # fmt: skip
    (tmp_path / "de").mkdir()
    for name, lines in text.items():
        (tmp_path / name).write_text("".join(x + "\n" for x in lines), encoding="utf-8")
    return ["--encoder", f"{tiny}:device=cpu", "-o", "out", *FLAGS]


DATA = {
    "contrastive": ["--data", "pairs.tsv", "--data", "pairs.tsv", "--earlier", "pairs.tsv"],
    "xlco": ["--data", "pairs.tsv"],
    "dap": ["--data", "pairs.tsv"],
    "distillation": ["--data", "pairs.tsv"],
    "ccp": ["--data", "en=en.txt", "--data", "deu_Latn=de"],
    "adjustment": ["--data", "pairs.tsv", "--links", "pairs.links", "--earlier", "pairs.tsv", "--earlier-links", "pairs.links"],
    "lexical": ["--data", "pairs.tsv"],
    "indic-sbert": ["--data", "nli.tsv", "--rated", "sts.tsv", "--similarity-steps", "2"],
}  # fmt: skip


@pytest.mark.parametrize("method", DATA)
def test_what_is_written_is_an_encoder(method, files, call, tmp_path):
    code, out, _ = call("tune-encoder", method, *DATA[method], *files, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["steps"] == 3
    from polyalign.encoders.named import named_encoder

    rows = named_encoder(told["name"]).encode(SRC)
    assert rows.shape == (6, 16)
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["contrastive", "--data", "pairs.tsv", "--links", "pairs.links"], "--links means nothing to this method"),
        (["xlco", "--data", "pairs.tsv", "--earlier", "pairs.tsv"], "--earlier means nothing to this method"),
        (["adjustment", "--data", "pairs.tsv"], "this method needs --links"),
        (["indic-sbert", "--data", "nli.tsv"], "this method needs --rated"),
        (["adjustment", "--data", "pairs.tsv", "--links", "pairs.links", "--earlier", "pairs.tsv"], "expected both or neither"),
        (["adjustment", "--data", "pairs.tsv", "--data", "pairs.tsv", "--links", "pairs.links"], "found 2 files of --data, expected one"),
        (["ccp", "--data", "pairs.tsv"], "--data pairs.tsv: found no such file or folder, expected LANG=PATH"),
        (["indic-sbert", "--data", "pairs.tsv", "--rated", "sts.tsv"], "line 1: found 2 columns, 2 with text"),
        (["indic-sbert", "--data", "sts.tsv", "--rated", "sts.tsv"], "line 1: found label '0', expected entailment"),
        (["indic-sbert", "--data", "nli.tsv", "--rated", "nli.tsv"], "line 1: found rating 'entailment', expected 0 to 5"),
        (["contrastive", "--data", "pairs.tsv", "--encoder", "nowhere.vec"], "nowhere.vec"),
    ],
)  # fmt: skip
def test_mistakes_are_named(arguments, said, files, call):
    given = files if "--encoder" not in arguments else files[2:]
    fails(call("tune-encoder", *arguments, *given), said)


def test_a_folder_that_is_not_empty_is_refused_before_the_work(files, call, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("x")
    fails(call("tune-encoder", "xlco", "--data", "pairs.tsv", *files), "out: is there already")


def test_the_contradictions_of_a_premise_go_with_what_follows_from_it(tmp_path):
    from polyalign.models.encoders.indic_sbert import read_rated, read_triples

    path = tmp_path / "nli.tsv"
    path.write_text("a\tb\tentailment\n\na\tc\tcontradiction\na\td\tneutral\ne\tf\tentailment\ng\th\tcontradiction\n")
    assert read_triples(str(path)) == [("a", "b", "c"), ("e", "f", "")]
    path.write_text("a\tb\t2.5\n")
    assert read_rated(str(path)) == [("a", "b", 0.5)]
