"""``polyalign distil`` with a tiny transformer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from polyalign.cli import main as entry
from polyalign.core import registry
from polyalign.encoders.distilled import Distilled
from polyalign.encoders.static import Static

from ..encoders.conftest import bert  # noqa: F401
from .outcome import fails


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    ours = [
        registry.Row(f"encode/{name}", f"polyalign.encoders.{name}:{name.capitalize()}")
        for name in ("static", "transformer", "distilled")
    ]
    table = {**{row.id: row for row in ours}, **registry.rows()}
    monkeypatch.setattr(registry, "rows", lambda: table)
    monkeypatch.setitem(entry.VERBS, "distil", ("Make an encoder static.", "Text and corpora"))


def test_a_folder_that_encodes_alike(call, bert, tmp_path):  # noqa: F811
    status, out, err = call("distil", bert, "small", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert (told["dim"], told["out"]) == (16, "small")
    texts = ["the cat sat", "a red house."]
    rows = Static(str(tmp_path / "small")).encode(texts)
    np.testing.assert_allclose(rows, Distilled(str(bert)).encode(texts), atol=3e-3)
    other = call("distil", bert, "other", "--sif", "0.1", "--whitening", "0")
    assert other[0] == 0
    assert not np.allclose(Static(str(tmp_path / "other")).encode(texts), rows, atol=0.05)


def test_errors_are_one_line(call, bert, word_vectors, tmp_path):  # noqa: F811
    fails(call("distil", bert, "out", "--sif", "0"), "sif = 0")
    fails(call("distil", bert, "out", "--whitening", "2"), "from 0 to 1")
    fails(call("distil", word_vectors, "out"), "no vocabulary")
    fails(call("distil", "nothing/of/the/kind", "out"), "nothing/of/the/kind")
    (tmp_path / "file").write_text("")
    fails(call("distil", bert, "file"), "is a file")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def word_vectors(tmp_path):
    path = tmp_path / "words.vec"
    path.write_text("1 2\nthe 1 0\n", encoding="utf-8")
    return path


def test_help(call):
    status, out, _ = call("distil", "--help")
    assert status == 0
    assert "--whitening" in out
