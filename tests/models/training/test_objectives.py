"""What each objective reads and predicts, token by token."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.models.language_model import read_model
from polyalign.models.training import scripts
from polyalign.models.training.mix import Mix, Stream
from polyalign.models.training.objective import Data, Parallel
from polyalign.models.training.objectives.bilingual import Bilingual
from polyalign.models.training.objectives.causal_lm import CausalLM
from polyalign.models.training.objectives.code_switch import CodeSwitch
from polyalign.models.training.objectives.curriculum import Curriculum
from polyalign.models.training.objectives.denoising import Denoising, spans
from polyalign.models.training.objectives.guided import Guided
from polyalign.models.training.objectives.interlinear import Interlinear
from polyalign.models.training.objectives.mlm import MLM
from polyalign.models.training.objectives.restore import Restore
from polyalign.models.training.objectives.tlm import TLM
from polyalign.models.training.packing import SKIP
from polyalign.models.training.switching import Switcher
from tests.models.tiny import TEXT, llama
from tests.models.training.tiny_masked import ONE, OTHER

FIT = {"batch": 3, "length": 48, "seed": 1}
CAUSAL = [
    CausalLM(),
    Curriculum(),
    Denoising(),
    Bilingual(),
    Interlinear(),
    CodeSwitch(share=0.5),
    Restore(share=0.5),
]
MASKED = [MLM(), TLM()]


def alone(text, lang="roh_Latn"):
    return Data({lang: [text]}, lang=lang)


@pytest.mark.parametrize("method", CAUSAL + MASKED, ids=lambda m: type(m).__name__)
def test_a_loss_depends_on_its_step_and_seed_alone_and_has_gradients(method, causal, masked, pairs):
    made = masked if method in MASKED else causal
    first, again, other = (method.fit(made, pairs, **{**FIT, "seed": seed}) for seed in (1, 1, 2))
    values = [float(first(k).detach()) for k in range(3)]
    assert [float(again(k).detach()) for k in (2, 0, 1)] == [values[2], values[0], values[1]]
    assert values != [float(other(k).detach()) for k in range(3)]
    assert first.tokens(1) == sum(len(ids) for ids, _ in first.of(1)) > 0
    assert all(len(ids) == len(labels) <= FIT["length"] for k in range(9) for ids, labels in first.of(k))
    first(0).backward()
    assert float(made.model.get_input_embeddings().weight.grad.abs().sum()) > 0


@pytest.mark.parametrize("method", [*CAUSAL, Guided(guide="x")], ids=lambda m: type(m).__name__)
def test_a_masked_model_does_not_say_what_comes_next(method, masked, pairs):
    with pytest.raises(ConfigError, match=r"expected a causal model for .*; take mlm"):
        method.fit(masked, pairs, **FIT)


@pytest.mark.parametrize("method", MASKED, ids=lambda m: type(m).__name__)
def test_a_causal_model_has_no_mask(method, causal, pairs):
    with pytest.raises(ConfigError, match=r"whose mask is None, expected a masked model for [mt]lm"):
        method.fit(causal, pairs, **FIT)


def test_causal_lm_is_the_models_own_loss(causal):
    import torch

    loss = CausalLM().fit(causal, alone(TEXT[0]), **FIT)
    rows = loss.of(0)
    total, count = 0.0, 0
    for ids, _ in rows:
        with torch.no_grad():
            tokens = torch.tensor(ids[None].astype(np.int64))
            total += float(causal.model(input_ids=tokens, labels=tokens).loss) * (len(ids) - 1)
        count += len(ids) - 1
    assert float(loss(0).detach()) == pytest.approx(total / count, rel=1e-5)


def test_mlm_hides_what_it_says_and_predicts_that(masked):
    method = MLM(share=0.3)
    loss = method.fit(masked, alone(" ".join(ONE * 200)), **{**FIT, "length": 64})
    ids, labels = (np.concatenate([row[side] for k in range(40) for row in loss.of(k)]) for side in (0, 1))
    hidden = labels != SKIP
    special = np.isin(ids, [2, 3])
    assert not (hidden & special).any()
    assert hidden[~special].mean() == pytest.approx(0.3, abs=0.02)
    mask = masked.tokenizer.mask_token_id
    assert (ids[hidden] == mask).mean() == pytest.approx(0.8, abs=0.03)
    assert (ids[hidden] == labels[hidden]).mean() == pytest.approx(0.1, abs=0.03)
    assert not (ids[~hidden] == mask).any()


def test_each_row_predicts_something(masked):
    loss = MLM(share=0.01).fit(masked, alone("house"), **FIT)
    assert all((labels != SKIP).sum() == 1 for _, labels in loss.of(0))


def test_tlm_reads_a_sentence_and_its_translation_in_either_order(masked, pairs):
    loss = TLM(share=0.1).fit(masked, pairs, **{**FIT, "batch": 8})
    firsts = set()
    for ids, labels in (row for k in range(5) for row in loss.of(k)):
        whole = np.where(labels == SKIP, ids, labels)
        text = masked.tokenizer.decode(whole).split()
        assert text[0] == "[CLS]"
        middle = text.index("[SEP]")
        x, y = text[1:middle], text[middle + 1 : -1]
        table = dict(zip(ONE, OTHER, strict=True)) | dict(zip(OTHER, ONE, strict=True))
        assert [table[w] for w in x] == y
        firsts.add(x[0] in ONE)
    assert firsts == {True, False}


def test_tlm_reads_a_line_and_itself_in_another_script(masked, monkeypatch):
    table = dict(zip(ONE, OTHER, strict=True))
    monkeypatch.setattr(scripts, "_method", lambda script: lambda text: " ".join(table[w] for w in text.split()))
    method = TLM(script={"use": "romanise"})
    assert (method.takes, TLM().takes) == ("documents", "bitext")
    lines = [" ".join(ONE[k : k + 3]) for k in range(9)]
    loss = method.fit(masked, alone("\n".join(lines)), **FIT)
    seen = set()
    for ids, labels in (row for k in range(40) for row in loss.of(k)):
        text = masked.tokenizer.decode(np.where(labels == SKIP, ids, labels), skip_special_tokens=True).split()
        x, y = (text[:3], text[3:]) if text[0] in ONE else (text[3:], text[:3])
        assert [table[w] for w in x] == y
        seen.add(" ".join(x))
    assert seen == set(lines)
    with pytest.raises(ValueError, match=r"script must say what to use"):
        TLM(script={"lang": "rm"})


def bitext(*, docs=None, links=None):
    columns = {} if docs is None else {"doc": docs}
    made = Bitext.build(
        ["the cat", "a dog", "", "a house"], ["die Katze", "ein Hund", "x", "ein Haus"], columns=columns
    )
    return Parallel("eng_Latn", "deu_Latn", made, links)


def decoded(causal, loss, steps=4):
    return [causal.tokenizer.decode(ids) for k in range(steps) for ids, _ in loss.of(k)]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("forward", {"the cat\ndie Katze", "a dog\nein Hund", "a house\nein Haus"}),
        ("backward", {"die Katze\nthe cat", "ein Hund\na dog", "ein Haus\na house"}),
    ],
)
def test_bilingual_writes_each_pair_out(causal, direction, expected):
    data = Data(parallel=[bitext()], lang="deu_Latn")
    loss = Bilingual(direction=direction).fit(causal, data, batch=1, length=128, seed=1)
    (whole,) = decoded(causal, loss, 1)
    assert {part.strip() for part in whole.replace("<|start|>", "").split("<|end|>")} - {""} == expected


def test_bilingual_follows_its_template(causal):
    data = Data(parallel=[bitext()], lang="deu_Latn")
    method = Bilingual(template="{src_lang}: {src} = {tgt}", direction="forward")
    (whole,) = decoded(causal, method.fit(causal, data, batch=1, length=128, seed=1), 1)
    assert "eng_Latn: a dog = ein Hund" in whole
    for wrong in ("{src}", "{src}{tgt}{x}", "{src}{tgt}{", "{src.x}{tgt}", "{src[x]}{tgt}", "none"):
        with pytest.raises(ValueError, match="template must have"):
            Bilingual(template=wrong)


def test_interlinear_lines_take_turns_within_a_document():
    written = Interlinear(direction="forward").written(bitext(docs=["1", "1", "1", "2"]))
    assert written == ["the cat\ndie Katze\na dog\nein Hund", "a house\nein Haus"]
    both = Interlinear().written(bitext(docs=["1", "1", "1", "2"]))
    assert both == ["the cat\ndie Katze\na dog\nein Hund", "ein Haus\na house"]
    assert len(Interlinear().written(bitext())) == 1


@pytest.mark.parametrize("method", [Bilingual(), Interlinear()], ids=lambda m: type(m).__name__)
def test_no_pairs_is_an_error(method, causal):
    empty = Parallel("eng_Latn", "deu_Latn", Bitext.build(["a"], [""]))
    for parallel in ([], [empty]):
        with pytest.raises(DataError, match="found no pair with text on both sides"):
            method.fit(causal, Data(parallel=parallel), **FIT)


# -- words in another language


def test_words_are_replaced_in_their_language_with_their_capitals():
    switcher = Switcher({"deu_Latn": {"haus": "chasa", "und": "e"}}, 1.0)
    random = np.random.default_rng(1)
    assert switcher.switched("Haus, HAUS und Hausmann.", "deu_Latn", random) == "Chasa, CHASA e Hausmann."
    assert switcher.switched("Haus", "eng_Latn", random) == "Haus"
    assert switcher.switched("", "deu_Latn", random) == ""
    assert Switcher({"": {"haus": "chasa"}}, 1.0).switched("Das Haus", "eng_Latn", random) == "Das Chasa"


@given(st.text("Haus und\n.", max_size=60), st.integers(0, 5))
def test_the_pieces_are_the_text(text, seed):
    switcher = Switcher({"deu_Latn": {"haus": "chasa", "und": "e"}}, 0.5)
    pieces = list(switcher.pieces(text, "deu_Latn", np.random.default_rng(seed)))
    assert "".join(own for own, _ in pieces) == text
    assert "".join(other for _, other in pieces) == switcher.switched(text, "deu_Latn", np.random.default_rng(seed))


def test_the_share_of_words_is_replaced():
    switcher = Switcher({"deu_Latn": {"haus": "chasa"}}, 0.2)
    text = "Haus " * 2000
    found = switcher.replaced(text, "deu_Latn", np.random.default_rng(1))
    assert len(found) == pytest.approx(400, abs=50)


def test_translations_come_from_links_or_a_lexicon(pairs, tmp_path):
    switcher = Switcher.read(pairs, None, share=1.0, min_count=1, name="x")
    assert switcher.words["eng_Latn"]["house"] == "chasa"
    assert switcher.words["roh_Latn"]["chasa"] == "house"
    path = tmp_path / "lexicon.tsv"
    path.write_text("src\ttgt\tcount\nhaus\tchasa\t5\nselten\tdarar\t1\n", encoding="utf-8")
    switcher = Switcher.read(Data(), str(path), share=1.0, min_count=2, name="x")
    assert switcher.words == {"": {"haus": "chasa", "chasa": "haus"}}
    for data in (Data(), replace(pairs, parallel=[replace(pairs.parallel[0], links=Links.from_pairs([[]] * 40))])):
        with pytest.raises(DataError, match="found no words that translate each other at least 2 times"):
            Switcher.read(data, None, share=1.0, min_count=2, name="x")
    with pytest.raises(DataError, match="align their words first"):
        Switcher.read(
            replace(pairs, parallel=[replace(pairs.parallel[0], links=None)]), None, share=1, min_count=1, name="x"
        )


@pytest.mark.parametrize("predict", ["original", "switched", "none"])
def test_code_switching_reads_the_translation_and_predicts_as_asked(predict, causal, tmp_path):
    path = tmp_path / "lexicon.tsv"
    path.write_text("src\ttgt\tcount\ncat\tKatze\t5\n", encoding="utf-8")
    method = CodeSwitch(share=1.0, predict=predict, lexicon=str(path))
    ((ids, labels),) = method.fit(causal, alone("the cat sat"), batch=1, length=48, seed=1).of(0)
    decode, encode = causal.tokenizer.decode, lambda t: causal.tokenizer(t, add_special_tokens=False)["input_ids"]
    assert decode(ids[1:-1]) == "the katze sat"
    other, own = encode(" katze"), encode(" cat")
    at = next(k for k in range(len(ids)) if ids[k : k + len(other)].tolist() == other)
    said = labels[at : at + len(other)].tolist()
    if predict == "switched":
        assert said == other
    else:
        assert said == [own[0] if predict == "original" else SKIP] + [SKIP] * (len(other) - 1)
    rest = np.r_[0:at, at + len(other) : len(ids)]
    assert (ids[rest] == labels[rest]).all()


def test_restoring_predicts_the_passage_from_the_switched_one(causal, tmp_path):
    path = tmp_path / "lexicon.tsv"
    path.write_text("src\ttgt\tcount\ncat\tdog\t5\n", encoding="utf-8")
    loss = Restore(share=1.0, lexicon=str(path)).fit(causal, alone("the cat sat"), batch=1, length=64, seed=1)
    ((ids, labels),) = loss.of(0)
    known = labels == SKIP
    assert causal.tokenizer.decode(ids[known], skip_special_tokens=True) == "the dog sat\n"
    assert causal.tokenizer.decode(ids[~known], skip_special_tokens=True) == "the cat sat"
    assert (ids[~known] == labels[~known]).all()
    with pytest.raises(ConfigError, match="restore: length = 4 leaves no room for a passage twice"):
        Restore(lexicon=str(path)).fit(causal, alone("a"), batch=1, length=4, seed=1)


@pytest.mark.parametrize("method", [CodeSwitch, Restore])
@pytest.mark.parametrize(("given", "said"), [({"share": 0.0}, "share must be above 0"), ({"min_count": 0}, "min_count must be at least 1")])  # fmt: skip
def test_shares_and_counts_of_switching_are_checked(method, given, said):
    with pytest.raises(ValueError, match=said):
        method(**given)


# -- denoising


@given(st.integers(2, 200), st.sampled_from([0, 1, 3, 8, 64]), st.floats(0.05, 0.9), st.integers(0, 9))
def test_spans_have_their_share_and_do_not_touch(length, span, share, seed):
    found = spans(length, span, share, np.random.default_rng(seed))
    assert sum(b - a for a, b in found) == min(max(1, round(length * share)), length - 1)
    assert all(0 <= a < b <= length for a, b in found)
    assert all(x[1] < y[0] for x, y in zip(found, found[1:], strict=False))
    if span == 0:
        assert found[-1][1] == length


def test_what_was_taken_out_and_what_was_left_are_the_passage(causal):
    text = " ".join(TEXT)
    method = Denoising(denoisers=(("[X]", 3, 0.3),), sentinel="@{}@")
    loss = method.fit(causal, alone(text), batch=2, length=96, seed=1)
    for ids, labels in (row for k in range(4) for row in loss.of(k)):
        read, taken = (
            causal.tokenizer.decode(ids[at], skip_special_tokens=True) for at in (labels == SKIP, labels != SKIP)
        )
        assert read.startswith("[X]")
        read = read.removeprefix("[X]")
        for k in range(taken.count("@") // 2):
            own = taken.split(f"@{k}@")[1].split(f"@{k + 1}@")[0]
            assert read.count(f"@{k}@") == 1
            read = read.replace(f"@{k}@", own)
        assert read in text + " " + text or "�" in read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"denoisers": ()}, "found none"),
        ({"denoisers": (("[R]", 0.5, 0.1),)}, "a span is 0 or at least 1"),
        ({"denoisers": (("[R]", 3, 1.0),)}, "a share between 0 and 1"),
        ({"sentinel": "<>"}, "sentinel must have"),
    ],
)
def test_parameters_of_denoising(given, said):
    with pytest.raises(ValueError, match=said):
        Denoising(**given)


def test_braces_in_a_sentinel_are_its_own(causal):
    loss = Denoising(denoisers=(("[X]", 3, 0.3),), sentinel="{x{}}").fit(
        causal, alone(TEXT[0]), batch=2, length=96, seed=1
    )
    assert "{x0}" in decoded(causal, loss, 1)[0]


def test_denoising_needs_room(causal):
    with pytest.raises(ConfigError, match="denoising: length = 16 leaves no room"):
        Denoising().fit(causal, alone(TEXT[0]), batch=1, length=16, seed=1)


# -- guidance and curriculum


def test_a_guide_that_is_the_model_has_nothing_to_say(causal, tiny_llama, documents):
    guide = str(tiny_llama)
    plain = CausalLM().fit(causal, documents, **FIT)
    half = Guided(guide=guide, guidance=0.5).fit(causal, documents, **FIT)
    assert float(half(0).detach()) == pytest.approx(float(plain(0).detach()) / 2, rel=1e-5)
    every = Guided(guide=guide, how="select", guidance=1.0).fit(causal, documents, **FIT)
    assert float(every(0).detach()) == pytest.approx(float(plain(0).detach()), rel=1e-5)
    assert every.tokens(0) == plain.tokens(0)
    with pytest.raises(ValueError, match="guidance must be above 0"):
        Guided(guide=guide, guidance=0.0)


def test_the_guide_selects_what_it_finds_easier(causal, tiny_llama, documents, tmp_path):
    import torch

    from polyalign.models.language_model import read_model, write_model
    from polyalign.models.training.objectives.rows import predicted

    guide = read_model(str(tiny_llama))
    with torch.no_grad():
        guide.model.get_input_embeddings().weight.mul_(3.0)
    write_model(guide, tmp_path / "guide")
    loss = Guided(guide=str(tmp_path / "guide"), how="select", guidance=0.25).fit(causal, documents, **FIT)
    rows = CausalLM().fit(causal, documents, **FIT).of(0)
    with torch.no_grad():
        own, theirs = (
            torch.nn.functional.cross_entropy(*predicted(m, rows), reduction="none") for m in (causal, guide)
        )
    kept = sorted(range(len(own)), key=lambda k: float(theirs[k] - own[k]))[: round(len(own) / 4)]
    assert float(loss(0).detach()) == pytest.approx(float(own[kept].mean()), rel=1e-5)


def test_a_guide_with_another_tokenizer_is_refused(causal, documents, tmp_path):
    from tests.models.tiny import byte_level, llama

    other = llama(tmp_path / "other", byte_level(pieces=300))
    with pytest.raises(ConfigError, match="found a guide whose tokenizer is not that of"):
        Guided(guide=str(other)).fit(causal, documents, **FIT)


@pytest.mark.parametrize("by", ["rarity", "tokens"])
def test_easy_rows_come_first(by, causal):
    easy, hard = (
        "the cat sat on the mat and the dog saw the red house " * 60,
        "ça été déjà où à l'œuvre naïf ñandú " * 8,
    )
    data = Stream({"roh_Latn": [easy, hard]}, (), "roh_Latn", Mix(60, seed=1))
    loss = Curriculum(by=by, start=0.1).fit(causal, data, **{**FIT, "length": 24})

    def difficult(steps):
        return np.mean(["é" in causal.tokenizer.decode(ids) for k in steps for ids, _ in loss.of(k)])

    assert difficult(range(10)) == 0
    assert difficult(range(50, 60)) > 0.1


def test_rows_are_sorted_by_their_loss(causal, documents):
    import torch

    from polyalign.models.training.objectives.rows import mean_cross_entropy, predicted

    packs = CausalLM().fit(causal, documents, **{**FIT, "length": 12})
    rows = [row for k in range(6) for row in packs.of(k)]
    with torch.no_grad():
        found = [
            float(mean_cross_entropy(*predicted(causal, [row]))) for row in Curriculum(by="loss")._sorted(causal, rows)
        ]
    assert found == sorted(found)
    assert found[0] < found[-1]
    with pytest.raises(ValueError, match="start must be above 0"):
        Curriculum(start=0.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"share": 0.0}, "share must be"),
        ({"masked": 0.9, "random": 0.2}, "together at most 1"),
        ({"random": -0.1}, "at least 0"),
    ],
)
@pytest.mark.parametrize("method", [MLM, TLM])
def test_shares_of_masking_are_checked(method, given, said):
    with pytest.raises(ValueError, match=said):
        method(**given)


def test_switched_words_of_a_tokenizer_that_puts_the_space_itself(tmp_path):
    """As Llama 2's: every piece of text that it is given alone would begin with a space of its own."""
    from tokenizers import Tokenizer, models, normalizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "<s>", "▁", *"abcdefghijklmnopqrstuvwxyz", "▁the", "▁house", "▁chasa", "▁is"]
    merges = [(a, b) for word in ("the", "house", "chasa", "is") for a, b in _steps(word)]
    vocabulary = {piece: k for k, piece in enumerate(dict.fromkeys([*pieces, *(a + b for a, b in merges)]))}
    backend = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", unk_token="<unk>")
    made = read_model(str(llama(tmp_path / "m", tokenizer)))
    switcher = Switcher({"roh_Latn": {"house": "chasa"}}, 1.0)
    for predict, expected in (("original", "▁house"), ("switched", "▁chasa"), ("none", None)):
        code = CodeSwitch(share=1.0, predict=predict)._code(made, switcher, "roh_Latn")
        ((ids, labels),) = code(["the house is"], np.random.default_rng(1))
        assert tokenizer.convert_ids_to_tokens(ids.tolist()) == ["▁the", "▁chasa", "▁is"]
        told = [None if k == SKIP else tokenizer.convert_ids_to_tokens(k) for k in labels.tolist()]
        assert told == ["▁the", expected, "▁is"]


def _steps(word):
    whole = "▁"
    for letter in word:
        yield whole, letter
        whole += letter
