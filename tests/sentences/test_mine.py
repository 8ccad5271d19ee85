"""Mining: the margin equals a slow reference in every form, planted translations are found, nothing goes uncounted."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.errors import DataError
from polyalign.core.space import unit
from polyalign.sentences.mine import Margin, threshold_of

MARGINS = ("ratio", "distance", "absolute")
SELECTS = ("forward", "backward", "intersection", "max")


def texts(name, n):
    return [f"{name}{i}" for i in range(n)]


def reference(x, y, k, candidates, margin, select):
    """Artetxe and Schwenk's equations, a pair at a time."""
    n, m = len(x), len(y)
    cos = [[float(x[i] @ y[j]) for j in range(m)] for i in range(n)]
    near_x = [sorted(range(m), key=lambda j: (-cos[i][j], j)) for i in range(n)]
    near_y = [sorted(range(n), key=lambda i: (-cos[i][j], i)) for j in range(m)]

    def mean(values):
        return sum(values) / len(values)

    m_x = [mean([cos[i][j] for j in near_x[i][:k]]) for i in range(n)]
    m_y = [mean([cos[i][j] for i in near_y[j][:k]]) for j in range(m)]

    def score(i, j):
        base = (m_x[i] + m_y[j]) / 2
        return {"ratio": cos[i][j] / max(base, 0.01), "distance": cos[i][j] - base, "absolute": cos[i][j]}[margin]

    forward = {(i, max(near_x[i][:candidates], key=lambda j: score(i, j))) for i in range(n)}
    backward = {(max(near_y[j][:candidates], key=lambda i: score(i, j)), j) for j in range(m)}
    if select == "forward":
        return {p: score(*p) for p in forward}
    if select == "backward":
        return {p: score(*p) for p in backward}
    if select == "intersection":
        return {p: score(*p) for p in forward & backward}
    kept = {}
    for p in sorted(forward | backward, key=lambda p: -score(*p)):
        if all(p[0] != a and p[1] != b for a, b in kept):
            kept[p] = score(*p)
    return kept


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(MARGINS),
    st.sampled_from(SELECTS),
    st.integers(0, 999),
)
def test_equals_the_equations(n, m, k, candidates, margin, select, seed):
    random = np.random.default_rng(seed)
    x, y = (unit(random.normal(size=(size, 5)).astype(np.float32)) for size in (n, m))
    method = Margin(margin=margin, select=select, neighbours=k, candidates=candidates, centre=False, threshold=-1e9)
    found = method.mine(texts("a", n), texts("b", m), vectors=(x, y))
    expected = reference(x, y, k, candidates, margin, select)
    got = dict(zip(zip(found.src.tolist(), found.tgt.tolist(), strict=True), found.score.tolist(), strict=True))
    assert got.keys() == expected.keys()
    assert [got[p] for p in expected] == pytest.approx(list(expected.values()), rel=1e-4, abs=1e-5)
    assert found.score.tolist() == sorted(found.score.tolist(), reverse=True)


def planted(n, known, d=64, noise=0.5, seed=0):
    """Vectors of n sentences a side, of which some have a translation at another row."""
    random = np.random.default_rng(seed)
    src, tgt = random.normal(size=(n, d)) + 1, random.normal(size=(n, d)) - 1
    order = random.permutation(n)
    tgt[order[:known]] = src[:known] - 2 + noise * random.normal(size=(known, d))
    return src.astype(np.float32), tgt.astype(np.float32), order


@pytest.mark.parametrize("select", SELECTS)
def test_planted_translations_are_found_and_others_not(select):
    src, tgt, order = planted(400, 300)
    found = Margin(select=select, error=0.05).mine(texts("a", 400), texts("b", 400), vectors=(src, tgt))
    right = order[found.src] == found.tgt
    assert right.mean() > 0.94
    assert (right & (found.src < 300)).sum() > 290
    if select in ("max", "intersection"):
        assert len(set(found.src.tolist())) == len(set(found.tgt.tolist())) == len(found)
    assert found.score.min() >= found.threshold - 1e-6
    assert found.counts["below_threshold"] > 0


def test_without_any_translation_little_is_found():
    found = []
    for seed in range(5):
        src, tgt, _ = planted(300, 0, seed=seed)
        found.append(len(Margin().mine(texts("a", 300), texts("b", 300), vectors=(src, tgt))))
    assert np.mean(found) < 30


def test_a_threshold_of_ones_own():
    src, tgt, _ = planted(60, 40)
    every = Margin(threshold=-9.0).mine(texts("a", 60), texts("b", 60), vectors=(src, tgt))
    some = Margin(threshold=float(every.score[10])).mine(texts("a", 60), texts("b", 60), vectors=(src, tgt))
    assert some.src.tolist() == every.src[: len(some)].tolist()
    assert len(some) + some.counts["below_threshold"] == len(every)
    assert len(some) in (10, 11)  # the score itself is rounded to float32


def test_empty_and_repeated_rows_are_counted_and_change_nothing():
    src, tgt, _ = planted(40, 30)
    method = Margin(threshold=-9.0)
    plain = method.mine(texts("a", 40), texts("b", 40), vectors=(src, tgt))
    rows = [0, 1, 1, *range(2, 40), 0]
    lines = ["", *(f" a{i}" for i in rows), "   "]
    more = np.concatenate([src[:1] * 0, src[rows], src[:1] * np.nan])
    found = method.mine(lines, texts("b", 40), vectors=(more, tgt))
    assert [lines[i].strip() for i in found.src] == [f"a{i}" for i in plain.src]
    assert found.tgt.tolist() == plain.tgt.tolist()
    assert found.score.tolist() == plain.score.tolist()
    assert set(found.src.tolist()).isdisjoint({0, 3, 42, 43})  # first occurrences only
    assert (found.counts["src_empty"], found.counts["src_repeated"]) == (2, 2)
    assert (found.counts["tgt_empty"], found.counts["tgt_repeated"]) == (0, 0)


def test_copies_are_left_out_unless_wanted():
    src, tgt, order = planted(50, 50)
    # Target row 7's text stands untranslated on the source side, in place of source sentence 0.
    a, b = texts("a", 50), texts("b", 50)
    a[0] = b[7]
    src[0] = tgt[7] + 2
    found = Margin(threshold=-9.0).mine(a, b, vectors=(src, tgt))
    pairs = set(zip(found.src.tolist(), found.tgt.tolist(), strict=True))
    assert (0, 7) not in pairs
    assert (int(np.flatnonzero(order == 7)[0]), 7) in pairs
    assert found.counts["copies"] == 1
    wanted = Margin(threshold=-9.0, copies=True).mine(a, b, vectors=(src, tgt))
    assert (0, 7) in set(zip(wanted.src.tolist(), wanted.tgt.tolist(), strict=True))
    assert wanted.counts["copies"] == 0


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0), (1, 1), (1, 5)])
@pytest.mark.parametrize("select", SELECTS)
def test_few_sentences(n, m, select):
    src, tgt, _ = planted(5, 5)
    found = Margin(select=select).mine(texts("a", n), texts("b", m), vectors=(src[:n], tgt[:m]))
    assert len(found) <= max(n, m)
    assert np.isfinite(found.threshold)


def test_a_work_folder_changes_nothing(tmp_path):
    src, tgt, _ = planted(100, 60)
    args = texts("a", 100), texts("b", 100)
    straight = Margin().mine(*args, vectors=(src, tgt))
    for _ in range(2):
        kept = Margin().mine(*args, vectors=(src, tgt), work=tmp_path)
        assert kept.src.tobytes() == straight.src.tobytes()
        assert kept.tgt.tobytes() == straight.tgt.tobytes()
        assert kept.score.tobytes() == straight.score.tobytes()
    changed = src.copy()
    changed[:50] = src[50:]
    other = Margin().mine(*args, vectors=(changed, tgt), work=tmp_path)
    assert other.src.tobytes() != straight.src.tobytes()


def test_approximate_search_finds_the_same_pairs():
    pytest.importorskip("faiss")
    src, tgt, _ = planted(600, 400)
    args = texts("a", 600), texts("b", 600)
    exact = Margin().mine(*args, vectors=(src, tgt))
    found = Margin(index="approximate").mine(*args, vectors=(src, tgt))
    both = {*zip(exact.src.tolist(), exact.tgt.tolist(), strict=True)} & {
        *zip(found.src.tolist(), found.tgt.tolist(), strict=True)
    }
    assert len(both) > 0.9 * len(exact)


def test_inputs_stay_as_they_were():
    src, tgt, _ = planted(20, 10)
    before = src.tobytes(), tgt.tobytes()
    a, b = texts("a", 20), texts("b", 20)
    Margin().mine(a, b, vectors=(src, tgt))
    assert (src.tobytes(), tgt.tobytes(), a, b) == (*before, texts("a", 20), texts("b", 20))


def test_texts_are_encoded_once(monkeypatch, tmp_path):
    src, tgt, order = planted(30, 30)
    known = dict(zip(texts("a", 30) + texts("b", 30), np.concatenate([src, tgt]), strict=True))

    class Known:
        key, dim = "known", 64

        def encode(self, some, *, label=""):
            return unit(np.array([known[t] for t in some], np.float32))

    monkeypatch.setattr("polyalign.sentences.mine.named_encoder", lambda name: {"known": Known()}[name])
    lines = [f"{t} " for t in texts("a", 30)] + ["", "a3"]
    for work in (None, tmp_path):
        found = Margin(encoder="known", threshold=0.1).mine(lines, texts("b", 30), work=work)
        assert (order[found.src] == found.tgt).all()
        assert len(found) == 30


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (((3, 4), (2, 4)), r"src vectors of shape \(3, 4\) for 2 sentences, expected one row"),
        (((2, 4), (2,)), r"tgt vectors of shape \(2,\) for 2 sentences, expected one row"),
        (((2, 4), (2, 3)), "vectors of 4 and of 3 dimensions, expected as many"),
    ],
)
def test_other_vectors_than_sentences_are_refused(shapes, said):
    with pytest.raises(DataError, match=said):
        Margin().mine(["a", "b"], ["c", "d"], vectors=tuple(np.ones(s) for s in shapes))


def test_a_line_without_a_vector_is_refused():
    with pytest.raises(DataError, match="tgt vectors: found only zeros"):
        Margin().mine(["a"], ["b"], vectors=(np.ones((1, 2)), np.zeros((1, 2))))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"neighbours": 0}, "neighbours must be"), ({"candidates": 0}, "candidates must be"), ({"error": 0.0}, "error must"), ({"error": 1.0}, "error must")],
)  # fmt: skip
def test_settings_that_make_no_sense(settings, said):
    with pytest.raises(ValueError, match=said):
        Margin(**settings)


def test_the_threshold_keeps_to_the_share_of_wrong_pairs():
    random = np.random.default_rng(0)
    wrong, right = random.normal(0, 1, 3000), random.normal(4, 1, 2000)
    scores = np.sort(np.concatenate([wrong, right]))[::-1]
    null = np.sort(random.normal(0, 1, 5000))[::-1]
    for error in (0.01, 0.05, 0.2):
        at = threshold_of(scores, null, error)
        share = (wrong >= at).sum() / (scores >= at).sum()
        assert share == pytest.approx(error, rel=0.5)
    assert threshold_of(null, null, 0.05) > np.quantile(null, 0.99)
    assert threshold_of(np.array([]), null, 0.1) == 0.0
    assert threshold_of(scores, np.array([]), 0.1) > scores[0]


def test_every_form_differs():
    src, tgt, _ = planted(80, 40, noise=2.0)
    seen = set()
    for margin, select in itertools.product(MARGINS, SELECTS):
        found = Margin(margin=margin, select=select, threshold=-9.0).mine(
            texts("a", 80), texts("b", 80), vectors=(src, tgt)
        )
        seen.add((found.src.tobytes(), found.tgt.tobytes()))
    assert len(seen) >= 11
