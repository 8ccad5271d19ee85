"""The lexical aligner: what it must find, what must not harm it, sameness and errors."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from polyalign.core.beads import parse_vecalign
from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import set_threads
from polyalign.evaluate.sentences import SentenceAlignment
from polyalign.sentences.gale_church import GaleChurch
from polyalign.sentences.lexical import Lexical


def planted(n, seed, *, drop=range(0), merge=0.1, number=False, cipher=True):
    """A text, its word-for-word translation with merged and dropped sentences, and the true beads."""
    draw = np.random.default_rng(seed)
    translate = draw.permutation(3000)
    src, tgt, gold = [], [], []
    while len(src) < n:
        k = len(src)
        if k in drop:
            gold.append(((k,), ()))
            src.append(" ".join(f"a{w}b" for w in draw.zipf(1.3, int(draw.integers(4, 20))) % 3000))
            continue
        width = 2 if draw.random() < merge and k + 2 <= n and k + 1 not in drop else 1
        gold.append((tuple(range(k, k + width)), (len(tgt),)))
        words = []
        for _ in range(width):
            ids = draw.zipf(1.3, int(draw.integers(4, 20))) % 3000
            src.append(" ".join(f"a{w}b" for w in ids))
            words += [f"x{translate[w]}y" if cipher else f"a{w}b" for w in draw.permutation(ids)]
        tgt.append(" ".join(words))
    if number:
        src = [f"{k} {s}" for k, s in enumerate(src, 1)]
        tgt = [f"{k} {s}" for k, s in enumerate(tgt, 1)]
    return document(src), document(tgt), gold


def document(lines):
    return Document("d", tuple(lines), np.zeros(len(lines), np.int32))


def f1(beads, gold):
    return SentenceAlignment(samples=0).score([b.to_indices() for b in beads], gold).value


def test_learns_an_unknown_language_from_the_batch():
    pairs = [planted(60, seed) for seed in range(10)]
    src, tgt, gold = ([p[k] for p in pairs] for k in range(3))
    assert f1(Lexical().align(src, tgt), gold) > 0.95
    assert f1(Lexical().align(src, tgt), gold) > f1(Lexical(passes=1).align(src, tgt), gold) - 1e-9


def test_hundreds_of_missing_lines_do_no_great_harm():
    src, tgt, gold = planted(1500, 3, drop=range(500, 900), cipher=False)
    assert f1(Lexical().align([src], [tgt]), [gold]) > 0.95


def test_a_missing_beginning_does_no_great_harm():
    src, tgt, gold = planted(1000, 4, drop=range(300), cipher=False)
    small = planted(20, 5, cipher=False)
    assert f1(Lexical().align([small[0], src], [small[1], tgt]), [small[2], gold]) > 0.95


def test_a_column_of_numbers_does_no_great_harm():
    src, tgt, gold = planted(120, 5, number=True, merge=0.2)
    assert f1(Lexical().align([src], [tgt]), [gold]) > 0.9


def test_score_is_a_probability_that_tells_right_from_wrong():
    pairs = [planted(40, seed, merge=0.3) for seed in range(6)]
    src, tgt, gold = ([p[k] for p in pairs] for k in range(3))
    aligned = Lexical().align(src, tgt)
    score = np.concatenate([b.score for b in aligned])
    right = np.array([b in set(g) for beads, g in zip(aligned, gold, strict=True) for b in beads.to_indices()])
    assert (score >= 0).all()
    assert (score <= 1).all()
    assert score[right].mean() > 0.9
    assert right.all() or score[right].mean() > score[~right].mean()


@pytest.mark.parametrize(
    ("src", "tgt"),
    [
        ([], []),
        (["a"], []),
        ([], ["a", "b"]),
        (["a"], ["b"]),
        (["..."], ["!"]),
        ([""], ["", ""]),
        (["word " * 5000], ["wort " * 5000]),
        (
            ["\u4f60\u597d\u3002", "mixed \u0645\u0631\u062d\u0628\u0627 \u0421\u043b\u043e\u0432\u043e"],
            ["Hello.", "\u30c6\u30b9\u30c8"],
        ),
        (["same"] * 50, ["same"] * 40),
    ],
)
def test_edge_cases_are_covered(src, tgt):
    beads = Lexical().align([document(src)], [document(tgt)])[0]
    assert int((beads.src_end - beads.src_start).sum()) == len(src)
    assert int((beads.tgt_end - beads.tgt_start).sum()) == len(tgt)


def test_no_documents():
    assert Lexical().align([], []) == []


def test_same_bytes_for_one_and_two_threads_and_inputs_unchanged():
    pairs = [planted(30, seed) for seed in range(20)]
    src, tgt = [p[0] for p in pairs], [p[1] for p in pairs]
    results = []
    try:
        for threads in (1, 0):
            set_threads(threads)
            beads = Lexical().align(src, tgt)
            results.append([(b.to_vecalign(), b.score.tobytes()) for b in beads])
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert results[0] == results[1]


def test_no_bead_spans_a_paragraph_break_and_breaks_that_meet_help():
    src, tgt, _ = planted(60, 7, merge=0.0)
    ends = np.arange(60) // 3
    src, tgt = (Document("d", d.sentences, ends.astype(np.int32)) for d in (src, tgt))
    beads = Lexical().align([src], [tgt])[0]
    for a, b in zip(beads.src_start, beads.src_end, strict=True):
        assert len(set(ends[a:b].tolist())) <= 1
    plain = Lexical(paragraphs="ignore", passes=1).align([src], [tgt])[0]
    helped = Lexical(passes=1).align([src], [tgt])[0]
    assert helped.score.mean() > plain.score.mean()


def test_one_paragraph_on_a_side_says_nothing():
    src, tgt, _ = planted(40, 8)
    parted = Document("d", src.sentences, np.arange(40, dtype=np.int32))
    assert Lexical().align([parted], [tgt])[0].to_vecalign() == Lexical().align([src], [tgt])[0].to_vecalign()


def test_max_size_limits_beads():
    src, tgt = document(["one two three four"] * 1), document(["eins", "zwei", "drei", "vier"])
    sizes = lambda beads: {a + b for a, b in (map(int, t.split("-")) for t in beads.types())}  # noqa: E731
    assert max(sizes(Lexical(max_size=2).align([src], [tgt])[0])) <= 2
    assert max(sizes(Lexical(max_size=3).align([src], [tgt])[0])) <= 3


def test_dictionary_helps_a_short_document(tmp_path):
    src = document(["Hund beisst Mann", "Katze trinkt Milch", "Vogel singt Lied"] * 2)
    tgt = document(["dog bites man", "bird sings song", "dog bites man", "cat drinks milk", "bird sings song"])
    path = tmp_path / "d.tsv"
    path.write_text(
        "".join(
            f"{a}\t{b}\n"
            for a, b in zip(
                "Hund beisst Mann Katze trinkt Milch Vogel singt Lied".split(),
                "dog bites man cat drinks milk bird sings song".split(),
                strict=True,
            )
        )
    )
    beads = Lexical(dictionary=str(path)).align([src], [tgt])[0]
    assert ((1,), ()) in beads.to_indices()


def test_errors(tmp_path):
    with pytest.raises(DataError, match=r"sentences\.align/lexical: found 2 source and 1 target documents"):
        Lexical().align([document(["a"])] * 2, [document(["a"])])
    with pytest.raises(DataError, match="no such file"):
        Lexical(dictionary=str(tmp_path / "none")).align([document(["a"])], [document(["a"])])
    for bad in ({"passes": 0}, {"max_size": 1}, {"iterations": 0}, {"stem_letters": -1}):
        with pytest.raises(ValueError, match="must be from"):
            Lexical(**bad)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        Lexical(temperature=0.0)
    with pytest.raises(ValueError, match="lexical_weight must be 0 or more"):
        Lexical(lexical_weight=-1.0)
    with pytest.raises(ValueError, match="bead_cost must be"):
        Lexical(bead_cost=1.0)


@pytest.mark.data
def test_alpine_journals_beat_lengths_alone(data):
    folder = data / "sa-bleualign-defr"
    names = ["test0", "test1", "test2"]
    src, tgt = (
        [document([x.strip() for x in read_lines(folder / f"{n}.{lang}")]) for n in names] for lang in ("de", "fr")
    )
    gold = [parse_vecalign(read_lines(folder / f"{n}.defr"), n) for n in names]
    ours, theirs = f1(Lexical().align(src, tgt), gold), f1(GaleChurch().align(src, tgt), gold)
    assert ours > 0.8 > theirs
