"""Tokens told as text while they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: Tokens of the prompt that new ones are read together with: some tokenizers drop the space that a text begins with.
CONTEXT = 4


class Telling:
    """A streamer of transformers that tells a text piece by piece, never half a character or half a string to stop at.

    Args:
        tokenizer: The model's.
        prompt: The tokens before.
        ends: Tokens that are no text but end it.
        cut: Where a text is to be cut off, if it is.
        held: Characters that are held back until more is known.
        told: What is called with each piece.
    """

    def __init__(
        self,
        tokenizer: Any,
        prompt: Sequence[int],
        ends: Sequence[int],
        cut: Callable[[str], int | None],
        held: int,
        told: Callable[[str], None],
    ) -> None:
        self.tokenizer, self.prompt, self.ends, self.cut, self.held, self.told = (
            tokenizer, prompt, set(ends), cut, held, told,
        )  # fmt: skip
        self.ids: list[int] = []
        self.sent, self.begun = 0, False

    def put(self, tokens: Any) -> None:
        """Take the prompt, then a token each time."""
        if self.begun:
            self.ids += [token for token in tokens.reshape(-1).tolist() if token not in self.ends]
            self._send(last=False)
        self.begun = True

    def end(self) -> None:
        """Tell what was held back."""
        self._send(last=True)

    def _send(self, *, last: bool) -> None:
        text = text_of(self.tokenizer, self.prompt, self.ids)
        until = self.cut(text)
        if until is None:
            if not last and text.endswith("\ufffd"):
                return
            until = len(text) - (0 if last else self.held)
        if until > self.sent:
            self.told(text[self.sent : until])
            self.sent = until


def text_of(tokenizer: Any, prompt: Sequence[int], new: Sequence[int]) -> str:
    """What tokens say that come after a prompt, special ones left out."""
    context = list(prompt[-CONTEXT:])

    def read(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    return read([*context, *new])[len(read(context)) :]
