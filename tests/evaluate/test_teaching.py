from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pytest

from polyalign.core.errors import DataError
from polyalign.core.score import Score

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.evaluate.compared import cell, change, gain, plain
from polyalign.evaluate.prompted import Pairs, Prompted, drawn, opening
from polyalign.evaluate.teaching import Held, Teaching, _last
from polyalign.evaluate.verdict import verdict
from tests.models.tiny import byte_level, llama

GERMAN = [f"Das Haus Nummer {k} steht am Fluss, und der Hund schläft darin. " * 8 for k in range(12)]
ENGLISH = [f"House number {k} stands by the river, and the dog sleeps in it. " * 8 for k in range(12)]


class Parrot:
    """Writes the end of its prompt, by model."""

    def __init__(self, room=10_000):
        self.room, self.asked = room, []

    def __call__(self, name, prompts, max_tokens, stop):
        self.asked.append((name, tuple(prompts), max_tokens, stop))
        return [f" {name} {prompt[-8:]}" for prompt in prompts]

    def fits(self, name, prompts, max_tokens):
        return max(map(len, prompts)) + max_tokens <= self.room


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model that knows nothing, and one that knows German letters by their frequency."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("models")
    tokenizer = byte_level(GERMAN + ENGLISH, 300)
    before = llama(folder / "before", tokenizer, tied=False)
    after = llama(folder / "after", tokenizer, tied=False)
    model = AutoModelForCausalLM.from_pretrained(after)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.05)
    ids = torch.tensor([tokenizer(text, verbose=False)["input_ids"][:60] for text in GERMAN])
    for _ in range(15):
        optimiser.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        optimiser.step()
    model.save_pretrained(after)
    return {"before": str(before), "after": str(after)}


PAIRS = Pairs("deu_Latn", "eng_Latn", [t[:60] for t in GERMAN], [t[:60] for t in ENGLISH])
HELD = Held(
    "deu_Latn", {"deu_Latn": GERMAN, "eng_Latn": ENGLISH}, {"deu_Latn": GERMAN[:3]}, [PAIRS]
)  # fmt: skip


@pytest.fixture(scope="module")
def told(models):
    method = Teaching(windows=20, window=100, sentences=10, translations=3, shots=2, samples=200)
    return method.measure(models, HELD, write=Parrot())


def test_what_was_learnt_is_told_with_its_interval(told):
    bits = told["bits_per_byte"]["deu_Latn"]
    before, after = (c["value"] for c in bits["cells"])
    assert after < before - 1
    assert bits["changes"][0] is None
    assert bits["changes"][1]["value"] == pytest.approx(after - before, abs=2e-6)
    low, high = bits["changes"][1]["ci"]
    assert low < after - before < high < 0
    assert told["verdict"]["helped"] in ("yes", "yes, at a price")
    assert told["known"] == ["eng_Latn"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_it_is_measured_as_bits_per_byte_measures(models, told):
    from polyalign.encoders.likelihood import Likelihood
    from polyalign.evaluate.bits_per_byte import BitsPerByte

    metric = BitsPerByte(window=100, windows=20, samples=0)
    score = metric.measure(Likelihood(models["after"]), "\n\n".join(GERMAN))["bits_per_byte"]
    assert told["bits_per_byte"]["deu_Latn"]["cells"][1]["value"] == pytest.approx(score.value, abs=1e-6)


def test_a_compressor_learns_from_what_models_saw(models, told):
    assert told["text"]["deu_Latn"]["seen_bytes"] > 1000
    assert told["text"]["eng_Latn"]["seen_bytes"] == 0
    bits = told["bits_per_byte"]
    # It has seen these very sentences.
    assert bits["deu_Latn"]["compressor"]["value"] < 0.5 * bits["eng_Latn"]["compressor"]["value"]
    assert bits["deu_Latn"]["compressor"]["name"] == ("PPMd" if find_spec("pyppmd") else "LZMA2")


def test_all_parts_are_there_for_every_model(told):
    assert [m["name"] for m in told["models"]] == ["before", "after"]
    (pair,) = told["alignment"]
    # The language that is known is the pivot.
    assert (pair["src"], pair["tgt"], pair["n"]) == ("eng_Latn", "deu_Latn", 10)
    assert [len(curve) for curve in pair["layers"]] == [3, 3]
    assert len(pair["mexa"]["cells"]) == len(pair["retrieval"]["cells"]) == 2
    assert set(told["tokenizer"]) == {"deu_Latn", "eng_Latn"}
    assert [s["lang"] for s in told["samples"]] == ["deu_Latn"] * 3 + ["eng_Latn"]
    for sample in told["samples"]:
        assert sample["outputs"] == [f" {m} {sample['prompt'][-8:]}" for m in ("before", "after")]


def test_translations_have_the_same_examples_and_the_source_beside_them(told):
    pytest.importorskip("sacrebleu")
    there, back = told["translation"]
    assert (there["src"], there["tgt"], back["src"], back["tgt"]) == ("deu_Latn", "eng_Latn", "eng_Latn", "deu_Latn")
    assert (there["n"], there["shots"]) == (3, 2)
    assert there["copied"]["value"] > there["cells"][0]["value"]
    assert {tuple(sorted(e)) for e in there["examples"]} == {("outputs", "reference", "source")}


def test_fewer_examples_where_a_model_has_no_room():
    pytest.importorskip("sacrebleu")
    parrot, notes = Parrot(room=450), []
    (there, _) = Prompted(parrot, ["a"], 3, 4, 0, 64, 0, 1).translate(PAIRS, notes)
    assert 0 < there["shots"] < 4
    assert not notes
    assert Prompted(Parrot(room=10), ["a"], 3, 4, 1, 64, 0, 1).translate(PAIRS, notes) == []
    assert notes == [
        "translation of German and English: left out, as a sentence and 64 tokens more are too long for a model"
    ]
    notes = []
    assert Prompted(Parrot(room=10), ["a"], 3, 4, 1, 64, 0, 1).go_on({"deu_Latn": GERMAN}, notes) == []
    assert notes == ["completions: left out, as an opening and 64 tokens more are too long for a model"]
    short = Pairs("deu_Latn", "eng_Latn", ["kurz"], ["short"])
    assert Prompted(parrot, ["a"], 3, 4, 1, 64, 0, 1).translate(short, notes) == []
    assert (
        notes[1] == "translation of German and English: left out, as too few sentence pairs are of 20 to 240 characters"
    )


def test_of_few_pairs_nearness_is_left_out_and_said(models):
    few = Held("deu_Latn", {"deu_Latn": GERMAN}, pairs=[Pairs("deu_Latn", "eng_Latn", GERMAN[:3], ENGLISH[:3])])
    told = Teaching(windows=2, samples=0).measure({"before": models["before"]}, few)
    assert told["alignment"] == told["translation"] == told["samples"] == []
    assert told["notes"] == ["alignment of German and English: left out, as 3 sentence pairs are fewer than 10"]
    assert told["verdict"] == {
        "helped": "cannot be told",
        "said": ["There is one model only, and nothing to compare it with."],
    }


def test_without_bits_models_are_judged_by_nearness(models):
    told = Teaching(windows=12, samples=100).measure(models, HELD, without="they say what is masked")
    assert told["bits_per_byte"] == {}
    assert told["translation"] == []
    assert told["notes"] == ["bits per byte: left out, as they say what is masked"]
    assert told["verdict"]["said"][0].startswith("MEXA of English and German: ")


def test_states_that_are_given_are_what_nearness_is_taken_of(models):
    eye = np.eye(12, dtype=np.float32)

    def states(name, texts, lang):
        # The second model has every sentence of the new language where its translation is.
        off = eye[:, ::-1] if name == "before" and lang == "deu_Latn" else eye
        return [off[: len(texts)], off[: len(texts)]]

    told = Teaching(windows=12, sentences=12).measure(models, HELD, without="of the test", states=states)
    (pair,) = told["alignment"]
    assert pair["layers"] == [[0.0, 0.0], [1.0, 1.0]]
    assert [c["value"] for c in pair["mexa"]["cells"]] == [0.0, 1.0]
    assert pair["mexa"]["changes"][1] == {"value": 1.0, "ci": [1.0, 1.0], "n": 12}
    assert told["verdict"]["helped"] == "yes"


def made_up(new=(-0.5, -0.6, -0.4), known=(0.0, -0.1, 0.1), n=40):
    def bits(value, low, high):
        cells = [{"value": 2.0}, {"value": 2.0 + value}]
        return {
            "cells": cells,
            "changes": [None, {"value": value, "ci": [low, high], "n": n}],
            "compressor": {"value": 1.8},
        }

    return {
        "new": "roh_Latn", "known": ["deu_Latn"], "tolerance": 0.1, "models": [{"name": "a"}, {"name": "b"}],
        "text": {"roh_Latn": {"seen_bytes": 1000}}, "bits_per_byte": {"roh_Latn": bits(*new), "deu_Latn": bits(*known)},
        "alignment": [], "translation": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("case", "helped"),
    [
        ({}, "yes"),
        ({"known": (0.2, 0.1, 0.3)}, "yes, at a price"),
        ({"known": (0.05, 0.01, 0.09)}, "yes"),
        ({"known": (0.3, -0.1, 0.7)}, "yes"),
        ({"new": (-0.1, -0.3, 0.1)}, "cannot be told"),
        ({"new": (0.2, 0.1, 0.3), "known": (0.2, 0.1, 0.3)}, "no"),
        ({"n": 9}, "cannot be told"),
    ],
)
def test_the_verdict(case, helped):
    assert verdict(made_up(**case))["helped"] == helped


def test_the_verdict_in_words():
    said = verdict(made_up(known=(0.2, 0.1, 0.3)))["said"]
    assert said == [
        "b needs 1.50 bits for a byte of Romansh, a 2.00: -0.50 (-0.60 to -0.40).",
        "That is 17% less than a compressor that has seen 1 kB (1.80).",
        "What it knew before: German +0.20 (+0.10 to +0.30).",
    ]
    assert verdict(made_up())["said"][2].endswith("; nothing beyond the tolerance of 0.1.")
    chance = verdict(made_up(known=(0.3, -0.1, 0.7)))["said"][2]
    assert chance.endswith("(-0.10 to +0.70); what is beyond the tolerance of 0.1 may be chance.")


def test_differences_are_of_the_same_items():
    items = np.random.default_rng(1).normal(size=(50, 1))

    def score(x):
        return Score.of(
            "mean", np.concatenate([x, np.ones_like(x)], axis=1), lambda s: s[..., 0] / s[..., 1], "", samples=0, seed=1
        )

    made = gain(score(items), score(items + 0.5), samples=500, seed=1)
    # However much the items differ, each is half more than it was.
    assert made == {"value": 0.5, "ci": [0.5, 0.5], "n": 50}
    assert change(items, lambda s: s[..., 0], samples=0, seed=1)["value"] == pytest.approx(items.sum(), abs=1e-6)
    assert plain(float("nan")) is None
    assert cell(score(items))["n"] == 50


def test_small_things():
    assert sorted(drawn(5, 1)) == [0, 1, 2, 3, 4] != drawn(5, 1)
    assert opening("ohneleerzeichen", 6) == ("ohnele", "erzeic")
    assert opening("a") == ("a", "")
    assert _last(["aaaa", "bb"], 5) == "a\n\nbb"
    assert _last(["ää"], 3) == "ä"
    assert _last(["x"], 0) == ""


def test_what_is_refused(models):
    for wrong, message in (
        ({"sentences": 5}, "sentences must be at least 10, or 0 for none, found 5"),
        ({"shots": 0}, "shots must be at least 1, found 0"),
        ({"tolerance": -1.0}, "tolerance must not be negative"),
        ({"window": 1}, "window must be at least 4 bytes"),
        ({"samples": -1}, "samples must not be negative"),
    ):
        with pytest.raises(ValueError, match=message):
            Teaching(**wrong)
    with pytest.raises(
        DataError, match=r"found 2 models and held-out text of eng_Latn, expected a model and text of deu_Latn"
    ):
        Teaching().measure(models, Held("deu_Latn", {"eng_Latn": ENGLISH}))
