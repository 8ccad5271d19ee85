"""`polyalign evaluate` of tokenizers, language models and texts."""

from __future__ import annotations

import json

import pytest

from tests.cli.outcome import fails

GERMAN = ["Das Haus ist alt.", "Es regnet heute in Bern.", "Der Hund schläft.", "Wir gehen nach Hause."]
ENGLISH = ["The house is old.", "It is raining in Bern today.", "The dog sleeps.", "We are going home."]


@pytest.fixture
def files(tmp_path):
    def write(name, lines):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    write("x.de.txt", GERMAN)
    write("x.en.txt", ENGLISH)
    write("short.txt", ENGLISH[:2])
    write("empty.txt", [])
    write("hole.txt", [*ENGLISH[:3], ""])
    write("x.tsv", [f"{tag}\t{k}" for k, tag in enumerate(("de", "fr", "it", "rm", "en"))])
    write("y.tsv", [f"{tag}\t{k * k + 1}" for k, tag in enumerate(("de", "fr", "it", "rm", "es"))])
    write("z.tsv", [f"{tag}\t{k}" for k, tag in zip((3, 1, 4, 1, 5), ("de", "fr", "it", "rm", "en"), strict=True)])
    write("features.tsv", [f"{tag}\t{k}\t{7 - k % 3}" for k, tag in enumerate(("de", "fr", "it", "rm", "en"))])
    tree = "1\ta\ta\t{}\t_\t_\t0\troot\t_\t_\n"
    write("a.conllu", [tree.format("NOUN")] * 5)
    write("b.conllu", [tree.format("VERB")] * 5)
    return tmp_path


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    from tests.encoders.conftest import save_tiny

    return str(save_tiny(
        tmp_path_factory.mktemp("models") / "llama", "LlamaForCausalLM", seed=2, marks=False, limit=64, hidden_size=16,
        num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=64, bos_token_id=2, eos_token_id=3,
    ))  # fmt: skip


def run(call, *args):
    status, out, err = call("evaluate", *args)
    assert status == 0, err
    return out, err


def test_a_tokenizer_on_several_languages(call, files, llama):
    out, err = run(call, "tokenizer", llama, "x.de.txt", "x.en.txt", "--pivot", "x.en.txt", "--words", "words")
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0] == ["file", "metric", "value", "95 % interval"]
    value = {(r[0], r[1]): float(r[2]) for r in rows[1:]}
    assert value["x.en.txt", "premium"] == 1
    assert value["x.de.txt", "premium"] > 1
    assert {"fertility", "bytes_per_token", "split_words", "unknown", "compression", "renyi_efficiency"} <= {
        name for _, name in value
    }
    assert "metric:tokenizer|words:words" in err


def test_bits_per_byte_as_json(call, files, llama):
    out, _ = run(call, "bits-per-byte", llama, "x.de.txt", "--train", "x.en.txt", "--compressor", "lzma", "--window", "40", "--samples", "50", "--json")  # fmt: skip
    found = json.loads(out)["x.de.txt"]
    assert set(found) == {"bits_per_byte", "compressor", "gain", "untrained"}
    assert found["bits_per_byte"]["ci"][0] <= found["bits_per_byte"]["value"] <= found["bits_per_byte"]["ci"][1]
    assert found["bits_per_byte"]["parts"]["windows"] >= 2


def test_information_parity_of_a_language_with_itself(call, files, llama):
    out, _ = run(call, "information-parity", llama, "x.en.txt", "x.en.txt", "--samples", "0")
    assert "information_parity\t1.0000\t1.0000 to 1.0000" in out


def test_translation_by_all_metrics(call, files):
    pytest.importorskip("sacrebleu")
    out, err = run(call, "translation", "x.en.txt", "x.en.txt")
    assert [line.split("\t")[:2] for line in out.splitlines()[1:]] == [
        ["BLEU", "100.0000"], ["chrF", "100.0000"], ["chrF++", "100.0000"], ["TER", "0.0000"],
    ]  # fmt: skip
    assert "sacrebleu:nrefs:1" in err
    out, _ = run(call, "translation", "x.en.txt", "x.en.txt", "--metric", "bleu", "--tokenize", "char", "--json")
    assert list(json.loads(out)["x.en.txt"]) == ["BLEU"]


def test_alignment_of_segments(call, files):
    out, _ = run(call, "segment-alignment", "x.de.txt", "x.de.txt", "--langs", "de-de", "--aligner", "ibm1", "--json")
    score = json.loads(out)["x.de.txt"]["segment_alignment"]
    assert score["value"] > 0.5
    assert score["value"] > score["parts"]["chance"]
    assert score["signature"].endswith("|aligner:ibm1")


def test_naturalness_of_words_and_of_trees(call, files):
    out, _ = run(call, "naturalness", "x.de.txt", "x.de.txt")
    assert "lexical\t0.0000" in out
    assert "p_value\t1.0000" in out
    out, err = run(call, "naturalness", "a.conllu", "b.conllu", "--iterations", "1", "--permutations", "20")
    assert "syntactic\t2.0000" in out
    assert "iterations:1" in err


def test_correlation_and_transfer(call, files):
    out, err = run(call, "correlation", "x.tsv", "y.tsv")
    assert "spearman\t1.0000" in out
    assert "left out, not in all files: eng_Latn, spa_Latn" in err
    out, _ = run(call, "correlation", "x.tsv", "y.tsv", "--json")
    assert set(json.loads(out)["x.tsv y.tsv"]) == {"pearson", "spearman", "kendall"}
    out, _ = run(
        call,
        "correlation",
        "features.tsv",
        "x.tsv",
        "--x-metric",
        "2",
        "--control",
        "z.tsv",
        "--samples",
        "50",
        "--json",
    )
    assert set(json.loads(out)["features.tsv x.tsv"]) == {"pearson", "spearman"}
    out, _ = run(call, "transfer", "features.tsv", "x.tsv", "--samples", "100")
    assert {line.split("\t")[0] for line in out.splitlines()[1:]} == {
        "spearman", "pearson", "error", "mean_error", "languages",
    }  # fmt: skip


def test_what_does_not_fit_is_refused(call, files, llama):
    fails(call("evaluate", "information-parity", llama, "x.en.txt", "short.txt"), "found 4 and 2 lines")
    fails(call("evaluate", "information-parity", llama, "x.en.txt", "hole.txt"), "hole.txt line 4: is empty")
    fails(call("evaluate", "bits-per-byte", llama, "empty.txt"), "empty.txt: is empty, expected a text")
    fails(call("evaluate", "bits-per-byte", llama, "x.de.txt", "x.en.txt", "--train", "x.en.txt"), "measure one language at a time")  # fmt: skip
    fails(call("evaluate", "translation", "x.en.txt", "short.txt"), "x.en.txt and short.txt: found 4 and 2 lines")
    fails(call("evaluate", "translation", "x.en.txt", "x.en.txt", "--metric", "ter", "--tokenize", "13a"), "add --metric bleu")  # fmt: skip
    fails(call("evaluate", "naturalness", "a.conllu", "x.en.txt"), "one is CoNLL-U and one is not")
    fails(call("evaluate", "tokenizer", "nothing.json", "x.en.txt"), "model 'nothing.json': no such file")
    fails(call("evaluate", "tokenizer", "static", "x.en.txt"), "has no tokenizer of its own")
    fails(call("evaluate", "correlation", "x.tsv", "features.tsv"), "say which metric is meant")


@pytest.mark.parametrize(
    "verb",
    "tokenizer bits-per-byte information-parity translation segment-alignment naturalness transfer correlation".split(),
)
def test_help(call, verb):
    out, _ = run(call, verb, "--help")
    assert "--json" in out
