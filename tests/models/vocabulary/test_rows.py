"""Rows of new pieces: each way against what it says of itself, kept rows untouched, tied and untied."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.errors import DataError
from polyalign.core.ragged import Ragged
from polyalign.core.space import Space, unit

for needed in ("torch", "transformers"):
    pytest.importorskip(needed)

from polyalign.models.language_model import read_model, with_rows  # noqa: E402
from polyalign.models.vocabulary.change import Change  # noqa: E402
from polyalign.models.vocabulary.pieces import segmented  # noqa: E402
from polyalign.models.vocabulary.rows.constituents import Constituents  # noqa: E402
from polyalign.models.vocabulary.rows.evidence import Entry, Evidence, read_lexicon  # noqa: E402
from polyalign.models.vocabulary.rows.links import Links  # noqa: E402
from polyalign.models.vocabulary.rows.mean import Mean  # noqa: E402
from polyalign.models.vocabulary.rows.multivariate import Multivariate  # noqa: E402
from polyalign.models.vocabulary.rows.ofa import OFA  # noqa: E402
from polyalign.models.vocabulary.rows.omp import OMP, pursuit  # noqa: E402
from polyalign.models.vocabulary.rows.random_rows import Random  # noqa: E402
from polyalign.models.vocabulary.rows.sparsemax import softmax, sparsemax  # noqa: E402
from polyalign.models.vocabulary.rows.static import piece_vectors  # noqa: E402
from polyalign.models.vocabulary.rows.wechsel import Wechsel, near  # noqa: E402
from polyalign.models.vocabulary.rows.weighted import Weighted  # noqa: E402
from tests.models.tiny import TEXT, byte_level, llama  # noqa: E402
from tests.models.vocabulary.test_change import grown  # noqa: E402

ROWS = [r for r in registry.rows().values() if r.task == "models.rows"]
#: The last is made of the first two.
MERGES = [("Ġ", "z"), ("a", "Ġ"), ("Ġz", "z"), ("Ã", "¼")]


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def base(request, tmp_path_factory):
    return read_model(str(llama(tmp_path_factory.mktemp("model"), tied=request.param)))


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    return read_model(str(llama(tmp_path_factory.mktemp("model"))))


def change_of(made, merges=MERGES):
    return Change.between(made.tokenizer, grown(made.tokenizer, *merges))


def everything(base):
    """Evidence for every way."""
    words = ("the", "cat", "zz", "za", "mat", "z")
    vectors = np.random.default_rng(2).normal(size=(len(words), 4)).astype(np.float32)
    return Evidence(
        texts=["the zz cat zz the mat ü zz " * 4] * 3,
        lexicon=[Entry("cat", "zz", 5), Entry("the mat", "za", 3)],
        spaces=(Space(words, vectors), Space(words, vectors)),
        donor=base,
    )


def by_name(name):
    return next(r for r in ROWS if r.name == name)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_every_way_keeps_old_rows_and_repeats_itself(row, base):
    if row.name == "focus":
        pytest.importorskip("gensim")
    given = {"focus": {"min_count": 1, "dimensions": 4}, "cw2v": {"pairs": 200, "batch": 32}}.get(row.name, {})
    method, change = params.build(row, given), change_of(base)
    evidence, before = everything(base), base.matrices()
    first, second = (method.fit(base, change, evidence) for _ in range(2))
    assert len(first) == (1 if base.tied else 2)
    for matrix, old, again in zip(first, before, second, strict=True):
        assert matrix.shape == (len(change.kept), 16)
        assert matrix.dtype == np.float32
        assert np.isfinite(matrix).all()
        assert (matrix[: len(old)] == old).all()
        assert matrix.tobytes() == again.tobytes()
    assert all((a == b).all() for a, b in zip(before, base.matrices(), strict=True))


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_without_new_pieces_nothing_is_new(row, tied):
    if row.name == "focus":
        pytest.importorskip("gensim")
    given = {"focus": {"min_count": 1, "dimensions": 4}}.get(row.name, {})
    out = params.build(row, given).fit(tied, Change.between(tied.tokenizer, tied.tokenizer), everything(tied))
    assert (out[0] == tied.matrices()[0]).all()


def test_rows_go_into_a_model(tmp_path):
    made = read_model(str(llama(tmp_path / "m", tied=False)))
    change = change_of(made)
    extended = with_rows(made, change.tokenizer, Constituents().fit(made, change))
    assert [m.shape for m in extended.matrices()] == [(len(change.kept), 16)] * 2
    ids = extended.tokenizer(" zz", return_tensors="pt")
    assert change.new[2] in ids["input_ids"]
    assert extended.model(**ids).logits.isfinite().all()


def test_constituents_are_means(base):
    change = change_of(base)
    for matrix, old in zip(Constituents().fit(base, change), base.matrices(), strict=True):
        for piece, parts in zip(change.new, change.constituents, strict=True):
            np.testing.assert_allclose(matrix[piece], old[parts].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_lengths_are_what_is_asked_for(base):
    change = change_of(base)
    for norm in ("parts", "all"):
        for matrix, old in zip(Constituents(norm=norm).fit(base, change), base.matrices(), strict=True):
            lengths = np.linalg.norm(old, axis=1)
            for piece, parts in zip(change.new, change.constituents, strict=True):
                wanted = lengths[parts].mean() if norm == "parts" else lengths.mean()
                assert np.linalg.norm(matrix[piece]) == pytest.approx(wanted, rel=1e-4)


def test_the_last_for_what_is_read_the_first_for_what_is_said(tmp_path):
    made = read_model(str(llama(tmp_path / "m", tied=False)))
    change = change_of(made)
    read, said = made.matrices()
    first, last = Weighted(kind="ends").fit(made, change)
    slope, fall = Weighted().fit(made, change)
    for piece, parts in zip(change.new, change.constituents, strict=True):
        assert (first[piece] == read[parts[-1]]).all()
        assert (last[piece] == said[parts[0]]).all()
        weights = np.arange(1, len(parts) + 1)
        np.testing.assert_allclose(slope[piece], np.average(read[parts], axis=0, weights=weights), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(
            fall[piece], np.average(said[parts], axis=0, weights=weights[::-1]), rtol=1e-4, atol=1e-6
        )


def test_a_tied_matrix_has_the_mean_of_both(tied):
    change, old = change_of(tied), tied.matrices()[0]
    ends = Weighted(kind="ends").fit(tied, change)[0]
    for piece, parts in zip(change.new, change.constituents, strict=True):
        np.testing.assert_allclose(ends[piece], old[parts[[0, -1]]].mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        Weighted().fit(tied, change)[0], Constituents().fit(tied, change)[0], rtol=1e-4, atol=1e-6
    )


def test_the_mean_is_the_mean(base):
    change = change_of(base)
    for matrix, old in zip(Mean().fit(base, change), base.matrices(), strict=True):
        np.testing.assert_allclose(matrix[change.new], np.tile(old.mean(axis=0), (4, 1)), rtol=1e-4, atol=1e-6)


def test_draws_have_the_spread_of_old_rows(tied):
    many = [("Ġ", "z"), *(("Ġz" + "z" * k, "z") for k in range(800))]
    change, old = change_of(tied, many), tied.matrices()[0].astype(float)
    drawn = Multivariate().fit(tied, change)[0][change.new]
    wanted = np.cov(old, rowvar=False)
    assert np.abs(np.cov(drawn, rowvar=False) - wanted).max() < 0.25 * np.abs(wanted).max()
    small = params.build(by_name("multivariate"), {"preset": "transformers"}).fit(tied, change)[0][change.new]
    assert 0 < np.abs(small - old.mean(axis=0)).max() < 1e-5
    plain = Random(sigma=0.5).fit(tied, change)[0][change.new]
    assert plain.std() == pytest.approx(0.5, rel=0.05)
    each = Random(kind="per-dimension").fit(tied, change)[0][change.new]
    np.testing.assert_allclose(each.std(axis=0), old.std(axis=0), rtol=0.2)


@pytest.mark.parametrize("method", [Random, Multivariate])
def test_other_seeds_draw_other_rows(method, tied):
    change = change_of(tied)
    rows = [method(seed=s).fit(tied, change)[0][change.new] for s in (1, 2)]
    assert (rows[0] != rows[1]).any()


def test_a_piece_that_nothing_makes_has_the_mean(tied):
    known = change_of(tied)
    change = Change(known.tokenizer, known.kept, known.new, known.pieces, Ragged.from_lists([[], [5], [], [7]]))
    for norm in ("own", "parts", "all"):
        out = Constituents(norm=norm).fit(tied, change)[0]
        assert np.isfinite(out).all()
        if norm == "own":
            np.testing.assert_allclose(out[change.new[0]], tied.matrices()[0].mean(axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.name)
def test_rows_that_are_no_numbers_are_refused(row, tmp_path):
    if row.name == "focus":
        pytest.importorskip("gensim")
    made = read_model(str(llama(tmp_path / "m")))
    made.model.get_input_embeddings().weight.data[7, 2] = float("nan")
    with pytest.raises(DataError, match="not finite in row 7 of the embeddings"):
        params.build(row).fit(made, change_of(made), everything(made))


# -- by what is known of the language


def test_links_put_a_word_where_its_translation_is(tied):
    change, old = change_of(tied), tied.matrices()[0]
    ids = tied.tokenizer(" cat", add_special_tokens=False)["input_ids"]
    evidence = Evidence(lexicon=[Entry("cat", "zz", 8), Entry("dog", "zz", 2), Entry("mat", "zz", 0.5)])
    dog = tied.tokenizer(" dog", add_special_tokens=False)["input_ids"]
    row = Links(min_share=0.1).fit(tied, change, evidence)[0][change.new[2]]
    np.testing.assert_allclose(row, 0.8 * old[ids].mean(axis=0) + 0.2 * old[dog].mean(axis=0), rtol=1e-4, atol=1e-6)
    half = Links(share=0.5, min_share=0.1).fit(tied, change, evidence)[0][change.new[2]]
    np.testing.assert_allclose(half, (row + old[change.constituents[2]].mean(axis=0)) / 2, rtol=1e-4, atol=1e-6)


def test_words_stand_behind_one_space_whoever_puts_it_there():
    from tokenizers import Tokenizer, models, normalizers, trainers
    from transformers import PreTrainedTokenizerFast

    for first in ([normalizers.Prepend("▁")], []):
        backend = Tokenizer(models.BPE())
        backend.normalizer = normalizers.Sequence([*first, normalizers.Replace(" ", "▁")])
        backend.train_from_iterator(
            ["das", "haus", "a"] * 9 + [" das", " haus"] * 9, trainers.BpeTrainer(show_progress=False)
        )
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
        (found,) = segmented(tokenizer, ["haus"])
        assert "".join(tokenizer.convert_ids_to_tokens(found)) == "▁haus"


def test_links_of_parts_go_by_their_place_in_the_word(tied):
    change, old = change_of(tied), tied.matrices()[0]
    tokenizer = change.tokenizer
    ours = tokenizer(" za", add_special_tokens=False)["input_ids"]
    theirs = tied.tokenizer(" 12", add_special_tokens=False)["input_ids"]
    assert len(ours) == 2
    assert len(theirs) == 3
    row = Links().fit(tied, change, Evidence(lexicon=[Entry("12", "za", 3)]))[0][change.new[0]]
    # The first half of three pieces: the first one, and half the second.
    np.testing.assert_allclose(row, (old[theirs[0]] + old[theirs[1]] / 2) / 1.5, rtol=1e-4, atol=1e-6)


def test_a_piece_without_links_has_its_constituents(tied, capsys):
    change = change_of(tied)
    out = Links().fit(tied, change, Evidence(lexicon=[Entry("cat", "zz", 3)]))[0]
    usual = Constituents().fit(tied, change)[0]
    np.testing.assert_allclose(out[change.new[3]], usual[change.new[3]], rtol=1e-5)
    assert "3 of 4 new pieces have no evidence" in capsys.readouterr().err


def planted(tied):
    """Vectors in which zz means cat, and ü nothing."""
    rng = np.random.default_rng(3)
    known = Space(("cat", "dog", "mat"), rng.normal(size=(3, 8)).astype(np.float32))
    return known, Space(("zz",), known.vectors[:1] + 0.01)


def test_wechsel_takes_the_rows_of_what_has_like_vectors(tied):
    change, old = change_of(tied), tied.matrices()[0]
    row = Wechsel(neighbours=1).fit(tied, change, Evidence(spaces=planted(tied)))[0][change.new[2]]
    cat = tied.tokenizer(" cat", add_special_tokens=False)["input_ids"]
    assert any(np.allclose(row, old[k], atol=1e-6) for k in cat)


def test_ofa_copies_a_piece_in_another_case_and_keeps_to_its_rank(tied):
    change, old = change_of(tied, [("Ġ", "T"), ("ĠT", "h"), ("ĠTh", "e"), *MERGES]), tied.matrices()[0]
    evidence = Evidence(spaces=planted(tied))
    out = OFA().fit(tied, change, evidence)[0]
    the = tied.tokenizer.get_vocab()["Ġthe"]
    np.testing.assert_allclose(out[change.new[change.pieces.index(" The")]], old[the], atol=1e-6)
    low = OFA(rank=5).fit(tied, change, evidence)[0]
    assert np.linalg.matrix_rank(low, tol=1e-4) == 5
    u, s, v = np.linalg.svd(old, full_matrices=False)
    np.testing.assert_allclose(low[: len(old)], (u[:, :5] * s[:5]) @ v[:5], atol=1e-5)


def test_vectors_of_pieces_are_means_of_their_words():
    tokenizer = byte_level()
    space = Space(("the", "cat"), np.eye(2, dtype=np.float32))
    ids = tokenizer([" the", " cat"], add_special_tokens=False)["input_ids"]
    out = piece_vectors(tokenizer, space, len(tokenizer))
    slow = np.zeros((len(tokenizer), 2))
    for word, pieces in enumerate(ids):
        for piece in pieces:
            slow[piece] += space.vectors[word] / (word + 2)
    np.testing.assert_allclose(out, unit(slow.astype(np.float32)), atol=1e-6)
    assert not out[tokenizer.get_vocab()["z"]].any()


def test_near_is_a_softmax_over_the_nearest():
    vectors = unit(np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32))
    out = near(np.array([[1, 0], [0, 0]], np.float32), vectors, 2, 0.5).toarray()
    wanted = np.exp(np.array([1, np.sqrt(0.5)]) / 0.5)
    np.testing.assert_allclose(out[0], [wanted[0] / wanted.sum(), 0, wanted[1] / wanted.sum(), 0], rtol=1e-5)
    assert not out[1].any()


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    from scipy.optimize import minimize

    scores = np.random.default_rng(4).normal(size=(6, 4))
    ours = sparsemax(scores)
    np.testing.assert_allclose(ours.sum(axis=1), 1)
    assert (ours >= 0).all()
    for row, p in zip(scores, ours, strict=True):
        rule = {"type": "eq", "fun": lambda x: x.sum() - 1}
        slow = minimize(
            lambda x, z=row: ((x - z) ** 2).sum(), np.full(4, 0.25), bounds=[(0, 1)] * 4, constraints=rule
        ).x
        np.testing.assert_allclose(p, slow, atol=1e-4)
    np.testing.assert_allclose(softmax(scores, 1.0).sum(axis=1), 1)


def test_a_pursuit_finds_what_was_mixed():
    rng = np.random.default_rng(5)
    atoms = rng.normal(size=(40, 30)).astype(np.float32)
    truth = np.zeros((5, 40))
    for row in truth:
        row[rng.choice(40, 3, replace=False)] = rng.uniform(1, 3, 3) * rng.choice([-1, 1], 3)
    chosen, coefficients = pursuit((truth @ atoms).astype(np.float32), atoms, 6)
    found = np.zeros_like(truth)
    np.put_along_axis(found, chosen, coefficients, axis=1)
    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_omp_takes_mixtures_from_a_donor(tied, tmp_path):
    donor = read_model(str(llama(tmp_path / "donor")))
    change = change_of(donor)
    rows = donor.matrices()[0]
    a, b = donor.tokenizer.convert_tokens_to_ids(["Ġthe", "Ġs"])
    fresh = np.tile(2 * rows[a] - rows[b], (len(change.new), 1))
    donor = with_rows(donor, change.tokenizer, [change.placed(rows, fresh)])
    old = tied.matrices()[0]
    out = OMP(sparsity=8).fit(tied, change_of(tied), Evidence(donor=donor))[0]
    np.testing.assert_allclose(out[change.new], np.tile(2 * old[a] - old[b], (4, 1)), atol=1e-3)


def test_what_the_donor_lacks_has_its_constituents(tied):
    change = change_of(tied)
    out = OMP().fit(tied, change, Evidence(donor=tied))[0]
    assert (out == Constituents().fit(tied, change)[0]).all()


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (Links(), "found no lexicon"),
        (Wechsel(), "found no vectors of words"),
        (OFA(), "found no vectors of words"),
        (OMP(), "found no donor"),
    ],
)
def test_what_is_lacking_is_named(method, message, tied):
    with pytest.raises(DataError, match=message):
        method.fit(tied, change_of(tied), Evidence())


def test_vectors_of_two_spaces_are_refused(tied):
    one, two = Space(("a",), np.ones((1, 2), np.float32)), Space(("b",), np.ones((1, 3), np.float32))
    with pytest.raises(DataError, match="vectors of 2 and 3 numbers"):
        Wechsel().fit(tied, change_of(tied), Evidence(spaces=(one, two)))


def test_a_donor_that_shares_nothing(tied, tmp_path):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<other>": 0, "\u4e00\u4e8c": 1}, unk_token="<other>"))
    other = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<other>")
    donor = read_model(str(llama(tmp_path / "donor", other)))
    with pytest.raises(DataError, match="found no piece of"):
        OMP().fit(tied, change_of(tied), Evidence(donor=donor))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("links", {"share": 1.5}, "share must be from 0 to 1"),
        ("links", {"min_count": -1.0}, "min_count must not be negative"),
        ("wechsel", {"neighbours": 0}, "neighbours must be at least 1"),
        ("wechsel", {"temperature": 0.0}, "temperature must be above 0"),
        ("ofa", {"rank": -1}, "rank must not be negative"),
        ("ofa", {"neighbours": 0}, "neighbours must be at least 1"),
        ("ofa", {"temperature": 0.0}, "temperature must be above 0"),
        ("omp", {"sparsity": 0}, "sparsity must be at least 1"),
        ("multivariate", {"scale": -1.0}, "scale must not be negative"),
        ("multivariate", {"seed": -1}, "seed must not be negative"),
        ("random", {"sigma": -1.0}, "sigma must not be negative"),
        ("random", {"seed": -1}, "seed must not be negative"),
        ("focus", {"epochs": 0}, "epochs must be at least 1"),
        ("focus", {"seed": -1}, "seed must not be negative"),
        ("cw2v", {"candidates": 0}, "candidates must be at least 1"),
        ("cw2v", {"learning_rate": 0.0}, "learning_rate must be above 0"),
        ("cw2v", {"start": -1.0}, "start and seed must not be negative"),
    ],
)
def test_parameters_out_of_range(name, given, message):
    with pytest.raises(ValueError, match=message):
        registry.load(by_name(name))(**given)


# -- lexicons


def test_a_lexicon_as_the_command_writes_it(tmp_path):
    path = tmp_path / "lexicon.tsv"
    path.write_text(
        "src\ttgt\tcount\tp_tgt_given_src\ndas Haus\tla chasa\t3\t0.5\n\nder\til\t2\t1.0\n", encoding="utf-8"
    )
    assert read_lexicon(path) == [Entry("das Haus", "la chasa", 3), Entry("der", "il", 2)]
    assert read_lexicon(path, new="src")[0] == Entry("la chasa", "das Haus", 3)
    path.write_text("src\ttgt\nHaus\tchasa\n", encoding="utf-8")
    assert read_lexicon(path) == [Entry("Haus", "chasa")]
    path.write_text("\ufeffHaus\tchasa\r\n", encoding="utf-8")
    assert read_lexicon(path) == [Entry("Haus", "chasa", 1)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Haus", "expected a source word"),
        ("Haus\tchasa\tmany", "'many', expected a number above 0"),
        ("a\tb\t0", "'0'"),
    ],
)
def test_a_lexicon_that_is_none(line, message, tmp_path):
    path = tmp_path / "lexicon.tsv"
    path.write_text(f"a\tb\t1\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"line 2: .*{message}"):
        read_lexicon(path)


def test_texts_of_the_tests_are_segmented_by_new_pieces(tied):
    # Else the tests above would pass by default.
    change = change_of(tied)
    ids = change.tokenizer(TEXT[0] + " zz", add_special_tokens=False)["input_ids"]
    assert set(change.new.tolist()) & set(ids)
