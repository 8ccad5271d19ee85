"""Correlation and transfer: equal to SciPy and to a fit by hand, planted effects found, noise told from them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from polyalign.core.errors import ConfigError, DataError
from polyalign.evaluate.correlation import Correlation, interval
from polyalign.evaluate.transfer import STRENGTHS, TransferPrediction, _left_out_error
from polyalign.evaluate.values import read_features, read_values


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=3, max_size=12))
def test_equals_scipy_ties_and_all(pairs):
    x, y = np.array(pairs, np.float64).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        with pytest.raises(DataError, match="a measure is the same everywhere"):
            Correlation().score(x, y)
        return
    found = Correlation(samples=0).scores(x, y)
    assert found["pearson"].value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert found["spearman"].value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert found["kendall"].value == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-9)


def test_the_kind_asked_for_is_the_value():
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    y = x**3 + 0.1 * rng.normal(size=30)
    scores = [Correlation(kind=kind, samples=100).score(x, y) for kind in ("pearson", "spearman", "kendall")]
    assert len({s.value for s in scores}) == 3
    for score in scores:
        assert score.parts[score.name] == score.value
        assert score.ci[0] < score.value < score.ci[1] <= 1
        assert score.signature.startswith("metric:correlation|controls:0|samples:100|seed:1|")


def test_intervals_cover_the_truth():
    covered = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=60)
        y = 0.6 * x + 0.8 * rng.normal(size=60)
        low, high = Correlation(kind="pearson", samples=200).score(x, y).ci
        covered += low <= 0.6 <= high
    assert covered >= 16


def test_a_control_takes_away_what_it_explains():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(1000, 1))
    x, y = z[:, 0] + 0.3 * rng.normal(size=1000), z[:, 0] + 0.3 * rng.normal(size=1000)
    for kind in ("pearson", "spearman"):
        assert Correlation(kind=kind, samples=0).score(x, y).value > 0.8
        assert abs(Correlation(kind=kind, samples=0).score(x, y, control=z).value) < 0.1
    # Against the formula for one control.
    r = np.corrcoef(np.stack([x, y, z[:, 0]]))
    partial = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert Correlation(kind="pearson", samples=0).score(x, y, control=z).value == pytest.approx(partial)
    with pytest.raises(DataError, match="kind = kendall: found a control, expected none"):
        Correlation(kind="kendall").score(x, y, control=z)
    with pytest.raises(DataError, match="or all that a control says"):
        Correlation().score(x, y, control=x)


def test_few_other_numbers_and_not_finite_ones_are_refused():
    with pytest.raises(DataError, match="found 2, 2 and 2 values, expected as many of each, at least 3"):
        Correlation().score(np.arange(2.0), np.arange(2.0))
    with pytest.raises(DataError, match="found 4, 3 and 4 values"):
        Correlation().score(np.arange(4.0), np.arange(3.0))
    with pytest.raises(DataError, match="value 2 is not finite"):
        Correlation().score(np.array([1, np.nan, 2]), np.arange(3.0))
    with pytest.raises(ValueError, match="samples must not be negative"):
        Correlation(samples=-1)


def test_resamples_that_do_not_vary_are_left_out():
    low, high = interval(np.array([[0.0, 0], [0, 0], [1, 1]]), lambda r: np.nan if np.ptp(r) == 0 else 1.0, 50, 1)
    assert (low, high) == (1, 1)
    assert np.isnan(interval(np.zeros((3, 2)), lambda r: np.nan, 5, 1)).all()


# -- transfer


def planted(n=24, noise=0.1, seed=1, *, curved=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    y = (np.sin(3 * x[:, 0]) if curved else 2 * x[:, 0] - x[:, 1]) + noise * rng.normal(size=n) + 5
    return {f"l{i}": row for i, row in enumerate(x)}, {f"l{i}": float(v) for i, v in enumerate(y)}


def test_equals_ridge_by_hand_each_language_left_out():
    features, values = planted(12)
    score = TransferPrediction(strength=0.5, samples=0).score(features, values)
    x, y = np.stack(list(features.values())), np.array(list(values.values()))
    for i in range(12):
        some = np.arange(12) != i
        mean, spread = x[some].mean(axis=0), x[some].std(axis=0)
        a, b = (x[some] - mean) / spread, y[some] - y[some].mean()
        w = np.linalg.solve(a.T @ a / 4 + 0.5 * np.eye(4), a.T @ b / 4)
        assert score.items[i, 0] == pytest.approx(y[some].mean() + (x[i] - mean) / spread @ w)
    assert score.items[:, 1] == pytest.approx(y)


def test_a_planted_effect_is_found_and_none_where_there_is_none():
    features, values = planted()
    found = TransferPrediction().scores(features, values)
    assert found["pearson"].value > 0.95
    assert found["error"].value < 0.2 * found["error"].parts["mean_error"]
    assert found["spearman"].ci[0] < found["spearman"].value
    rng = np.random.default_rng(5)
    noise = {k: float(v) for k, v in zip(values, rng.normal(size=24), strict=True)}
    none = TransferPrediction().scores(features, noise)
    assert none["error"].value > 0.8 * none["error"].parts["mean_error"]


def test_a_curved_effect_needs_a_kernel():
    features, values = planted(60, curved=True)
    linear, rbf = (TransferPrediction(kernel=k, samples=0).score(features, values).value for k in ("linear", "rbf"))
    assert rbf > linear + 0.2


def test_unknown_features_and_constant_ones_do_no_harm():
    features, values = planted()
    holes = {
        k: np.append(np.where(np.arange(4) == i % 7, np.nan, row), 3.0) for i, (k, row) in enumerate(features.items())
    }
    holes = {k: np.append(row, np.nan) for k, row in holes.items()}
    assert TransferPrediction(samples=0).score(holes, values).value > 0.6


def test_the_strength_is_chosen_by_what_each_language_left_out_leaves():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 3)), rng.normal(size=9)
    gram = x @ x.T
    for strength in STRENGTHS:
        total = 0.0
        for i in range(9):
            some = np.arange(9) != i
            weights = np.linalg.solve(gram[np.ix_(some, some)] + strength * np.eye(8), y[some])
            total += (y[i] - gram[i, some] @ weights) ** 2
        assert _left_out_error(gram, y, strength) == pytest.approx(total)


def test_a_chosen_strength_is_better_than_a_weak_one_where_features_are_many():
    def error(strength):
        total = 0.0
        for seed in range(6):
            rng = np.random.default_rng(seed)
            x = rng.normal(size=(24, 20))
            values = {f"l{i}": float(v) for i, v in enumerate(x[:, 0] + rng.normal(size=24))}
            features = {f"l{i}": row for i, row in enumerate(x)}
            total += TransferPrediction(strength=strength, samples=0).scores(features, values)["error"].value
        return total

    assert error(None) < 0.9 * error(STRENGTHS[0])


def test_tables_that_do_not_fit_are_refused():
    features, values = planted(5)
    with pytest.raises(DataError, match="found 3 languages with both features and a value, expected at least 4"):
        TransferPrediction().score(features, {k: values[k] for k in list(values)[:3]})
    with pytest.raises(DataError, match="different numbers of features"):
        TransferPrediction().score({**features, "l0": np.zeros(2)}, values)
    with pytest.raises(DataError, match="not finite, or the same everywhere"):
        TransferPrediction().score(features, dict.fromkeys(values, 1.0))
    with pytest.raises(ValueError, match="strength must be more than 0"):
        TransferPrediction(strength=0.0)
    with pytest.raises(ValueError, match="samples must"):
        TransferPrediction(samples=-1)


# -- files


def test_tables_are_read(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes("\ufeff\tsize\tdistance\r\nde\t1.5\t--\r\nrm\t2\t0.25\r\n\r\nalien\t\t3\r\n".encode())
    names, rows = read_features(str(path))
    assert names == ["size", "distance"]
    assert {k: v.tolist() for k, v in rows.items() if k == "roh_Latn"} == {"roh_Latn": [2, 0.25]}
    assert list(rows) == ["deu_Latn", "roh_Latn", "alien"]
    assert np.isnan(rows["deu_Latn"][1])
    assert read_values(str(path), metric="distance")["roh_Latn"] == 0.25
    bare = tmp_path / "bare.txt"
    bare.write_text("de\t1\nfr\t2\n")
    assert read_values(str(bare)) == {"deu_Latn": 1, "fra_Latn": 2}


def test_what_metrics_write_is_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"de": 1, "fr": {"value": 2.5, "ci": [1, 3]}}))
    assert read_values(str(path)) == {"deu_Latn": 1, "fra_Latn": 2.5}
    path.write_text(
        json.dumps({f"news/x.{k}.txt": {"parity": {"value": 0.5}, "other": {"value": 2}} for k in ("de", "rm")})
    )
    assert read_values(str(path), metric="parity") == {"deu_Latn": 0.5, "roh_Latn": 0.5}
    with pytest.raises(ConfigError, match=r"found 2 metrics \(parity, other\), expected one"):
        read_values(str(path))
    models = [{"model": m, "metrics": {"mexa": {"deu_Latn": {"value": k}}, "anc": {}}} for k, m in enumerate("ab")]
    path.write_text(json.dumps({"models": models}))
    assert read_values(str(path), metric="mexa", model="b") == {"deu_Latn": 1}
    with pytest.raises(ConfigError, match=r"found 2 models \(a, b\), expected one; say which model is meant"):
        read_values(str(path))
    with pytest.raises(
        ConfigError, match=r"metric 'mxea': found metrics mexa, anc; name one of them; did you mean 'mexa'"
    ):
        read_values(str(path), metric="mxea", model="a")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", "[1]", "found a list, expected an object"),
        ("x.json", "{", "not JSON"),
        ("x.json", '{"de": "much"}', "de: found 'much', expected a number"),
        ("x.json", '{"de": true}', "de: found True, expected a number"),
        ("x.tsv", "", "found no language"),
        ("x.tsv", "de\n", "line 1: found 0 numbers, expected some"),
        ("x.tsv", "de\t1\nfr\t1\t2\n", "line 2: found 2 numbers, expected 1"),
        ("x.tsv", "de\t1\nfr\tx\n", "line 2: found 'x', expected a number"),
        ("x.tsv", "de\t1\ndeu\t2\n", "line 2: found deu again"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        read_values(str(tmp_path / name))
