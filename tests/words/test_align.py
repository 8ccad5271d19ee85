"""The aligners as a user meets them: what they learn, what they keep to, what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.core.links import Links
from polyalign.evaluate.aer import AER
from polyalign.words import em, tokens
from polyalign.words.hmm import HMM
from polyalign.words.ibm1 import IBM1
from polyalign.words.model import WordModel
from polyalign.words.symmetrize import GrowDiagFinalAnd

METHODS = [IBM1(), HMM()]
ids = [type(m).__name__ for m in METHODS]


def planted(pairs=300, types=60, seed=0, shuffle=2.0):
    """Sentence pairs made from a dictionary, target words a little out of order; and the true links."""
    random = np.random.default_rng(seed)
    src, tgt, links = [], [], []
    for _ in range(pairs):
        words = random.integers(0, types, random.integers(2, 12))
        order = np.argsort(np.arange(len(words)) + random.uniform(0, shuffle, len(words)))
        src.append(" ".join(f"s{w}" for w in words))
        tgt.append(" ".join(f"t{words[i]}" for i in order))
        links.append([(int(i), j) for j, i in enumerate(order)])
    return Bitext.build(src, tgt), Links.from_pairs(links)


def same(a: Links, b: Links) -> bool:
    return (
        a.offsets.tobytes() == b.offsets.tobytes()
        and a.src.tobytes() == b.src.tobytes()
        and a.tgt.tobytes() == b.tgt.tobytes()
        and a.prob is not None
        and b.prob is not None
        and a.prob.tobytes() == b.prob.tobytes()
    )


@pytest.mark.parametrize(("method", "limit"), [(IBM1(), 0.06), (HMM(), 0.01)], ids=ids)
def test_a_planted_dictionary_is_found(method, limit):
    bitext, gold = planted()
    assert AER(samples=0).score(method.fit(bitext).align(bitext), gold).value < limit


@pytest.mark.parametrize(
    "method",
    [
        IBM1(alpha=0, iterations=8),
        HMM(alpha=0, agreement=False, iterations=8),
        HMM(alpha=0, agreement=False, uniform=0),
    ],
    ids=["ibm1", "hmm", "hmm without uniform"],
)
def test_likelihood_never_falls(method):
    bitext, _ = planted(shuffle=4)
    likelihood = method.fit(bitext).log_likelihood
    start = 0 if isinstance(method, IBM1) else method.ibm1_iterations
    for phase in (likelihood[:start], likelihood[start:]):
        steps = np.diff(phase, axis=0)
        assert (steps >= -1e-6 * np.abs(phase[1:])).all()
    assert (likelihood[-1] > likelihood[0]).all()


def test_the_hmm_learns_which_way_words_move():
    src, tgt = ["a b c d e f"] * 40, ["b a d c f e"] * 40
    jumps = HMM(agreement=False).fit(Bitext.build(src, tgt)).jumps
    assert jumps.shape == (2, 17)
    np.testing.assert_allclose(jumps.sum(axis=1), 1, atol=1e-5)
    bitext, _ = planted(shuffle=0.0)
    assert HMM().fit(bitext).jumps.argmax(axis=1).tolist() == [9, 9]  # a step of one


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_forward_gives_each_target_word_one_source_word(method):
    bitext, _ = planted(60)
    model = method.fit(bitext)
    forward, backward = model.forward(bitext), model.backward(bitext)
    for f, b in zip(forward.to_pairs(), backward.to_pairs(), strict=True):
        assert len({j for _, j in f}) == len(f)
        assert len({i for i, _ in b}) == len(b)
    assert forward.prob is not None
    assert ((forward.prob > 0) & (forward.prob <= 1.0001)).all()


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_swapping_the_sides_swaps_the_directions(method):
    bitext, _ = planted(60)
    swapped = Bitext.build(bitext.tgt, bitext.src)
    one, two = method.fit(bitext), method.fit(swapped)
    assert one.forward(bitext).to_pairs() == two.backward(swapped).transpose().to_pairs()
    assert one.align(bitext).to_pairs() == two.align(swapped).transpose().to_pairs()


def test_heuristics_join_forward_and_backward_links():
    bitext, _ = planted(60, shuffle=6)
    model = HMM(symmetrize="grow-diag-final-and").fit(bitext)
    joined = GrowDiagFinalAnd()(model.forward(bitext), model.backward(bitext))
    assert model.align(bitext).to_pairs() == joined.to_pairs()


def test_a_higher_threshold_keeps_fewer_links():
    bitext, _ = planted(60, shuffle=6)
    few, many = (HMM(threshold=t).fit(bitext).align(bitext) for t in (0.9, 0.1))
    assert len(few.src) < len(many.src)
    assert all(a <= b for a, b in zip(few.to_pairs(), many.to_pairs(), strict=True))
    assert few.prob is not None
    assert few.prob.min() > 0.9


@pytest.mark.parametrize("method", [IBM1, HMM])
def test_threads_do_not_change_a_byte(method):
    bitext, _ = planted(80)
    set_threads(1)
    one = method().fit(bitext)
    one_links = one.align(bitext)
    set_threads(0)
    two = method().fit(bitext)
    assert one.table.probs.tobytes() == two.table.probs.tobytes()
    assert one.log_likelihood.tobytes() == two.log_likelihood.tobytes()
    assert same(one_links, two.align(bitext))


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_saved_and_loaded_aligns_the_same(method, tmp_path):
    bitext, _ = planted(60)
    odd = Bitext.concat([bitext, Bitext.build(["x\ny \u2028 z\r"], ["NA null"], ids=["odd"])])
    model = method.fit(odd)
    model.save(tmp_path / "model")
    again = WordModel.load(tmp_path / "model")
    assert again.table.src_vocab.words == model.table.src_vocab.words
    assert same(model.align(odd), again.align(odd))


def test_blocks_do_not_change_the_links(monkeypatch):
    bitext, _ = planted(60)
    whole = HMM().fit(bitext)
    links = whole.align(bitext)
    monkeypatch.setattr(tokens, "BLOCK_CELLS", 500)
    monkeypatch.setattr(em, "CACHED_CELLS", 1000)
    assert len(list(whole.table.encode(bitext).blocks())) > 3
    assert same(whole.align(bitext), links)
    parts = HMM().fit(bitext)
    np.testing.assert_allclose(parts.log_likelihood, whole.log_likelihood, rtol=1e-6)
    assert parts.align(bitext).to_pairs() == links.to_pairs()


def test_one_pair_alone_gets_the_links_it_gets_in_company():
    bitext, _ = planted(50)
    model = HMM().fit(bitext)
    links = model.align(bitext)
    for k in (0, 7, 49):
        assert model.align(bitext.select(np.arange(50) == k)).pairs(0) == links.pairs(k)


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_empty_sides_get_no_links(method):
    bitext = Bitext.build(["a b", "", "  ", "c", ""], ["x y", "z", "w", "", ""])
    links = method.fit(bitext).align(bitext)
    assert [len(links.pairs(k)) > 0 for k in range(5)] == [True, False, False, False, False]


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_nothing_and_only_empty_sentences(method):
    nothing, blank = Bitext.build([], []), Bitext.build(["", ""], ["", "x"])
    assert len(method.fit(nothing).align(nothing)) == 0
    assert method.fit(blank).align(blank).to_pharaoh() == ["", ""]
    assert method.fit(nothing).align(blank).to_pharaoh() == ["", ""]


@pytest.mark.parametrize("method", METHODS, ids=ids)
def test_one_token_a_side(method):
    bitext = Bitext.build(["ja"], ["yes"])
    assert method.fit(bitext).align(bitext).to_pharaoh() == ["0-0"]


def test_unseen_words_do_not_stop_the_rest():
    bitext, _ = planted(200, shuffle=0.0)
    model = HMM().fit(bitext)
    links = model.align(Bitext.build(["s1 neu s3", "ganz anders"], ["t1 new t3", "all new"]))
    assert {(0, 0), (2, 2)} <= set(links.pairs(0))
    assert len(links) == 2


def test_mixed_scripts_and_case():
    bitext = Bitext.build(["Дом ΣΠΊΤΙ", "дом", "家 🏠"], ["House HAUS", "house", "home 🏠"])
    assert HMM().fit(bitext).table.src_vocab.index.keys() >= {"дом", "家"}
    assert "Дом" in HMM(lowercase=False).fit(bitext).table.src_vocab.index


def test_five_thousand_words_a_side():
    short, _ = planted(200)
    words = np.random.default_rng(1).integers(0, 60, 5000)
    bitext = Bitext.build(
        [*short.src, " ".join(f"s{w}" for w in words)], [*short.tgt, " ".join(f"t{w}" for w in words)]
    )
    diagonal = [(i, i) for i in range(5000)]
    assert HMM().fit(short).align(bitext).pairs(200) == diagonal
    trained_on_it = HMM(ibm1_iterations=2, iterations=1).fit(bitext).align(bitext)
    assert len(set(trained_on_it.pairs(200)) & set(diagonal)) > 4900


def test_the_model_holds_no_more_than_it_needs_and_inputs_stay():
    bitext, _ = planted(60)
    before = bitext.table
    model = HMM().fit(bitext)
    assert bitext.table is before
    assert (model.table.probs > 1e-7).any(axis=1).all()
    with pytest.raises(ValueError, match="read-only"):
        model.table.probs[0] = 1


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        (IBM1, {"iterations": 0}, "iterations must be at least 1, got 0"),
        (IBM1, {"null_prior": 0.0}, "null_prior must lie between 0 and 1, got 0.0"),
        (IBM1, {"alpha": -1.0}, "alpha must not be negative, got -1.0"),
        (IBM1, {"threshold": 1.0}, "threshold must be at least 0 and below 1, got 1.0"),
        (HMM, {"iterations": 0}, "iterations and ibm1_iterations must be at least 1, got 0 and 5"),
        (HMM, {"ibm1_iterations": 0}, "must be at least 1, got 3 and 0"),
        (HMM, {"reach": 0}, "reach must be at least 1, got 0"),
        (HMM, {"uniform": 1.0}, "uniform must be at least 0 and below 1, got 1.0"),
        (HMM, {"hmm_alpha": -0.5}, "alpha must not be negative, got -0.5"),
    ],
)
def test_bad_parameters_are_refused(method, params, message):
    with pytest.raises(ValueError, match=message):
        method(**params)


def test_damaged_models_are_refused(tmp_path):
    bitext, _ = planted(5)
    folder = tmp_path / "model"
    with pytest.raises(DataError, match="no such file"):
        WordModel.load(folder)
    model = IBM1().fit(bitext)
    model.save(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(DataError, match=r"not a saved word aligner \(written by a newer version\); fit and save"):
        WordModel.load(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "tgt.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a saved word aligner"):
        WordModel.load(folder)
    model.save(folder)
    HMM().fit(planted(50)[0]).table.save(tmp_path / "other")
    (tmp_path / "other" / "table.parquet").replace(folder / "table.parquet")
    with pytest.raises(DataError, match=r"entries where \d+ are announced"):
        WordModel.load(folder)


@pytest.mark.data
def test_german_romansh_from_the_gold_sentences_alone(data):
    folder = data / "wa-dermit-derm"
    src, tgt, gold = (
        [line.split("\t", 1)[1] for line in (folder / name).read_text(encoding="utf-8").rstrip("\n").split("\n")]
        for name in ("alignments_src_text.txt", "alignments_trg_text.txt", "alignments_pharaoh.txt")
    )
    bitext = Bitext.build(src, tgt).split_on_whitespace()
    model = HMM().fit(bitext)
    assert AER(samples=0).score(model.align(bitext), Links.from_pharaoh(gold)).value < 0.29
