"""Rows that are learnt from text: FOCUS and constrained word2vec."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.errors import DataError, MissingExtraError

for needed in ("torch", "transformers"):
    pytest.importorskip(needed)

from polyalign.models.language_model import read_model  # noqa: E402
from polyalign.models.vocabulary.change import Change  # noqa: E402
from polyalign.models.vocabulary.rows.constituents import Constituents  # noqa: E402
from polyalign.models.vocabulary.rows.cw2v import CW2V  # noqa: E402
from polyalign.models.vocabulary.rows.evidence import Evidence  # noqa: E402
from polyalign.models.vocabulary.rows.focus import Focus  # noqa: E402
from tests.models.tiny import llama  # noqa: E402
from tests.models.vocabulary.test_change import grown  # noqa: E402

#: zz stands where the cat does, and never by the house.
TEXTS = ["the cat sat on the mat and the zz sat on the mat", "a red house, the red house", "the zz saw the cat"] * 60


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return read_model(str(llama(tmp_path_factory.mktemp("model"))))


@pytest.fixture(scope="module")
def change(base):
    return Change.between(base.tokenizer, grown(base.tokenizer, ("Ġ", "z"), ("Ġz", "z")))


def test_focus_mixes_kept_pieces_that_occur(base, change):
    pytest.importorskip("gensim")
    method = Focus(dimensions=16, epochs=8, min_count=2)
    weights = method.weights(base, change, Evidence(texts=TEXTS), "both").toarray()
    k = change.pieces.index(" zz")
    assert weights[k].sum() == pytest.approx(1)
    assert 1 <= (weights[k] > 0).sum() < 60
    used = {x for text in TEXTS for x in change.tokenizer(text, add_special_tokens=False)["input_ids"]}
    assert set(np.flatnonzero(weights[k])) <= used
    row = method.fit(base, change, Evidence(texts=TEXTS))[0][change.new[k]]
    np.testing.assert_allclose(row, weights[k] @ base.matrices()[0], rtol=1e-4, atol=1e-6)


def test_focus_leaves_rare_pieces_to_their_constituents(base, change):
    pytest.importorskip("gensim")
    out = Focus(dimensions=4, min_count=2).fit(base, change, Evidence(texts=[*TEXTS, " zq"]))[0]
    k = change.pieces.index(" z")
    np.testing.assert_allclose(out[change.new[k]], Constituents().fit(base, change)[0][change.new[k]], rtol=1e-5)


@pytest.mark.parametrize(
    ("texts", "message"), [([], "found no texts"), (["a b"], "found no (kept )?piece 10 times in the texts")]
)
def test_focus_without_text_to_learn_from(texts, message, base, change):
    pytest.importorskip("gensim")
    with pytest.raises(DataError, match=message):
        Focus().fit(base, change, Evidence(texts=texts))


def test_focus_without_gensim(base, change, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gensim.models", None)
    with pytest.raises(MissingExtraError, match="needs gensim"):
        Focus().fit(base, change, Evidence(texts=TEXTS))


def test_cw2v_begins_at_the_constituents(base, change):
    # Other candidates weigh nothing, and one step moves next to nothing.
    out = CW2V(start=60.0, pairs=10, learning_rate=1e-9).fit(base, change, Evidence(texts=TEXTS))[0]
    np.testing.assert_allclose(out, Constituents().fit(base, change)[0], rtol=1e-4, atol=1e-6)


def test_cw2v_stays_within_the_hull_and_nears_its_neighbours(base, change):
    old = base.matrices()[0]
    evidence = Evidence(texts=TEXTS)
    method = CW2V(candidates=len(old), start=1.0, pairs=20_000, batch=64, learning_rate=0.05)
    out = method.fit(base, change, evidence)[0]
    k = change.new[change.pieces.index(" zz")]
    assert (out[k] <= old.max(axis=0) + 1e-6).all()
    assert (out[k] >= old.min(axis=0) - 1e-6).all()
    # What it learns by, of all neighbours and by the share that each piece has of wrong answers.
    mean = old.mean(axis=0)
    ids = [change.tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    pairs = [p for row in ids for a, b in zip(row, row[1:], strict=False) for p in ((a, b), (b, a))]
    new = set(change.new.tolist())
    context = np.array([b for a, b in pairs if a in new or b in new])
    noise = np.bincount(context, minlength=len(change.kept)) ** 0.75
    beside = np.array([b for a, b in pairs if a == k])

    def objective(rows):
        scores = (rows - mean) @ (rows[k] - mean)
        right = -np.log1p(np.exp(-scores))[beside].mean()
        return right - 5 * (np.log1p(np.exp(scores)) * noise).sum() / noise.sum()

    before = CW2V(candidates=len(old), start=1.0, pairs=1, learning_rate=1e-9).fit(base, change, evidence)[0]
    assert objective(out) > objective(before) + 1e-5


def test_cw2v_of_a_model_with_a_head_of_its_own(tmp_path):
    made = read_model(str(llama(tmp_path / "m", tied=False)))
    change = Change.between(made.tokenizer, grown(made.tokenizer, ("Ġ", "z"), ("Ġz", "z")))
    method = CW2V(pairs=2000, batch=64, learning_rate=0.1)
    read, said = method.fit(made, change, Evidence(texts=TEXTS))
    usual = Constituents().fit(made, change)
    k = change.new[change.pieces.index(" zz")]
    assert np.abs(read[k] - usual[0][k]).max() > 1e-4
    assert np.abs(said[k] - usual[1][k]).max() > 1e-4
    other = replace(method, seed=2).fit(made, change, Evidence(texts=TEXTS))
    assert (other[0][k] != read[k]).any()


@pytest.mark.parametrize("texts", [[], ["the cat", "zz"]])
def test_cw2v_without_a_new_piece_beside_another(texts, base, change):
    with pytest.raises(DataError, match="found no new piece beside another"):
        CW2V().fit(base, change, Evidence(texts=texts))
