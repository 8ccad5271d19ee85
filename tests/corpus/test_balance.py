"""Rates of groups against slow twins, and rows drawn at them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.balance.quota import Quota
from polyalign.corpus.balance.rehydrate import Rehydrate
from polyalign.corpus.balance.sample import Sample
from polyalign.corpus.balance.sizes import measure
from polyalign.corpus.balance.temperature import Temperature
from polyalign.corpus.balance.unimax import UniMax

sizes_of = st.dictionaries(st.text("abc", min_size=1, max_size=2), st.floats(1, 1e9), min_size=1, max_size=6)


def poured(sizes, epochs, budget):
    """UniMax as water poured evenly into vessels until each is full: the level found by halving."""
    caps = {name: epochs * size for name, size in sizes.items()}
    if sum(caps.values()) <= budget:
        return {name: epochs for name in sizes}
    low, high = 0.0, max(caps.values())
    for _ in range(200):
        level = (low + high) / 2
        low, high = (level, high) if sum(min(level, cap) for cap in caps.values()) < budget else (low, level)
    return {name: min(high, caps[name]) / sizes[name] for name in sizes}


@given(sizes_of, st.floats(0.5, 8), st.floats(1, 1e10))
def test_unimax_is_water_filling(sizes, epochs, budget):
    got, want = UniMax(epochs, budget).rates(sizes), poured(sizes, epochs, budget)
    assert got == {name: pytest.approx(rate, rel=1e-6) for name, rate in want.items()}
    assert list(got) == list(sizes)
    assert all(rate <= epochs * (1 + 1e-9) for rate in got.values())


@given(sizes_of, st.floats(1, 10))
def test_temperature_keeps_the_budget_and_the_order(sizes, temperature):
    rates = Temperature(temperature).rates(sizes)
    amounts = {name: rates[name] * sizes[name] for name in sizes}
    assert sum(amounts.values()) == pytest.approx(sum(sizes.values()))
    ranked = sorted(sizes, key=lambda n: sizes[n])
    assert all(rates[a] >= rates[b] * (1 - 1e-9) for a, b in zip(ranked, ranked[1:], strict=False))
    assert Temperature(1.0).rates(sizes) == {name: pytest.approx(1.0) for name in sizes}
    assert amounts[ranked[-1]] / amounts[ranked[0]] == pytest.approx(
        (sizes[ranked[-1]] / sizes[ranked[0]]) ** (1 / temperature)
    )


def corpus(n=6000, seed=0):
    random = np.random.default_rng(seed)
    langs = random.choice(["deu", "ita", "roh"], n, p=[0.7, 0.25, 0.05])
    return pa.table({"doc": [f"d{i}" for i in range(n)], "lang": langs, "text": [f"text {i}" for i in range(n)]})


def drawn(sample, table, rates, run=1000):
    runs = [table.slice(a, run) for a in range(0, table.num_rows, run)]
    return pa.concat_tables(sample.take(runs, rates))


@pytest.mark.parametrize("key", ["content", "row"])
def test_rates_are_met_within_binomial_bounds(key):
    table, rates = corpus(), {"deu": 0.3, "ita": 1.0, "roh": 2.5}
    out = drawn(Sample(key=key), table, rates)
    before, after = measure([table], "lang"), measure([out], "lang")
    assert after["ita"] == before["ita"]
    for name, rate in (("deu", 0.3), ("roh", 2.5)):
        part = rate % 1
        assert abs(after[name] - rate * before[name]) < 4 * np.sqrt(before[name] * part * (1 - part))
    copies = measure([out.filter(pa.compute.equal(out["lang"], "roh"))], "doc")
    assert set(copies.values()) == {2.0, 3.0}


def test_a_draw_does_not_depend_on_runs_order_or_later_rows():
    table, rates = corpus(), {"deu": 0.3, "ita": 1.7, "roh": 2.5}
    want = drawn(Sample(), table, rates)["doc"].to_pylist()
    assert drawn(Sample(), table, rates, run=7)["doc"].to_pylist() == want
    assert drawn(Sample(), table.slice(0, 3000), rates)["doc"].to_pylist() == [d for d in want if int(d[1:]) < 3000]
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    assert sorted(drawn(Sample(), shuffled, rates)["doc"].to_pylist()) == sorted(want)
    assert drawn(Sample(seed=2), table, rates)["doc"].to_pylist() != want


@pytest.mark.parametrize("unit", ["rows", "characters", "words"])
def test_quotas_are_met_exactly(unit):
    table = corpus()
    sizes = measure([table], "lang", unit)
    method = Quota({"deu": 1234.0, "roh": 3 * sizes["roh"] + 10}, others=0.0)
    sample = Sample(exact=True, unit=unit)
    runs = [table.slice(a, 500) for a in range(0, table.num_rows, 500)]
    after = measure(sample.take(runs, method.rates(sizes)), "lang", unit)
    # No more than half a row off: of rows nothing, of words one, of characters five.
    most = {"rows": 0, "words": 1, "characters": 5}[unit]
    assert "ita" not in after
    assert abs(after["deu"] - 1234) <= most
    assert abs(after["roh"] - (3 * sizes["roh"] + 10)) <= most


def test_copies_of_pairs_have_ids_of_their_own():
    bitext = Bitext.build(["a", "b"], ["x", "y"]).with_column("lang", pa.array(["deu", None]))
    (out,) = Sample().take([bitext], {"deu": 3.0, "(none)": 1.0})
    assert out.ids == ["0", "0#2", "0#3", "1"]


def test_many_epochs_are_told(notes):
    list(Sample().take([corpus(10)], {"deu": 4.0, "ita": 5.5, "roh": 9.0}))
    assert notes() == [
        "corpus.balance: repeated more than 4 times: roh 9.0, ita 5.5; repeated text teaches less and less"
    ]


def test_units_of_pairs_are_those_of_both_sides():
    bitext = Bitext.build(["ein Haus", ""], ["a house", "x\u00a0y"]).with_column("lang", pa.array(["a", "a"]))
    assert [measure([bitext], "lang", unit)["a"] for unit in ("rows", "characters", "words")] == [2, 18, 6]


def test_published_copies():
    want = {"1": 1, "2": 2, "3": 3, "4": 3, "5": 5, "99": 5, "100": 8, "999": 8, "1000": 1, "123456": 1}
    assert Rehydrate().rates(dict.fromkeys(want, 1.0)) == want


def test_copies_learned_from_what_filters_remove():
    # Of single rows half are removed, of pairs none, of clusters of a thousand all.
    size = np.repeat([1, 2, 1000], 100).astype(np.int32)
    kept = np.concatenate([np.arange(100) % 2 == 0, np.ones(100, bool), np.zeros(100, bool)])
    learned = Rehydrate.learn(size, kept, most=5.0)
    assert learned.copies == {"1": 1.0, "2": 5.0, "3": 1.0, "5": 1.0, "100": 1.0, "1000": 1.0}
    assert set(Rehydrate.learn(size, np.ones(300, bool)).copies.values()) == {1.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Temperature(0.0), "temperature must be above 0"),
        (lambda: Temperature(budget=-1.0), "budget must be above 0"),
        (lambda: UniMax(epochs=0.0), "epochs must be above 0"),
        (lambda: UniMax(budget=0.0), "budget must be above 0"),
        (lambda: Quota({"a": -1.0}), "must be 0 or more"),
        (lambda: Rehydrate({"2": 1.0}), "cluster sizes from 1 on"),
        (lambda: Rehydrate({"1": -1.0}), "must be 0 or more"),
    ],
)
def test_wrong_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_data():
    for method in (Temperature(), UniMax(), Quota(), Rehydrate()):
        with pytest.raises(DataError, match="found no group"):
            method.rates({})
    with pytest.raises(DataError, match="has the size 0"):
        UniMax().rates({"a": 0.0})
    with pytest.raises(DataError, match="did you mean 'deu_Latn'"):
        Quota({"deu_Latin": 1.0}).rates({"deu_Latn": 1.0})
    with pytest.raises(DataError, match="expected cluster sizes from 1 on"):
        Rehydrate().rates({"deu": 1.0})
    with pytest.raises(DataError, match="as many of both"):
        Rehydrate.learn(np.ones(2, np.int32), np.ones(1, bool))
    with pytest.raises(DataError, match="no column 'lang' to group by"):
        measure([pa.table({"text": ["a"]})], "lang")
    with pytest.raises(DataError, match="found the group 'deu'"):
        list(Sample().take([corpus(5)], {"x": 1.0}))
    with pytest.raises(DataError, match="read only once"):
        list(Sample(exact=True).take(iter([corpus(5)]), {"deu": 1.0, "ita": 1.0, "roh": 1.0}))
