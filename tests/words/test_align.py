"""The aligners as a user meets them: what they learn, what they keep to, what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import set_threads
from polyalign.core.links import Links
from polyalign.core.space import Space
from polyalign.evaluate.aer import AER
from polyalign.words import em_train, tokens
from polyalign.words.fast_align import FastAlign
from polyalign.words.hmm import HMM
from polyalign.words.ibm1 import IBM1
from polyalign.words.ibm2 import IBM2
from polyalign.words.model import load_model
from polyalign.words.priors import read_priors
from polyalign.words.symmetrize import GrowDiagFinalAnd

METHODS = [IBM1(), IBM2(), FastAlign(), HMM()]
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


@pytest.mark.parametrize(("method", "limit"), list(zip(METHODS, (0.06, 0.03, 0.03, 0.01), strict=True)), ids=ids)
def test_a_planted_dictionary_is_found(method, limit):
    bitext, gold = planted()
    assert AER(samples=0).score(method.fit(bitext).align(bitext), gold).value < limit


@pytest.mark.parametrize(
    "method",
    [
        IBM1(alpha=0, iterations=8, spelling=0),
        IBM2(alpha=0, iterations=8, spelling=0, smoothing=0),
        HMM(alpha=0, agreement=False, iterations=8, spelling=0),
        HMM(alpha=0, agreement=False, uniform=0, spelling=0),
    ],
    ids=["ibm1", "ibm2", "hmm", "hmm without uniform"],
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
    jumps = HMM(agreement=False).fit(Bitext.build(src, tgt)).positions.jumps
    assert jumps.shape == (2, 17)
    np.testing.assert_allclose(jumps.sum(axis=1), 1, atol=1e-5)
    bitext, _ = planted(shuffle=0.0)
    assert HMM().fit(bitext).positions.jumps.argmax(axis=1).tolist() == [9, 9]  # a step of one


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


def test_fast_align_learns_how_tight_the_diagonal_is():
    tight, loose = (FastAlign().fit(planted(shuffle=x)[0]).positions.tension.ravel() for x in (0.0, 20.0))
    assert (tight > loose + 1).all()
    assert FastAlign(optimize_tension=False).fit(planted()[0]).positions.tension.ravel().tolist() == [4, 4]


def test_fast_align_counts_the_last_pass_which_only_aligns():
    bitext, _ = planted(30)
    model = FastAlign(iterations=1).fit(bitext)
    assert len(model.log_likelihood) == 0
    # Every pair of words is worth the same, so that the diagonal decides.
    same_length = Bitext.build(["a b c d"], ["w x y z"])
    assert FastAlign(iterations=1).fit(same_length).forward(same_length).pairs(0) == [(i, i) for i in range(4)]


def test_model_2_knows_lengths_it_has_met_and_guesses_others():
    random = np.random.default_rng(3)
    words = [random.permutation(20)[:n] for n in (4, 5, 7, 8) for _ in range(10)]
    src = [" ".join(f"s{w}" for w in row) for row in words]
    tgt = [" ".join(f"t{w}" for w in row[::-1]) for row in words]
    model = IBM2().fit(Bitext.build(src, tgt))
    assert model.positions.src_lengths.tolist() == model.positions.tgt_lengths.tolist() == [4, 5, 7, 8]
    assert model.positions.learned.shape == (2, 16 + 25 + 49 + 64)
    for n in (5, 6):  # a length that it has met, and one that it has not
        unknown = Bitext.build([" ".join(f"u{k}" for k in range(n))], [" ".join(f"v{k}" for k in range(n))])
        found = model.posteriors(unknown)
        p = np.zeros((n, n))
        p[found.src, found.tgt] = found.probabilities[0]
        assert p[n - 1, 0] > p[0, 0]
        assert p[0, n - 1] > p[n - 1, n - 1]
        assert n == 6 or p.argmax(axis=0).tolist() == [4, 3, 2, 1, 0]


def test_posteriors_are_those_of_the_links():
    bitext, _ = planted(60, shuffle=6)
    model = HMM().fit(bitext)
    posteriors = model.posteriors(bitext)
    src_null, tgt_null = posteriors.unlinked()
    assert len(src_null) == sum(len(s.split()) for s in bitext.src)
    assert ((tgt_null >= 0) & (tgt_null <= 1)).all()
    assert posteriors.links("posterior", 0.45).to_pairs() == model.align(bitext).to_pairs()
    assert model.score(bitext).shape == (60,)
    mixed = Bitext.build(bitext.src, [*bitext.tgt[1:], bitext.tgt[0]])
    assert model.score(bitext).mean() > model.score(mixed).mean() + 1


# -- words seen otherwise, and what is known before


def test_cut_words_align_their_other_forms():
    bitext = Bitext.build(["haus1 baum2", "haus3 katze4"], ["house baum", "house cat"])
    model = HMM(granularity="prefix-4", spelling=0).fit(bitext)
    assert model.table.src.names == ("", "baum", "haus", "katz")
    assert model.align(Bitext.build(["haus9"], ["house"])).pairs(0) == [(0, 0)]
    assert HMM(granularity="suffix-1").fit(bitext).table.src.names == ("", "2", "1", "3", "4")


def test_subword_posteriors_are_those_of_words(tmp_path):
    pytest.importorskip("tokenizers")
    bitext, gold = planted(200)
    odd = Bitext.concat([bitext, Bitext.build(["", "neu 5"], ["x", ""], ids=["x", "y"])])
    model = HMM(granularity="bpe-40").fit(odd)
    links = model.align(odd)
    assert len(links) == 202
    assert AER(samples=0).score(links.take(range(200)), gold).value < 0.2
    assert model.posteriors(odd).src_lengths.tolist() == [len(s.split()) for s in odd.src]
    model.save(tmp_path)
    assert same(load_model(tmp_path).align(odd), links)


def test_words_spelled_alike_are_linked():
    bitext = Bitext.build(["x Moskau y", "Paris ist"], ["u w Moskva", "hat Paris"])
    links = IBM1(spelling=2.0).fit(bitext).align(bitext)
    assert (1, 2) in links.pairs(0)
    assert (0, 1) in links.pairs(1)


def test_a_dictionary_and_exported_priors_help(tmp_path):
    bitext = Bitext.build(["a b", "c d"], ["x y", "u v"])
    file = tmp_path / "dictionary.tsv"
    file.write_text("A\ty\t5\nc\tv\tonly\nc\tnowhere\n", encoding="utf-8")
    model = IBM1(dictionary=str(file)).fit(bitext)
    assert model.align(bitext).to_pharaoh() == ["0-1 1-0", "0-1 1-0"]
    for name in ("priors.tsv", "priors.parquet"):
        model.export_priors(tmp_path / name)
        table = read_priors(tmp_path / name)
        assert set(zip(table["src"].to_pylist(), table["tgt"].to_pylist(), strict=True)) >= {("a", "y"), ("c", "v")}
        assert HMM(priors=str(tmp_path / name)).fit(bitext).align(bitext).to_pharaoh() == ["0-1 1-0", "0-1 1-0"]


def test_expected_links_are_exported_as_they_were_counted():
    bitext, _ = planted(100)
    table = IBM1(spelling=0).fit(bitext).priors()
    words = sum(len(s.split()) for s in bitext.src)
    assert 0.7 * words < sum(table["weight"].to_pylist()) < words
    assert set(table["granularity"].to_pylist()) == {"full"}


def test_spaces_help(tmp_path):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(8, 16)).astype(np.float32)
    src, tgt = [f"s{k}" for k in range(8)], [f"t{k}" for k in range(8)]
    Space(tuple(src), vectors).save(tmp_path / "src")
    Space(tuple(tgt), vectors[::-1].copy()).save(tmp_path / "tgt")
    bitext = Bitext.build([" ".join(src)], [" ".join(tgt)])
    spaces = {"src_space": str(tmp_path / "src"), "tgt_space": str(tmp_path / "tgt")}
    links = IBM1(**spaces, space_weight=2.0, spelling=0, symmetrize="posterior").fit(bitext).align(bitext)
    assert links.pairs(0) == [(k, 7 - k) for k in range(8)]


@pytest.mark.parametrize("method", [IBM1, IBM2, FastAlign, HMM])
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
    again = load_model(tmp_path / "model")
    assert type(again) is type(model)
    assert again.method == model.method
    assert again.table.src.names == model.table.src.names
    assert same(model.align(odd), again.align(odd))


def test_blocks_do_not_change_the_links(monkeypatch):
    bitext, _ = planted(60)
    whole = HMM().fit(bitext)
    links = whole.align(bitext)
    monkeypatch.setattr(tokens, "BLOCK_CELLS", 500)
    monkeypatch.setattr(em_train, "CACHED_CELLS", 1000)
    assert len(list(whole.parts(bitext))) > 3
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
    assert HMM().fit(bitext).table.src.index.keys() >= {"дом", "家"}
    assert "Дом" in HMM(lowercase=False).fit(bitext).table.src.index


def test_five_thousand_words_a_side():
    short, _ = planted(200)
    words = np.random.default_rng(1).integers(0, 60, 5000)
    bitext = Bitext.build(
        [*short.src, " ".join(f"s{w}" for w in words)], [*short.tgt, " ".join(f"t{w}" for w in words)]
    )
    diagonal = [(i, i) for i in range(5000)]
    assert FastAlign(symmetrize="intersection").fit(short).align(bitext).pairs(200) == diagonal
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
        (HMM, {"iterations": 0}, "iterations must be at least 1, got 0"),
        (HMM, {"ibm1_iterations": 0}, "ibm1_iterations must be at least 1, got 0"),
        (IBM2, {"ibm1_iterations": 0}, "ibm1_iterations must be at least 1, got 0"),
        (IBM2, {"smoothing": -1.0}, "smoothing must not be negative, got -1.0"),
        (IBM2, {"uniform": 1.5}, "uniform must lie between 0 and 1, got 1.5"),
        (FastAlign, {"tension": 20.0}, "tension must lie between 0.1 and 14, got 20.0"),
        (IBM1, {"granularity": "stem"}, "got 'stem'"),
        (IBM1, {"spelling": -1.0}, "spelling must not be negative, got -1.0"),
        (IBM1, {"src_space": "x"}, "src_space and tgt_space go together"),
        (IBM1, {"space_weight": 0.0}, "space_weight must be above 0, got 0.0"),
        (HMM, {"reach": 0}, "reach must be at least 1, got 0"),
        (HMM, {"uniform": 1.0}, "uniform must be at least 0 and below 1, got 1.0"),
        (HMM, {"hmm_alpha": -0.5}, "hmm_alpha must not be negative, got -0.5"),
    ],
)
def test_bad_parameters_are_refused(method, params, message):
    with pytest.raises(ValueError, match=message):
        method(**params)


def test_damaged_models_are_refused(tmp_path):
    bitext, _ = planted(5)
    folder = tmp_path / "model"
    with pytest.raises(DataError, match="no such file"):
        load_model(folder)
    model = IBM1().fit(bitext)
    model.save(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(DataError, match=r"not a saved word aligner \(format 99 where . is known\); fit and save"):
        load_model(folder)
    for change in ({"method": {"id": "words.align/none"}}, {"method": {**manifest["method"], "strength": 1}}):
        (folder / "manifest.json").write_text(json.dumps({**manifest, **change}))
        with pytest.raises(DataError, match="not a saved word aligner"):
            load_model(folder)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "tgt.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a saved word aligner"):
        load_model(folder)
    model.save(folder)
    HMM().fit(planted(50)[0]).table.save(tmp_path / "other")
    (tmp_path / "other" / "table.parquet").replace(folder / "table.parquet")
    with pytest.raises(DataError, match=r"entries where \d+ are announced"):
        load_model(folder)


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
