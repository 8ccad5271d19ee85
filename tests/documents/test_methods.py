"""Every method: planted collections are found again, whatever is missing; edges, sameness, errors."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.documents import embedded
from polyalign.documents.auto import Auto
from polyalign.documents.bimax import BiMax
from polyalign.documents.candidates import Candidates
from polyalign.documents.names import Names
from polyalign.documents.structure import Shapes, Structure
from polyalign.documents.terms import Terms, learn, read_dictionary, terms
from polyalign.documents.tfidf import TfIdf
from polyalign.documents.tk_pert import TKPert, pert
from polyalign.documents.vectors import Vectors
from tests.documents.fake import Fake, collection

LANGS = ("deu_Latn", "roh_Latn")
READERS = [Vectors(), BiMax(), TKPert(), TKPert(rescore="bimax"), Auto(vectors="always")]
ALL = [*READERS, TfIdf(), TfIdf(passes=0), Structure(), Names(), Auto(), Auto(vectors="never"), Auto(assign="greedy")]


def ident(method):
    return repr(method).split("(")[0]


def planted(n=24, *, gone=0, seed=0, **settings):
    """Documents, their versions in another order with some gone, and which goes with which."""
    order = np.random.default_rng(seed).permutation(n)[gone:]
    src = collection(n, seed, letter="a", **settings)
    tgt = collection(n, seed, letter="b", draw_order=order, **settings)
    return src, tgt, {int(i): k for k, i in enumerate(order)}


@pytest.mark.parametrize("method", READERS, ids=ident)
def test_vectors_find_every_pair(fake, method):
    src, tgt, gold = planted()
    assert method.align(src, tgt, LANGS).as_dict() == gold


@pytest.mark.parametrize("method", READERS, ids=ident)
def test_with_half_of_a_side_gone_the_others_stay_alone(fake, method):
    src, tgt, gold = planted(gone=12)
    pairs = method.align(src, tgt, LANGS)
    found = pairs.as_dict()
    assert sum(gold.get(i) == j for i, j in found.items()) >= 11
    assert len(found) <= 13
    assert all(a.reason for a in pairs.src_alone)


@pytest.mark.parametrize("method", [TfIdf(), TfIdf(passes=0), Auto(vectors="never")], ids=ident)
def test_numbers_find_every_pair(method):
    src, tgt, gold = planted(gone=6, digits=True)
    assert method.align(src, tgt, LANGS).as_dict() == gold


@pytest.mark.parametrize("method", ALL, ids=ident)
def test_nothing_empty_and_alone(fake, method):
    one, empty = collection(1, letter="a"), [Document.from_lines([], id="e")]
    assert len(method.align([], [], LANGS)) == 0
    assert [a.document for a in method.align(one, [], LANGS).src_alone] == [0]
    assert [a.document for a in method.align([], one, LANGS).tgt_alone] == [0]
    if isinstance(method, Names):
        return
    pairs = method.align([*one, *empty], empty, LANGS)
    assert len(pairs) == 0
    assert [a.reason for a in pairs.src_alone][1] == "it is empty"
    blank = [Document(name, ("", " "), np.zeros(2, np.int32)) for name in "bc"]
    assert len(method.align(blank[:1], blank[1:], LANGS)) == 0


@pytest.mark.parametrize("method", ALL, ids=ident)
def test_the_same_every_time_and_the_input_unchanged(fake, method):
    src, tgt, _ = planted(10, digits=True)
    first, again = method.align(src, tgt, LANGS), method.align(list(src), list(tgt), LANGS)
    for name in ("src", "tgt", "score"):
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    assert first.src_alone == again.src_alone
    assert [d.id for d in src] == [f"a{k}" for k in range(10)]


def test_boilerplate_counts_for_little(fake):
    src, tgt, gold = planted(20)
    extra = ["xbcd xfgh", "xjkl xmnp", "xqrs xtvw"]
    sides = [
        [Document.from_lines([*d.sentences, *(extra * 3)[: 2 + k % 7]]) for k, d in enumerate(side)]
        for side in (src, tgt)
    ]
    assert Vectors().align(*sides, LANGS).as_dict() == gold


def test_first_sentences_alone(fake):
    src, tgt, gold = planted(size=(6, 12))
    found = Vectors(sentences=3).align(src, tgt, LANGS).as_dict()
    assert sum(gold[i] == j for i, j in found.items()) >= 22


def test_pert_weights_are_a_density_with_its_peak_at_the_sentence():
    position = np.linspace(0, 1, 33)
    weights = pert(position, 16, 20.0)
    assert weights.sum(axis=1) == pytest.approx(np.ones(33))
    assert np.abs(weights.argmax(axis=1) / 15 - position).max() < 1 / 15
    narrow = pert(position, 16, 200.0)
    assert (narrow.max(axis=1) >= weights.max(axis=1)).all()


def test_tk_pert_tells_the_order_of_sentences(fake):
    lines = list(collection(1, 5, letter="a", size=(12, 13))[0].sentences)
    other = [s.replace("a", "b") for s in lines]
    rest = collection(6, 9, letter="a"), collection(6, 9, letter="b")
    src = [Document.from_lines(lines), Document.from_lines(lines[::-1]), *rest[0]]
    tgt = [Document.from_lines(other[::-1]), Document.from_lines(other), *rest[1]]
    found = TKPert(min_score=0, dimensions=0).align(src, tgt, LANGS).as_dict()
    assert (found[0], found[1]) == (1, 0)


def test_terms():
    assert terms("H\u00f6he 1'234,5 m (\u0661\u0662) a@b.ch") == ["h\u00f6he", "12345", "m", "12", "a@b.ch"]
    # Marks belong to the letters they are on.
    assert terms("में ẹ́wọ") == ["में", "ẹ́wọ"]
    assert terms("") == []


def test_a_lexicon_is_learned_from_pairs():
    src, tgt, gold = planted(60, size=(10, 20))

    def small(side):
        # Of a hundred words, so that each is in many documents.
        return [Document.from_lines([" ".join(w[:1] + w[2:] for w in s.split()) for s in d.sentences]) for d in side]

    src, tgt = small(src), small(tgt)
    left, right = (Terms.of(side) for side in (src, tgt))
    pairs = Candidates.build(np.asarray(list(gold)), np.asarray(list(gold.values())), (60, 60))
    lexicon = learn(left, right, pairs)
    rows, columns = lexicon.nonzero()
    right_ones = sum(left.words[r][1:] == right.words[c][1:] for r, c in zip(rows, columns, strict=True))
    assert right_ones >= 50
    assert right_ones / len(rows) > 0.9
    assert lexicon.sum(axis=1)[np.unique(rows)] == pytest.approx(1)


def test_a_dictionary_helps(tmp_path):
    src, tgt, gold = planted(12)
    words = sorted({w[1:] for d in src for s in d.sentences for w in s.split()})
    file = tmp_path / "lexicon.tsv"
    file.write_text("".join(f"a{w}\tb{w}\n" for w in words) + "\n", encoding="utf-8")
    assert len(TfIdf(passes=0).align(src, tgt, LANGS)) == 0
    assert TfIdf(dictionary=str(file), passes=0).align(src, tgt, LANGS).as_dict() == gold
    file.write_text("".join(f"b{w} @ a{w}\n" for w in words), encoding="utf-8")
    assert TfIdf(dictionary=str(file), passes=0).align(src, tgt, LANGS).as_dict() == gold
    file.write_text("one line\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1: found 'one line', expected"):
        TfIdf(dictionary=str(file)).align(src, tgt, LANGS)
    with pytest.raises(DataError, match="no such file"):
        read_dictionary(str(tmp_path / "none"), *(Terms.of(side) for side in (src, tgt)))


def test_structure_tells_lengths_paragraphs_and_numbers():
    draw = np.random.default_rng(3)
    src, tgt = [], []
    for _ in range(12):
        lines = []
        for _ in range(int(draw.integers(3, 15))):
            lines += ["w" * int(draw.integers(20, 300))] + [""] * int(draw.random() < 0.4)
        lines[0] += f" {int(draw.integers(1000, 9999))}"
        src.append(Document.from_lines(lines))
        tgt.append(Document.from_lines([x + "v" * (len(x) // 5) for x in lines]))
    assert Structure(min_score=0.1).align(src, tgt[::-1], LANGS).as_dict() == {k: 11 - k for k in range(12)}


def test_structure_of_many_documents_looks_at_the_nearest_only():
    side = [Document.from_lines([f"{'w' * (30 + k)} {1000 + k}"] * (1 + k % 9)) for k in range(600)]
    found = Shapes.of(Terms.of(side), Terms.of(side)).candidates(5)
    assert len(found) <= 4 * 5 * 600
    assert set(zip(range(600), range(600), strict=True)) <= set(
        zip(found.src.tolist(), found.tgt.tolist(), strict=True)
    )


def named(documents, names):
    return [Document(n, d.sentences, d.paragraphs) for n, d in zip(names, documents, strict=True)]


def test_names_decide_where_they_prove_right_and_nothing_is_encoded():
    src, tgt, gold = planted(20, digits=True)
    src = named(src, [f"{k}.de.txt" for k in range(20)])
    back = {j: i for i, j in gold.items()}
    tgt = named(tgt, [f"{back[j]}.rm.txt" for j in range(20)])
    pairs = Auto(encoder="none such").align(src, tgt, LANGS)
    assert pairs.as_dict() == gold
    assert pairs.score.min() == pytest.approx(0.99)


def test_names_that_prove_wrong_are_ignored_with_a_note(capsys):
    src, tgt, gold = planted(20, digits=True)
    src, tgt = named(src, [f"{k}.de.txt" for k in range(20)]), named(tgt, [f"{k}.rm.txt" for k in range(20)])
    assert Auto(vectors="never").align(src, tgt, LANGS).as_dict() == gold
    assert "names are ignored" in capsys.readouterr().err
    assert Auto(names="trust").align(src, tgt, LANGS).as_dict() == {k: k for k in range(20)}
    assert Auto(names="ignore", vectors="never").align(src, tgt, LANGS).as_dict() == gold


def test_a_few_equal_names_are_evidence(fake):
    src, tgt, _ = planted(3, seed=2)
    src, tgt = named(src, ["a.de", "b.de", "c.de"]), named(tgt, ["x.rm", "y.rm", "z.rm"])
    plain = Auto(vectors="never", min_score=0).align(src, tgt, LANGS)
    i, j = next(iter(plain.as_dict().items()))
    tgt = [*tgt[:j], Document(src[i].id.replace("de", "rm"), tgt[j].sentences, tgt[j].paragraphs), *tgt[j + 1 :]]
    told = Auto(vectors="never", min_score=0).align(src, tgt, LANGS)
    assert told.score[told.src.tolist().index(i)] > plain.score[0] or plain.score[0] > 0.999


def test_what_is_unsure_is_encoded(fake):
    src, tgt, gold = planted(24, gone=6, size=(6, 7))
    # All equally long, in one paragraph, without a number or a word in common.
    src, tgt = (
        [Document(d.id, tuple(f"{s} {d.id[0]}{'z' * (80 - len(s))}" for s in d.sentences), d.paragraphs) for d in side]
        for side in (src, tgt)
    )
    assert len(Auto(vectors="never").align(src, tgt, LANGS)) < 9
    found = Auto().align(src, tgt, LANGS).as_dict()
    assert sum(gold.get(i) == j for i, j in found.items()) >= 17


def test_what_words_settled_stays_where_vectors_tell_nothing(monkeypatch):
    class Noise(Fake):
        def _vector(self, text):
            return np.random.default_rng(list(text.encode())).normal(size=self.dim).astype(np.float32)

    monkeypatch.setenv("POLYALIGN_CACHE", "off")
    monkeypatch.setattr(embedded, "named_encoder", lambda name: Noise())
    src, tgt, gold = planted(24, gone=6, digits=True)
    assert Auto().align(src, tgt, LANGS).as_dict() == gold


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Vectors(candidates=0), "candidates must be at least 1, found 0"),
        (lambda: Auto(min_score=1.5), "min_score must be from 0 to 1, found 1.5"),
        (lambda: BiMax(sentences=-1), "sentences must not be negative, found -1"),
        (lambda: TKPert(slots=0), "slots must be from 1 to 1000, found 0"),
        (lambda: TKPert(gamma=0), "gamma must be above 0, found 0"),
        (lambda: TKPert(dimensions=-1), "dimensions must not be negative, found -1"),
        (lambda: TfIdf(passes=11), "passes must be from 0 to 10, found 11"),
        (lambda: TfIdf(max_documents=0), "max_documents must be at least 1, found 0"),
        (lambda: Structure(candidates=0), "candidates must be at least 1"),
    ],
)
def test_parameters_out_of_range(build, message):
    with pytest.raises(ValueError, match=message):
        build()
