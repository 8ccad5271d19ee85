"""The lexicon: counts by hand, NULL's share, significance, filters and order."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.words.lexicon import RelativeFrequency


@pytest.fixture
def linked():
    random = np.random.default_rng(4)
    src = [" ".join(f"S{w}" for w in random.integers(0, 12, random.integers(0, 9))) for _ in range(80)]
    tgt = [" ".join(f"t{w}" for w in random.integers(0, 12, random.integers(0, 9))) for _ in range(80)]
    links = [
        {(i, j) for i in range(len(s.split())) for j in range(len(t.split())) if random.random() < 0.15}
        for s, t in zip(src, tgt, strict=True)
    ]
    return Bitext.build(src, tgt), Links.from_pairs(links)


def reference(bitext, links):
    """Every column by counting one link at a time."""
    count, src_count, tgt_count = Counter(), Counter(), Counter()
    src_total, tgt_total, both, of_src, of_tgt = Counter(), Counter(), Counter(), Counter(), Counter()
    for s, t, row in zip(bitext.src, bitext.tgt, links.to_pairs(), strict=True):
        s, t = s.lower().split(), t.lower().split()
        src_count.update(s)
        tgt_count.update(t)
        of_src.update(set(s))
        of_tgt.update(set(t))
        both.update((a, b) for a in set(s) for b in set(t))
        count.update((s[i], t[j]) for i, j in row)
        src_total.update([s[i] for i, _ in row] + [w for i, w in enumerate(s) if i not in {a for a, _ in row}])
        tgt_total.update([t[j] for _, j in row] + [w for j, w in enumerate(t) if j not in {b for _, b in row}])
    return {
        (e, f): (
            n,
            src_count[e],
            tgt_count[f],
            n / src_total[e],
            n / tgt_total[f],
            -stats.hypergeom.logsf(both[e, f] - 1, len(bitext), of_src[e], of_tgt[f]),
        )
        for (e, f), n in count.items()
    }


def test_equals_counting_by_hand(linked):
    table = RelativeFrequency().extract(*linked)
    expected = reference(*linked)
    rows = [tuple(r.values()) for r in table.to_pylist()]
    assert {r[:2] for r in rows} == set(expected)
    assert len(rows) == len(expected)
    for e, f, *values in rows:
        assert values == pytest.approx(expected[e, f], rel=1e-6, abs=1e-8)


def test_order_is_by_source_frequency_then_count_then_target_frequency(linked):
    rows = RelativeFrequency().extract(*linked).to_pylist()
    keys = [(-r["src_count"], r["src"], -r["count"], -r["tgt_count"], r["tgt"]) for r in rows]
    assert keys == sorted(keys)


def test_null_takes_its_share():
    bitext = Bitext.build(["a", "a"], ["x", "y"])
    table = RelativeFrequency().extract(bitext, Links.from_pairs([[(0, 0)], []]))
    assert table["p_tgt_given_src"].to_pylist() == [0.5]
    assert table["p_src_given_tgt"].to_pylist() == [1.0]


def test_seen_once_is_worth_the_logarithm_of_the_pairs_and_the_filters_part_there():
    bitext = Bitext.build(["a", *["b"] * 7], ["x", *["y"] * 7])
    links = Links.from_pairs([[(0, 0)]] * 8)
    assert RelativeFrequency().extract(bitext, links)["significance"].to_pylist() == pytest.approx([math.log(8)] * 2)
    assert len(RelativeFrequency(significance="alpha-epsilon").extract(bitext, links)) == 2
    assert len(RelativeFrequency(significance="alpha+epsilon").extract(bitext, links)) == 0


def test_min_count_and_top_k(linked):
    table = RelativeFrequency(min_count=3, top_k=2).extract(*linked)
    everything = RelativeFrequency().extract(*linked).to_pylist()
    rows = table.to_pylist()
    assert min(r["count"] for r in rows) == 3
    assert max(Counter(r["src"] for r in rows).values()) == 2
    for src in {r["src"] for r in rows}:
        best = [r["tgt"] for r in everything if r["src"] == src and r["count"] >= 3][:2]
        assert [r["tgt"] for r in rows if r["src"] == src] == best


def test_case_is_kept_on_request():
    bitext, links = Bitext.build(["Haus", "haus"], ["x", "x"]), Links.from_pairs([[(0, 0)], [(0, 0)]])
    assert RelativeFrequency(lowercase=False).extract(bitext, links)["src"].to_pylist() == ["Haus", "haus"]
    assert RelativeFrequency().extract(bitext, links)["src"].to_pylist() == ["haus"]


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_nothing_gives_an_empty_table_with_all_columns(texts):
    table = RelativeFrequency(significance="alpha+epsilon", top_k=1).extract(
        Bitext.build(texts, texts), Links.from_pairs([[] for _ in texts])
    )
    assert len(table) == 0
    assert table.column_names == [
        "src", "tgt", "count", "src_count", "tgt_count", "p_tgt_given_src", "p_src_given_tgt", "significance",
    ]  # fmt: skip


def test_links_of_another_bitext_are_refused():
    bitext = Bitext.build(["a b"], ["x"])
    with pytest.raises(DataError, match="links of 2 sentence pairs for a bitext of 1"):
        RelativeFrequency().extract(bitext, Links.from_pairs([[], []]))
    with pytest.raises(DataError, match="sentence pair 1 has the link 0-4 but only 2 source and 1 target words"):
        RelativeFrequency().extract(bitext, Links.from_pairs([[(0, 4)]]))


@pytest.mark.parametrize(("name", "value"), [("min_count", 0), ("top_k", -1)])
def test_bad_parameters_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must"):
        RelativeFrequency(**{name: value})
