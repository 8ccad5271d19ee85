"""Iterated mining: more is found where there is something to learn, and nothing is learnt from chance."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.space import unit
from polyalign.sentences import criss
from polyalign.sentences.criss import Criss
from polyalign.sentences.mine import Margin


def texts(name, n):
    return [f"{name}{i}" for i in range(n)]


def planted(n, known, *, noise=(1.5, 1 / 6), d=64, seed=1):
    """Two views of what some sentences say, noisy in half of the dimensions, turned and moved; the order of one side."""
    random = np.random.default_rng(seed)
    src, tgt, order = random.normal(size=(n, d)), random.normal(size=(n, d)), random.permutation(n)
    tgt[order[:known]] = src[:known]
    scale = np.where(np.arange(d) < d // 2, *noise)
    turn = np.linalg.qr(random.normal(size=(d, d)))[0]
    out = [((x + scale * random.normal(size=x.shape)) @ turn + move).astype(np.float32) for x, move in ((src, 0.1), (tgt, -0.1))]  # fmt: skip
    return out[0], out[1], order


def f1(found, order, known):
    return 2 * ((order[found.src] == found.tgt) & (found.src < known)).sum() / (len(found) + known)


@pytest.fixture
def said(monkeypatch):
    notes = []
    monkeypatch.setattr(criss, "note", notes.append)
    return notes


@pytest.fixture
def known(monkeypatch):
    """An encoder that knows what it is told."""
    table = {}

    class Known:
        key, dim = "known", 64

        def encode(self, some, *, label=""):
            return unit(np.array([table.get(t, np.zeros(64)) for t in some], np.float32).reshape(-1, 64))

    monkeypatch.setattr(criss, "named_encoder", lambda name: {"known": Known()}[name])
    return table


def test_tuning_finds_more(said):
    src, tgt, order = planted(1000, 600)
    args = texts("a", 1000), texts("b", 1000)
    once = Margin().mine(*args, vectors=(src, tgt))
    found = Criss().mine(*args, vectors=(src, tgt))
    assert f1(found, order, 600) > f1(once, order, 600) + 0.1
    assert (order[found.src] == found.tgt).mean() > (order[once.src] == once.tgt).mean() - 0.02
    assert [s[:14] for s in said if "pairs;" in s] == ["criss: round 1", "criss: round 2", "criss: round 3"]
    assert f"criss: round 1: {len(once)} pairs; " in said[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [(0.5, 0.5), (1.5, 1 / 6)])
def test_from_sides_that_have_nothing_to_do_with_each_other_nothing_is_learnt(said, noise, seed):
    src, tgt, _ = planted(600, 0, noise=noise, seed=seed)
    args = texts("a", 600), texts("b", 600)
    once, found = (m.mine(*args, vectors=(src, tgt)) for m in (Margin(), Criss()))
    assert (found.src.tolist(), found.tgt.tolist()) == (once.src.tolist(), once.tgt.tolist())
    assert "kept round 1" in said[-1] or "stopped after round 1" in said[-1]


def test_where_there_is_nothing_to_gain_the_first_round_stays(said):
    src, tgt, _ = planted(300, 300, noise=(0.1, 0.1))
    args = texts("a", 300), texts("b", 300)
    once, found = (m.mine(*args, vectors=(src, tgt)) for m in (Margin(), Criss()))
    assert sorted(found.src.tolist()) == sorted(once.src.tolist()) == list(range(300))
    assert found.score == pytest.approx(once.score, abs=1e-5)
    assert "round 2 is no better" in said[-1]


def test_pairs_that_are_not_found_again_are_chance():
    empty = Margin().mine([], [], vectors=(np.zeros((0, 2)), np.zeros((0, 2))))
    before = criss._Round(empty, np.array([0, 1, 2, 3, 4, -1, -1, -1, -1]), np.arange(9))
    more = np.arange(9)
    assert criss._no_better(before, criss._Round(empty, more, more)) == ""
    other = np.array([0, 1, 2, 9, 9, 5, 6, 7, 8])
    assert "of 5 held-out pairs 3 were found again" in criss._no_better(before, criss._Round(empty, other, other))
    one = np.array([0, 1, 2, 3, 4, 5, -1, -1, -1])
    assert "1 of what is held out gained" in criss._no_better(before, criss._Round(empty, one, one))


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    src, tgt, _ = planted(500, 300)
    runs = []
    for k in range(2):
        folder = tmp_path / f"{k}"
        found = Criss(save=str(folder)).mine(texts("a", 500), texts("b", 500), vectors=(src, tgt))
        saved = [p.read_bytes() for p in sorted(folder.iterdir())] if folder.exists() else []
        runs.append((found.src.tobytes(), found.tgt.tobytes(), found.score.tobytes(), saved))
    assert runs[0] == runs[1]


def test_one_round_is_margin_mining():
    src, tgt, _ = planted(200, 100)
    src[3] = np.nan  # of an empty line, which counts for nothing
    args = ["a" * (i + 1) if i != 3 else " " for i in range(200)], texts("b", 200)
    for settings in ({}, {"select": "forward", "margin": "ratio", "error": 0.1}, {"threshold": 0.05}):
        once, found = (
            m(**settings).mine(*args, vectors=(src, tgt)) for m in (Margin, lambda **k: Criss(rounds=1, **k))
        )
        assert found.src.tolist() == once.src.tolist()
        assert found.score == pytest.approx(once.score, abs=1e-5)
        assert found.counts == once.counts


def test_every_setting_of_margin_mining_is_one_here():
    ours = {f.name: f.default for f in fields(Criss)}
    assert {f.name: f.default for f in fields(Margin)}.items() <= ours.items()


def test_a_threshold_of_ones_own_is_for_the_result():
    src, tgt, _ = planted(1000, 600)
    args = texts("a", 1000), texts("b", 1000)
    free = Criss().mine(*args, vectors=(src, tgt))
    high = float(free.score[50])
    found = Criss(threshold=high).mine(*args, vectors=(src, tgt))
    assert found.src.tolist() == free.src[: len(found)].tolist()
    assert len(found) in (50, 51)


def test_known_translations_decide(known, said, tmp_path):
    src, tgt, order = planted(1000, 600)
    a, b = texts("a", 1000), texts("b", 1000)
    known |= dict(zip(a + b, np.concatenate([src, tgt]), strict=True))
    pairs = [f"{a[i]}\t{b[order[i]]}" for i in range(100)]
    good, bad = tmp_path / "good.tsv", tmp_path / "bad.tsv"
    good.write_text("\n".join(pairs) + "\n", encoding="utf-8")
    # Of sentences that do not translate each other none gains anything.
    bad.write_text("".join(f"{a[i]}\t{b[order[i + 1]]}\n" for i in range(100)), encoding="utf-8")
    better = Criss(encoder="known", clean=str(good)).mine(a, b)
    assert "of 100 known translations" in said[0]
    once = Margin().mine(a, b, vectors=(src, tgt))
    assert f1(better, order, 600) >= f1(once, order, 600)
    said.clear()
    assert len(Criss(encoder="known", clean=str(bad)).mine(a, b)) == len(once)
    assert "kept round 1" in said[-1]


def test_the_head_is_an_encoder_later(known, said, tmp_path, monkeypatch):
    src, tgt, _ = planted(1000, 600)
    a, b = texts("a", 1000), texts("b", 1000)
    known |= dict(zip(a + b, np.concatenate([src, tgt]), strict=True))
    folder = tmp_path / "head"
    Criss(encoder="known", save=str(folder)).mine(a, b)
    assert said[-1] == f"criss: saved the tuned head; name it as: tuned:model={folder}"
    saved = json.loads((folder / "head.json").read_text())
    assert saved["encoder"] == "known"
    assert [r["round"] for r in saved["rounds"]] == list(range(1, len(saved["rounds"]) + 1))
    with pytest.raises(ConfigError, match="found a folder with files in it"):
        Criss(save=str(folder)).mine(a, b)


def test_what_is_not_better_is_not_saved(said, tmp_path):
    src, tgt, _ = planted(100, 0)
    Criss(save=str(tmp_path / "head")).mine(texts("a", 100), texts("b", 100), vectors=(src, tgt))
    assert "nothing is saved" in said[-1]
    assert not (tmp_path / "head").exists()


def test_a_killed_run_goes_on(tmp_path):
    src, tgt, _ = planted(300, 200)
    args = texts("a", 300), texts("b", 300)
    plain = Criss().mine(*args, vectors=(src, tgt))
    for _ in range(2):
        found = Criss().mine(*args, vectors=(src, tgt), work=tmp_path)
        assert (found.src.tobytes(), found.score.tobytes()) == (plain.src.tobytes(), plain.score.tobytes())


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (1, 1)])
def test_next_to_nothing(said, n, m):
    found = Criss().mine(texts("a", n), texts("b", m), vectors=(np.ones((n, 4)), np.ones((m, 4))))
    assert len(found) <= 1
    assert "stopped after round 1" in said[-1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rounds": 0}, "rounds must"), ({"steps": 0}, "steps must"), ({"batch": 1}, "batch must"),
        ({"held_out": 0.0}, "held_out must"), ({"held_out": 1.0}, "held_out must"), ({"shrink": 0.0}, "shrink must"),
        ({"learning_rate": 0.0}, "learning_rate must"), ({"temperature": 0.0}, "temperature must"), ({"error": 2.0}, "error must"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense(settings, said):
    with pytest.raises(ValueError, match=said):
        Criss(**settings)


@pytest.mark.parametrize(("content", "said"), [("", "no line"), ("a\tb\nc\n", "no pair in row 1"), ("a\t \n", "row 0")])
def test_known_translations_have_to_be_pairs(tmp_path, content, said):
    path = tmp_path / "known.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        Criss(clean=str(path)).mine(["a"], ["b"])


def test_vectors_and_texts_to_encode_do_not_go_together(tmp_path):
    for settings in ({"tune": "encoder"}, {"clean": str(tmp_path / "x")}):
        with pytest.raises(ConfigError, match="leave the vectors out"):
            Criss(**settings).mine(["a"], ["b"], vectors=(np.ones((1, 2)), np.ones((1, 2))))
    with pytest.raises(DataError, match=r"tgt vectors of shape \(2,\) for 2"):
        Criss().mine(["a", "b"], ["c", "d"], vectors=(np.ones((2, 2)), np.ones(2)))


def test_a_transformer_tuned_on_pairs_is_saved(said, tmp_path, monkeypatch):
    """The loop around a stand-in for the training, which has tests of its own."""
    from polyalign.encoders import tune

    src, tgt, order = planted(600, 400, noise=(1.25, 1 / 6))
    quiet, loud = planted(600, 400, noise=(0.3, 1 / 6))[:2], (src, tgt)
    a, b = texts("a", 600), texts("b", 600)
    asked = []

    class Stub:
        prefix, key, dim = "query: ", "stub", 64

        def __init__(self, sides):
            self.table = dict(zip(a + b, np.concatenate(sides), strict=True))

        def encode(self, some, *, label=""):
            return unit(np.array([self.table[t] for t in some], np.float32))

        def write(self, folder):
            folder.mkdir()

    def trained(encoder, x, y, **settings):
        asked.append((x, y, settings))
        return Stub(quiet)

    monkeypatch.setattr(criss, "named_encoder", lambda name: Stub(loud))
    monkeypatch.setattr(tune, "tune", trained)
    found = Criss(tune="encoder", steps=7, save=str(tmp_path / "model")).mine(a, b)
    assert f1(found, order, 400) > 0.9
    x, y, settings = asked[0]
    held = criss.generator(1, "criss").random(600) < 0.2
    assert len(x) == len(y) >= criss.LEAST
    assert not any(held[int(t[1:])] for t in x)
    assert settings["steps"] == 7
    assert said[-1] == f"criss: saved the tuned encoder; name it as: '{tmp_path / 'model'}:prefix=query: '"
    assert (tmp_path / "model").is_dir()
