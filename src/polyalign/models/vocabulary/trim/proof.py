"""What trimming did to a model, and the proof that text is segmented as before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import I32, I64, Mask, frozen
from polyalign.core.progress import track
from polyalign.core.ragged import Ragged, offsets
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.pieces import Pieces
from polyalign.models.vocabulary.trim.cut import cut, cut_tokenizer
from polyalign.models.vocabulary.trim.needed import needed, tokens_of


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What trimming did to a model.

    Args:
        kept: Old id of each piece, ascending, shape (v',).
        lines: Lines of text that were segmented before and after.
        changed: Which of them, counted from 0, are segmented in another way, shape (k,).
        tokens: Tokens of all lines, before and after.
        pieces: Pieces, before and after.
        parameters: The model's numbers, before and after.
    """

    kept: I32
    lines: int
    changed: I64
    tokens: tuple[int, int]
    pieces: tuple[int, int]
    parameters: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", frozen(self.kept, np.int32))
        object.__setattr__(self, "changed", frozen(self.changed, np.int64))

    @property
    def same(self) -> int:
        """Lines that are segmented exactly as before."""
        return self.lines - len(self.changed)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A text as a tokenizer's pieces.

    Args:
        lines: The lines.
        ids: The pieces of each.
        counts: How often each piece occurs, shape (v,).
    """

    lines: list[str]
    ids: Ragged
    counts: I64


def read(made: LanguageModel, pieces: Pieces, texts: Iterable[str]) -> Reading:
    """Segment a text and count its pieces.

    Raises:
        DataError: There is nothing in the text.
    """
    lines = list(texts)
    rows = segmented(pieces.tokenizer, lines, "count pieces")
    if not len(rows.values):
        raise DataError(
            f"{made.name}: found {len(lines)} lines and not one token in them, expected the text that is to stay as it is; "
            "give some in every language to keep"
        )
    return Reading(lines, rows, np.bincount(rows.values, minlength=len(pieces.texts)).astype(np.int64))


def segmented(tokenizer: Any, lines: list[str], label: str) -> Ragged:
    """The pieces of each line, without marks."""
    found: list[I32] = []
    lengths: list[int] = []
    with track(label, total=len(lines), unit="lines") as progress:
        for some in tokens_of(tokenizer, lines):
            found += [np.array(ids, np.int32) for ids in some]
            lengths += map(len, some)
            progress.advance(len(some))
    values = np.concatenate(found) if found else np.zeros(0, np.int32)
    return Ragged(values, offsets(lengths))


def trimmed(
    made: LanguageModel,
    pieces: Pieces,
    text: Reading,
    chosen: Mask,
    *,
    scripts: frozenset[str],
    placeholders: bool,
) -> tuple[LanguageModel, Proof]:
    """Cut a model to the chosen pieces and what they need, and compare how lines are segmented.

    Raises:
        DataError: All that the text uses was chosen, and some line is segmented in another way all the same.
        ConfigError: The model has other tables of its vocabulary.
    """
    kept = needed(pieces, chosen, scripts=scripts, placeholders=placeholders)
    tokenizer = cut_tokenizer(pieces, kept)
    numbers = np.flatnonzero(kept).astype(np.int32)
    after = segmented(tokenizer, text.lines, "compare")
    changed = differing(text.ids, Ragged(numbers[after.values], after.offsets))
    if len(changed) and bool(kept[text.counts > 0].all()):
        raise DataError(
            f"{made.name}: line {changed[0] + 1} ({text.lines[changed[0]][:40]!r}) would be segmented in another way, "
            f"and {len(changed) - 1} more; expected none, since all their pieces are kept; this tokenizer cannot be trimmed"
        )
    before = _size(made)
    out = cut(made, tokenizer, numbers)
    tokens, sizes = (len(text.ids.values), len(after.values)), (before, _size(out))
    return out, Proof(numbers, len(text.lines), changed, tokens, (len(pieces.texts), len(numbers)), sizes)


def differing(before: Ragged, after: Ragged) -> I64:
    """The rows that are not the same in both, shape (k,).

    Example:
        >>> differing(Ragged.from_lists([[1], [2, 3], []]), Ragged.from_lists([[1], [2], []])).tolist()
        [1]
    """
    return np.array(
        [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if not np.array_equal(a, b)], np.int64
    )


def _size(made: LanguageModel) -> int:
    # Each once, though an embedding may also be the head.
    return sum(p.numel() for p in made.model.parameters())
