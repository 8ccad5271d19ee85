from __future__ import annotations

import itertools
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.ragged import offsets
from polyalign.kernels.merges import Symbols, learn_merges, text_hashes
from polyalign.kernels.unigram import Lattice, best_scores, expected_counts, piece_table

pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.models.language_model import read_model, read_tokenizer  # noqa: E402
from polyalign.models.vocabulary.extend import bpe as bpe_module  # noqa: E402
from polyalign.models.vocabulary.extend.added import Added  # noqa: E402
from polyalign.models.vocabulary.extend.bpe import BPE  # noqa: E402
from polyalign.models.vocabulary.extend.splice import Splice  # noqa: E402
from polyalign.models.vocabulary.extend.train import Train  # noqa: E402
from polyalign.models.vocabulary.extend.unigram import Unigram  # noqa: E402
from polyalign.models.vocabulary.extend.words import stretches, words_of  # noqa: E402
from polyalign.models.vocabulary.pieces import pieces_of  # noqa: E402
from polyalign.models.vocabulary.reachable import unreachable  # noqa: E402
from polyalign.models.vocabulary.swap import swapped  # noqa: E402
from tests.models import tiny  # noqa: E402
from tests.models.vocabulary.test_trim import sentencepiece_bpe, unigram, wordpiece  # noqa: E402

ROMANSH = [
    "Il Grischun è in chantun trilingue, las linguas èn rumantsch, tudestg e talian.",
    "La regenza dal chantun Grischun ha approvà il project da lescha; la regenza è cuntenta.",
    "Ils chantuns han 26 regenzas. Las regenzas dals chantuns èn differentas.",
] * 6
NASTY = ["", " ", "a", "\r\n x\t\ty", "✓🏔️ አማርኛ", "x" * 5000, "chantun " * 1000, "\ufeffè  é\u0301 2021"]


# -- kernels beside slow twins


def slow(words, counts, texts, first, alone, merges, wanted, minimum, longest):
    """Byte-pair encoding continued, with everything counted anew at each step."""
    texts, first, alone = list(texts), list(first), list(alone)
    words, known, size = [list(w) for w in words], dict(merges), len(texts)
    out = []
    while len(texts) < size + wanted:
        pairs = Counter()
        for word, count in zip(words, counts, strict=True):
            for a, b in itertools.pairwise(word):
                fits = len(texts[a]) + len(texts[b]) <= longest and not (alone[a] or alone[b] or first[b])
                text = texts[a] + texts[b]
                if fits and (a, b) not in known and not (text in texts and alone[texts.index(text)]):
                    pairs[a, b] += count
        pairs = {p: n for p, n in pairs.items() if n >= minimum}
        if not pairs:
            break
        a, b = min(pairs, key=lambda p: (-pairs[p], p))
        text = texts[a] + texts[b]
        if text not in texts:
            texts.append(text)
            first.append(first[a])
            alone.append(False)
        known[a, b] = texts.index(text)
        out.append((a, b, known[a, b], pairs[a, b]))
        order = {p: k for k, p in enumerate(known)}
        for word in words:
            while found := [(order[p], i) for i, p in enumerate(itertools.pairwise(word)) if p in known]:
                i = min(found)[1]
                word[i : i + 2] = [known[word[i], word[i + 1]]]
    return out, words


letters = st.text("ab", min_size=1, max_size=9)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(letters, st.integers(1, 4), min_size=1, max_size=8),
    st.integers(1, 12),
    st.integers(2, 6),
    st.booleans(),
)
def test_merges_are_those_of_the_slow_twin(found, wanted, longest, odd):
    texts = ["a", "b", "ab", "ba", "aba"] if odd else ["a", "b"]
    alone = [False] * len(texts)
    # The merge of "ab" is known; "ba" and "aba" are pieces that no merge makes yet.
    merges = {(0, 1): 2} if odd else {}
    words = []
    for word in found:
        ids, at = [], 0
        while at < len(word):
            piece = 2 if odd and word[at : at + 2] == "ab" else "ab".index(word[at])
            ids.append(piece)
            at += len(texts[piece])
        words.append(ids)
    first = [False] * len(texts)
    counts = list(found.values())
    expected, _ = slow(words, counts, texts, first, alone, merges, wanted, 2, longest)
    starts = offsets([len(t) for t in texts])
    hashes, powers = text_hashes(np.frombuffer("".join(texts).encode("utf-32-le"), np.int32), starts)
    room = np.zeros(wanted)
    symbols = Symbols(
        np.append(hashes, room.astype(np.uint64)), np.append(powers, room.astype(np.uint64)),
        np.append([len(t) for t in texts], room).astype(np.int32), np.append(first, room).astype(np.bool_),
        np.append(alone, room).astype(np.bool_),
    )  # fmt: skip
    table = np.asarray([a << 32 | b for a, b in merges], np.int64), np.asarray(list(merges.values()), np.int32)
    ids = np.asarray([i for w in words for i in w], np.int32)
    out = learn_merges(
        ids,
        offsets([len(w) for w in words]),
        np.asarray(counts, np.int64),
        symbols,
        *table,
        len(texts),
        wanted,
        2,
        longest,
    )
    assert [tuple(row) for row in out.tolist()] == expected[: len(out)]
    assert len(out) == len(expected)


def segmentations(word, pieces):
    if not word:
        yield []
    for piece in pieces:
        if word.startswith(piece):
            yield from ([piece, *rest] for rest in segmentations(word[len(piece) :], pieces))


def lattice_of(pieces):
    values = np.frombuffer("".join(pieces).encode("utf-32-le"), np.int32)
    hashes, _ = text_hashes(values, offsets([len(p) for p in pieces]))
    return Lattice(*piece_table(hashes), np.asarray(list(pieces.values()), np.float64), -30.0, 4)


def test_expected_counts_and_best_scores_are_those_of_all_segmentations():
    pieces = {"a": -2.0, "b": -2.5, "ab": -3.0, "ba": -1.5, "aba": -4.0, "c": -np.inf}
    names = list(pieces)
    words, counts = ["ababa", "bb", "a"], [3, 2, 1]
    expected, best = np.zeros(len(names)), []
    for word, count in zip(words, counts, strict=True):
        ways = list(segmentations(word, pieces))
        scores = np.asarray([sum(pieces[p] for p in way) for way in ways])
        best.append(scores.max())
        for way, p in zip(ways, np.exp(scores) / np.exp(scores).sum(), strict=True):
            for piece in way:
                expected[names.index(piece)] += count * p
    values = np.frombuffer("".join(words).encode("utf-32-le"), np.int32)
    starts = offsets([len(w) for w in words])
    lattice = lattice_of(pieces)
    np.testing.assert_allclose(
        expected_counts(values, starts, np.asarray(counts, np.int64), lattice), expected, atol=1e-9
    )
    any_piece = np.full(len(words), -1, np.int32)
    np.testing.assert_allclose(best_scores(values, starts, any_piece, lattice), best)
    aba = np.frombuffer("aba".encode("utf-32-le"), np.int32)
    without = best_scores(aba, offsets([3]), np.asarray([names.index("aba")], np.int32), lattice)
    assert without.tolist() == [-3.5]
    unknown = np.frombuffer("c".encode("utf-32-le"), np.int32)
    assert best_scores(unknown, offsets([1]), any_piece[:1], lattice).tolist() == [-30.0]


# -- what all methods keep

METHODS = {
    "bpe": (BPE(pieces=60, minimum_count=3), tiny.byte_level),
    "bpe-sentencepiece": (BPE(pieces=60, minimum_count=3), sentencepiece_bpe),
    "splice": (Splice(pieces=60, minimum_count=3), tiny.byte_level),
    "splice-sentencepiece": (Splice(pieces=60, minimum_count=3), sentencepiece_bpe),
    "unigram": (Unigram(pieces=30, minimum_count=3), unigram),
}
every = pytest.mark.parametrize("name", METHODS)


@every
def test_every_new_piece_can_be_used_and_the_base_stays(name):
    method, make = METHODS[name]
    base = make()
    before = base.backend_tokenizer.to_str()
    out = method.fit(base, ROMANSH)
    assert base.backend_tokenizer.to_str() == before
    assert out.backend_tokenizer.to_str() == method.fit(base, iter(ROMANSH)).backend_tokenizer.to_str()
    old, new = pieces_of(base), pieces_of(out)
    assert new.texts[: len(old.texts)] == old.texts
    assert 0 < len(new.texts) - len(old.texts) <= method.pieces
    assert len(set(new.texts)) == len(new.texts)
    assert unreachable(new, range(len(old.texts), len(new.texts))) == []
    assert unreachable(new) == unreachable(old)
    assert out.chat_template == base.chat_template
    assert out.all_special_ids == base.all_special_ids


@every
def test_nothing_is_lost_and_less_is_spent(name, tmp_path):
    method, make = METHODS[name]
    base = make()
    out = method.fit(base, ROMANSH)
    out.save_pretrained(tmp_path)
    again = read_tokenizer(str(tmp_path))
    for text in [*ROMANSH, *NASTY, *tiny.TEXT]:
        ids = out(text, add_special_tokens=False)["input_ids"]
        assert again(text, add_special_tokens=False)["input_ids"] == ids
        before = base(text, add_special_tokens=False)["input_ids"]
        if name != "unigram" or base.unk_token_id not in before:
            assert out.decode(ids) == base.decode(before)
    cost = [sum(len(t(x)["input_ids"]) for x in ROMANSH) for t in (base, out)]
    assert cost[1] < 0.8 * cost[0]


@every
def test_new_pieces_keep_to_words(name):
    method, make = METHODS[name]
    base = make()
    new = pieces_of(method.fit(base, ["Fr. 100'000.- per 2021, las 15.30; l'onn 1000! x=1 regenza," * 3] * 20))
    for piece in range(len(pieces_of(base).texts), len(new.texts)):
        text = new.as_bytes(piece).decode(errors="ignore")
        assert " " not in text[1:]
        assert all(c.isalpha() for c in text.removeprefix(" "))


# -- bpe


def test_the_words_are_segmented_as_they_were_while_learning():
    base = tiny.byte_level()
    pieces = pieces_of(base)
    out = BPE(pieces=40, minimum_count=2).fit(base, ROMANSH)
    words = words_of(pieces, *stretches(ROMANSH))
    merges = [
        tuple(pieces_of(out).content["model"]["vocab"][x] for x in m) for m in pieces_of(out).content["model"]["merges"]
    ]
    table = {
        (a, b): pieces_of(out).content["model"]["vocab"][pieces_of(out).texts[a] + pieces_of(out).texts[b]]
        for a, b in merges
    }
    order = {pair: k for k, pair in enumerate(table)}
    for i in range(len(words.counts)):
        ids = words.ids[words.offsets[i] : words.offsets[i + 1]].tolist()
        text = b"".join(pieces.as_bytes(x) for x in ids)
        while found := [(order[p], k) for k, p in enumerate(itertools.pairwise(ids)) if p in order]:
            k = min(found)[1]
            ids[k : k + 2] = [table[ids[k], ids[k + 1]]]
        assert pieces_of(out).segment(text) == ids


def test_words_are_counted_with_all_that_they_are_made_of():
    pieces = pieces_of(tiny.byte_level())
    words = words_of(pieces, *stretches(["das Haus das", "Haus 12"]))
    found = Counter()
    for i, count in enumerate(words.counts.tolist()):
        text = b"".join(pieces.as_bytes(x) for x in words.ids[words.offsets[i] : words.offsets[i + 1]].tolist())
        found[text] += count
    assert found == {b" das": 2, b" Haus": 2, b" ": 1, b"1": 1, b"2": 1}
    assert len(words_of(pieces, [], np.zeros(0, np.int64)).counts) == 0


def test_a_tokenizer_that_cuts_off_is_read_whole():
    base = tiny.byte_level()
    whole = BPE(pieces=20, minimum_count=3).fit(base, ROMANSH)
    base.backend_tokenizer.enable_truncation(5)
    cut = BPE(pieces=20, minimum_count=3).fit(base, ROMANSH)
    assert pieces_of(cut).texts == pieces_of(whole).texts


def test_sentencepiece_bases_get_the_characters_they_lack():
    base = sentencepiece_bpe()
    texts = ["ශ්‍රී ලංකාව ලස්සනයි"] * 20
    assert any(pieces_of(base).is_byte(i) for i in base(texts[0])["input_ids"])
    out = BPE(pieces=40, minimum_count=5).fit(base, texts)
    assert not any(pieces_of(out).is_byte(i) for i in out(texts[0])["input_ids"])
    assert len(out(texts[0], add_special_tokens=False)["input_ids"]) <= 5
    few = BPE(pieces=3, minimum_count=5).fit(base, texts)
    assert len(few) == len(base) + 3


def test_digits_and_punctuation_if_asked_for():
    texts = ["Art.Abs. art.abs. 2021ff a-b-c"] * 20
    base = sentencepiece_bpe()
    texts_of = {
        flag: pieces_of(BPE(pieces=60, minimum_count=2, **{flag: True}).fit(base, texts)).texts[len(base) :]
        for flag in ("digits", "punctuation")
    }
    assert any("2" in t for t in texts_of["digits"])
    assert not any("." in t for t in texts_of["digits"])
    assert any("." in t for t in texts_of["punctuation"])
    assert not any("2" in t for t in texts_of["punctuation"])


def test_pieces_are_no_longer_than_asked_for():
    out = pieces_of(BPE(pieces=200, minimum_count=2, longest=5).fit(tiny.byte_level(), ["rumantschissimà " * 5] * 5))
    new = [out.as_bytes(i).decode(errors="ignore") for i in range(330, len(out.texts))]
    assert max(map(len, new)) == 5


def test_fewer_pieces_than_asked_for_are_said(capsys):
    for method in (BPE(pieces=5000), Splice(pieces=5000)):
        method.fit(tiny.byte_level(), ROMANSH)
        assert "of the 5,000 asked for" in capsys.readouterr().err
    Unigram(pieces=5000).fit(unigram(), ROMANSH)
    Added(pieces=5000).fit(tiny.byte_level(), ROMANSH)
    Train(pieces=5000).fit(tiny.byte_level(), ROMANSH)
    assert capsys.readouterr().err.count("of the 5,000 asked for") == 3


def test_two_pieces_of_one_hash_are_found_out(monkeypatch):
    def wrong(*given):
        return np.asarray([[60, 61, 62, 9]], np.int64)

    monkeypatch.setattr(bpe_module, "learn_merges", wrong)
    with pytest.raises(DataError, match="two pieces have one hash"):
        BPE(pieces=5).fit(tiny.byte_level(), ROMANSH)


# -- added, train, swap


def test_added_tokens_are_found_anywhere():
    base = tiny.byte_level()
    out = Added(tokens=("<|roh|>",), special=True).fit(base)
    (piece,) = out("<|roh|>", add_special_tokens=False)["input_ids"]
    assert piece == len(base)
    assert out.decode([piece], skip_special_tokens=True) == ""
    assert len(base) == 330
    words = Added(pieces=2, minimum_count=3).fit(base, ROMANSH)
    assert words.convert_ids_to_tokens([330, 331]) == ["Grischun", "chantuns"]
    assert 331 in words("xchantunsx")["input_ids"]


@pytest.mark.parametrize("make", [tiny.byte_level, sentencepiece_bpe, unigram])
@pytest.mark.parametrize("kind", ["byte-level", "bpe", "unigram"])
def test_a_whole_new_tokenizer_loses_nothing_and_has_the_marks(make, kind, tmp_path):
    base = make()
    Train(kind=kind, pieces=500).fit(base, [*ROMANSH, *tiny.TEXT]).save_pretrained(tmp_path)
    out = read_tokenizer(str(tmp_path))
    for text in [*ROMANSH, *NASTY]:
        assert out.decode(out(text, add_special_tokens=False)["input_ids"]) == text
    assert out.chat_template == base.chat_template
    assert out.special_tokens_map == base.special_tokens_map
    marks = [base.convert_ids_to_tokens(i) for i in base("a")["input_ids"] if i in base.all_special_ids]
    assert [out.convert_ids_to_tokens(i) for i in out("a")["input_ids"] if i in out.all_special_ids] == marks
    pieces = pieces_of(out)
    assert pieces.added[: pieces.added.sum()].all()
    assert unreachable(pieces) == []
    assert len(set(pieces.texts)) == len(pieces.texts) <= 500 + pieces.added.sum()


def extended_model(folder, tied):
    from polyalign.models.language_model import with_rows
    from polyalign.models.vocabulary.change import Change
    from polyalign.models.vocabulary.rows.constituents import Constituents

    made = read_model(str(tiny.llama(folder, tied=tied)))
    new = BPE(pieces=20, minimum_count=3).fit(made.tokenizer, ROMANSH)
    return with_rows(made, new, Constituents().fit(made, Change.between(made.tokenizer, new)))


@pytest.mark.parametrize("tied", [True, False])
def test_there_and_back_changes_nothing(tied, tmp_path):
    made = extended_model(tmp_path / "m", tied)
    base = read_model(str(tmp_path / "m"))
    with __import__("torch").no_grad():
        made.model.get_input_embeddings().weight.add_(0.5)  # Training.
    trained = made.matrices()
    again = extended_model(tmp_path / "n", tied)
    back = swapped(extended_model(tmp_path / "o", tied), base)
    assert len(back.tokenizer) == 330 == back.model.config.vocab_size
    np.testing.assert_array_equal(back.matrices()[0], base.matrices()[0])
    short = swapped(made, base)
    np.testing.assert_array_equal(short.matrices()[0], trained[0][:330])
    assert short.tied == tied
    there = swapped(short, again)
    assert len(there.tokenizer) == 350
    np.testing.assert_array_equal(there.matrices()[0][:330], trained[0][:330])
    np.testing.assert_array_equal(there.matrices()[0][330:], again.matrices()[0][330:])


def test_swapping_with_another_kind_is_refused(tmp_path):
    one, wide, untied = (
        read_model(str(tiny.llama(tmp_path / name, **more)))
        for name, more in (("a", {}), ("b", {"hidden": 32}), ("c", {"tied": False}))
    )
    for other in (wide, untied):
        with pytest.raises(ConfigError, match="expected as many of the same width"):
            swapped(one, other)
    content = pieces_of(one.tokenizer).content
    content["model"] = {**content["model"], "vocab": {"\u4e00": 0}, "merges": []}
    content["added_tokens"] = []
    from dataclasses import replace

    from tokenizers import Tokenizer

    strange = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(content)))
    with pytest.raises(ConfigError, match="no piece in common"):
        swapped(one, replace(one, tokenizer=strange))


# -- errors


@pytest.mark.parametrize(
    ("method", "wrong"),
    [(m, {n: 0}) for m in (BPE, Splice, Unigram, Added) for n in ("pieces", "minimum_count")]
    + [(m, {"longest": 1}) for m in (BPE, Splice, Unigram, Train)]
    + [
        (Unigram, {"share": 0.0}),
        (Unigram, {"shrink": 1.0}),
        (Unigram, {"candidates": 0.5}),
        (Unigram, {"iterations": 0}),
    ]
    + [(Splice, {"size": 0.5}), (Added, {"tokens": ("",)}), (Train, {"pieces": 299}), (Train, {"minimum_count": 0})],
)
def test_parameters_out_of_range(method, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        method(**wrong)


@pytest.mark.parametrize("texts", [[], [""], ["", "  "]])
def test_text_without_words(texts):
    for method, make in (
        (BPE(), tiny.byte_level),
        (Splice(), tiny.byte_level),
        (Unigram(), unigram),
        (Train(), tiny.byte_level),
        (Added(), tiny.byte_level),
    ):
        with pytest.raises(DataError, match="found no word"):
            method.fit(make(), texts)


def test_tokenizers_of_another_kind():
    for method in (BPE(), Splice()):
        with pytest.raises(ConfigError, match="its model is Unigram, expected BPE"):
            method.fit(unigram(), ROMANSH)
    with pytest.raises(ConfigError, match="its model is WordPiece, expected Unigram"):
        Unigram().fit(wordpiece(), ROMANSH)
    content = pieces_of(tiny.byte_level()).content
    content["model"]["dropout"] = 0.1
    from tokenizers import Tokenizer

    odd = transformers.PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(content)))
    with pytest.raises(ConfigError, match=r"dropout = 0\.1"):
        BPE().fit(odd, ROMANSH)
