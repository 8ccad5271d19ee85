"""What a language model writes: how it goes on with a text, and what it answers in a conversation."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from polyalign.core.errors import ConfigError
from polyalign.core.progress import track
from polyalign.encoders.encoder import clean
from polyalign.encoders.torch_load import beginning, limit_threads, marks, quiet, window_of
from polyalign.models.language_model import LanguageModel
from polyalign.models.telling import CONTEXT, Telling, text_of

#: Why a text ended: the model's mark for it, a string to stop at, or no more tokens.
Finish = Literal["end", "stop", "length"]
#: Who says what: ``{"role": "user", "content": "Bun di!"}``; roles are system, user and assistant.
Message = Mapping[str, str]
#: What is said of scores of which none is the greatest.
_NO_NUMBERS = "scores are no numbers"


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote.

    Args:
        text: The text, without the prompt and without what it was stopped at.
        prompt_tokens: Tokens that it read.
        tokens: Tokens that it wrote.
        seconds: Wall time; of texts that were written together, each has its share.
        finish: Why it ended.
    """

    text: str
    prompt_tokens: int
    tokens: int
    seconds: float
    finish: Finish

    @property
    def tokens_per_second(self) -> float:
        """How fast it was written, the reading of the prompt included."""
        return self.tokens / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Generation:
    """Have a causal language model write: the likeliest next token each time, or one drawn.

    Texts are written several at a time by transformers' ``generate``, which keeps what it has computed of a text. With
    temperature 0 the likeliest token is taken; above, one is drawn from ``softmax(logits / temperature)``, and the same
    seed and the same prompts give the same texts again.

    Args:
        max_tokens: Most tokens to write; fewer where the model has not so many positions left after the longest prompt of
            those that are written together.
        temperature: 0 for the likeliest tokens; the higher, the more is left to chance.
        top_k: Draw from the so many likeliest tokens only; 0 for all.
        top_p: Draw from the likeliest tokens that together have this probability.
        repetition_penalty: What scores of tokens that were there before are divided by; 1 for none.
        stop: Strings to stop at; they are left out.
        batch: Texts that are written together.
        seed: Of what is drawn.

    Raises:
        ValueError: A number is out of range, or a string to stop at is empty.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    batch: int = 8
    seed: int = 1

    def __post_init__(self) -> None:
        for name, least in (("max_tokens", 1), ("batch", 1), ("temperature", 0), ("top_k", 0), ("seed", 0)):
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {self.top_p}")
        if not self.repetition_penalty > 0:
            raise ValueError(f"repetition_penalty must be above 0, got {self.repetition_penalty}")
        if "" in self.stop:
            raise ValueError("stop has an empty string, at which nothing can stop; leave it out")

    def complete(
        self, made: LanguageModel, prompts: Sequence[str], *, told: Callable[[str], None] | None = None
    ) -> list[Written]:
        """Go on with texts.

        Args:
            made: The model.
            prompts: n texts; one without a token begins with the model's mark for a beginning.
            told: Called with each piece of text as it is written, which takes a single prompt.

        Returns:
            n texts.

        Raises:
            ConfigError: The model is no causal one, a prompt leaves it no room, it has no mark that an empty prompt could
                begin with, it gives no numbers, or memory is too small.
        """
        tokenizer = made.tokenizer
        before, first = marks(tokenizer)[0], beginning(tokenizer)
        rows = []
        for prompt in prompts:
            ids = [*before, *tokenizer(clean(prompt), add_special_tokens=False, verbose=False)["input_ids"]]
            if not ids and not first:
                raise ConfigError(
                    f"{made.name}: found an empty prompt and a tokenizer without a mark for a beginning, expected some text"
                )
            rows.append(ids or first)
        return self._write(made, rows, told)

    def answer(
        self,
        made: LanguageModel,
        conversations: Sequence[Sequence[Message]],
        *,
        told: Callable[[str], None] | None = None,
    ) -> list[Written]:
        """Say what comes next in conversations, which are put as the model's chat template has it.

        Args:
            made: A model that was taught to answer.
            conversations: n conversations, each of messages with a role (system, user, assistant) and a content.
            told: As `complete`.

        Raises:
            ConfigError: The model has no chat template, its template refuses a conversation, or as `complete`.
        """
        tokenizer = made.tokenizer
        if not tokenizer.chat_template:
            raise ConfigError(
                f"{made.name}: has no chat template, expected a model that was taught to answer; have it go on with a text instead "
                "(on the command line: --complete)"
            )
        rows = []
        for messages in conversations:
            said = [{**m, "content": clean(m["content"])} for m in messages]
            try:
                text = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
            except Exception as error:
                # A template is a program of the model's makers, and jinja has errors of its own.
                raise ConfigError(
                    f"{made.name}: its chat template refuses the conversation ({error}); roles are "
                    f"{', '.join(m['role'] for m in messages)}, and some models know no system message"
                ) from None
            rows.append(list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]))
        return self._write(made, rows, told)

    def _write(
        self, made: LanguageModel, rows: Sequence[list[int]], told: Callable[[str], None] | None
    ) -> list[Written]:
        import torch

        if not made.model.can_generate():
            raise ConfigError(f"{made.name}: found a {type(made.model).__name__}, expected a causal language model")
        if told is not None and len(rows) != 1:
            raise ValueError(f"told of one text at a time, got {len(rows)} prompts")
        window = window_of(made.tokenizer, made.model.config, None)
        for row in rows:
            if len(row) >= window:
                raise ConfigError(
                    f"{made.name}: found a prompt of {len(row):,} tokens, expected fewer than the {window:,} that the model reads; "
                    "shorten it"
                )
        limit_threads()
        out: dict[int, Written] = {}
        order = sorted(range(len(rows)), key=lambda k: -len(rows[k]))
        # Whatever is drawn elsewhere stays as it is.
        with torch.random.fork_rng(), torch.inference_mode(), contextlib.ExitStack() as stack:
            torch.manual_seed(self.seed)
            # A bar would be written into what is told.
            progress = stack.enter_context(track("write", total=len(rows), unit="texts")) if told is None else None
            for start in range(0, len(order), self.batch):
                some = order[start : start + self.batch]
                try:
                    out |= zip(some, self._batch(made, [rows[k] for k in some], window, told), strict=True)
                except (RuntimeError, MemoryError) as error:
                    raise self._explained(error, made) from error
                if progress is not None:
                    progress.advance(len(some))
        return [out[k] for k in range(len(rows))]

    def _batch(
        self, made: LanguageModel, rows: list[list[int]], window: int, told: Callable[[str], None] | None
    ) -> list[Written]:
        """Write several texts; the longest prompt is the first."""
        import torch
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        width, ends = len(rows[0]), ends_of(made)
        pad = next((x for x in (made.tokenizer.pad_token_id, *ends) if x is not None), 0)
        # What is written has to stand right after its prompt, so padding comes first.
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=made.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=made.device)
        drawn = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        make: Any = GenerationConfig
        config = make(
            do_sample=self.temperature > 0,
            max_new_tokens=min(self.max_tokens, window - width),
            repetition_penalty=self.repetition_penalty,
            eos_token_id=ends or None,
            pad_token_id=pad,
            **(drawn if self.temperature > 0 else {}),
        )
        held = max((len(s) - 1 for s in self.stop), default=0)
        streamer = None if told is None else Telling(made.tokenizer, rows[0], ends, self._cut, held, told)
        start = time.perf_counter()
        with quiet():
            found = made.model.generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=config,
                streamer=streamer,
                logits_processor=LogitsProcessorList([_numbers]),
                stopping_criteria=StoppingCriteriaList([self._stopping(made.tokenizer, width)] if self.stop else []),
            )
        share = (time.perf_counter() - start) / len(rows)
        return [
            self._read(made.tokenizer, row, new, ends, share)
            for row, new in zip(rows, found[:, width:].tolist(), strict=True)
        ]

    def _read(self, tokenizer: Any, prompt: list[int], new: list[int], ends: list[int], seconds: float) -> Written:
        """What the tokens of one text say; they may go on with padding or after a string to stop at."""
        end = next((k for k, token in enumerate(new) if token in ends), None)
        text = text_of(tokenizer, prompt, new[:end])
        cut = self._cut(text)
        if cut is not None:
            # Others of the batch went on.
            size = next(k for k in range(1, len(new) + 1) if self._cut(text_of(tokenizer, prompt, new[:k])) is not None)
            return Written(text[:cut], len(prompt), size, seconds, "stop")
        finish: Finish = "length" if end is None else "end"
        return Written(text, len(prompt), len(new) if end is None else end + 1, seconds, finish)

    def _cut(self, text: str) -> int | None:
        """Where the first string to stop at begins."""
        return min((at for s in self.stop if (at := text.find(s)) >= 0), default=None)

    def _stopping(self, tokenizer: Any, width: int) -> Any:
        import torch
        from transformers import StoppingCriteria

        # A token is a byte at least.
        room = max(len(s.encode()) for s in self.stop) + CONTEXT

        class Stopped(StoppingCriteria):
            """Which texts have come to a string to stop at."""

            def __call__(this, ids: Any, scores: Any, **_: Any) -> Any:
                tails = [row[width:][-room:] for row in ids.tolist()]
                found = [self._cut(text_of(tokenizer, [], tail)) is not None for tail in tails]
                return torch.tensor(found, device=ids.device)

        return Stopped()

    def _explained(self, error: BaseException, made: LanguageModel) -> Exception:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, MemoryError) or any(x in said.lower() for x in ("out of memory", "allocate memory")):
            return ConfigError(f"{made.name}: out of memory with batch = {self.batch}; lower it")
        if "probability tensor" in said or said == _NO_NUMBERS:
            return ConfigError(
                f"{made.name}: found scores that are no numbers, expected numbers; its weights are damaged, or it was trained at too "
                "high a rate"
            )
        return RuntimeError(f"{made.name}: {said}")


def _numbers(_: Any, scores: Any) -> Any:
    """The scores, unless they are no numbers, the likeliest of which would be token 0."""
    if scores.isnan().any():
        raise RuntimeError(_NO_NUMBERS)
    return scores


def ends_of(made: LanguageModel) -> list[int]:
    """The tokens that a model ends a text with."""
    found: list[Any] = []
    for config in (getattr(made.model, "generation_config", None), made.model.config):
        value = getattr(config, "eos_token_id", None)
        found += value if isinstance(value, (list, tuple)) else [value]
    return sorted({int(x) for x in [*found, made.tokenizer.eos_token_id] if x is not None})
