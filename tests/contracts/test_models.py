"""The contract of what is done to language models: every extension, every way to fill rows, every objective, all weights."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for needed in ("transformers", "accelerate", "peft", "gensim"):
    pytest.importorskip(needed)

from polyalign.core import params, registry  # noqa: E402
from polyalign.core.errors import ConfigError, PolyalignError  # noqa: E402
from polyalign.core.space import Space  # noqa: E402
from polyalign.models.language_model import read_model, with_rows  # noqa: E402
from polyalign.models.vocabulary.change import Change  # noqa: E402
from polyalign.models.vocabulary.pieces import pieces_of  # noqa: E402
from polyalign.models.vocabulary.reachable import unreachable  # noqa: E402
from polyalign.models.vocabulary.rows.evidence import Entry, Evidence  # noqa: E402
from tests.models import tiny  # noqa: E402
from tests.models.training.tiny_masked import ONE, OTHER, masked, planted  # noqa: E402

ROWS = list(registry.rows().values())
NEW = ["chasa planta chaun giat sulegl", "la chasa sto sin la planta, il chaun dorma"] * 8


def of(task):
    return pytest.mark.parametrize("row", [r for r in ROWS if r.task == task], ids=lambda r: r.id)


@pytest.fixture(scope="module", params=["tied", "untied"])
def folder(request, tmp_path_factory):
    return tiny.llama(tmp_path_factory.mktemp("m") / "model", tied=request.param == "tied")


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return masked(tmp_path_factory.mktemp("m") / "bert")


def given(row, folder, **more):
    known = {p.name for p in params.params_of(registry.load(row))}
    asked = {"guide": str(folder), "layer": 1, **more}
    return params.build(row, {name: value for name, value in asked.items() if name in known})


# -- vocabulary


@of("models.extend")
def test_extensions_write_old_and_new_text_and_no_piece_in_vain(row):
    if row.name == "unigram":
        pytest.skip("of another kind of tokenizer than the others; tests/models/vocabulary has one")
    old = tiny.byte_level()
    settings = {"tokens": ["chasa"]} if row.name == "added" else {"pieces": 300 if row.name == "train" else 10}
    method = params.build(row, settings)
    new = method.fit(old, NEW)
    assert new.get_vocab() == method.fit(old, NEW).get_vocab()
    assert old.get_vocab() == tiny.byte_level().get_vocab(), "the tokenizer itself was changed"
    assert (new.chat_template, new.eos_token) == (old.chat_template, old.eos_token)
    for text in [*NEW, *tiny.TEXT, "你好 🏳️‍🌈 12", ""]:
        assert new.decode(new(text)["input_ids"]) == text
    fresh = Change.between(old, new).new.tolist()
    assert fresh
    assert unreachable(pieces_of(new), fresh) == []


@of("models.rows")
def test_rows_are_numbers_and_those_of_kept_pieces_stay(row, folder):
    made = read_model(str(folder))
    tokenizer = params.build(registry.find("models.extend/bpe"), {"pieces": 10}).fit(made.tokenizer, NEW)
    change = Change.between(made.tokenizer, tokenizer)
    rng = np.random.default_rng(1)
    spaces = tuple(Space(tuple(w), rng.normal(size=(len(w), 6)).astype(np.float32)) for w in (ONE, OTHER))
    evidence = Evidence(
        texts=NEW,
        lexicon=[Entry(a, b, 1.0) for a, b in zip(ONE, OTHER, strict=True)],
        spaces=spaces,
        donor=read_model(str(folder)),
    )
    settings = {"steps": 3} if row.name == "cw2v" else {"minimum_count": 1} if row.name == "focus" else {}
    known = {p.name for p in params.params_of(registry.load(row))}
    method = params.build(row, {k: v for k, v in settings.items() if k in known})
    before = made.matrices()
    filled = method.fit(made, change, evidence)
    again = method.fit(made, change, evidence)
    assert len(filled) == len(before)
    kept = np.flatnonzero(change.kept >= 0)
    for rows, same, old in zip(filled, again, before, strict=True):
        assert rows.shape == (len(tokenizer), old.shape[1])
        assert np.isfinite(rows).all()
        assert rows.tobytes() == same.tobytes()
        if row.name != "ofa":  # which gives all rows a lower rank, if it is asked to
            np.testing.assert_array_equal(rows[kept], old[change.kept[kept]])
    for was, now in zip(before, made.matrices(), strict=True):
        np.testing.assert_array_equal(was, now)
    assert with_rows(made, tokenizer, filled).model.config.vocab_size == len(tokenizer)


# -- training


@of("models.objective")
def test_objectives_give_the_same_loss_again_and_gradients(row, folder, bert):
    data = planted(pairs=24)

    def losses():
        for path, kind in ((folder, "causal"), (bert, "masked")):
            made = read_model(str(path), kind=kind)
            with torch.random.fork_rng():
                torch.manual_seed(1)
                try:
                    loss = given(row, path).fit(made, data, batch=4, length=32, seed=1)
                except ConfigError:
                    continue  # of the other kind of model
                yield made, loss

    found = list(zip(losses(), losses(), strict=True))
    assert found, "no kind of model fits"
    for (made, loss), (_, again) in found:
        assert loss.tokens(0) > 0
        values = [loss(step) for step in (0, 1)]
        assert all(v.ndim == 0 and torch.isfinite(v) for v in values)
        if row.name != "xlco":  # whose second model follows from step to step
            assert again(1).item() == pytest.approx(values[1].item(), abs=1e-6), "a step depends on those before it"
        values[0].backward()
        assert any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in made.model.parameters())


@of("models.objective")
def test_objectives_refuse_data_without_text(row, folder, bert):
    from polyalign.models.training.objective import Data

    for path, kind in ((folder, "causal"), (bert, "masked")):
        with pytest.raises(PolyalignError):
            given(row, path).fit(read_model(str(path), kind=kind), Data(lang="roh_Latn"), batch=2, length=16, seed=1)


@of("models.objective")
def test_objectives_refuse_a_layer_that_is_not_there(row, folder, bert):
    if "layer" not in {p.name for p in params.params_of(registry.load(row))}:
        return
    for path, kind in ((folder, "causal"), (bert, "masked")):
        made = read_model(str(path), kind=kind)
        with pytest.raises(ConfigError, match=r"layer = 99: the model has layers 1 to 2|expected a"):
            given(row, path, layer=99).fit(made, planted(pairs=24), batch=4, length=32, seed=1)


@of("models.weights")
def test_weights_train_something_and_leave_a_model(row, folder):
    made = read_model(str(folder))
    ids = torch.tensor([made.tokenizer("the cat sat")["input_ids"]])
    with torch.no_grad():
        before = made.model(input_ids=ids).logits
    attached = params.build(row).attach(made, new=np.array([3], np.int32))
    modules = [attached.made.model, *attached.modules.values()]
    some = [p for m in modules for p in m.parameters() if p.requires_grad]
    assert some
    with torch.no_grad():
        np.testing.assert_allclose(attached.made.model(input_ids=ids).logits, before, atol=1e-5)
    done = attached.finish()
    assert not any(p.requires_grad for p in done.model.parameters())
    with torch.no_grad():
        np.testing.assert_allclose(done.model(input_ids=ids).logits, before, atol=1e-5)
