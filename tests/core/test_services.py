"""What the levels share beside types: tags, parameters, registry, store, progress, random numbers, scores."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, DataError, MissingExtraError, UnknownMethodError
from polyalign.core.jit import set_threads
from polyalign.core.progress import event_log, note, track
from polyalign.core.registry import Row
from polyalign.core.rng import generator, stream, uniform
from polyalign.core.score import Score, bootstrap, signature
from polyalign.core.store import Store, key_of


@dataclass(frozen=True, slots=True)
class Toy:
    """A method for tests.

    Args:
        rounds: How often.
        mode: Which way,
            told on two lines.
        weights: By name.
        path: Where.
    """

    path: str
    rounds: int = 3
    mode: Literal["a", "b"] = "a"
    weights: dict[str, float] | None = None

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError("rounds must be at least 1")


ROW = Row("test/toy", f"{__name__}:Toy", presets={"paper": {"rounds": 9}})


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ("de", "deu_Latn"),
        ("DE", "deu_Latn"),
        ("de-CH", "deu_Latn"),
        ("zh", "cmn_Hans"),
        ("zh_Hant", "cmn_Hant"),
        ("ara", "arb_Arab"),
        ("no", "nob_Latn"),
        ("sr", "srp_Cyrl"),
        ("rm", "roh_Latn"),
        ("km", "khm_Khmr"),
        ("und", "und"),
        ("ja", "jpn_Jpan"),
    ],
)
def test_tags(given, tag):
    assert langs.normalise(given) == tag
    assert langs.normalise(tag) == tag


@pytest.mark.parametrize("bad", ["", "german", "x_y_z", "123", "zz9"])
def test_bad_tags(bad):
    with pytest.raises(ConfigError, match="not a language tag"):
        langs.normalise(bad)


def test_tag_facts():
    assert langs.name("roh_Latn") == "Romansh"
    assert langs.is_rtl("arb_Arab")
    assert not langs.is_rtl("deu_Latn")
    assert langs.parse_pair("de-rm") == ("deu_Latn", "roh_Latn")
    assert langs.short("und") == langs.normalise("und") == "und"
    with pytest.raises(ConfigError, match="joined by a hyphen"):
        langs.parse_pair("de")


def test_parameters_are_checked_all_at_once():
    method, errors = params.check(ROW, {"path": 3, "rouns": 4, "mode": "c"})
    assert method is None
    assert errors[0] == "test/toy takes no parameter 'rouns'; did you mean 'rounds'?"
    assert any("path = 3" in e for e in errors)
    assert any("mode = 'c'" in e for e in errors)
    with pytest.raises(ConfigError, match="here: test/toy needs the parameter 'path': Where"):
        params.build(ROW, {}, where="here")
    with pytest.raises(ConfigError, match="rounds must be at least 1"):
        params.build(ROW, {"path": "x", "rounds": 0})
    with pytest.raises(ConfigError, match="rounds = '3'"):
        params.build(ROW, {"path": "x", "rounds": "3"})
    with pytest.raises(ConfigError, match=r"no preset 'papr' .*did you mean 'paper'"):
        params.build(ROW, {"path": "x", "preset": "papr"})


def test_parameters_build_and_describe():
    toy = params.build(ROW, {"path": "x", "preset": "paper", "weights": {"a": 1.5}})
    assert toy == Toy("x", 9, "a", {"a": 1.5})
    assert params.to_dict(toy) == {"path": "x", "rounds": 9, "mode": "a", "weights": {"a": 1.5}}
    assert params.non_default(toy) == {"path": "x", "rounds": 9, "weights": {"a": 1.5}}
    described = {p.name: p.help for p in params.params_of(Toy)}
    assert described["mode"] == "Which way, told on two lines."


def test_registry_finds_and_refuses():
    assert registry.find("aer", task="evaluate").id == "evaluate/aer"
    assert registry.summary(registry.find("evaluate/aer")).endswith(".")
    with pytest.raises(UnknownMethodError, match="did you mean 'gale-church'"):
        registry.find("gale-chruch", task="sentences.align")
    with pytest.raises(UnknownMethodError, match="polyalign methods"):
        registry.find("nothing/here")
    needs = Row("test/extra", f"{__name__}:Toy", extra="neural", needs=("no_such_module",))
    with pytest.raises(MissingExtraError, match=r"pip install 'polyalign\[neural\]'"):
        registry.load(needs)


def recipe(**changes):
    return {"method": "m/x", "version": 1, "params": {"a": 1}, "inputs": {"i": "h"}, "languages": ["x"], **changes}


def test_store_keeps_by_content(tmp_path):
    store = Store(tmp_path)
    assert store.find("s", "u", recipe()) is None
    assert store.why_missing("s", "u", recipe()) == "nothing stored yet"
    with store.create("s", "u", recipe(), {"out": 1}) as folder:
        (folder / "x.txt").write_text("one")
    found = store.load("s", "u", recipe())
    assert found.counts == {"out": 1}
    assert (found.folder / "x.txt").read_text() == "one"
    for change, why in [
        ({"params": {"a": 2}}, "a 1 -> 2"),
        ({"version": 2}, "version 1 -> 2"),
        ({"method": "m/y"}, "method m/x -> m/y"),
        ({"inputs": {"i": "k"}}, "changed input: i"),
        ({"languages": ["y"]}, "other languages"),
    ]:
        assert store.find("s", "u", recipe(**change)) is None
        assert store.why_missing("s", "u", recipe(**change)) == why
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})


def test_store_leaves_nothing_of_a_failure_and_sees_damage(tmp_path):
    store = Store(tmp_path)

    def fail_half_way() -> None:
        with store.create("s", "u", recipe(), {}) as folder:
            (folder / "x").write_text("half")
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail_half_way()
    assert list((tmp_path / "s").iterdir()) == []
    with store.create("s", "u", recipe(), {}) as folder:
        (folder / "x").write_text("whole")
    (store.load("s", "u", recipe()).folder / "x").write_text("tampered")
    assert store.find("s", "u", recipe()) is None
    assert "damaged" in store.why_missing("s", "u", recipe())
    with pytest.raises(DataError, match="vanished"):
        store.load("s", "u", recipe())
    with pytest.raises(DataError, match="No space left"), store.create("s", "v", recipe(), {}):
        raise OSError(28, "No space left on device")


def test_progress_writes_events(tmp_path, capsys):
    with event_log(tmp_path / "e.jsonl"), track("count", total=2, unit="things") as progress:
        progress.advance()
        progress.advance()
        note("a note")
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events] == ["note", "progress"]
    assert events[1]["done"] == events[1]["total"] == 2
    assert "a note" in capsys.readouterr().err


def test_random_streams_depend_on_their_key_alone():
    draws = {
        key: [uniform(s) for s in [stream(*key)] for _ in range(4)]
        for key in [(1, 0, 0), (1, 0, 1), (1, 1, 0), (2, 0, 0)]
    }
    assert len({tuple(d) for d in draws.values()}) == 4
    state = stream(1, 0, 0)
    assert [uniform(state) for _ in range(4)] == draws[1, 0, 0]
    many = stream(7, 3, 5)
    sample = np.asarray([uniform(many) for _ in range(20000)])
    assert 0 <= sample.min() < sample.max() < 1
    assert abs(sample.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(sample[:-1], sample[1:])[0, 1]) < 0.03
    assert generator(1, "a").random() != generator(1, "b").random()


def test_bootstrap_covers():
    """The share of intervals that hold the true mean is what they promise."""
    random = np.random.default_rng(1)
    held = 0
    for trial in range(200):
        items = random.normal(0.3, 1.0, (60, 1))
        low, high = bootstrap(np.c_[items, np.ones(60)], lambda s: s[..., 0] / s[..., 1], samples=300, seed=trial)
        held += low <= 0.3 <= high
    assert 178 <= held <= 199
    assert bootstrap(np.ones((3, 1)), lambda s: s[..., 0], samples=0) == (3.0, 3.0)


def test_score_and_signature():
    score = Score("aer", 0.25, 2, (0.2, 0.3), signature(metric="aer"), np.zeros((2, 1)), {"precision": 0.5})
    assert score.to_json()["ci"] == [0.2, 0.3]
    assert score.signature.startswith("metric:aer|version:")
    assert score.aggregate is None


def test_a_score_of_items_has_their_interval_and_aggregate():
    items = np.random.default_rng(3).random((40, 2))
    score = Score.of("x", items, lambda s: s[..., 0] / s[..., 1], "metric:x", samples=50, seed=7, parts={"n": 40})
    assert score.aggregate is not None
    assert score.value == score.aggregate(items.sum(axis=0))
    assert score.ci == bootstrap(items, score.aggregate, samples=50, seed=7)
    assert (score.n, score.parts) == (40, {"n": 40})
    assert set(score.to_json()) == {"name", "value", "ci", "n", "signature", "parts"}


def test_threads_are_bounded():
    assert set_threads(0) >= 1
    assert set_threads(1) == 1
    assert set_threads(10_000) >= 1
    set_threads(0)


def test_torch_has_an_openmp_of_its_own_whatever_ran_first():
    """Sharing the one that kernels started their threads by makes its attention hundreds of times slower."""
    torch = pytest.importorskip("torch")
    if not list((Path(torch.__file__).parent / "lib").glob("libgomp*")):
        pytest.skip("this torch brings no libgomp")
    code = """
from polyalign.core.jit import set_threads
set_threads(0)
import torch
print(any("/torch/lib/libgomp" in line for line in open("/proc/self/maps")))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "True"
