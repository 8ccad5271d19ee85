"""Projection of labels: files, spans, links, and markers."""

from __future__ import annotations

import json
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.words.projection.command import Command
from polyalign.words.projection.easyproject import EasyProject
from polyalign.words.projection.formats import label_format, read_labels, write_labels
from polyalign.words.projection.inline import read_brackets, read_markup, write_brackets, write_markup
from polyalign.words.projection.links import ByLinks
from polyalign.words.projection.spans import Labelled, Span, on_words, to_characters, to_words, words_in
from polyalign.words.projection.tags import Tags, scheme_of, split_tag, tags_of


def short(spans):
    return [s[:3] for s in spans]


# -- along links


def project(src, tgt, links, spans, **given):
    return ByLinks(**given).project(Bitext.build([src], [tgt]), Links.from_pharaoh([links]), [spans])


def test_labels_go_where_the_links_go():
    got = project("a b c d", "v w x y", "0-3 1-2 2-0 3-1", [Span(0, 1, "A"), Span(2, 4, "B")])
    assert short(got.labels[0]) == [(0, 2, "B"), (3, 4, "A")]
    assert [o.score for o in got.outcomes] == [1.0, 1.0]
    assert got.counts() == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"shape": "hull"}, (0, 7)),
        ({"shape": "run", "gap": 0}, (0, 2)),
        ({"shape": "run", "gap": 1}, (0, 4)),
        ({"shape": "run", "gap": 3}, (0, 7)),
        # Words 4 and 5 are others': what lies beyond is not worth them.
        ({}, (0, 4)),
    ],
)
def test_shapes(given, expected):
    got = project("a b", "0 1 2 3 4 5 6", "0-0 0-1 0-3 0-6 1-4 1-5", [Span(0, 1, "A")], **given)
    assert short(got.labels[0]) == [(*expected, "A")]


def best_stretch(weights, linked):
    """The stretch with the highest sum that begins and ends with a linked word, the shortest and first of equal ones."""
    found = [
        (sum(weights[a:b]), a - b, -a, (a, b))
        for a in range(len(weights))
        for b in range(a + 1, len(weights) + 1)
        if linked[a] and linked[b - 1]
    ]
    return max(found)[0] if found else None


@given(st.integers(0, 10_000))
def test_optimal_is_the_best_of_all_stretches(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 7, 2)
    keep = rng.random((n, m)) < 0.4
    prob = np.where(keep, rng.integers(1, 9, (n, m)) / 8, 0)
    a = int(rng.integers(0, n))
    b = int(rng.integers(a + 1, n + 1))
    links = " ".join(f"{i}-{j}:{prob[i, j]}" for i, j in product(range(n), range(m)) if keep[i, j])
    got = project("s " * n, "t " * m, links, [Span(a, b, "A")], min_inside=0.0).outcomes[0]
    inside = prob[a:b].sum(0)
    weights = (3 * inside - prob.sum(0)).tolist()
    best = best_stretch(weights, inside > 0)
    if best is None:
        assert got.reason == "no link"
    else:
        assert sum(weights[got.target.start : got.target.end]) == pytest.approx(best)
        common = inside[got.target.start : got.target.end].sum()
        mass = inside.sum() + prob[:, got.target.start : got.target.end].sum()
        assert got.score == pytest.approx(2 * common / mass)


def test_gold_spans_come_back_whatever_the_shape():
    rng = random.Random(3)
    for shape in ("optimal", "hull", "run"):
        cuts = sorted(rng.sample(range(1, 20), 5))
        blocks = list(zip([0, *cuts], [*cuts, 20], strict=True))
        order = rng.sample(range(6), 6)
        at, links, spans, expected = 0, [], [], []
        for x in order:
            a, b = blocks[x]
            links += [(i, at + i - a) for i in range(a, b)]
            spans.append(Span(a, b, str(x)))
            expected.append((at, at + b - a, str(x)))
            at += b - a
        got = ByLinks(shape=shape).project(Bitext.build(["w " * 20], ["v " * 20]), Links.from_pairs([links]), [spans])
        assert short(got.labels[0]) == expected


def test_what_is_lost_says_why():
    got = project(
        "a b c d e f",
        "0 1 2 3 4 5 6 7 8",
        "1-0 1-8 2-3 3-3:1 4-5".replace(":1", ""),
        [
            Span(0, 1, "none"),
            Span(1, 2, "apart"),
            Span(2, 3, "one"),
            Span(3, 4, "other"),
            Span(4, 6, "few"),
            Span(2, 2, "empty"),
        ],
        min_linked=0.6,
        min_inside=0.6,
        shape="run",
        gap=0,
    )
    assert {o.source.label: o.reason for o in got.outcomes} == {
        "none": "no link", "apart": "split apart", "one": "", "other": "conflict", "few": "too few words linked", "empty": "covers no word",
    }  # fmt: skip
    assert got.counts() == dict.fromkeys(
        ("no link", "split apart", "conflict", "too few words linked", "covers no word"), 1
    )
    table = got.table().to_pylist()
    assert [r["reason"] for r in table if r["tgt_start"] is None] == [o.reason for o in got.lost]
    assert table[2] == {
        "sentence": 0, "label": "one", "src_start": 2, "src_end": 3, "tgt_start": 3, "tgt_end": 4,
        "score": pytest.approx(2 / 3), "reason": "",
    }  # fmt: skip


def test_the_surer_span_has_the_word_and_the_other_takes_what_is_left():
    spans = [Span(0, 1, "A"), Span(1, 2, "B")]
    got = project("a b", "0 1 2", "0-0:0.9 0-1:0.3 0-2:0.9 1-1:0.9", spans, shape="hull")
    assert short(got.labels[0]) == [(1, 2, "B")]
    assert got.counts() == {"conflict": 1}
    got = project("a b", "0 1 2", "0-0:0.9 0-1:0.3 1-1:0.9", spans, shape="run")
    assert short(got.labels[0]) == [(0, 1, "A"), (1, 2, "B")]


@pytest.mark.parametrize(("overlaps", "kept"), [("source", 2), ("any", 2), ("never", 1)])
def test_nested_spans_stay_nested(overlaps, kept):
    got = project("a b", "0 1", "0-0 1-1", [Span(0, 2, "ORG"), Span(1, 2, "LOC")], overlaps=overlaps)
    assert short(got.labels[0]) == [(0, 2, "ORG"), (1, 2, "LOC")][:kept]
    assert len(got.lost) == 2 - kept


def test_overlaps_may_be_allowed_to_spans_that_have_none():
    spans = [Span(0, 1, "A"), Span(1, 2, "B")]
    assert len(project("a b", "0", "0-0 1-0", spans).labels[0]) == 1
    assert len(project("a b", "0", "0-0 1-0", spans, overlaps="any").labels[0]) == 2


def test_a_span_with_gaps_is_one_stretch_in_the_target():
    got = project("fängt heute an", "begins today", "0-0 1-1 2-0", [Span(0, 1, "V", ((2, 3),), "T7")])
    assert got.labels == [[Span(0, 1, "V", (), "T7")]]


@given(st.integers(0, 10_000), st.sampled_from(["optimal", "hull", "run"]), st.sampled_from(["source", "never", "any"]))
def test_every_span_has_one_outcome_and_disjoint_spans_stay_disjoint(seed, shape, overlaps):
    rng = random.Random(seed)
    n, m = rng.randint(1, 8), rng.randint(1, 8)
    links = {(i, j) for i, j in product(range(n), range(m)) if rng.random() < 0.3}
    spans = [Span(a, rng.randint(a, n), rng.choice("AB")) for a in (rng.randint(0, n) for _ in range(4))]
    bitext = Bitext.build(["s " * n], ["t " * m])
    got = ByLinks(shape=shape, overlaps=overlaps, min_inside=0.3).project(bitext, Links.from_pairs([links]), [spans])
    assert [o.source for o in got.outcomes] == spans
    for o in got.outcomes:
        assert (o.target is None) == bool(o.reason) == (o.score == 0)
        if o.target is not None:
            ends = {o.target.start, o.target.end - 1}
            assert ends <= {j for i, j in links if i in set(o.source.inside())}
            assert 0 < o.score <= 1
    kept = [o for o in got.outcomes if o.target is not None]
    for x, y in product(kept, kept):
        apart = set(x.source.inside()).isdisjoint(y.source.inside())
        if x is not y and overlaps != "any" and (apart or overlaps == "never"):
            assert set(x.target.inside()).isdisjoint(y.target.inside())


def test_threshold_leaves_links_out():
    assert project("a", "0 1", "0-0:0.3 0-1:0.9", [Span(0, 1, "A")], threshold=0.5).labels[0][0][:2] == (1, 2)
    assert project("a", "0", "0-0:0.3", [Span(0, 1, "A")], threshold=0.5).counts() == {"no link": 1}
    assert project("a", "0", "0-0", [Span(0, 1, "A")], threshold=1.0).counts() == {}


def test_empty_and_whole_and_long_sentences():
    n = 5000
    bitext = Bitext.build(["", "a", "", "w " * n], ["", "", "b", "v " * n])
    links = Links.from_pairs([[], [], [], [(i, n - 1 - i) for i in range(n)]])
    got = ByLinks().project(bitext, links, [[], [Span(0, 1, "A")], [], [Span(0, n, "ALL"), Span(7, 9, "X")]])
    assert [short(x) for x in got.labels] == [[], [], [], [(0, n, "ALL"), (n - 9, n - 7, "X")]]
    none = ByLinks().project(Bitext.build([], []), Links.from_pairs([]), [])
    assert none.labels == []
    assert none.table().num_rows == 0


def test_what_does_not_belong_together_is_refused():
    bitext = Bitext.build(["a b"], ["c"])
    with pytest.raises(DataError, match="1 sentences of links and 2 of labels, expected 1"):
        ByLinks().project(bitext, Links.from_pairs([[]]), [[], []])
    with pytest.raises(DataError, match=r"my\.links line 1: found 0-4"):
        ByLinks().project(bitext, Links.from_pairs([[(0, 4)]]), [[]], where="my.links")
    with pytest.raises(DataError, match="labels of sentence 1: found PER over the words 1 to 3"):
        ByLinks().project(bitext, Links.from_pairs([[]]), [[Span(1, 3, "PER")]])


@pytest.mark.parametrize(
    ("cls", "given"),
    [
        *((ByLinks, {n: v}) for n in ("threshold", "min_linked", "min_inside") for v in (-0.1, 1.1)),
        (ByLinks, {"gap": -1}),
        *((EasyProject, {n: v}) for n in ("order", "min_similarity") for v in (-0.1, 1.1)),
    ],
)
def test_parameters_out_of_range(cls, given):
    with pytest.raises(ValueError, match=next(iter(given))):
        cls(**given)


# -- tags


@pytest.mark.parametrize(
    ("scheme", "tags", "spans", "malformed"),
    [
        ("bio", "B-P I-P O B-P B-P", [(0, 2, "P"), (3, 4, "P"), (4, 5, "P")], 0),
        ("bio", "I-P I-P I-L B-L", [(0, 2, "P"), (2, 3, "L"), (3, 4, "L")], 2),
        ("iob", "I-P I-P B-P I-L", [(0, 2, "P"), (2, 3, "P"), (3, 4, "L")], 0),
        ("bioes", "B-P I-P E-P S-P O", [(0, 3, "P"), (3, 4, "P")], 0),
        ("bioes", "B-P L-P U-P", [(0, 2, "P"), (2, 3, "P")], 0),
        ("bioes", "B-P O E-P I-L", [(0, 1, "P"), (2, 3, "P"), (3, 4, "L")], 4),
        ("bio", "", [], 0),
        ("bio", "B-a-b I-a-b _", [(0, 2, "a-b")], 0),
    ],
)
def test_tags(scheme, tags, spans, malformed):
    reader = Tags(scheme)
    assert short(reader.spans(tags.split())) == spans
    assert reader.malformed == malformed


@pytest.mark.parametrize("tag", ["X", "B", "B-", "-PER", "Q-PER", "OO", ""])
def test_what_is_no_tag(tag):
    with pytest.raises(ValueError, match="expected a tag such as"):
        split_tag(tag)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from("AB")), max_size=6))
def test_tags_come_back_in_every_scheme(steps):
    at, spans = 0, []
    for gap, length, label in steps:
        spans.append(Span(at + gap, at + gap + length, label))
        at += gap + length
    for scheme in ("bio", "iob", "bioes"):
        tags, left = tags_of(spans, at + 1, scheme)
        reader = Tags(scheme)
        assert reader.spans(tags) == spans
        assert left == []
        assert reader.malformed == 0
    assert scheme_of([tags]) == ("bioes" if spans and any(t[0] in "ES" for t in tags) else "bio")


def test_tags_cannot_say_all():
    spans = [Span(0, 3, "A"), Span(1, 2, "B"), Span(2, 5, "C"), Span(5, 6, "D", ((7, 8),)), Span(6, 6, "E")]
    tags, left = tags_of(spans, 8)
    assert tags == ["B-A", "I-A", "I-A", "O", "O", "O", "O", "O"]
    assert sorted(s.label for s in left) == ["B", "C", "D", "E"]


# -- spans of characters


def test_words_of_characters():
    words = words_in("Anna's  Haus\tist")
    assert words == ((0, 6), (8, 12), (13, 16))
    assert to_words(Span(0, 4, "P"), words) == (Span(0, 1, "P"), True)
    assert to_words(Span(0, 6, "P"), words) == (Span(0, 1, "P"), False)
    assert to_words(Span(6, 8, "P"), words) == (Span(0, 0, "P"), False)
    assert to_words(Span(0, 3, "P", ((4, 6), (13, 16))), words) == (Span(0, 1, "P", ((2, 3),)), True)
    assert to_words(Span(3, 3, "P"), words)[0] == Span(0, 0, "P")


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=6), st.data())
def test_words_to_characters_and_back(tokens, data):
    a = data.draw(st.integers(0, len(tokens) - 1))
    b = data.draw(st.integers(a + 1, len(tokens)))
    sentence = Labelled.of_words(tokens, [Span(a, b, "X")])
    assert to_words(sentence.spans[0], sentence.words) == (Span(a, b, "X"), False)
    assert sentence.text[slice(*sentence.spans[0][:2])] == " ".join(tokens[a:b])


def test_labels_find_their_words_in_text_of_other_words():
    bitext = Bitext.build(["Anna wohnt.", "", "da"], ["x", "y", "z"])
    said = [Labelled.of_words(["Anna", "wohnt", "."], [Span(0, 1, "P"), Span(1, 2, "V")]), Labelled("da")]
    spans, widened = on_words(said, bitext)
    assert [short(x) for x in spans] == [[(0, 1, "P"), (1, 2, "V")], [], []]
    assert widened == 1
    assert to_characters(spans[0][1], words_in("Anna wohnt."))[:2] == (5, 11)
    split = bitext.with_spans("src", [[0, 4, 5, 10, 10, 11], [], [0, 2]])
    assert on_words(said, split)[1] == 0


def test_labels_of_another_text_are_refused():
    bitext = Bitext.build(["Anna wohnt"], ["x"])
    with pytest.raises(DataError, match=r"x.conll line 4: found 'Berta', expected 'Annawohnt' as in sentence pair 1"):
        on_words([Labelled("Berta", where="x.conll line 4")], bitext)
    with pytest.raises(
        DataError, match=r"x.conll: found 2 sentences, the last in x.conll line 9, and 1 sentence pairs"
    ):
        on_words([Labelled("Anna wohnt")] * 1 + [Labelled("b", where="x.conll line 9")], bitext)
    with pytest.raises(DataError, match="the labels: found 0 sentences, and 1"):
        on_words([], bitext)


# -- files

SENTENCES = [
    Labelled("Anna B. wohnt in Bern", spans=(Span(0, 7, "PER"), Span(17, 21, "LOC"))),
    Labelled("nichts hier"),
    Labelled("Universität Bern [1] < 3 & :", spans=(Span(0, 16, "ORG"), Span(12, 16, "LOC"))),
]


@pytest.mark.parametrize(
    ("format", "nested"),
    [
        ("jsonl", True),
        ("brat", True),
        ("brackets", True),
        ("markup", True),
        ("conll", False),
        ("slots", False),
        ("jsonl-tags", False),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_files_come_back(tmp_path, format, nested, ends):
    path = tmp_path / ("x.ann" if format == "brat" else "x.labels")
    written = write_labels(path, SENTENCES, format=format, scheme="bioes")
    assert short(s for _, s in written.left) == ([] if nested else [(12, 16, "LOC")])
    if ends != "\n":
        path = path.with_suffix(".txt") if format == "brat" else path
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    file = read_labels(path, format=format)
    assert [s.text for s in file.sentences] == [s.text for s in SENTENCES]
    assert [short(s.spans) for s in file.sentences] == [
        short(s.spans)[: 2 if nested or k == 0 else 1] for k, s in enumerate(SENTENCES)
    ]
    assert (file.malformed, file.format) == (0, format)
    assert file.scheme == ("bio" if nested else "bioes")


def test_conll_columns_and_comments(tmp_path):
    path = tmp_path / "x.conllu"
    path.write_text(
        "-DOCSTART- -X- O\n\n# id = 7\n# text = im Haus\n1-2\tim\t_\tO\n1\tin\t_\tO\n2\tdem\t_\tB-X\n3\tHaus\t_\tI-X\n\n\n# id = 8\n1\t#\tO\tI-Y\n"
    )
    file = read_labels(path)
    assert [s.tokens for s in file.sentences] == [["in", "dem", "Haus"], ["#"]]
    assert [s.where.split()[-1] for s in file.sentences] == ["6", "12"]
    assert file.malformed == 1
    assert file.sentences[0].about == {"comments": ["-DOCSTART- -X- O", "# id = 7", "# text = im Haus"]}
    out = tmp_path / "y.conll"
    assert write_labels(out, [*file.sentences, Labelled("")]).empty == 1
    assert out.read_text().split("\n")[1:7] == [
        "# id = 7",
        "# text = in dem Haus",
        "in\tO",
        "dem\tB-X",
        "Haus\tI-X",
        "",
    ]
    assert short(read_labels(path, tag_column=2).sentences[0].spans) == []
    hash_ = tmp_path / "z.conll"
    hash_.write_text("# O\n#x B-A\n")
    assert read_labels(hash_).sentences[0].tokens == ["#", "#x"]


def test_json_keeps_what_else_a_row_says(tmp_path):
    path = tmp_path / "x.jsonl"
    rows = [
        {"id": 5, "text": "a b c", "spans": [{"start": 0, "end": 1, "label": "X", "more": [[4, 5]], "id": "T1"}]},
        {"tokens": ["a"], "tags": ["B-Y"], "id": "z"},
    ]
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    file = read_labels(path)
    assert file.format == "jsonl"
    assert file.sentences[0].spans == (Span(0, 1, "X", ((4, 5),), "T1"),)
    write_labels(path, file.sentences)
    again = [json.loads(line) for line in path.read_text().splitlines()]
    assert again[0] == rows[0]
    assert again[1] == {"id": "z", "text": "a", "spans": [{"start": 0, "end": 1, "label": "Y"}]}


def test_brat_offsets(tmp_path):
    text, labels = tmp_path / "d.txt", tmp_path / "d.ann"
    text.write_bytes("Ä b\r\nAnna wohnt\r\n".encode())
    for start in (5, 4):  # CR LF counted as two characters, or as one
        labels.write_text(
            f"T1\tPER {start} {start + 4}\tAnna\nR1\tX Arg1:T1 Arg2:T1\nT2\tV {start} {start + 2};{start + 5} {start + 7}\tAn wo\n"
        )
        file = read_labels(text)
        assert [s.text for s in file.sentences] == ["Ä b", "Anna wohnt"]
        assert file.sentences[1].spans == (Span(0, 4, "PER", (), "T1"), Span(0, 2, "V", ((5, 7),), "T2"))
        assert file.ignored == 1
    write_labels(tmp_path / "e.ann", [*file.sentences, Labelled("c", spans=(Span(0, 1, "N"),))])
    assert (tmp_path / "e.ann").read_text() == "T1\tPER 4 8\tAnna\nT2\tV 4 6;9 11\tAn wo\nT3\tN 15 16\tc\n"


@pytest.mark.parametrize(
    ("ann", "message"),
    [
        ("T1 PER 0 4", r"d.ann line 1: found 'T1 PER 0 4', expected such as 'T1'"),
        ("T1\tPER 0 4\tBern", r"d.ann line 1: found T1 at 0 to 4, where the text has 'Anna', expected 'Bern'"),
        ("T1\tPER 0 99", r"d.ann line 1: found T1 at 0 to 99"),
        ("T1\tPER 0 7\tAnna b", r"T1 reaches over the end of line 1 of .*d.txt"),
    ],
)
def test_brat_that_is_wrong(tmp_path, ann, message):
    (tmp_path / "d.txt").write_text("Anna\nb c\n")
    (tmp_path / "d.ann").write_text(ann + "\n")
    with pytest.raises(DataError, match=message):
        read_labels(tmp_path / "d.ann")


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        ("conll", "a O\nb X\n", "line 2: found 'X', expected a tag such as"),
        ("conll", "a O\nb\n", "line 2: found 1 columns, expected words in column 0 and tags in column -1"),
        ("slots", "a:O b\n", "line 1: found 'b', expected words with tags"),
        ("slots", "a:O\n:B-x\n", "line 2: found ':B-x', expected words with tags"),
        ("slots", "a:Z\n", "line 1: found 'Z', expected a tag"),
        ("jsonl", "\n", "line 1: found '', expected"),
        ("jsonl", "[1]\n", "line 1: found '\\[1\\]', expected"),
        ("jsonl", '{"text": 3, "spans": []}\n', "line 1"),
        ("jsonl", '{"tokens": ["a"], "tags": []}\n', "line 1: found 1 tokens and 0 tags"),
        ("jsonl", '{"text": "ab", "spans": [{"start": 0, "end": 3, "label": "X"}]}\n', "line 1: found X from 0 to 3 in a text of 2"),
        ("brackets", "a\n[PER Anna\n", r"line 2: found '\[PER ' in column 1 without its '\]'"),
        ("markup", "a <b>c\n", "line 1: found <b> in column 3 without its </b>"),
        ("markup", "a </b>c\n", "line 1: found </b> in column 3 without a <b> before it"),
        ("brat", "", "brat has a .txt and an .ann beside it"),
    ],
)  # fmt: skip
def test_files_that_are_wrong(tmp_path, format, content, message):
    path = tmp_path / "x"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_labels(path, format=format)


def test_formats_by_name(tmp_path):
    assert [label_format(x) for x in ("a.conll", "a.BIO", "a.jsonl.gz", "a.slots", "a.ann")] == [
        "conll",
        "conll",
        "jsonl",
        "slots",
        "brat",
    ]
    with pytest.raises(ConfigError, match="its name tells no format of labels; say one of conll"):
        label_format(tmp_path / "a.txt")
    with pytest.raises(ConfigError, match="unknown format 'brad'; did you mean 'brat'"):
        label_format("a", "brad")
    (tmp_path / "a.ann").write_text("")
    assert label_format(tmp_path / "a.txt") == "brat"


@given(st.text("ab[]\\<>&; /", max_size=12), st.data())
def test_inline_comes_back(text, data):
    spans = []
    for label in ("X", "Y", "Z"):
        a = data.draw(st.integers(0, len(text)))
        b = data.draw(st.integers(a, len(text)))
        # Brackets have a space after the label: what they enclose begins with something else.
        if a < b and not text[a].isspace():
            spans.append(Span(a, b, label))
    for write, read in ((write_brackets, read_brackets), (write_markup, read_markup)):
        line, left = write(text, spans)
        again, found = read(line)
        assert again == text
        assert sorted(found) == sorted(s for s in spans if s not in left)
    assert left == []  # of markup, whose spans may cross


def test_markup_cannot_say_all():
    assert write_markup("abc", [Span(0, 2, "b"), Span(1, 3, "b")])[1] == [Span(1, 3, "b")]
    assert write_markup("abc", [Span(0, 2, "no<tag"), Span(1, 1, "b"), Span(0, 1, "b", ((2, 3),))])[0] == "abc"
    assert write_brackets("abc", [Span(0, 2, "b"), Span(1, 3, "c"), Span(0, 1, "two words")])[0] == "[b ab]c"
    assert read_markup("a<br/>b &lt;c") == ("a<br/>b <c", [])


# -- markers

LEXICON = {"wohnt": "lives", "der": "the", "Hund": "dog", "Katze": "cat", "sieht": "sees", "die": "the"}


def by_words(texts):
    return [" ".join(LEXICON.get(w, w) for w in t.split(" ")) for t in texts]


def test_markers_are_translated_with_the_text():
    sentences = [
        Labelled("Anna wohnt in Bern", spans=(Span(0, 4, "PER"), Span(14, 18, "LOC"))),
        Labelled("", spans=()),
        Labelled("nichts [1] hier"),
        Labelled("Uni Bern", spans=(Span(0, 8, "ORG"), Span(4, 8, "LOC")), about={"id": 3}),
    ]
    assert EasyProject().mark(sentences) == ["[ Anna ] wohnt in [ Bern ]", "", "nichts [1] hier", "[ Uni [ Bern ] ]"]
    out, got = EasyProject().project(sentences, by_words)
    assert [s.text for s in out] == ["Anna lives in Bern", "", "nichts [1] hier", "Uni Bern"]
    assert [short(s.spans) for s in out] == [[(0, 4, "PER"), (14, 18, "LOC")], [], [], [(0, 8, "ORG"), (4, 8, "LOC")]]
    assert out[3].about == {"id": 3}
    assert (got.counts(), got.extra) == ({}, 0)


ANIMALS = Labelled("der Hund sieht die Katze", spans=(Span(0, 8, "A"), Span(15, 24, "B")))


@pytest.mark.parametrize(
    ("translated", "alone", "labels", "reasons", "extra"),
    [
        ("[ the dog ] sees [ the cat ]", True, {"A": "the dog", "B": "the cat"}, [], 0),
        ("by [the cat] he is seen, [the dog]", True, {"A": "the dog", "B": "the cat"}, [], 0),
        ("[the cat] and [the dog]", False, {"A": "the cat", "B": "the dog"}, [], 0),
        ("the dog sees [ the cat ]", True, {"B": "the cat"}, ["markers lost"], 0),
        ("the dog sees [ the cat ]", False, {}, ["unsure which span", "markers lost"], 1),
        ("the dog sees the cat", True, {}, ["markers lost"] * 2, 0),
        ("[ the dog sees [ the cat ]", True, {"B": "the cat"}, ["unbalanced markers"], 0),
        ("[ ] sees [ the cat ]", True, {"B": "the cat"}, ["markers around nothing"], 0),
        ("[the dog] [sees] [the cat]", True, {"A": "the dog", "B": "the cat"}, [], 1),
        ("【the dog】sees［the cat］", True, {"A": "the dog", "B": "the cat"}, [], 0),
    ],
)
def test_markers_that_come_back_otherwise(translated, alone, labels, reasons, extra):
    [out], got = EasyProject().read([ANIMALS], [translated], by_words if alone else None)
    assert {s.label: out.text[s.start : s.end] for s in out.spans} == labels
    assert [o.reason for o in got.lost] == reasons
    assert got.extra == extra
    assert not set("[]【】［］") & set(out.text)


def test_names_in_markers_say_whose_they_are():
    assert EasyProject(markers="xml").mark([ANIMALS]) == ["<a>der Hund</a> sieht <b>die Katze</b>"]
    [out], got = EasyProject(markers="xml").read(
        [ANIMALS], ["< B >the cat</b> by <a> the dog </a>, <a>x</a> <i>y</i> <b>"]
    )
    assert {s.label: out.text[s.start : s.end] for s in out.spans} == {"A": "the dog", "B": "the cat"}
    assert out.text == "the cat by the dog, x <i>y</i> "
    assert got.extra == 1


def test_brackets_give_way_where_they_cannot_say_it():
    crossing = Labelled("a b c", spans=(Span(0, 3, "X"), Span(2, 5, "Y")))
    bracketed = Labelled("a [1] <a> b", spans=(Span(0, 1, "X"),))
    marked = EasyProject().mark([crossing, bracketed])
    assert marked == ["<a>a <b>b</a> c</b>", "<b>a</b> [1] <a> b"]
    out, got = EasyProject().read([crossing, bracketed], marked)
    assert [s.text for s in out] == [crossing.text, bracketed.text]
    assert [s.spans for s in out] == [crossing.spans, bracketed.spans]
    assert got.lost == []


def test_what_cannot_be_marked_is_reported():
    odd = Labelled("a b", spans=(Span(0, 1, "X", ((2, 3),)), Span(1, 1, "Y")))
    _, got = EasyProject().project([odd], by_words)
    assert [o.reason for o in got.outcomes] == ["has gaps", "covers no word"]


@given(st.text("a [】]", max_size=20))
def test_any_translation_is_read(text):
    [out], got = EasyProject().read([ANIMALS], [text])
    assert all(0 <= s.start < s.end <= len(out.text) for s in out.spans)
    assert not set("[】]") & set(out.text)
    assert len(got.outcomes) == 2


def test_translators_that_go_wrong():
    with pytest.raises(DataError, match="found 0 translations, expected 1, one of each text"):
        EasyProject().project([ANIMALS], lambda texts: [])
    with pytest.raises(DataError, match="found 2 translations, expected 1, one of each marked"):
        EasyProject().read([ANIMALS], ["", ""])
    with pytest.raises(ConfigError, match="found nothing"):
        Command(" ")
    with pytest.raises(ConfigError, match="close its quotes"):
        Command("sed 's")
    with pytest.raises(ConfigError, match="no-such-program cannot be run"):
        Command("no-such-program")(["x"])
    with pytest.raises(DataError, match="ended with status 1"):
        Command("false")(["x"])
    with pytest.raises(DataError, match="wrote 1 lines, expected 2"):
        Command("head -n 1")(["x", "y"])
    with pytest.raises(DataError, match="something else than UTF-8"):
        Command(r"printf '\377\n'")(["x"])
    assert Command("no-such-program")([]) == []
    assert Command("cat")(["é\u2028x", ""]) == ["é\u2028x", ""]
