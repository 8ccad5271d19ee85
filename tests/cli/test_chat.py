"""Talking to a model: one answer for a script, a conversation on a terminal."""

from __future__ import annotations

import io
import json

import pytest

from polyalign.core.bitext import Bitext
from tests.cli.outcome import fails

for needed in ("torch", "transformers"):
    pytest.importorskip(needed)

from polyalign.cli import chat  # noqa: E402
from polyalign.models.generation import Generation  # noqa: E402
from polyalign.models.interventions.incline import INCLINE  # noqa: E402
from polyalign.models.language_model import read_model, write_model  # noqa: E402
from polyalign.models.training.objective import Parallel  # noqa: E402
from tests.models.interventions.tiny import SRC, TGT, tiny  # noqa: E402


class Terminal(io.StringIO):
    """Input that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny"
    write_model(tiny(), path)
    return str(path)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "bare"
    write_model(tiny(template=False), path)
    return str(path)


@pytest.fixture
def typed(call, monkeypatch):
    """A conversation of lines that are typed; (status, stdout, stderr). An exception is raised where it stands."""

    def run(lines, *args):
        left = list(lines)
        monkeypatch.setattr("sys.stdin", Terminal())

        def line(_=""):
            if not left:
                raise EOFError
            text = left.pop(0)
            if isinstance(text, BaseException):
                raise text
            return text

        monkeypatch.setattr("builtins.input", line)
        return call("chat", *args)

    return run


def answer(folder, *messages, system="", **settings):
    said = [{"role": "system", "content": system}] if system else []
    said += [{"role": ("user", "assistant")[k % 2], "content": m} for k, m in enumerate(messages)]
    return Generation(**{"max_tokens": 6, **settings}).answer(read_model(folder), [said])[0]


def test_a_prompt_gives_one_answer_on_standard_output(call, folder):
    status, out, err = call("chat", folder, "--prompt", "the house", "--max-tokens", "6")
    assert (status, out) == (0, answer(folder, "the house").text + "\n")
    assert err == "chat: ended after 6 tokens; for more, raise --max-tokens\n"


def test_json(call, folder):
    _, out, _ = call("chat", folder, "--prompt", "das Tal", "--system", "be good", "--max-tokens", "6", "--json")
    found, wanted = json.loads(out), answer(folder, "das Tal", system="be good")
    assert found["text"] == wanted.text
    assert {k: found[k] for k in ("model", "prompt", "prompt_tokens", "tokens", "finish")} == {
        "model": folder,
        "prompt": "das Tal",
        "prompt_tokens": wanted.prompt_tokens,
        "tokens": 6,
        "finish": "length",
    }
    assert found["tokens_per_second"] > 0


def test_text_piped_in_is_gone_on_with(call, bare, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("the house\nis\n"))
    args = ["--complete", "--max-tokens", "9", "--temperature", "2", "--seed", "5"]
    _, out, _ = call("chat", bare, *args)
    method = Generation(max_tokens=9, temperature=2.0, seed=5)
    assert out == method.complete(read_model(bare), ["the house\nis"])[0].text + "\n"


def test_maps_are_applied(call, folder, tmp_path):
    made = read_model(folder)
    maps = INCLINE(alpha=1.0).fit(made, Parallel("deu_Latn", "eng_Latn", Bitext.build(SRC, TGT)))
    maps.save(tmp_path / "maps")
    args = ["chat", folder, "--prompt", SRC[0], "--complete", "--max-tokens", "9"]
    with maps.applied(made.model):
        moved = Generation(max_tokens=9).complete(made, [SRC[0]])[0].text
    plain = Generation(max_tokens=9).complete(made, [SRC[0]])[0].text
    assert moved != plain
    assert call(*args, "--maps", tmp_path / "maps")[1] == moved + "\n"
    assert call(*args, "--maps", tmp_path / "maps", "--alpha", "0")[1] == plain + "\n"
    fails(call(*args, "--maps", tmp_path / "none"), "incline.json: no such file")


def test_a_conversation_remembers_until_it_is_reset(typed, folder):
    first = answer(folder, "the house")
    lines = [
        "the house",
        "",
        "is red\\",
        "and old",
        "/reset",
        "the house",
        "/system be good",
        "the house",
        "/quit",
        "never",
    ]
    status, out, err = typed(lines, folder, "--max-tokens", "6")
    assert status == 0
    second = answer(folder, "the house", first.text, "is red\nand old")
    told = answer(folder, "the house", first.text, "the house", system="be good")
    assert out == "".join(x.text + "\n" for x in (first, second, first, told))
    assert err.count("6 tokens, ") == 4
    assert "forgotten" in err
    assert "ended by --max-tokens" in err


def test_its_commands(typed, folder):
    status, out, err = typed(["/help", "/nonsense", "/system", KeyboardInterrupt()], folder)
    assert (status, out.strip()) == (0, "")
    for part in ("/reset", "/system TEXT", "no command /nonsense; /help lists them", "told nothing", "Ctrl-D to stop"):
        assert part in err


def test_a_model_that_goes_on_with_texts_keeps_nothing(typed, bare):
    status, out, err = typed(["the house", "/system x", "the house"], bare, "--complete", "--max-tokens", "4")
    text = Generation(max_tokens=4).complete(read_model(bare), ["the house"])[0].text
    assert (status, out.rstrip("\n")) == (0, f"{text}\n{text}")
    assert "/system means nothing" in err


def test_ctrl_c_stops_the_answer_and_not_the_program(typed, folder, monkeypatch):
    whole = answer(folder, "the house", max_tokens=8)
    theirs, seen = chat._told, []

    def told(piece):
        theirs(piece)
        seen.append(piece)
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(chat, "_told", told)
    status, out, err = typed(["the house", "red"], folder, "--max-tokens", "8")
    part = "".join(seen[:2])
    assert status == 0
    assert whole.text.startswith(part)
    assert out.startswith(part + "\n")
    assert "stopped" in err
    # What it had said is part of the conversation.
    assert out == f"{part}\n" + answer(folder, "the house", part, "red", max_tokens=8).text + "\n\n"


def test_an_error_does_not_end_the_conversation(typed, folder):
    status, out, err = typed(["猫" * 200, "the house"], folder, "--max-tokens", "6")
    assert status == 0
    assert "tiny: found a prompt of" in err
    assert "/reset begins anew" in err
    assert out == answer(folder, "the house").text + "\n\n"


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["--prompt", "a", "--complete", "--system", "b"], ["found --complete and --system"]),
        (["--prompt", "a", "--alpha", "1"], ["--alpha without --maps"]),
        (["--prompt", " "], ["found nothing to answer"]),
        (["--prompt", "a", "--stop", ""], ["an empty string"]),
    ],
)
def test_what_makes_no_sense(call, folder, args, parts):
    fails(call("chat", folder, *args), *parts)


def test_a_model_without_a_chat_template(call, bare):
    fails(call("chat", bare, "--prompt", "a"), "has no chat template", "--complete")
    fails(call("chat", "absent.gguf", "--prompt", "a"), "absent.gguf")


def test_json_is_not_for_conversations(typed, folder):
    fails(typed([], folder, "--json"), "--json in a conversation")
