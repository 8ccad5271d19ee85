"""Documents packed into rows of tokens: one after the other with a mark in between, nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import I32, I64
from polyalign.core.rng import generator
from polyalign.encoders.encoder import clean
from polyalign.encoders.torch_load import marks
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.mix import mix_of
from polyalign.models.training.objective import Data

#: Characters that are tokenised and shuffled at a time.
RUN = 1 << 20
#: Tokens that the model reads, and what it is to predict where they stand, `SKIP` for nothing.
Row: TypeAlias = tuple[I32, I32]
#: No token: what is not predicted.
SKIP = -100
#: Texts as tokens, with chance where it needs some.
Code: TypeAlias = Callable[[list[str], np.random.Generator], list[Row]]


def plain(made: LanguageModel) -> Code:
    """Texts as their tokens, all of which are predicted."""

    def code(texts: list[str], _: np.random.Generator) -> list[Row]:
        ids = made.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [(row, row) for row in (np.asarray(x, np.int32) for x in ids)]

    return code


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands around a row and between documents.

    Args:
        before: Tokens before each row and each document.
        after: Tokens after each document, and after each row of a masked model.
        closed: Whether each row ends with ``after``.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    closed: bool

    @classmethod
    def of(cls, made: LanguageModel, mark: str = "") -> Marks:
        """Those of a model's tokenizer.

        For a causal model a text begins with what the tokenizer puts there, else its mark for a beginning, and ends with its
        mark for an end; ``mark`` is both. For a masked one they are what the tokenizer puts around a text.

        Raises:
            ConfigError: The tokenizer has no such token, or no mark at all.
        """
        tokenizer = made.tokenizer
        if mark and mark not in tokenizer.get_vocab():
            raise ConfigError(f"{made.name}: mark = {mark!r}: the tokenizer has no such token; name one of its own")
        before, after = marks(tokenizer)
        if not made.causal:
            return cls(tuple(before), tuple(after), True)
        if mark:
            number = int(tokenizer.convert_tokens_to_ids(mark))
            return cls((number,), (number,), False)
        first = [x for x in (tokenizer.bos_token_id, tokenizer.eos_token_id) if x is not None]
        if not before and not first:
            raise ConfigError(f"{made.name}: the tokenizer has no mark that a text begins with; name a token with mark")
        end = tokenizer.eos_token_id
        return cls(tuple(before or first[:1]), tuple(after or ([] if end is None else [end])), False)

    @property
    def between(self) -> list[int]:
        """What stands between two documents; a mark that is end and beginning stands there once."""
        return list(self.after) if self.closed or self.after == self.before else [*self.after, *self.before]


class Blocks:
    """The documents of one source as an endless series of rows, in an order of its own each time they are gone through.

    Documents are taken in random order and tokenised about a million characters at a time, so that any number of them is
    read without holding their tokens; the rows of such a run are shuffled. Each row is the marks before, then tokens; a
    run's last row is as short as what is left, and none is left out. To begin at a late row the runs before it are tokenised
    again, which takes far less time than training on them.
    """

    def __init__(
        self, code: Code, documents: Sequence[str], *, length: int, marks: Marks, seed: int, name: str
    ) -> None:
        self.code, self.documents, self.marks = code, documents, marks
        self.seed, self.name = seed, name
        self.room = length - len(marks.before) - (len(marks.after) if marks.closed else 0)
        if self.room < 1:
            raise ConfigError(f"length = {length}: leaves no room between the marks of a row; raise it")
        self._begin()

    def _begin(self) -> None:
        self.first, self.rows, self.runs = 0, list[Row](), self._endless()

    def __getitem__(self, number: int) -> Row:
        """A row of the series."""
        if number < self.first:
            self._begin()
        while number >= self.first + len(self.rows):
            self.first += len(self.rows)
            self.rows = next(self.runs)
        return self.rows[number - self.first]

    def once(self) -> list[Row]:
        """All rows that the documents make the first time, each once.

        Raises:
            DataError: They have no text.
        """
        if not (rows := [row for some in self._round(0) for row in some]):
            raise self._no_text()
        return rows

    def _no_text(self) -> DataError:
        return DataError(
            f"train: the documents of {self.name} have no text, expected some to learn from; leave them out"
        )

    def _round(self, epoch: int) -> Iterator[list[Row]]:
        random = generator(self.seed, f"documents {self.name} {epoch}")
        for some in self._some(random.permutation(len(self.documents))):
            rows = self._packed(some, random)
            yield [rows[k] for k in random.permutation(len(rows))]

    def _endless(self) -> Iterator[list[Row]]:
        epoch = 0
        while True:
            found = False
            for rows in self._round(epoch):
                found = found or bool(rows)
                yield rows
            if not found:
                raise self._no_text()
            epoch += 1

    def _some(self, order: I64) -> Iterator[list[str]]:
        held: list[str] = []
        size = 0
        for k in order.tolist():
            text = clean(self.documents[k])
            if not text.strip():
                continue
            held.append(text)
            size += len(text)
            if size >= RUN:
                yield held
                held, size = [], 0
        if held:
            yield held

    def _packed(self, texts: list[str], random: np.random.Generator) -> list[Row]:
        between = np.asarray(self.marks.between, np.int32)
        coded = [row for row in self.code(texts, random) if len(row[0])]
        if not coded:
            return []
        # After the last document no other begins, and a row that is closed ends with its mark anyway.
        last = between[: 0 if self.marks.closed else len(self.marks.after)]
        ends = [between] * (len(coded) - 1) + [last]
        ids, labels = (
            np.concatenate([x for row, end in zip(coded, ends, strict=True) for x in (row[side], end)])
            for side in (0, 1)
        )
        before, after = (np.asarray(x, np.int32) for x in (self.marks.before, self.marks.after))
        after = after[: len(after) if self.marks.closed else 0]
        return [
            (
                np.concatenate([before, ids[a : a + self.room], after]),
                np.concatenate([before, labels[a : a + self.room], after]),
            )
            for a in range(0, len(ids), self.room)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Packs:
    """Rows of tokens for each step, of all sources in their shares.

    Args:
        sources: Rows of each source.
        which: The source of each row, shape (steps, batch).
        number: Which of its source's rows it is, likewise.
    """

    sources: list[Blocks]
    which: I64
    number: I64

    @classmethod
    def read(
        cls,
        made: LanguageModel,
        data: Data,
        *,
        batch: int,
        length: int,
        seed: int,
        code: Code | Mapping[str, Code] | None = None,
    ) -> Packs:
        """Those of the documents of some data.

        Args:
            made: The model whose tokens they are.
            data: With documents.
            batch: Rows of a step.
            length: Most tokens of a row.
            seed: Of the order.
            code: Makes tokens of texts, of all sources or of each by its language; by default those of the tokenizer.

        Raises:
            ConfigError: A rate, a mark or a length that does not fit.
            DataError: No documents.
        """
        mix = mix_of(data, seed=seed)
        names, which, number = mix.drawn(data.documents, data.lang, batch)
        around = Marks.of(made, mix.mark)

        def codes(name: str) -> Code:
            found = code.get(name.split("/")[0]) if isinstance(code, Mapping) else code
            return found or plain(made)

        sources = [
            Blocks(codes(name), data.documents[name], length=length, marks=around, seed=seed, name=name)
            for name in names
        ]
        return cls(sources, which, number)

    def rows(self, step: int) -> list[Row]:
        """The rows of a step."""
        step %= len(self.which)
        return [self.sources[k][n] for k, n in zip(self.which[step].tolist(), self.number[step].tolist(), strict=True)]
