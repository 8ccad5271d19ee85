"""``polyalign embed`` with static vectors, which need no model, and with a made-up encoder."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pyarrow.parquet as pq
import pytest

from polyalign.cli import main as entry
from polyalign.core import registry
from polyalign.core.space import Space
from polyalign.encoders.centre import centre
from polyalign.encoders.static import Static

from ..encoders.fake import Fake
from .outcome import fails

LINES = ["the cat", "", "The dog!", "the cat sat", "the cat"]


@pytest.fixture(autouse=True)
def _encoders(monkeypatch, tmp_path):
    module = types.ModuleType("made_up")
    module.Fake = Fake
    monkeypatch.setitem(sys.modules, "made_up", module)
    ours = [
        registry.Row("encode/static", "polyalign.encoders.static:Static"),
        registry.Row("encode/transformer", "polyalign.encoders.transformer:Transformer"),
        registry.Row("encode/causal", "polyalign.encoders.causal:Causal"),
    ]
    table = {**registry.rows(), **{row.id: row for row in ours if row.id not in registry.rows()}}
    monkeypatch.setattr(registry, "rows", lambda: table)
    monkeypatch.setitem(entry.VERBS, "embed", ("Texts to vectors.", "Text and corpora"))
    rng = np.random.default_rng(0)
    Space(("the", "cat", "dog", "sat"), rng.normal(size=(4, 6)).astype(np.float32)).save(tmp_path / "space")
    (tmp_path / "a.txt").write_bytes("\r\n".join(LINES).encode() + b"\r\n")


def expected(tmp_path):
    return Static(str(tmp_path / "space")).encode(LINES)


@pytest.mark.parametrize("named", [("static", "--model", "space"), ("space",)])
def test_npy(call, tmp_path, named):
    status, out, _ = call("embed", named[0], "a.txt", "a.npy", *named[1:], "--json")
    assert status == 0
    rows = np.load(tmp_path / "a.npy")
    assert rows.dtype == np.float16
    assert np.array_equal(rows, expected(tmp_path))
    assert json.loads(out) == {"texts": 5, "empty": 1, "dim": 6, "out": "a.npy"}


def test_settings_behind_a_colon(call, tmp_path):
    assert call("embed", "space:weighting=mean", "a.txt", "a.npy")[0] == 0
    assert np.array_equal(np.load(tmp_path / "a.npy"), Static(str(tmp_path / "space"), weighting="mean").encode(LINES))


def test_centred(call, tmp_path):
    assert call("embed", "space", "a.txt", "a.npy", "--centre")[0] == 0
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), centre(expected(tmp_path), prior=0)[0], atol=1e-3)


def test_parquet(call, tmp_path):
    assert call("embed", "space", "a.txt", "a.parquet")[0] == 0
    table = pq.read_table(tmp_path / "a.parquet")
    assert table["text"].to_pylist() == LINES
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), expected(tmp_path), atol=1e-6)


def test_vec_is_read_again(call, tmp_path):
    (tmp_path / "w.txt").write_text("the\ncat\ndog\n", encoding="utf-8")
    assert call("embed", "space", "w.txt", "w.vec.gz")[0] == 0
    again = Static(str(tmp_path / "w.vec.gz"), weighting="mean")
    np.testing.assert_allclose(again.encode(["cat"]), Static(str(tmp_path / "space")).encode(["cat"]), atol=1e-3)


def test_tokens(call, tmp_path):
    status, out, _ = call("embed", "space", "a.txt", "a.npz", "--tokens", "--json")
    assert status == 0
    direct = Static(str(tmp_path / "space")).tokens(LINES)
    with np.load(tmp_path / "a.npz") as held:
        assert np.array_equal(held["vectors"], direct.vectors)
        assert np.array_equal(held["offsets"], direct.offsets)
        assert np.array_equal(held["spans"], direct.spans)
    assert json.loads(out)["tokens"] == 9


def test_nothing_in_nothing_out(call, tmp_path):
    (tmp_path / "empty.txt").write_text("")
    assert call("embed", "space", "empty.txt", "e.npy")[0] == 0
    assert np.load(tmp_path / "e.npy").shape == (0, 6)
    assert call("embed", "space", "empty.txt", "e.npz", "--tokens")[0] == 0
    assert call("embed", "space", "empty.txt", "e.parquet")[0] == 0
    assert pq.read_table(tmp_path / "e.parquet").num_rows == 0


def test_errors_are_one_line_and_leave_nothing(call, tmp_path):
    fails(call("embed", "space", "a.txt", "a.tsv"), "a.tsv", ".npy")
    fails(call("embed", "space", "a.txt", "a.npy.gz"), ".npy")
    fails(call("embed", "space", "a.txt", "a.npy", "--tokens"), ".npz")
    fails(call("embed", "space", "a.txt", "a.npz", "--tokens", "--centre"), "--centre")
    fails(call("embed", "space", "none.txt", "a.npy"), "none.txt", "no such file")
    fails(call("embed", "space", "a.txt", "none/a.npy"), "folder does not exist")
    fails(call("embed", "space", "a.txt", "a.vec"), "line 1", "one word a line")
    fails(call("embed", "spaec", "a.txt", "a.npy"), "spaec")
    fails(call("embed", "statc", "a.txt", "a.npy"), "did you mean 'static'")
    fails(call("embed", "space:wheighting=mean", "a.txt", "a.npy"), "did you mean 'weighting'")
    fails(call("embed", "static", "a.txt", "a.npy"), "needs the parameter 'model'")
    fails(call("embed", "space", "a.txt"), "OUT")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    fails(call("embed", "space", "latin.txt", "a.npy"), "latin.txt line 1", "UTF-8")
    assert not list(tmp_path.glob("a.*[!t]"))


def test_an_interrupted_run_goes_on(call, tmp_path, monkeypatch):
    from polyalign.encoders import encoder as module
    from polyalign.encoders import named

    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setenv("POLYALIGN_CACHE", str(tmp_path / "cache"))

    class Stops(Fake):
        __slots__ = ()

        def vectors(self, some):
            if len(self.calls) == 1:
                raise KeyboardInterrupt
            return Fake.vectors(self, some)

    monkeypatch.setattr(named, "named_encoder", lambda name: Stops())
    status, _, err = call("embed", "fake", "a.txt", "a.npy")
    assert (status, err.count("goes on")) == (130, 1)
    assert not (tmp_path / "a.npy").exists()
    fake = Fake()
    monkeypatch.setattr(named, "named_encoder", lambda name: fake)
    assert call("embed", "fake", "a.txt", "a.npy")[0] == 0
    assert sum(map(len, fake.calls)) == 1
    assert np.array_equal(np.load(tmp_path / "a.npy"), Fake().encode(LINES))


def test_help_names_the_methods(call):
    status, out, _ = call("embed", "--help")
    assert status == 0
    assert "static" in out
    assert "--centre" in call("embed", "static", "--help")[1]
