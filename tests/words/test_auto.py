"""Statistics and similarity joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.core.space import Space
from polyalign.words.auto import Auto
from polyalign.words.joined.judge import cells
from polyalign.words.joined.model import JoinedModel, pooled
from polyalign.words.joined.similar import Similar, Words, probabilities
from polyalign.words.model import load_model
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.method import encoder_at
from polyalign.words.statistical import Statistical
from tests.words.planted import WORDS, f1, planted, same


@pytest.fixture(scope="module")
def text():
    return planted(80, seed=6, vocabulary=40, reorder=0.4)


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """An encoder that knows two words of three, and not surely."""
    return space(tmp_path_factory.mktemp("space"), noise=0.5)


def space(folder, *, noise):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(40, 32))
    known = [k for k in range(40) if k % 3]
    words = [*(WORDS[k] for k in known), *(WORDS[k][::-1].upper() for k in known)]
    both = np.concatenate([vectors[known], vectors[known] + noise * rng.normal(size=(len(known), 32))])
    Space(tuple(words), both.astype(np.float32)).save(folder)
    return str(folder)


def test_it_beats_both_of_its_parts(text, static):
    bitext, gold = text
    few = bitext.select(np.arange(len(bitext)) < 8)
    both = f1(Auto(encoder=static).fit(few).align(few), gold[:8])
    statistics = f1(Statistical().fit(few).align(few), gold[:8])
    similarity = f1(Auto(encoder=static, weight=0.0, counted=0.0).fit(few).align(few), gold[:8])
    assert both > max(statistics, similarity) + 0.05


def test_links_are_where_the_mean_of_both_is_great(static):
    bitext = Bitext.build(["a b", "", "c"], ["x y", "z", "w"])
    one = 1000
    statistics = Posteriors(
        np.array([2, 0, 1]), np.array([2, 1, 1]), np.array([0, 2, 2, 2]), np.array([0, 1], np.uint16),
        np.array([1, 0], np.uint16), np.array([[800, 200], [600, 400]], np.uint16), one,
    )  # fmt: skip

    read = Similar.learn(encoder_at(static, None), (), bitext)[1]

    class Known(Words):
        __slots__ = ()

        def cosines(self):
            return iter([np.array([[[0.9, 0.1], [0.2, 0.3]]], np.float32), np.zeros((1, 0, 1)), np.zeros((1, 1, 1))])

    q = probabilities(np.array([[[0.9, 0.1], [0.2, 0.3]]], np.float32))
    assert np.allclose(q[0].sum(axis=0), 1)
    assert np.allclose(q[1].sum(axis=1), 1)
    out = pooled(statistics, Known(read.src, read.tgt, read.rows).posteriors(), 0.75)
    dense = np.zeros((2, 2, 2))
    dense[:, out.src[:4], out.tgt[:4]] = out.p[:, :4] / out.one
    expected = 0.25 * q
    expected[:, 0, 1] += 0.75 * np.array([0.8, 0.6])
    expected[:, 1, 0] += 0.75 * np.array([0.2, 0.4])
    assert np.diff(out.cells).tolist() == [4, 0, 1]
    assert np.allclose(dense, expected, atol=2e-4)


def test_a_text_it_was_trained_on_is_not_read_again(text, static, tmp_path, monkeypatch):
    bitext, _ = text
    model = Auto(encoder=static).fit(bitext)
    links = model.align(bitext)
    # Read again in another run, or after loading, the links are the same.
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, JoinedModel)
    assert same(loaded.align(bitext), links)
    half = bitext.select(np.arange(len(bitext)) % 2 == 0)
    assert model.align(half).to_pharaoh() == links.to_pharaoh()[::2]

    def read(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(Similar, "words", read)
    assert same(model.align(bitext), links)
    with pytest.raises(AssertionError, match="read again"):
        model.align(half)


def test_a_text_that_is_too_long_to_be_read_is_taught_by_some_of_it(text, static, capsys):
    bitext, gold = text
    few = bitext.select(np.arange(len(bitext)) < 8)
    model = Auto(encoder=static, sample=6, most=7).fit(few)
    assert "more than most = 7" in capsys.readouterr().err
    taught = f1(Links.concat([p.links("posterior", 0.45) for p in model.parts(few)]), gold[:8])
    assert taught > f1(Statistical(threshold=0.45).fit(few).align(few), gold[:8])


def test_an_encoder_that_does_not_know_the_languages_is_left_out(text, tmp_path, capsys):
    bitext, _ = text
    rng = np.random.default_rng(3)
    words = [*WORDS[:40], *(w[::-1].upper() for w in WORDS[:40])]
    Space(tuple(words), rng.normal(size=(80, 32)).astype(np.float32)).save(tmp_path)
    model = Auto(encoder=str(tmp_path)).fit(bitext)
    assert "does not seem to know" in capsys.readouterr().err
    assert model.similar is None
    assert same(model.align(bitext), Statistical().fit(bitext).align(bitext))
    model.save(tmp_path / "model")
    assert same(load_model(tmp_path / "model").align(bitext), model.align(bitext))


def gold_files(folder, bitext, gold, pairs):
    links = Links.from_pairs([sorted(g) for g in gold[:pairs]])
    (folder / "gold").write_text("\n".join(links.to_pharaoh()) + "\n")
    (folder / "text").write_text(
        "".join(f"{a} ||| {b}\n" for a, b in zip(bitext.src[:pairs], bitext.tgt[:pairs], strict=True))
    )
    return str(folder / "gold"), str(folder / "text")


def test_gold_teaches(text, static, tmp_path):
    pytest.importorskip("sklearn")
    bitext, gold = text
    few = bitext.select(np.arange(len(bitext)) < 24)
    links, pairs = gold_files(tmp_path, bitext, gold, 20)
    alone = Auto(encoder=static).fit(few)
    model = replace(alone.method, gold=links, gold_text=pairs).fit(few)
    assert f1(model.align(few), gold[:24]) > f1(alone.align(few), gold[:24])
    model.save(tmp_path / "model")
    assert same(load_model(tmp_path / "model").align(few), model.align(few))
    # The first pairs of the text are taken if no others are named.
    own = replace(alone.method, gold=links).fit(few)
    assert same(own.align(few), model.align(few))


def test_gold_that_tells_nothing_is_refused(text, static, tmp_path):
    bitext, _ = text
    (tmp_path / "gold").write_text("\n\n")
    with pytest.raises(DataError, match="tell nothing"):
        Auto(encoder=static, gold=str(tmp_path / "gold")).fit(bitext)


def test_the_evidence_for_a_cell(static):
    bitext = Bitext.build(["bal bam ,", ""], [f"{WORDS[1][::-1].upper()} . bal", "x"])
    words = Similar.learn(encoder_at(static, None), (), bitext)[1]
    nothing = Posteriors.none(np.array([3, 0]), np.array([3, 1]))
    (i, j, rows), empty = cells(bitext, [nothing, nothing], words)
    assert len(empty[0]) == 0
    assert len(rows) == len(i) == len(j) <= 9
    alike, both, one = rows[:, -3], rows[:, -2], rows[:, -1]
    at = {(a, b): k for k, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True))}
    assert alike[at[0, 2]] == 1
    assert both[at[2, 1]] == 1
    assert one[at[2, 1]] == 0
    assert one[at[2, 0]] == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight": 1.5}, "weight must be from 0 to 1"),
        ({"counted": -1.0}, "counted must not be negative"),
        ({"sample": 0}, "sample must be at least 1"),
        ({"layers": (-1,)}, "layers must be counted from 0"),
        ({"seed": -1}, "seed must be from 0"),
        ({"threshold": 1.5}, "threshold must be at least 0"),
    ],
)
def test_parameters_out_of_range_are_refused_at_once(parameters, message):
    with pytest.raises(ValueError, match=message):
        Auto(**parameters)


def test_there_is_no_such_encoder():
    with pytest.raises(ConfigError, match="neither an encoder"):
        Auto(encoder="/nowhere/at all").fit(Bitext.build(["a"], ["b"]))


def test_nothing_at_all(static):
    none = Bitext.build([], [])
    method = Auto(encoder=static)
    assert len(method.fit(none).align(none)) == 0
    assert method.fit(Bitext.build([""], [""])).align(Bitext.build(["a"], ["b"])).to_pharaoh() in ([""], ["0-0"])
