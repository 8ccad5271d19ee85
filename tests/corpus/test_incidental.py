"""Bilingual text inside documents: each way of writing it, and what was planted found again."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.find.incidental import Incidental
from polyalign.corpus.find.two_languages import TwoLanguages

PAIR = ("deu_Latn", "eng_Latn")
NOUNS = [("Der Hund", "The dog"), ("Das Kind", "The child"), ("Die Lehrerin", "The teacher"), ("Der Nachbar", "The neighbour"), ("Die Katze", "The cat"), ("Mein Bruder", "My brother")]  # fmt: skip
VERBS = [("schläft heute", "sleeps today"), ("wartet vor dem Haus", "waits in front of the house"), ("singt laut in der Küche", "sings loudly in the kitchen"), ("kauft am Morgen frisches Brot", "buys fresh bread in the morning"), ("liest jeden Abend ein langes Buch", "reads a long book every evening")]  # fmt: skip


def sentence(rng):
    (a, b), (c, d), n = rng.choice(NOUNS), rng.choice(VERBS), rng.randint(2, 900)
    return f"{a} {c} zum {n}. Mal.".replace(". Mal", "ten Mal"), f"{b} {d} for the {n}th time."


def table(*texts):
    return pa.table({"doc": [f"d{k}" for k in range(len(texts))], "lang": ["und"] * len(texts), "text": list(texts)})


@pytest.fixture(scope="module")
def background():
    """Text of either language, to learn from."""
    rng = random.Random(1)
    pairs = [sentence(rng) for _ in range(400)]
    return "\n\n".join(" ".join(p[k] for p in pairs[n : n + 4]) for n in range(0, 400, 4) for k in (0, 1))


def found(text, background, **given):
    new = Incidental(**given).fit([table(background), table(text)], PAIR).find(table(text))
    for src, tgt, a, b, c, d in zip(
        new.src, new.tgt, *(new.column(n) for n in ("src_from", "src_to", "tgt_from", "tgt_to")), strict=True
    ):
        assert (text[a:b], text[c:d]) == (src, tgt)
    assert all(0 <= s <= 1 for s in new.column("score.incidental"))
    return list(zip(new.src, new.tgt, strict=True))


DE = ["Der Hund schläft heute.", "Das Kind wartet vor dem Haus.", "Die Katze singt laut in der Küche."]
EN = ["The dog sleeps today.", "The child waits in front of the house.", "The cat sings loudly in the kitchen."]
BOTH = list(zip(DE, EN, strict=True))


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (f"{DE[0]} / {EN[0]}", BOTH[:1]),
        (f"{EN[0]}\t{DE[0]}\r\n{EN[1]} | {DE[1]}", BOTH[:2]),
        ("\n".join(x for p in BOTH for x in p), BOTH),
        ("\n\n".join(x for p in BOTH for x in p), BOTH),
        ("\n".join(DE) + "\n\n" + "\n".join(EN), BOTH),
        ("\n\n".join([*DE, *EN]), BOTH),
        ("\n".join(DE) + "\n\n" + " ".join(EN), [("\n".join(DE), " ".join(EN))]),
        (f"{DE[2]} {DE[0]} ({EN[0]}) {DE[1]}", BOTH[:1]),
        (f"{DE[2]} {DE[0]} {DE[1]} ({EN[0]} {EN[1]})", [(f"{DE[0]} {DE[1]}", f"{EN[0]} {EN[1]}")]),
        ("Heute schläft hier die Lehrerin (teacher), sagt der Nachbar vor dem Haus.", [("Lehrerin", "teacher")]),
        (f"{DE[0]} / {DE[1]}\n{DE[2]} ({DE[0]})", []),
        (f"{DE[0]} {DE[1]} {DE[2]}", []),
        ("", []),
        ("( )\n / \n()", []),
        ("12 / 13 (14)", []),
    ],
)
def test_each_way_of_writing_two_languages(text, pairs, background):
    assert found(text, background) == pairs


def test_only_the_patterns_asked_for_and_only_short_brackets(background):
    text = f"{DE[0]} / {EN[0]}\n{DE[1]} ({EN[1]})"
    assert found(text, background, patterns=("brackets",)) == BOTH[1:2]
    assert found(text, background, patterns=("divided",)) == BOTH[:1]
    assert found(text, background, longest=5) == BOTH[:1]


def test_the_runs_do_not_matter(background):
    texts = [f"{a} / {b}" for a, b in BOTH]
    finder = Incidental().fit([table(background)], PAIR)
    whole = finder.find(table(*texts)).table.drop_columns(["id", "doc"])
    parts = pa.concat_tables([finder.find(table(t)).table.drop_columns(["id", "doc"]) for t in texts])
    assert parts.to_pydict() == whole.to_pydict()
    assert len(finder.find(table(*texts).slice(0, 0))) == 0


def test_planted_pairs_are_found_again(background):
    rng = random.Random(7)
    planted, texts = set(), []
    for k in range(60):
        pairs = [sentence(rng) for _ in range(4)]
        other = [sentence(rng)[0] for _ in range(3)]
        planted |= {(k, *p) for p in pairs}
        texts.append(
            " ".join(other) + "\n\n"
            + (
                "\n".join(f"{a} / {b}" for a, b in pairs),
                "\n".join(f"{a}\n{b}" for a, b in pairs),
                " ".join(f"{a} ({b})" for a, b in pairs),
            )[k % 3]
        )  # fmt: skip
    new = Incidental().fit([table(background, *texts)], PAIR).find(table(*texts))
    got = {(int(d[1:]), s, t) for d, s, t in zip(new.column("doc"), new.src, new.tgt, strict=True)}
    assert len(got & planted) / len(got) > 0.97
    assert len(got & planted) / len(planted) > 0.97


def test_numbers_that_differ_and_lengths_that_do_not_fit_lower_the_score(background):
    finder = Incidental().fit([table(background)], PAIR)

    def score(text):
        return finder.find(table(text)).column("score.incidental")[0]

    good = score("Der Hund schläft heute zum 12. Male / The dog sleeps today for the 12th time")
    assert score("Der Hund schläft heute zum 12. Male / The dog sleeps today for the 13th time") < good / 2
    assert (
        score(
            "Der Hund schläft heute zum 12. Male / The dog sleeps today for the 12th time, and waits in front of the house while the child sings loudly in the kitchen"
        )
        < good / 2
    )


def test_what_cannot_be_looked_for_is_refused():
    with pytest.raises(ValueError, match="patterns must be some of brackets, divided, lines, found none"):
        Incidental(patterns=())
    with pytest.raises(ValueError, match="longest must be 1 or more"):
        Incidental(longest=0)
    with pytest.raises(DataError, match="expected two known ones that differ"):
        Incidental().fit([], ("deu_Latn", "und"))
    with pytest.raises(DataError, match="documents: no column 'text', found doc"):
        Incidental().fit([pa.table({"doc": ["a"]})], PAIR)


def test_scripts_alone_tell_languages_apart_without_anything_to_learn_from():
    two = TwoLanguages.learn([], ("rus_Cyrl", "eng_Latn"))
    assert two.odds is None
    assert [two.side(t)[0] for t in ("Здравствуйте, дорогие друзья", "Good morning, dear friends", "!?", "")] == [
        0,
        1,
        -1,
        -1,
    ]


@pytest.mark.parametrize(
    ("pair", "text", "found"),
    [
        (
            ("cmn_Hans", "eng_Latn"),
            "今天天气非常好。我们一起去公园散步吧！(Let us go for a walk in the park together!)",
            ("我们一起去公园散步吧！", "Let us go for a walk in the park together!"),
        ),
        (
            ("hin_Deva", "eng_Latn"),
            "आज मौसम बहुत अच्छा है। हम पार्क में टहलने जा रहे हैं। (We are going for a walk in the park.)",
            ("हम पार्क में टहलने जा रहे हैं।", "We are going for a walk in the park."),
        ),
    ],
)
def test_sentences_before_brackets_in_scripts_with_marks_of_their_own(pair, text, found):
    new = Incidental().fit([table(text)], pair).find(table(text))
    assert list(zip(new.src, new.tgt, strict=True)) == [found]


@pytest.mark.parametrize(
    "piece", [" ", ".", "\n", "(", "(a", ") (", " / ", "\t", "!?", "\n \n", "a\n", "(ab) ", "。", "x" * 50 + "\n\n"]
)
def test_hostile_texts_take_no_longer_than_others(piece):
    text = piece * (20_000 // len(piece))
    new = Incidental(longest=2000).fit([table(text)], PAIR).find(table(text, "x" + text + "y."))
    assert set(new.column("doc")) <= {"d0", "d1"}
