from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, MissingExtraError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from polyalign.encoders.model_files import identity  # noqa: E402
from polyalign.words.translation import reading  # noqa: E402
from polyalign.words.translation.attention import Attention, attentions  # noqa: E402
from polyalign.words.translation.model import TranslationModel  # noqa: E402
from polyalign.words.translation.prompts import PROMPT, check_prompt  # noqa: E402
from polyalign.words.translation.reading import translator  # noqa: E402
from polyalign.words.translation.scores import LeaveOut  # noqa: E402
from tests.encoders.conftest import save_tiny  # noqa: E402

SRC, TGT = "the cats sat on", "der dog runs"
BITEXT = Bitext.build([SRC, "", "the cat", "dog"], [TGT, "red", "", "blue tree sky"])


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    folder = save_tiny(
        tmp_path_factory.mktemp("models") / "t5", "T5ForConditionalGeneration", seed=3, marks=True, limit=64,
        d_model=16, d_kv=8, d_ff=32, num_layers=2, num_decoder_layers=3, num_heads=2,
        pad_token_id=0, eos_token_id=3, decoder_start_token_id=0, initializer_factor=1.0,
    )  # fmt: skip
    return str(folder)


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    folder = save_tiny(
        tmp_path_factory.mktemp("models") / "marian", "MarianMTModel", seed=4, marks=True, limit=40,
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=4, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=40, pad_token_id=0,
        eos_token_id=3, decoder_start_token_id=0, init_std=0.5,
    )  # fmt: skip
    return str(folder)


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    folder = save_tiny(
        tmp_path_factory.mktemp("models") / "llama", "LlamaForCausalLM", seed=2, marks=False, limit=128,
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=128, initializer_range=0.5, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    return str(folder)


def loaded(folder, window=None):
    return translator(folder, identity(folder), "cpu", "float32", window)


def owners(pieces):
    return np.cumsum([not p.startswith("##") for p in pieces]) - 1


def pieces(model, text):
    return model.tokenizer.convert_ids_to_tokens(model.tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("kind", ["t5", "marian"])
def test_cross_attention_is_what_transformers_gives(kind, shift, request):
    folder = request.getfixturevalue(kind)
    model = loaded(folder)
    plain = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.tensor([model.tokenizer(SRC)["input_ids"]])
    labels = model.tokenizer(TGT)["input_ids"]
    with torch.no_grad():
        out = plain(input_ids=ids, decoder_input_ids=torch.tensor([[0, *labels]]), output_attentions=True)
    n, m = len(pieces(model, SRC)), len(pieces(model, TGT))
    # Marks: one before, one after. The target token k is input k + 1 and written at k.
    wanted = out.cross_attentions[1][0, 1, 1 + shift : 1 + shift + m, 1 : 1 + n].numpy()
    (window,) = model.windows([SRC.split()], [TGT.split()], "{source}", ("und", "und"))
    assert window.src.word.tolist() == owners(pieces(model, SRC)).tolist() == [0, 1, 1, 2, 3]
    ((_, maps),) = attentions(model, [window], [(1, 1)], shift)
    np.testing.assert_allclose(maps[0].T, wanted / wanted.sum(axis=1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("shift", [False, True])
def test_self_attention_over_a_prompt(llama, shift):
    model = loaded(llama)
    plain = transformers.AutoModelForCausalLM.from_pretrained(llama, attn_implementation="eager").eval()
    prompt = "red: {source} blue: {target}"
    text = prompt.format(source=SRC, target=TGT)
    ids = [2, *model.tokenizer(text, add_special_tokens=False)["input_ids"]]
    with torch.no_grad():
        a = plain(input_ids=torch.tensor([ids]), output_attentions=True).attentions[1][0, 0].numpy()
    n, m = len(pieces(model, SRC)), len(pieces(model, TGT))
    first = len(ids) - m
    wanted = a[first - 1 + shift : first - 1 + shift + m, 3 : 3 + n]
    (window,) = model.windows([SRC.split()], [TGT.split()], prompt, ("English", "German"))
    assert window.tgt.at.tolist() == list(range(first, len(ids)))
    ((_, maps),) = attentions(model, [window], [(1, 0)], shift)
    np.testing.assert_allclose(maps[0].T, wanted / wanted.sum(axis=1, keepdims=True), atol=1e-5)


def test_pieces_become_words(t5):
    method = Attention(t5, layer=1, heads=(2,), both_ways=False, device="cpu", symmetrize="posterior", threshold=0.0)
    model = loaded(t5)
    (window,) = model.windows([SRC.split()], [TGT.split()], "{source}", ("und", "und"))
    ((_, maps),) = attentions(model, [window], [(0, 1)], True)
    src, tgt = window.src.word, window.tgt.word
    wanted = np.array([[maps[0][src == i][:, tgt == j].sum(axis=0).mean() for j in range(3)] for i in range(4)])
    posteriors = method.fit(BITEXT).posteriors(BITEXT)
    found = np.zeros((2, 4, 3))
    found[:, posteriors.src[: posteriors.cells[1]], posteriors.tgt[: posteriors.cells[1]]] = posteriors.probabilities[
        :, : posteriors.cells[1]
    ]
    kept = wanted >= 0.02
    np.testing.assert_allclose(found[0][kept], wanted[kept], atol=1e-4)
    np.testing.assert_allclose(found[1][kept], (wanted / wanted.sum(axis=1, keepdims=True))[kept], atol=1e-4)


def test_the_other_direction_is_read_with_the_sides_exchanged(llama):
    method = Attention(llama, layer=2, src_lang="red", tgt_lang="blue", device="cpu")
    other = replace(method, src_lang="blue", tgt_lang="red")
    exchanged = Bitext.build(BITEXT.tgt, BITEXT.src)
    one, two = (m.fit(b).posteriors(b) for m, b in ((method, BITEXT), (other, exchanged)))
    cells = [
        {(k, *(x[::turn])): tuple(p[::turn]) for k in range(4) for x, p in of(q, k)}
        for q, turn in ((one, 1), (two, -1))
    ]
    assert cells[0] == cells[1]


def of(posteriors, k):
    some = slice(*posteriors.cells[k : k + 2])
    ends = zip(posteriors.src[some].tolist(), posteriors.tgt[some].tolist(), strict=True)
    return zip(ends, posteriors.p[:, some].T.tolist(), strict=True)


def test_leaving_out_is_what_transformers_gives(t5, llama):
    bitext = Bitext.build([SRC], [TGT])
    scorer = transformers.AutoModelForCausalLM.from_pretrained(llama).eval()
    model = loaded(llama)

    def causal(src):
        ids = model.tokenizer(f"red: {src} blue: {TGT}", add_special_tokens=False)["input_ids"]
        ids = torch.tensor([2, *ids])
        with torch.no_grad():
            log_p = scorer(input_ids=ids[None]).logits[0].log_softmax(dim=1)
        m = len(pieces(model, TGT))
        return log_p[torch.arange(len(ids) - m - 1, len(ids) - 1), ids[-m:]].numpy()

    writer = transformers.AutoModelForSeq2SeqLM.from_pretrained(t5).eval()

    def seq2seq(src):
        labels = torch.tensor([loaded(t5).tokenizer(TGT)["input_ids"]])
        with torch.no_grad():
            given = torch.cat([torch.zeros((1, 1), dtype=torch.long), labels], dim=1)
            ids = torch.tensor([loaded(t5).tokenizer(src)["input_ids"]])
            log_p = writer(input_ids=ids, decoder_input_ids=given).logits[0].log_softmax(dim=1)
        return log_p[torch.arange(1, labels.shape[1] - 1), labels[0, 1:-1]].numpy()

    words, tgt = SRC.split(), owners(pieces(model, TGT))
    for folder, score, prompt in ((llama, causal, "red: {source} blue: {target}"), (t5, seq2seq, "")):
        for substitute in ("", "mat"):
            d = np.zeros((4, 3))
            for i in range(4):
                less = " ".join([*words[:i], *([substitute] if substitute else []), *words[i + 1 :]])
                np.add.at(d[i], tgt, np.maximum(score(SRC) - score(less), 0))
            wanted = -np.expm1(-d) * d / np.maximum(d.sum(axis=0), 1e-9)
            method = LeaveOut(folder, prompt=prompt, substitute=substitute, device="cpu")
            posteriors = method.fit(bitext).posteriors(bitext)
            found = np.zeros((4, 3))
            found[posteriors.src, posteriors.tgt] = posteriors.probabilities[0]
            np.testing.assert_allclose(found[wanted > 0.02], wanted[wanted > 0.02], atol=2e-3)
            assert (wanted > 0.02).any()


@pytest.mark.parametrize("kind", [Attention, LeaveOut])
@pytest.mark.parametrize("name", ["t5", "marian", "llama"])
def test_probabilities_empty_sides_and_saving(kind, name, request, tmp_path):
    method = kind(request.getfixturevalue(name), device="cpu", both_ways=True)
    model = method.fit(BITEXT)
    links, posteriors = model.align_once(BITEXT)
    assert np.diff(posteriors.cells)[[1, 2]].tolist() == [0, 0]
    assert len(posteriors.src)
    for nulls in posteriors.unlinked():
        assert (nulls >= 0).all()
    for k in (0, 3):
        a, b = posteriors.cells[k : k + 2]
        assert np.bincount(posteriors.tgt[a:b], posteriors.probabilities[0, a:b]).max(initial=0) <= 1.001
        assert np.bincount(posteriors.src[a:b], posteriors.probabilities[1, a:b]).max(initial=0) <= 1.001
    model.save(tmp_path)
    again = TranslationModel.load(tmp_path)
    assert again.method == method
    assert again.align(BITEXT).to_pharaoh() == links.to_pharaoh()
    (tmp_path / "manifest.json").write_text((tmp_path / "manifest.json").read_text().replace('"heads"', '"feet"'))
    with pytest.raises(DataError, match="fit and save it again"):
        TranslationModel.load(tmp_path)
    none = BITEXT.select(np.zeros(4, bool))
    assert len(method.fit(none).align(none)) == 0
    with pytest.raises(ConfigError, match="counts nothing"):
        model.priors()


@pytest.mark.parametrize("name", ["marian", "llama"])
def test_long_sentences_are_read_whole_in_windows(name, request):
    folder = request.getfixturevalue(name)
    model = loaded(folder)
    prompt = "{source}" if name == "marian" else PROMPT
    words = ["the", "cats", "sat", "on"] * 60
    for src, tgt in ((words, words[:100]), (["a"], words), (words, ["x" * 90])):
        windows = list(model.windows([src], [tgt], prompt, ("A", "B")))
        assert len(windows) > 1
        # Every target piece is decided on once, every source piece is seen, and nothing is longer than the model reads.
        decided = np.concatenate([w.tgt.word[w.own] for w in windows])
        n = len(pieces(model, " ".join(tgt)))
        assert len(decided) == n
        assert np.unique(decided).tolist() == list(range(len(tgt)))
        assert set(np.concatenate([w.src.word for w in windows]).tolist()) == set(range(len(src)))
        assert max(len(w.src.ids) for w in windows) <= model.window
        assert max(len(w.tgt.ids) for w in windows) <= model.window
        for w in windows:
            tokens = model.tokenizer.convert_ids_to_tokens(w.tgt.ids[w.tgt.at].tolist())
            assert "".join(t.removeprefix("##") for t in tokens)[0] == tgt[w.tgt.word[0]][0] or tokens[0].startswith(
                "##"
            )
    bitext = Bitext.build([" ".join(words)] * 2, [" ".join(words), "red"])
    posteriors = Attention(folder, layer=1, device="cpu").fit(bitext).posteriors(bitext)
    assert set(posteriors.tgt[: posteriors.cells[1]].tolist()) == set(range(240))


def test_a_batch_changes_nothing(llama, monkeypatch):
    method = Attention(llama, layer=1, device="cpu")
    together = method.fit(BITEXT).posteriors(BITEXT)
    monkeypatch.setattr(reading, "BATCH", 1)
    alone = method.fit(BITEXT).posteriors(BITEXT)
    np.testing.assert_allclose(alone.probabilities, together.probabilities, atol=1e-3)


def test_heads_are_chosen_by_agreement_and_by_gold(llama, tmp_path):
    pairs = Bitext.build([SRC, "red sky", "the dog"] * 2, [TGT, "blue tree", "der run"] * 2)
    for best, size in ((1, 1), (3, 3), (0, 2)):
        model = Attention(llama, best=best, device="cpu").fit(pairs)
        assert len(model.forward_heads) == len(model.backward_heads) == size
    # The links that a head of ours would draw are gold: it is found again.
    only = Attention(llama, layer=2, heads=(1,), device="cpu", symmetrize="posterior", threshold=0.0)
    links = only.fit(pairs).forward(pairs)
    (tmp_path / "gold").write_text("\n".join(links.to_pharaoh()) + "\n")
    chosen = Attention(llama, best=1, gold=str(tmp_path / "gold"), device="cpu").fit(pairs)
    assert chosen.forward_heads == ((1, 0),)


def test_one_reading_for_both_ways_takes_the_same_heads(llama):
    model = Attention(llama, best=2, both_ways=False, device="cpu").fit(BITEXT)
    assert model.forward_heads == model.backward_heads


def test_languages_are_named_in_the_prompt(llama):
    method = Attention(llama, layer=1, device="cpu")
    german = Bitext.build(["cat"], ["dog"], langs=("deu_Latn", "eng_Latn"))
    tokenizer = loaded(llama).tokenizer
    for swapped, text in ((False, "german : cat english : dog"), (True, "english : dog german : cat")):
        (window,) = method.windows(german, swapped=swapped)
        assert tokenizer.decode(window.src.ids[1:]).replace(" ##", "") == text
    (window,) = replace(method, src_lang="red", prompt="{source_language} {source} {target}").windows(german)
    assert tokenizer.decode(window.src.ids[1:]) == "red cat dog"
    (window,) = method.windows(BITEXT.select(np.array([False, False, False, True])))
    assert tokenizer.decode(window.src.ids[1:]).replace(" ##", "") == "source : dog target : blue tree sky"


@pytest.mark.parametrize("prompt", ["no text", "{source} {source}", "{target} {source}", "{source} {target} {target}"])
def test_a_prompt_without_the_texts(prompt):
    with pytest.raises(ValueError, match="prompt must have"):
        check_prompt(prompt)


def test_a_prompt_for_another_kind_of_model(t5, llama):
    with pytest.raises(ConfigError, match="an encoder with a decoder"):
        LeaveOut(t5, prompt="{source} {target}", device="cpu").fit(BITEXT)
    with pytest.raises(ConfigError, match="is causal"):
        LeaveOut(llama, prompt="{source}", device="cpu").fit(BITEXT)


def test_a_window_that_the_prompt_fills(llama):
    method = Attention(llama, layer=1, window=20, device="cpu")
    with pytest.raises(ConfigError, match="too few"):
        method.fit(BITEXT).align(BITEXT)


def test_a_tokenizer_without_the_language(t5):
    model = loaded(t5)
    tokenizer = type(
        "Multilingual", (), {"src_lang": "", "tgt_lang": "", "unk_token_id": 1, "lang_code_to_id": {"de": 5}}
    )()
    tokenizer.convert_tokens_to_ids = lambda code: 1
    with pytest.raises(ConfigError, match="no language 'xx'"):
        list(replace(model, tokenizer=tokenizer).windows([["a"]], [["b"]], "{source}", ("de", "xx")))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layer": 0}, "counted from 1"),
        ({"layer": 1, "heads": (0,)}, "counted from 1"),
        ({"heads": (1,)}, "give layer"),
        ({"best": -1}, "best"),
        ({"sample": 0}, "sample"),
        ({"threshold": 2.0}, "threshold"),
        ({"backward_model": "x", "both_ways": False}, "both_ways = false"),
    ],
)
def test_parameters_out_of_range(given, message):
    with pytest.raises(ValueError, match=message):
        Attention("x", **given)


def test_a_layer_that_the_model_has_not(llama):
    with pytest.raises(ConfigError, match="2 layers of 2 heads"):
        Attention(llama, layer=3, device="cpu").fit(BITEXT)


def test_a_sentence_of_too_many_words(llama):
    bitext = Bitext.build(["a " * 65_536], ["b"])
    model = Attention(llama, layer=1, device="cpu").fit(BITEXT)
    with pytest.raises(DataError, match="65,535"):
        model.align(bitext)


def test_without_transformers(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"polyalign\[neural\]"):
        translator.__wrapped__("x", "x", "cpu", "float32", None)
