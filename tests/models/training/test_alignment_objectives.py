"""Objectives that align: what each is for gets better, its numbers are those of a slow twin, mistakes are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.core.rng import generator
from polyalign.encoders.adapters.layers import body_of
from polyalign.models.language_model import read_model
from polyalign.models.training import pairs as pairs_module
from polyalign.models.training.joined import chosen, joined
from polyalign.models.training.lines import Lines
from polyalign.models.training.objective import Data, Parallel
from polyalign.models.training.objectives.align_pretrain import AlignPretrain
from polyalign.models.training.objectives.btmlm import BTMLM
from polyalign.models.training.objectives.camlm import CAMLM, across
from polyalign.models.training.objectives.dwa import DenoisingAlignment, mutual
from polyalign.models.training.objectives.lexical import LexicalContrast
from polyalign.models.training.objectives.prealign import PreAlign
from polyalign.models.training.objectives.transliterated import Transliterated
from polyalign.models.training.objectives.xlco import CrossLingualContrast, behind_of
from polyalign.models.training.pairs import Batches, Pairs
from polyalign.models.training.reading import Reader, logits_at, states
from polyalign.models.training.word_pairs import best, counted, listed
from tests.models.tiny import llama
from tests.models.training.tiny_masked import ONE, OTHER, masked, planted

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def causal_folder(tmp_path_factory):
    return llama(tmp_path_factory.mktemp("causal") / "model", layers=3, hidden=32)


@pytest.fixture(scope="module")
def untied_folder(tmp_path_factory):
    return llama(tmp_path_factory.mktemp("untied") / "model", tied=False)


@pytest.fixture(scope="module")
def masked_folder(tmp_path_factory):
    return masked(tmp_path_factory.mktemp("masked") / "model", hidden=32)


@pytest.fixture
def causal(causal_folder):
    return read_model(str(causal_folder))


@pytest.fixture
def bert(masked_folder):
    return read_model(str(masked_folder), kind="masked")


def descend(made, loss, steps=40, rate=3e-3):
    """Lower a loss in ten lines."""
    weights = [p for m in (made.model, *loss.modules.values()) for p in m.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=rate)
    values = []
    for step in range(steps):
        optimiser.zero_grad()
        value = loss(step)
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    assert np.isfinite(values).all()
    return values


CAUSAL = [
    AlignPretrain(),
    AlignPretrain(layer=None, pooling="mean", both=False),
    PreAlign(),
    LexicalContrast(layer=2),
    CrossLingualContrast(queue=16, momentum=0.9, pooling="last"),
    CrossLingualContrast(queue=5, layer=1, mixup=True),
    Transliterated(pairs="parallel", layer=1, scaled=True, temperature=0.1),
]
MASKED = [
    CAMLM(),
    BTMLM(),
    DenoisingAlignment(),
    CrossLingualContrast(pooling="cls", queue=8),
    PreAlign(),
    AlignPretrain(pooling="mean"),
]
each_causal = pytest.mark.parametrize("method", CAUSAL, ids=lambda m: type(m).__name__)
each_masked = pytest.mark.parametrize("method", MASKED, ids=lambda m: type(m).__name__)


def fitted(method, made, data=None, *, batch=6, length=32, seed=1):
    return method.fit(made, planted() if data is None else data, batch=batch, length=length, seed=seed)


@each_causal
def test_it_falls_on_a_causal_model(method, causal):
    values = descend(causal, fitted(method, causal))
    assert np.mean(values[-5:]) < 0.8 * np.mean(values[:5])


@each_masked
def test_it_falls_on_a_masked_model(method, bert):
    values = descend(bert, fitted(method, bert), steps=60)
    assert np.mean(values[-10:]) < np.mean(values[:10])


@pytest.mark.parametrize("method", [*CAUSAL, *MASKED], ids=lambda m: type(m).__name__)
def test_a_step_depends_on_the_step_and_the_seed_alone(method, causal_folder, masked_folder):
    kind = ("causal", causal_folder) if method in CAUSAL else ("masked", masked_folder)
    found = []
    for seed in (1, 1, 2):
        made = read_model(str(kind[1]), kind=kind[0])
        loss = fitted(method, made, seed=seed)
        found.append([float(loss(step).detach()) for step in (0, 1, 2)])
        assert [loss.tokens(k) for k in (3, 0)] == [loss.tokens(k) for k in (3, 0)]
        assert loss.tokens(0) > 0
    assert found[0] == found[1]
    assert found[0] != found[2]


# -- reading


@pytest.mark.parametrize("layer", [0, 1, 2, 3, None])
def test_states_of_a_layer_are_those_of_the_whole_model(causal, layer):
    reader = Reader.of(causal, 32, "x")
    batch = reader.batch(reader.ids(["the cat sat", "a dog", "the red house and the blue sky"]))
    out = causal.model(input_ids=batch.tokens, attention_mask=batch.mask, output_hidden_states=True)
    expected = out.hidden_states[-1 if layer is None else layer]
    found = reader.states(batch, layer)
    there = batch.mask.bool()
    np.testing.assert_allclose(found[there].detach().numpy(), expected[there].detach().numpy(), atol=1e-6)
    assert len(causal.model.model.layers) == 3


def test_states_of_all_layers_at_once(bert):
    reader = Reader.of(bert, 32, "x")
    batch = reader.batch(reader.ids(["the house", "the dog cat sun"]))
    out = bert.model(input_ids=batch.tokens, attention_mask=batch.mask, output_hidden_states=True)
    found = states(body_of(bert.model), batch, None)
    assert len(found) == 3
    for a, b in zip(found, out.hidden_states, strict=True):
        np.testing.assert_allclose(a[batch.mask.bool()].detach(), b[batch.mask.bool()].detach(), atol=1e-6)


def test_a_text_of_a_causal_model_begins_with_its_mark_that_is_not_its_own(causal):
    reader = Reader.of(causal, 32, "x")
    batch = reader.batch(reader.ids(["cat", "the cat sat on"]))
    assert (batch.tokens[:, 0] == causal.tokenizer.bos_token_id).all()
    assert (batch.own[:, 0] == 0).all()
    assert (batch.own.sum(1) == batch.mask.sum(1) - 1).all()


def test_what_is_cut_is_said_once(causal, capsys):
    reader = Reader.of(causal, 8, "afp")
    for _ in range(2):
        assert [len(x) for x in reader.ids(["the cat sat on the mat and the dog saw the red house"])] == [7]
    assert capsys.readouterr().err.count("texts of more than 7 tokens") == 1


def test_no_room_between_the_marks(bert, causal):
    with pytest.raises(ConfigError, match="length = 2 leaves no room for a token beside 2 marks"):
        Reader.of(bert, 2, "x")
    with pytest.raises(ConfigError, match="length = 4 leaves no room for two sentences"):
        fitted(CAMLM(), bert, length=4)


def test_more_tokens_than_the_model_has_positions(causal):
    with pytest.raises(ConfigError, match="length = 999 is more than the 128 positions"):
        Reader.of(causal, 999, "x")


def test_no_such_layer(causal):
    with pytest.raises(ConfigError, match="layer = 9"):
        fitted(AlignPretrain(layer=9), causal)(0)
    with pytest.raises(ConfigError, match="layer = 9"):
        fitted(CrossLingualContrast(layer=9), causal)


def test_a_model_without_one_list_of_layers(causal):
    causal.model.model.layers = torch.nn.Sequential(*causal.model.model.layers)
    with pytest.raises(ConfigError, match="found no list of 3 layers"):
        fitted(AlignPretrain(), causal)(0)


def test_logits_at_some_positions_are_those_of_all(bert, causal):
    for made in (bert, causal):
        reader = Reader.of(made, 32, "x")
        batch = reader.batch(reader.ids(["house tree dog", "sun"]))
        at = chosen(batch.own > 0, 0.5, generator(1, "at"))
        whole = made.model(input_ids=batch.tokens, attention_mask=batch.mask).logits
        found = logits_at(made, batch, at)
        np.testing.assert_allclose(found.detach(), whole[at].detach(), atol=1e-5)
        assert made.model(input_ids=batch.tokens).logits.shape[:2] == batch.tokens.shape


# -- batches


def test_batches_of_any_step_go_round():
    rows = Batches(np.arange(10), 3, 1, "x")
    first = np.concatenate([rows(k) for k in range(3)])
    assert len(set(first.tolist())) == 9
    assert rows(7).tolist() == Batches(np.arange(10), 3, 1, "x")(7).tolist()
    assert sorted(Batches(np.arange(2), 8, 1, "x")(5).tolist()) == [0, 1]


def test_pairs_without_text_are_left_out_and_said(capsys):
    bitext = Bitext.build(["a b", "", "c", "d"], ["x y", "y", " ", "z"])
    found = Pairs.read(Data({}, [Parallel("x", "y", bitext)]), batch=2, seed=1, name="afp")
    assert list(found.src) == ["a b", "d"]
    assert "2 of 4 pairs have an empty side" in capsys.readouterr().err
    with pytest.raises(DataError, match="found 0 sentence pairs to learn from"):
        Pairs.read(Data(), batch=2, seed=1, name="afp")


def test_pairs_of_several_bitexts_keep_their_words_and_links():
    one = Parallel("x", "y", Bitext.build(["a b", "c"], ["x y", "z"]), Links.from_pharaoh(["0-1", ""]))
    two = Parallel("x", "y", Bitext.build(["d  e"], ["u v"]), Links.from_pharaoh(["1-0"]))
    found = Pairs.read(Data({}, [one, two]), batch=2, seed=1, name="lexical", linked=True)
    assert list(found.src) == ["a b", "d  e"]
    assert found.links.to_pharaoh() == ["0-1", "1-0"]
    assert found.words[0] == [[(0, 1), (2, 3)], [(0, 1), (3, 4)]]


def test_links_of_other_sentences():
    data = planted(4)
    lacking = [replace(data.parallel[0], links=None)]
    for method in (LexicalContrast(), PreAlign()):
        with pytest.raises(DataError, match=r"sets? of links"):
            method.fit(None, replace(data, parallel=lacking), batch=2, length=16, seed=1)
        short = [replace(data.parallel[0], links=Links.from_pharaoh(["0-0"]))]
        with pytest.raises(DataError, match=r"sets? of links"):
            method.fit(None, replace(data, parallel=short), batch=2, length=16, seed=1)
        wrong = [replace(data.parallel[0], links=Links.from_pharaoh(["0-0", "1-7", "0-0", "0-0"]))]
        with pytest.raises(DataError, match="links of pair 2: found 1-7, expected words below 4 and 4"):
            method.fit(None, replace(data, parallel=wrong), batch=2, length=16, seed=1)


def test_lines_are_of_the_new_language():
    data = Data({"roh_Latn/news": ["a\n\n b \n"], "roh_Latn/law": ["", "c"], "eng_Latn": ["no"]}, lang="roh_Latn")
    lines = Lines.read(data, batch=50, seed=1, name="x")
    assert set(lines.texts(0)) == {"a", "b", "c"}
    assert lines.texts(3) == lines.texts(3) != lines.texts(4)
    assert set(Lines.read(replace(data, lang="und"), batch=50, seed=1, name="x").texts(0)) == {"a", "b", "c", "no"}
    with pytest.raises(DataError, match="documents without text"):
        Lines.read(Data({"roh_Latn": ["", " "]}, lang="roh_Latn"), batch=2, seed=1, name="x")


# -- align-pretrain


def test_align_pretrain_is_the_contrast_of_last_tokens_in_the_first_layer(causal):
    data = planted()
    loss = fitted(AlignPretrain(both=False), causal, data)
    rows = Pairs.read(data, batch=6, seed=1, name="align-pretrain").batches(0)
    sides = []
    for side in (data.parallel[0].bitext.src, data.parallel[0].bitext.tgt):
        vectors = []
        for k in rows:
            ids = [causal.tokenizer.bos_token_id, *causal.tokenizer(side[k])["input_ids"]]
            out = causal.model(input_ids=torch.tensor([ids]), output_hidden_states=True)
            vectors.append(out.hidden_states[1][0, -1].detach().numpy())
        sides.append(np.stack(vectors))
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in sides)
    cosine = x @ y.T / 0.05
    expected = np.mean([-cosine[i, i] + np.log(np.exp(cosine[i]).sum()) for i in range(6)])
    assert float(loss(0).detach()) == pytest.approx(expected, rel=1e-4)


def test_align_pretrain_leaves_the_layers_above_alone(causal):
    fitted(AlignPretrain(), causal)(0).backward()
    layers = causal.model.model.layers
    assert any(p.grad is not None for p in layers[0].parameters())
    assert all(p.grad is None for p in layers[1].parameters())


def test_align_pretrain_makes_sentences_find_translations(causal):
    data = planted(12)
    loss = fitted(AlignPretrain(layer=2, pooling="mean"), causal, data, batch=12)

    def right():
        with torch.no_grad():
            x, y = (
                torch.nn.functional.normalize(loss.reader.vectors(t, 2, "mean"), dim=1) for t in loss.pairs.texts(0)
            )
        return float(((x @ y.T).argmax(1) == torch.arange(12)).float().mean())

    before = right()
    descend(causal, loss, steps=60)
    assert before < 0.6 < 0.9 < right()


# -- words


def test_word_pairs_are_each_others_most_frequent_partner(tmp_path):
    marked = Parallel("x", "y", Bitext.build(["«Haus,"] * 2, ["Chasa."] * 2), Links.from_pharaoh(["0-0"] * 2))
    assert counted(Data({}, [marked]), name="x") == {("haus", "chasa"): 2}
    found = counted(planted(), name="x")
    assert dict(best(found, min_count=2, identical=False)) == dict(zip(ONE, OTHER, strict=True))
    path = tmp_path / "lexicon.tsv"
    path.write_text(
        "src\ttgt\tcount\tp\nHaus\tchasa\t5\t1\nHaus\tbau\t1\t.1\n1\t1\t9\t1\nso\tso\t3\t1\n", encoding="utf-8"
    )
    assert best(listed(str(path)), min_count=2, identical=False) == [("haus", "chasa")]
    assert best(listed(str(path)), min_count=2, identical=True) == [("haus", "chasa"), ("so", "so")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("src\ttgt\na\tb\n", "no column count"),
        ("src\ttgt\tcount\na\tb\tmany\n", "line 2: found count 'many'"),
        (None, "cannot be read"),
    ],
)
def test_a_lexicon_that_is_none(tmp_path, text, told):
    path = tmp_path / "lexicon.tsv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=told):
        listed(str(path))


def test_prealign_needs_words(causal, tmp_path):
    path = tmp_path / "lexicon.tsv"
    path.write_text("src\ttgt\tcount\na\tb\t1\n", encoding="utf-8")
    with pytest.raises(DataError, match="found 0 pairs of words that are linked 2 times"):
        fitted(PreAlign(lexicon=str(path)), causal)


def test_prealign_reads_all_layers_and_a_head_of_its_own(untied_folder, causal):
    untied = read_model(str(untied_folder))
    for made, count in ((untied, 4), (causal, 4)):
        loss = fitted(PreAlign(), made)
        # Embeddings and two layers with a head, or embeddings and three layers.
        assert len(loss._layers([" house", " dog"])) == count
        loss(0).backward()
    assert untied.model.get_output_embeddings().weight.grad is not None


def test_prealign_makes_words_alike_in_every_layer(causal):
    loss = fitted(PreAlign(), causal, batch=12)

    def alike():
        with torch.no_grad():
            x, y = (loss._layers([f" {w}" for w in words]) for words in (ONE, OTHER))
        return [float(torch.nn.functional.cosine_similarity(a, b).mean()) for a, b in zip(x, y, strict=True)]

    before = alike()
    descend(causal, loss, steps=60)
    assert all(b > a + 0.2 for a, b in zip(before, alike(), strict=True))


def test_lexical_takes_words_with_one_link_where_they_stand(bert):
    bitext = Bitext.build(["house tree dog", "sun moon"], ["chasa planta chaun", "sulegl glina"])
    links = Links.from_pharaoh(["0-0 1-1 1-2 2-2", "0-1 1-0"])
    data = Data({}, [Parallel("eng_Latn", "roh_Latn", bitext, links)])
    loss = fitted(LexicalContrast(layer=1), bert, data, batch=2)
    assert [loss._once(k) for k in (0, 1)] == [[(0, 0)], [(0, 1), (1, 0)]]
    vectors, spelled = loss._words(0, np.array([0, 1]), [[0], [0, 1]])
    assert spelled == ["house", "sun", "moon"]
    ids = bert.tokenizer("sun moon", return_tensors="pt")["input_ids"]
    expected = bert.model(input_ids=ids, output_hidden_states=True).hidden_states[1][0, 1:3]
    np.testing.assert_allclose(vectors[1:].detach(), expected.detach(), atol=1e-5)


def test_lexical_without_words_to_tell_apart_is_zero(bert):
    bitext = Bitext.build(["house house", "dog"], ["house", "dog"])
    data = Data({}, [Parallel("x", "y", bitext, Links.from_pharaoh(["0-0 1-0", "0-0"]))])
    loss = fitted(LexicalContrast(), bert, data, batch=2)(0)
    loss.backward()
    assert float(loss.detach()) == 0


# -- transliterated


def test_transliterated_is_the_contrast_of_both_scripts(bert):
    data = planted()
    loss = fitted(Transliterated(pairs="parallel", layer=1), bert, data, batch=5)
    src, tgt = loss.texts(0)
    z = torch.cat([loss.reader.vectors(side, 1, "mean") for side in (src, tgt)]).detach().numpy().astype(float)
    product = z @ z.T
    expected = 0.0
    for i in range(10):
        others = [k for k in range(10) if k != i]
        expected += (np.log(np.exp(product[i, others]).sum()) - product[i, (i + 5) % 10]) / 10
    assert float(loss(0).detach()) == pytest.approx(expected, rel=1e-4)


def test_transliterated_asks_a_script_method(causal, monkeypatch):
    ours = [
        registry.Row(f"models.script/{n.lower()}", f"tests.models.training.upper:{n}") for n in ("Upper", "Learning")
    ]
    table = {**registry.rows(), **{row.id: row for row in ours}}
    monkeypatch.setattr(registry, "rows", lambda: table)
    for script, times in (({"use": "upper"}, 1), ({"use": "upper", "times": 2}, 2), ({"use": "learning"}, 1)):
        src, tgt = fitted(Transliterated(script=script, layer=1), causal).texts(0)
        assert [times * x.upper() for x in src] == tgt
        assert set(" ".join(src).split()) <= set(OTHER)
    assert [Transliterated(pairs=p).takes for p in ("script", "parallel")] == ["documents", "bitext"]
    with pytest.raises(ConfigError, match="does not write one text as another by itself"):
        fitted(Transliterated(script={"use": "learning", "needy": True}, layer=1), causal)


def test_transliterated_romanises(causal):
    pytest.importorskip("uroman")
    data = Data({"nep_Deva": ["नेपाल"] * 4 + ["भारत"] * 4}, lang="nep_Deva")
    loss = fitted(Transliterated(layer=1), causal, data)
    src, tgt = loss.texts(0)
    assert {a: b for a, b in zip(src, tgt, strict=True)} == {"नेपाल": "nepaal", "भारत": "bhaarat"}
    assert loss.tokens(0) > 0


# -- xlco


def test_the_second_model_follows_slowly_and_shares_nothing(causal):
    behind = behind_of(body_of(causal.model), 2)
    assert len(behind.layers) == 2
    assert len(causal.model.model.layers) == 3
    ours = {id(p) for p in causal.model.parameters()}
    assert not any(id(p) in ours or p.requires_grad for p in behind.parameters())
    loss = fitted(CrossLingualContrast(momentum=0.5, layer=2), causal)
    loss(0)
    start = loss.modules["behind"].layers[0].mlp.up_proj.weight.clone()
    with torch.no_grad():
        causal.model.model.layers[0].mlp.up_proj.weight.add_(1.0)
    loss(1)
    moved = loss.modules["behind"].layers[0].mlp.up_proj.weight - start
    np.testing.assert_allclose(moved, 0.5, atol=1e-6)


def test_the_queue_has_more_to_tell_from(causal):
    loss = fitted(CrossLingualContrast(momentum=1.0, queue=64), causal)
    first = float(loss(0).detach())
    for step in range(1, 5):
        loss(step)
    assert int(loss.modules["queue"].src_count) == 30
    again = replace(loss, modules=loss.modules)
    assert float(again(5).detach()) > first


# -- camlm, btmlm, dwa


@pytest.mark.parametrize("kind", ["Bert", "XLMRoberta", "ModernBert"])
def test_nothing_of_a_sentence_reaches_its_own_hidden_tokens(kind, tmp_path):
    bert = read_model(str(masked(tmp_path / "model", kind=kind)), kind="masked")
    reader = Reader.of(bert, 32, "camlm")
    ids = [reader.ids([t])[0] for t in ("house tree dog", "chasa planta chaun", "house moon fish", "il glina pesch")]
    token = bert.tokenizer.mask_token_id
    one = joined(reader, [ids[0]], [ids[1]])
    told = torch.zeros_like(one.tokens, dtype=torch.bool)
    told[0, 1] = True

    def seen(batch):
        return logits_at(bert, batch.hidden(told, token), told, seen=across(batch, told)).detach().numpy()

    own, other = joined(reader, [ids[2]], [ids[1]]), joined(reader, [ids[0]], [ids[3]])
    np.testing.assert_allclose(seen(one), seen(own), atol=1e-6)
    assert np.abs(seen(one) - seen(other)).max() > 1e-4


def test_hidden_tokens_of_both_sides_do_not_tell_each_other(bert):
    reader = Reader.of(bert, 32, "camlm")
    batch = joined(reader, [[5, 6, 7]], [[17, 18]])
    told = torch.zeros_like(batch.tokens, dtype=torch.bool)
    told[0, 2] = told[0, 6] = True
    seen = across(batch, told)[0]
    # [CLS] x x x [SEP] y y [SEP]
    assert batch.side[0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert seen[2].nonzero().ravel().tolist() == [2, 5, 7]
    assert seen[6].nonzero().ravel().tolist() == [0, 1, 3, 4, 6]
    assert seen[1].nonzero().ravel().tolist() == [0, 1, 3, 4]


def test_camlm_learns_a_planted_dictionary(bert):
    # One word a side: it can be told by its translation alone.
    data = planted(60, 1)
    loss = fitted(CAMLM(share=0.25), bert, data, batch=12)
    descend(bert, loss, steps=200)
    reader, token = loss.pairs.reader, bert.tokenizer.mask_token_id
    right = 0
    for a, b in zip(ONE, OTHER, strict=True):
        batch = joined(reader, reader.ids([a]), reader.ids([b]))
        told = batch.where(1)
        logits = logits_at(bert, batch.hidden(told, token), told, seen=across(batch, told))
        right += int(logits.argmax()) == bert.tokenizer.convert_tokens_to_ids(b)
    assert right >= 10


def test_btmlm_makes_up_translations_without_marks(bert):
    loss = fitted(BTMLM(ratio=0.5), bert)
    src = loss._ids(0)
    found = loss.translations(src)
    assert [len(x) for x in found] == [2] * len(src)
    assert not {token for row in found for token in row} & set(bert.tokenizer.all_special_ids)
    told = loss.reader.ids(["glina"])
    assert loss.translations(told) == loss.translations(told)


def test_the_plan_links_what_is_each_others_greatest():
    cosine = torch.tensor([[[0.9, 0.1, 0.2], [0.8, 0.3, 0.7], [0.5, 0.5, 0.5]]])
    there = torch.ones(1, 3, 3, dtype=torch.bool)
    there[0, 2] = False
    assert mutual(cosine, there, 2)[0].nonzero().tolist() == [[0, 0], [1, 2]]
    assert not mutual(cosine, torch.zeros_like(there), 2).any()


def test_dwa_links_words_with_their_translations_once_they_are_alike(bert):
    with torch.no_grad():
        words = bert.model.get_input_embeddings().weight
        words[17:29] = words[5:17]
    loss = fitted(DenoisingAlignment(layer=0), bert, batch=4)
    batch = loss.pairs(0)
    for row, (src, tgt) in zip(loss.links(batch), zip(*loss.pairs.pairs.texts(0), strict=True), strict=True):
        pairs = [(int(i) - 1, int(j) - 6) for i, j in row.nonzero()]
        assert all(dict(zip(ONE, OTHER, strict=True))[src.split()[i]] == tgt.split()[j] for i, j in pairs)
        assert len(pairs) >= 3


def test_dwa_without_links_is_zero(bert, monkeypatch):
    loss = fitted(DenoisingAlignment(), bert)
    monkeypatch.setattr(
        type(loss),
        "links",
        lambda self, batch: torch.zeros(*batch.tokens.shape, batch.tokens.shape[1], dtype=torch.bool),
    )
    value = loss(0)
    value.backward()
    assert float(value.detach()) == 0


def test_a_causal_model_has_no_mask(causal, bert):
    for method in (CAMLM(), BTMLM(), DenoisingAlignment()):
        with pytest.raises(ConfigError, match="found a LlamaForCausalLM whose mask is None, expected a masked model"):
            fitted(method, causal)
        bert.tokenizer.mask_token = None
        with pytest.raises(ConfigError, match="whose mask is None, expected a masked model"):
            fitted(method, bert)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: AlignPretrain(layer=-1), "layer must not be negative"),
        (lambda: AlignPretrain(temperature=0), "temperature must be above 0"),
        (lambda: PreAlign(temperature=-1), "temperature must be above 0"),
        (lambda: PreAlign(min_count=0), "min_count must be at least 1"),
        (lambda: LexicalContrast(layer=-1), "layer must not be negative"),
        (lambda: LexicalContrast(temperature=0), "temperature must be above 0"),
        (lambda: Transliterated(layer=-1), "layer must not be negative"),
        (lambda: Transliterated(temperature=0), "temperature must be above 0"),
        (lambda: Transliterated(script={}), "script must say what to use"),
        (lambda: CrossLingualContrast(layer=0), "layer must be at least 1"),
        (lambda: CrossLingualContrast(queue=0), "temperature and queue must be above 0"),
        (lambda: CrossLingualContrast(momentum=2), "momentum must be from 0 to 1"),
        (lambda: CAMLM(share=0), "share must be above 0"),
        (lambda: BTMLM(share=2), "share must be above 0 and at most 1"),
        (lambda: BTMLM(ratio=9), "ratio must be above 0 and at most 4"),
        (lambda: DenoisingAlignment(layer=-1), "layer must not be negative"),
        (lambda: DenoisingAlignment(rounds=-1), "rounds must not be negative"),
        (lambda: DenoisingAlignment(share=0), "share must be above 0"),
    ],
)
def test_parameters_out_of_range(build, told):
    with pytest.raises(ValueError, match=told):
        build()


def test_rounds_are_remembered_not_made_anew():
    rows = Batches(np.arange(100), 4, 1, "memory")
    before = pairs_module._round.cache_info().misses
    for step in range(25):
        rows(step)
    assert pairs_module._round.cache_info().misses == before + 1
