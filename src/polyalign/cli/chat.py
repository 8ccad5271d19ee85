"""``polyalign chat``."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core.errors import ConfigError, PolyalignError
from polyalign.core.progress import note

if TYPE_CHECKING:
    from polyalign.models.generation import Generation, Message, Written
    from polyalign.models.language_model import LanguageModel

HELP = """\
/help            this list
/reset           forget what was said
/system TEXT     have the model told TEXT before all; without TEXT, nothing
/quit            stop; so does Ctrl-D
Ctrl-C stops an answer. A line that ends in \\ goes on in the next."""


@dataclass(slots=True)
class Talk:
    """A conversation with a model.

    Args:
        made: The model.
        method: How it writes.
        complete: Whether it goes on with texts instead of answering.
        system: What it is told before all.
        messages: What was said so far.
    """

    made: LanguageModel
    method: Generation
    complete: bool
    system: str
    messages: list[Message] = field(default_factory=list)

    def reply(self, text: str, told: Callable[[str], None] | None = None) -> Written:
        """What the model says to a text; the conversation has both afterwards, if it is one."""
        if self.complete:
            return self.method.complete(self.made, [text], told=told)[0]
        before: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        asked: Message = {"role": "user", "content": text}
        heard: list[str] = []

        def tell(piece: str) -> None:
            heard.append(piece)
            if told is not None:
                told(piece)

        try:
            written = self.method.answer(self.made, [[*before, *self.messages, asked]], told=tell)[0]
        except KeyboardInterrupt:
            # What it had said by then was said.
            self.messages += [asked, {"role": "assistant", "content": "".join(heard)}]
            raise
        self.messages += [asked, {"role": "assistant", "content": written.text}]
        return written


@click.command("chat", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model")
@click.option("--prompt", metavar="TEXT", help="Answer this once and stop. Text piped in does the same.")
@click.option("--complete", is_flag=True, help="Go on with texts instead of answering; for models without a chat template.")  # fmt: skip
@click.option("--system", default="", metavar="TEXT", help="What the model is told before all.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Most tokens of an answer.")  # fmt: skip
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True, help="0 for the likeliest answer; the higher, the more is left to chance.")  # fmt: skip
@click.option("--stop", multiple=True, metavar="TEXT", help="Stop at this; several times for several.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of what is left to chance.")
@click.option("--maps", type=click.Path(path_type=Path), metavar="DIR", help="Maps of INCLINE that are applied while the model reads.")  # fmt: skip
@click.option("--alpha", type=float, help="How much of the maps is added.  [dim](default: as they were saved)[/dim]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True, help="Where the model runs.")  # fmt: skip
@click.option("--threads", type=int, default=0, help="Threads; 0 is all.")
@json_option
def command(
    model: str,
    prompt: str | None,
    complete: bool,
    system: str,
    max_tokens: int,
    temperature: float,
    stop: tuple[str, ...],
    seed: int,
    maps: Path | None,
    alpha: float | None,
    device: Any,
    threads: int,
    as_json: bool,
) -> None:
    """Talk to a language MODEL, or have it go on with a text.

    MODEL is a folder, a name on the Hugging Face hub or a .gguf file. On a terminal it is a conversation, in which /help
    lists what there is besides; with --prompt, or text piped in, one answer on standard output.
    """
    once = prompt is not None or not sys.stdin.isatty()
    if complete and system:
        raise ConfigError(
            "chat: found --complete and --system, expected one of them; a text has nobody who is told anything"
        )
    if alpha is not None and maps is None:
        raise ConfigError("chat: found --alpha without --maps, expected both; name the folder of the maps")
    if as_json and not once:
        raise ConfigError("chat: found --json in a conversation, expected --prompt or text piped in; give one of them")
    if once:
        prompt = sys.stdin.read().rstrip("\n") if prompt is None else prompt
        if not prompt.strip() and not complete:
            raise ConfigError("chat: found nothing to answer, expected --prompt or text piped in; give one of them")
    with contextlib.ExitStack() as stack:
        talk = _open(model, complete, system, max_tokens, temperature, stop, seed, device, threads)
        if maps is not None:
            from polyalign.models.interventions.incline import Maps

            fitted = Maps.load(maps)
            stack.enter_context((fitted if alpha is None else fitted.with_alpha(alpha)).applied(talk.made.model))
        if once:
            _once(talk, str(prompt), model, as_json)
        else:
            _converse(talk)


def _open(
    model: str,
    complete: bool,
    system: str,
    max_tokens: int,
    temperature: float,
    stop: tuple[str, ...],
    seed: int,
    device: Any,
    threads: int,
) -> Talk:
    from polyalign.core.jit import set_threads
    from polyalign.models.generation import Generation
    from polyalign.models.language_model import read_model

    set_threads(threads)
    try:
        method = Generation(max_tokens=max_tokens, temperature=temperature, stop=stop, seed=seed)
    except ValueError as error:
        raise ConfigError(f"chat: {error}") from None
    made = read_model(model, device=device)
    if not complete and not made.tokenizer.chat_template:
        raise ConfigError(
            f"{model}: has no chat template, so it was not taught to answer; have it go on with a text with --complete"
        )
    return Talk(made, method, complete, system)


def _once(talk: Talk, prompt: str, model: str, as_json: bool) -> None:
    if as_json:
        written = talk.reply(prompt)
        found = asdict(written)
        text = found.pop("text")
        rate = round(written.tokens_per_second, 2)
        print_json({"model": model, "prompt": prompt, "text": text, **found, "tokens_per_second": rate})
        return
    written = talk.reply(prompt, _told)
    click.echo()
    if written.finish == "length":
        note(f"chat: ended after {written.tokens} tokens; for more, raise --max-tokens")


def _converse(talk: Talk) -> None:
    # With it arrow keys edit a line and find earlier ones.
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    note(
        f"{Path(talk.made.name).name}: {'go on with' if talk.complete else 'answers'} what you write; /help for more, /quit to stop"
    )
    while True:
        try:
            text = _line()
        except EOFError:
            click.echo()
            return
        except KeyboardInterrupt:
            click.echo()
            note("/quit or Ctrl-D to stop")
            continue
        word, _, rest = text.strip().partition(" ")
        if word == "/quit":
            return
        if word == "/help":
            note(HELP)
        elif word == "/reset":
            talk.messages.clear()
            note("forgotten")
        elif word == "/system":
            _told_before(talk, rest.strip())
        elif word.startswith("/") and word[1:].isalpha() and not talk.complete:
            note(f"no command {word}; /help lists them")
        elif text.strip():
            _say(talk, text)


def _line() -> str:
    """A line of the person's; one that ends in a backslash goes on."""
    text = input("> ")
    while text.endswith("\\"):
        text = text[:-1] + "\n" + input(". ")
    return text


def _told_before(talk: Talk, text: str) -> None:
    if talk.complete:
        note("/system means nothing to a model that goes on with texts")
        return
    talk.system = text
    note("told" if text else "told nothing")


def _say(talk: Talk, text: str) -> None:
    try:
        written = talk.reply(text, _told)
        click.echo()
        note(f"{written.tokens} tokens, {written.tokens_per_second:.1f} a second" + _why(written))
    except KeyboardInterrupt:
        click.echo()
        note("stopped")
    except PolyalignError as error:
        note(str(error))
        note("/reset begins anew")


def _why(written: Written) -> str:
    return "; ended by --max-tokens" if written.finish == "length" else ""


def _told(piece: str) -> None:
    click.echo(piece, nl=False)
    sys.stdout.flush()
