"""Rows that hold text of test sets are found, and no others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.formats import write_bitext
from polyalign.corpus.select.contamination import Decontaminate


def sentence(seed: int, words: int) -> str:
    return " ".join(np.random.default_rng(seed).choice([f"w{n}" for n in range(500)], words))


@pytest.fixture
def tests(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "flores.txt").write_text("\n".join([sentence(1, 20), sentence(2, 10), sentence(3, 4)]), encoding="utf-8")
    write_bitext(Bitext.build([sentence(4, 20)], [sentence(5, 20)]), folder / "ntrex.tsv")
    return folder


def reasons(method, texts):
    kept, dropped = method.select(pa.table({"text": texts}))
    assert kept.num_rows + dropped.num_rows == len(texts)
    return dict(zip(dropped["text"].to_pylist(), dropped["reason"].to_pylist(), strict=True))


def test_ngrams_and_whole_short_texts_are_found(tests):
    inside = "before " + " ".join(sentence(1, 20).split()[3:17]) + " behind"
    twelve = " ".join(sentence(1, 20).split()[:12])
    whole = "Before, " + sentence(2, 10).upper() + "! Behind."
    short, with_short = sentence(3, 4), sentence(3, 4) + " more"
    method = Decontaminate(str(tests))
    found = reasons(method, [inside, twelve, whole, short, with_short, "", sentence(9, 40)])
    assert found == dict.fromkeys([inside, whole, short], "in test set flores.txt")
    assert twelve in reasons(Decontaminate(str(tests), ngram=12), [twelve])
    assert with_short in reasons(Decontaminate(str(tests), shortest=4), [with_short])


def test_either_side_is_searched_for_either_side_of_a_test_set(tests):
    rows = Bitext.build([sentence(5, 20), "x", "y"], ["x", sentence(5, 20), "y"])
    kept, dropped = Decontaminate(str(tests)).select(rows)
    assert kept.src == ["y"]
    assert dropped["reason"].to_pylist() == ["in test set ntrex.tsv (src)", "in test set ntrex.tsv (tgt)"]
    assert len(Decontaminate(str(tests), side="src").select(rows)[0]) == 2
    both = Bitext.build([sentence(4, 20), sentence(4, 20)], [sentence(5, 20), "z"])
    kept, dropped = Decontaminate(str(tests), side="both").select(both)
    assert (kept.tgt, dropped["reason"].to_pylist()) == (["z"], ["in test set ntrex.tsv"])


def test_a_share_finds_near_copies_and_spares_quotations(tests):
    words = sentence(1, 20).split()
    near = " ".join([*words[:10], "other", *words[11:]])
    quoted = " ".join([*words[:6], *sentence(8, 40).split()])
    method = Decontaminate(str(tests / "flores.txt"), ngram=5, shortest=5, share=0.5)
    assert list(reasons(method, [near, quoted])) == [near]
    assert len(reasons(Decontaminate(str(tests / "flores.txt"), ngram=5, shortest=5), [near, quoted])) == 2


@given(st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=6), st.data())
def test_what_is_found_is_what_a_search_in_python_finds(tmp_path_factory, rows, data):
    wanted = data.draw(st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=3))
    path = tmp_path_factory.mktemp("t") / "t.txt"
    path.write_text("".join(" ".join(f"w{x}" for x in t) + "\n" for t in wanted), encoding="utf-8")

    def parts(text, size):
        return {tuple(text[i : i + size]) for i in range(len(text) - size + 1)}

    def holds(row):
        for test in wanted:
            if len(test) >= 4 and parts(test, 4) & parts(row, 4):
                return True
            if 0 < len(test) < 4 and (row == test or (len(test) >= 3 and tuple(test) in parts(row, len(test)))):
                return True
        return False

    kept, _ = Decontaminate(str(path), ngram=4, shortest=3).select(
        pa.table({"text": [" ".join(f"w{x}" for x in row) for row in rows]})
    )
    assert kept["text"].to_pylist() == [" ".join(f"w{x}" for x in row) for row in rows if not holds(row)]


def test_a_changed_test_set_is_read_again(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a b c d e f g h i j", encoding="utf-8")
    assert reasons(Decontaminate(str(path)), ["a b c d e f g h i j"])
    path.write_text("k l m n o p q r s t", encoding="utf-8")
    assert not reasons(Decontaminate(str(path)), ["a b c d e f g h i j"])


def test_errors(tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="found no file, expected test sets"):
        Decontaminate(str(tmp_path / "none")).learn()
    with pytest.raises(DataError, match="cannot be read"):
        Decontaminate(str(tmp_path / "missing.txt")).learn()
    with pytest.raises(ValueError, match="1 <= shortest <= ngram"):
        Decontaminate("x", ngram=5)
    with pytest.raises(ValueError, match="share must be"):
        Decontaminate("x", share=2)
