"""Ways of tuning an encoder: what each is for gets better, the same seed gives the same, mistakes are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from polyalign.core import params, registry
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.core.space import Space, unit
from polyalign.models.encoders.adjustment import Adjustment
from polyalign.models.encoders.ccp import CCP
from polyalign.models.encoders.contrastive import Contrastive, hard_negatives
from polyalign.models.encoders.dap import DAP
from polyalign.models.encoders.distillation import Distillation, fitted
from polyalign.models.encoders.indic_sbert import IndicSBERT
from polyalign.models.encoders.lexical import Lexical
from polyalign.models.encoders.text import drawn
from polyalign.models.encoders.words import share
from polyalign.models.encoders.xlco import XLCO
from tests.models.conftest import SRC, TGT

for needed in ("torch", "transformers", "accelerate"):
    pytest.importorskip(needed)

FAST = {"steps": 20, "batch": 4, "learning_rate": 1e-2, "max_tokens": 32}
LINKS = Links.from_pharaoh(["0-0 1-1", "0-0 1-1 2-2", "1-1", "0-0 1-1", "0-1", "0-0 3-1"])
DOCUMENTS = {
    "eng_Latn": [Document.from_lines(SRC[k : k + 3], id=str(k)) for k in (0, 3)],
    "deu_Latn": [Document.from_lines(TGT[k : k + 2], id=str(k)) for k in (0, 2, 4)],
}
TRIPLES = [(a, b, c) for a, b, c in zip(SRC, TGT, [*TGT[3:], "", "", ""], strict=True)]
RATED = [*((a, b, 1.0) for a, b in zip(SRC, TGT, strict=True)), *((SRC[k], TGT[k - 1], 0.0) for k in range(6))]
DATA = {
    "bitext": (Bitext.build(SRC, TGT),),
    "links": (Bitext.build(SRC, TGT), LINKS),
    "documents": (DOCUMENTS,),
    "judgements": (TRIPLES, RATED),
}
METHODS = [
    Contrastive(**FAST),
    Contrastive(**FAST, margin=0.2, hard_negatives=2, ceiling=2.0, anchor=0.1),
    XLCO(**FAST, queue=8),
    XLCO(**FAST, queue=5, layer=2, mixup=True, momentum=0.9),
    DAP(**FAST),
    Distillation(**FAST),
    CCP(**FAST, memory=8),
    Adjustment(**FAST),
    Adjustment(**FAST, piece="last", pivot="tgt", identical=True),
    Lexical(**FAST),
    IndicSBERT(**FAST, similarity_steps=2),
]


def told_apart(x, y):
    """How much nearer partners are than the rest."""
    cosine = unit(x) @ unit(y).T
    return np.diag(cosine).mean() - cosine.mean()


@pytest.mark.parametrize("method", [METHODS[0], *METHODS[3:8], *METHODS[9:]], ids=lambda m: type(m).__name__)
def test_the_encoder_is_left_alone_and_a_seed_gives_the_same_weights(method, encoder):
    before = encoder.vectors(SRC).tobytes()
    short = replace(method, steps=4)
    runs = [m.fit(encoder, *DATA[method.takes]) for m in (short, short, replace(short, seed=2))]
    rows = [made.encode([*SRC, ""]) for made in runs]
    assert rows[0].tobytes() == rows[1].tobytes() != rows[2].tobytes()
    assert encoder.vectors(SRC).tobytes() == before
    assert not any(p.requires_grad for p in runs[0].network.model.parameters())
    assert np.isfinite(rows[0]).all()
    assert rows[0][-1].tolist() == [0] * encoder.dim


@pytest.mark.parametrize(
    "method",
    [
        *METHODS[:2],
        XLCO(**FAST, queue=8, momentum=0.9),
        DAP(**FAST),
        Lexical(**FAST),
        IndicSBERT(**FAST, similarity_steps=0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_sentences_that_belong_together_come_together(method, encoder):
    before = told_apart(encoder.encode(SRC), encoder.encode(TGT))
    made = method.fit(encoder, *DATA[method.takes])
    assert told_apart(made.encode(SRC), made.encode(TGT)) > before + 0.15


def test_cosines_become_ratings(encoder):
    def wrong(model):
        cosine = np.einsum("nd,nd->n", *(model.encode([x[k] for x in RATED]) for k in (0, 1)))
        return np.square(cosine - [x[2] for x in RATED]).mean()

    made = IndicSBERT(**{**FAST, "steps": 1, "batch": 8}, similarity_steps=60).fit(encoder, TRIPLES, RATED)
    assert wrong(made) < 0.7 * wrong(encoder)


def test_xlco_tunes_up_to_its_layer(encoder, bitext):
    made = XLCO(**FAST, layer=2).fit(encoder, bitext)
    old = dict(encoder_weights(encoder))
    changed = {name for name, p in made.network.model.named_parameters() if (p.detach() != old[name]).any()}
    assert any("layer.0" in n for n in changed)
    assert any("layer.1" in n for n in changed)
    assert not any("layer.2" in n or "layer.3" in n or "embeddings" in n for n in changed)


def encoder_weights(encoder):
    from polyalign.encoders.tune import model_of

    return model_of(encoder).network.model.named_parameters()


def test_context_comes_together_in_each_language(encoder):
    lines = ["the cat sat on the mat", "a cat sat at the house", "a cat runs", "red sky", "blue sky not red", "the sky in red"]  # fmt: skip
    documents = {"eng_Latn": [Document.from_lines(lines[:3]), Document.from_lines(lines[3:])]}

    def apart(x):
        cosine = x @ x.T
        return (cosine[:3, :3].sum() + cosine[3:, 3:].sum() - 6) / 12 - cosine[:3, 3:].mean()

    before = apart(encoder.encode(lines))
    made = CCP(**{**FAST, "steps": 40}).fit(encoder, documents)
    assert apart(made.encode(lines)) > before + 0.15


def test_linked_words_come_together_and_the_pivot_stays(encoder, bitext):
    from polyalign.encoders.tune import model_of
    from polyalign.models.encoders.text import Pairs
    from polyalign.models.encoders.words import Linked

    def distances(made):
        linked = Linked.read(Pairs.read(made, bitext, 32), bitext, LINKS, "mean", identical=False)
        rows = linked.use
        row, i, j = linked.cells(rows)
        x, y = (linked.words(side, rows).vectors.detach().numpy() for side in ("src", "tgt"))
        return np.square(x[row, i] - y[row, j]).sum(axis=1).mean(), x

    old, start = distances(model_of(encoder))
    moved = {}
    for anchor in (0.0, 10.0):
        new, x = distances(Adjustment(**FAST, anchor=anchor).fit(encoder, bitext, LINKS))
        assert new < 0.8 * old
        moved[anchor] = np.square(x - start).sum()
    assert moved[10.0] < 0.5 * moved[0.0]


def test_earlier_languages_are_kept(encoder, bitext):
    earlier = (Bitext.build(TGT[::-1], SRC[::-1]), Links.from_pharaoh(["0-1", "0-0", "0-1", "0-0", "0-1", "1-1"]))
    base = Adjustment(**FAST, anchor=0.0)
    plain = base.fit(encoder, bitext, LINKS)
    made = {
        keep: replace(base, keep=keep, consolidation=100.0).fit(encoder, bitext, LINKS, earlier=earlier)
        for keep in ("replay", "consolidation")
    }
    old = dict(encoder_weights(encoder))

    def moved(model):
        return sum(float((p - old[n]).detach().square().sum()) for n, p in model.network.model.named_parameters())

    assert moved(made["consolidation"]) < 0.5 * moved(plain)
    assert len({m.encode(SRC).tobytes() for m in (plain, *made.values())}) == 3


def test_replay_has_batches_of_the_earlier_pairs(encoder, bitext):
    earlier = Bitext.build(["under a tree", "in a house", "of red"], ["unter", "haus", "rot"])
    method = Contrastive(**FAST, replay=0.5)
    made = method.fit(encoder, bitext, earlier=earlier)
    plain = method.fit(encoder, bitext)
    gain = [told_apart(m.encode(earlier.src), m.encode(earlier.tgt)) for m in (made, plain)]
    assert gain[0] > gain[1] + 0.1


def test_an_anchor_holds_the_source(encoder, bitext):
    old = encoder.encode(SRC)
    moved = [np.square(Contrastive(**FAST, anchor=a).fit(encoder, bitext).encode(SRC) - old).sum() for a in (0.0, 10.0)]
    assert moved[1] < 0.5 * moved[0]


def test_distillation_keeps_the_source_and_takes_any_teacher(encoder, bitext, tmp_path):
    words = sorted({w for s in SRC for w in s.split()})
    vectors = np.random.default_rng(1).normal(size=(len(words), 24)).astype(np.float32)
    Space(tuple(words), vectors).save(tmp_path / "teacher")
    made = Distillation(**{**FAST, "steps": 40}, teacher=str(tmp_path / "teacher")).fit(encoder, bitext)
    from polyalign.encoders.named import named_encoder

    wanted = fitted(named_encoder(str(tmp_path / "teacher")).encode(SRC), encoder.dim)
    for side in (SRC, TGT):
        assert np.einsum("nd,nd->n", made.encode(side), wanted).mean() > 0.7
    itself = Distillation(**{**FAST, "steps": 40}).fit(encoder, bitext)
    assert np.einsum("nd,nd->n", itself.encode(TGT), encoder.encode(SRC)).mean() > 0.7


@pytest.mark.parametrize("d", [3, 6, 9])
def test_vectors_in_other_dimensions_keep_their_cosines(d):
    random = np.random.default_rng(0)
    x = unit((random.normal(size=(50, 3)) @ random.normal(size=(3, d))).astype(np.float32))
    y = fitted(x, 6)
    assert y.shape == (50, 6)
    np.testing.assert_allclose(y @ y.T, x @ x.T, atol=1e-5)


def test_hard_negatives_are_the_nearest_that_can_be_wrong():
    random = np.random.default_rng(0)
    src, tgt = (unit(random.normal(size=(40, 5)).astype(np.float32)) for _ in range(2))
    cosine = src @ tgt.T
    found = hard_negatives(src, tgt, 3, 0.9)
    for k in range(40):
        wanted = [
            j for j in np.argsort(-cosine[k], kind="stable")[:28] if j != k and cosine[k, j] <= 0.9 * cosine[k, k]
        ]
        assert [j for j in found[k] if j >= 0] == wanted[:3]


def test_batches_have_all_before_any_again():
    lengths = np.random.default_rng(0).integers(1, 50, 40)
    chosen = drawn(lengths, 8, 10, 1, "x")
    assert sorted(np.concatenate(chosen[:5]).tolist()) == list(range(40))
    assert [len(x) for x in drawn(lengths[:7], 4, 6, 1, "x")] == [4] * 6
    assert [x.tolist() for x in drawn(lengths[:3], 8, 2, 1, "x")] == [[0, 1, 2]] * 2


def test_words_are_shares_of_their_pieces():
    spans = np.array([[0, 3], [0, 2], [2, 4], [5, 6], [6, 9]], np.int32)
    words = [(0, 4), (5, 9), (9, 10)]
    assert share(spans, 1, words, "mean").tolist() == [[0, 0.5, 0.5, 0, 0], [0, 0, 0, 0.5, 0.5], [0] * 5]
    assert share(spans, 1, words, "last").tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0] * 5]


def test_only_words_with_one_link_that_differ_are_learnt_from(encoder):
    from polyalign.encoders.tune import model_of
    from polyalign.models.encoders.text import Pairs
    from polyalign.models.encoders.words import Linked

    bitext = Bitext.build(["", "the cat not", "a house"], ["x", "der cat to", "ein haus"])
    links = Links.from_pharaoh(["", "0-0 1-1 2-1 2-2", "0-0 1-1"])
    pairs = Pairs.read(model_of(encoder), bitext, 32)
    assert [Linked.read(pairs, bitext, links, "mean", identical=x).links[0] for x in (False, True)] == [[(0, 0)]] * 2
    same = Links.from_pharaoh(["", "1-1", "0-0"])
    assert [Linked.read(pairs, bitext, same, "mean", identical=x).links[0] for x in (False, True)] == [[], [(1, 1)]]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["", "0-0"], "links of 2 sentence pairs and 6"),
        (["9-0", *[""] * 5], "found 9-0, expected"),
        ([""] * 6, "no word"),
    ],
)
def test_links_of_other_text_are_refused(lines, said, encoder, bitext):
    with pytest.raises(DataError, match=said):
        Adjustment(**FAST).fit(encoder, bitext, Links.from_pharaoh(lines))


def test_too_little_to_learn_from(encoder):
    for method in (Contrastive(), DAP(), XLCO(), Lexical(), Distillation()):
        with pytest.raises(DataError, match="found 1 pairs with text on both sides"):
            method.fit(encoder, Bitext.build(["a", ""], ["b", "c"]))
    with pytest.raises(DataError, match="found 1 documents of two sentences"):
        CCP().fit(encoder, {"eng_Latn": [Document.from_lines(["a", "b"]), Document.from_lines(["a"])]})
    with pytest.raises(DataError, match="found no documents"):
        CCP().fit(encoder, {})
    with pytest.raises(DataError, match="found 1 triples"):
        IndicSBERT().fit(encoder, TRIPLES[:1], RATED)
    with pytest.raises(DataError, match="found 0 rated pairs"):
        IndicSBERT().fit(encoder, TRIPLES, [])


def test_a_tokenizer_that_does_not_say_where_tokens_are_has_no_words(encoder, bitext, monkeypatch):
    from polyalign.encoders.torch_run import Network, Pieces

    theirs = Network.pieces
    monkeypatch.setattr(Network, "pieces", lambda *a: Pieces(theirs(*a).ids, theirs(*a).prefixes, None))
    with pytest.raises(ConfigError, match="expected a fast one"):
        Adjustment(**FAST).fit(encoder, bitext, LINKS)


def test_embeddings_of_another_size_have_no_tokens_to_tell(encoder, bitext, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr("transformers.BertModel.get_input_embeddings", lambda self: torch.nn.Embedding(100, 8))
    with pytest.raises(ConfigError, match="token embeddings of 8 dimensions and states of 16"):
        DAP(**FAST).fit(encoder, bitext)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("contrastive", {"steps": 0}, "steps must be above 0"),
        ("contrastive", {"batch": 1}, "batch must be at least 2"),
        ("contrastive", {"temperature": 0.0}, "temperature must be above 0"),
        ("contrastive", {"replay": 1.5}, "replay must be from 0 to 1"),
        ("contrastive", {"save_every": -1}, "save_every must be at least 0"),
        ("contrastive", {"trainer": {"max_steps": 3}}, "trainer sets max_steps"),
        ("xlco", {"momentum": 2.0}, "momentum must be from 0 to 1"),
        ("xlco", {"layer": 0}, "layer must be at least 1"),
        ("dap", {"layers": 0}, "layers must be above 0"),
        ("ccp", {"window": 0}, "window must be above 0"),
        ("adjustment", {"fisher_batches": 0}, "fisher_batches must be at least 1"),
        ("lexical", {"temperature": -1.0}, "temperature must be above 0"),
        ("indic-sbert", {"similarity_steps": -1}, "similarity_steps must be at least 0"),
    ],
)
def test_parameters_out_of_range_are_refused(name, given, said):
    with pytest.raises(ConfigError, match=said):
        params.build(registry.find(f"models.encoder/{name}"), given)
