"""Labelled spans: of words or of characters, of one sentence, and what becomes of them in the other language."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import DataError

Fragment = tuple[int, int]
_WORD, _SPACES = re.compile(r"[^ \t]+"), re.compile(r"\s+")


class Span(NamedTuple):
    """A labelled stretch of words or characters, half-open.

    Args:
        start: The first.
        end: The one after the last.
        label: What it is.
        more: The further fragments of a span with gaps, in order; `end` is the first one's.
        id: Its name in the file it is from, if it has one there.

    Example:
        >>> Span(0, 2, "PER").fragments, Span(0, 1, "V", ((4, 5),)).fragments
        (((0, 2),), ((0, 1), (4, 5)))
    """

    start: int
    end: int
    label: str
    more: tuple[Fragment, ...] = ()
    id: str = ""

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """All of its fragments."""
        return ((self.start, self.end), *self.more)

    @property
    def last(self) -> int:
        """The end of the last fragment."""
        return self.fragments[-1][1]

    def inside(self) -> Iterator[int]:
        """What it covers, one by one."""
        return (i for a, b in self.fragments for i in range(a, b))


class Outcome(NamedTuple):
    """What became of a source span.

    Args:
        sentence: Which sentence it is of, from 0.
        source: The span.
        target: Where it is in the target; None if it was not carried there.
        score: How sure that is, in [0, 1]; 0 for one that was not carried.
        reason: Why it was not carried; empty if it was.
    """

    sentence: int
    source: Span
    target: Span | None
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Projection:
    """What became of all labels of a text.

    Args:
        sentences: How many there are.
        outcomes: One of every source span, sentence by sentence, in the order the spans were given.
        extra: Spans found in the target that got no label.
    """

    sentences: int
    outcomes: tuple[Outcome, ...]
    extra: int = 0

    @property
    def labels(self) -> list[list[Span]]:
        """The spans of each target sentence, in order."""
        out: list[list[Span]] = [[] for _ in range(self.sentences)]
        for outcome in self.outcomes:
            if outcome.target is not None:
                out[outcome.sentence].append(outcome.target)
        return [sorted(spans, key=lambda s: (s.start, -s.end)) for spans in out]

    @property
    def lost(self) -> list[Outcome]:
        """The spans that were not carried."""
        return [o for o in self.outcomes if o.target is None]

    def counts(self) -> dict[str, int]:
        """How many spans were lost for each reason, the most frequent first."""
        return dict(Counter(o.reason for o in self.lost).most_common())

    def table(self) -> pa.Table:
        """All outcomes, a row each; `tgt_start` and `tgt_end` are null for what was lost."""
        rows = [
            (
                *(o.sentence, o.source.label, o.source.start, o.source.last),
                *((None, None) if o.target is None else (o.target.start, o.target.end)),
                *(o.score, o.reason),
            )
            for o in self.outcomes
        ]
        columns = list(zip(*rows, strict=True)) or [()] * len(OUTCOMES)
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, OUTCOMES, strict=True)], schema=OUTCOMES)


#: The columns of `Projection.table`.
OUTCOMES = pa.schema(
    [
        *(("sentence", pa.int64()), ("label", pa.string()), ("src_start", pa.int32()), ("src_end", pa.int32())),
        *(("tgt_start", pa.int32()), ("tgt_end", pa.int32()), ("score", pa.float32()), ("reason", pa.string())),
    ]
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A sentence with labels, as a file has it.

    Args:
        text: The sentence.
        words: Start and end of each of its words in characters; by default what lies between spaces and tabs.
        spans: Labelled spans, in characters.
        where: The file and line it is from, for messages.
        about: What else the file says of it: comments, an id.

    Example:
        >>> Labelled("Anna wohnt hier", spans=(Span(0, 4, "PER"),)).words
        ((0, 4), (5, 10), (11, 15))
    """

    text: str
    words: tuple[Fragment, ...] | None = None
    spans: tuple[Span, ...] = ()
    where: str = ""
    about: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.words is None:
            object.__setattr__(self, "words", words_in(self.text))

    @property
    def tokens(self) -> list[str]:
        """Its words."""
        return [self.text[a:b] for a, b in self.words or ()]

    @classmethod
    def of_words(cls, tokens: Sequence[str], spans: Sequence[Span], **other: Any) -> Labelled:
        """From words, and spans of words.

        Example:
            >>> Labelled.of_words(["Anna", "B."], [Span(0, 2, "PER")]).spans
            (Span(start=0, end=7, label='PER', more=(), id=''),)
        """
        ends = [0]
        for token in tokens:
            ends.append(ends[-1] + len(token) + 1)
        words = tuple((a, b - 1) for a, b in pairwise(ends))
        return cls(" ".join(tokens), words, tuple(to_characters(s, words) for s in spans), **other)


def words_in(text: str) -> tuple[Fragment, ...]:
    """Where what lies between spaces and tabs starts and ends."""
    return tuple(m.span() for m in _WORD.finditer(text))


def words_of(bitext: Bitext, side: Side) -> list[tuple[Fragment, ...]]:
    """Where each sentence's words start and end, as the bitext has them."""
    if f"{side}_spans" not in bitext.table.column_names:
        return [words_in(t) for t in bitext.column(side)]
    return [tuple(zip(s[::2], s[1::2], strict=True)) for s in bitext.column(f"{side}_spans")]


def to_characters(span: Span, words: Sequence[Fragment]) -> Span:
    """A span of words as one of characters."""
    first, *more = [(words[a][0], words[b - 1][1]) if a < b else (0, 0) for a, b in span.fragments]
    return span._replace(start=first[0], end=first[1], more=tuple(more))


def to_words(span: Span, words: Sequence[Fragment]) -> tuple[Span, bool]:
    """A span of characters as one of the words it touches.

    Args:
        span: It may begin or end inside of a word.
        words: Where the words start and end.

    Returns:
        The span, which covers no word if it touched none, and whether it had to be widened to whole words.

    Example:
        >>> to_words(Span(0, 4, "PER"), ((0, 3), (4, 9)))[1], to_words(Span(0, 5, "PER"), ((0, 3), (4, 9)))[1]
        (False, True)
    """
    starts, ends = [a for a, _ in words], [b for _, b in words]
    fragments: list[Fragment] = []
    widened = False
    for start, end in span.fragments:
        a, b = bisect_right(ends, start), bisect_left(starts, end)
        if start >= end or a >= b:
            continue
        widened |= starts[a] < start or ends[b - 1] > end
        if fragments and fragments[-1][1] >= a:
            a, b = fragments[-1][0], max(b, fragments.pop()[1])
        fragments.append((a, b))
    first, *more = fragments or [(0, 0)]
    return span._replace(start=first[0], end=first[1], more=tuple(more)), widened


def rows_of(sentences: Sequence[Labelled], bitext: Bitext, *, side: Side = "src") -> list[int]:
    """Which row of a bitext each sentence is: as they come, rows without a word left out where a file has none of these.

    Args:
        sentences: Sentences in the bitext's order.
        bitext: Sentence pairs.
        side: Which side the sentences are of.

    Raises:
        DataError: Other numbers of sentences.
    """
    words = words_of(bitext, side)
    filled = [k for k, w in enumerate(words) if w]
    rows = list(range(len(words))) if len(sentences) == len(words) else filled
    if len(sentences) != len(rows):
        raise DataError(
            f"{sentences[-1].where.split(' line ')[0] if sentences else 'the labels'}: found {len(sentences):,} sentences"
            + (f", the last in {sentences[-1].where}" if sentences else "")
            + f", and {len(words):,} sentence pairs in the bitext ({len(filled):,} with words), expected as many"
        )
    return rows


def on_words(sentences: Sequence[Labelled], bitext: Bitext, *, side: Side = "src") -> tuple[list[list[Span]], int]:
    """Labels of sentences as spans of a bitext's words.

    Both have the same text; where its white space or its words differ, characters that are not white space are counted.
    A row of the bitext without a word has no labels, and a sentence of the file or none.

    Args:
        sentences: Labelled sentences in the bitext's order.
        bitext: Sentence pairs.
        side: Which side the labels are of.

    Returns:
        The spans of each row of the bitext, and how many of them had to be widened to whole words.

    Raises:
        DataError: Other numbers of sentences, or another text.
    """
    texts, words = bitext.column(side), words_of(bitext, side)
    out: list[list[Span]] = [[] for _ in words]
    widened = 0
    for row, sentence in zip(rows_of(sentences, bitext, side=side), sentences, strict=True):
        shift = _shift(sentence, texts[row], row)
        for span in sentence.spans:
            moved = span if shift is None else _moved(span, *shift)
            in_words, wide = to_words(moved, words[row])
            out[row].append(in_words)
            widened += wide
    return out, widened


def _shift(sentence: Labelled, text: str, row: int) -> tuple[list[int], list[int]] | None:
    """For texts of other white space: characters before each place of the one, and the place of each of the other."""
    if sentence.text == text:
        return None
    one, other = _SPACES.sub("", sentence.text), _SPACES.sub("", text)
    if one != other:
        at = next((k for k, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        raise DataError(
            f"{sentence.where}: found {one[at : at + 20]!r}, expected {other[at : at + 20]!r} as in sentence pair {row + 1} of the "
            "bitext; both must be the same text, white space aside"
        )
    before = [0]
    for c in sentence.text:
        before.append(before[-1] + (not c.isspace()))
    return before, [k for k, c in enumerate(text) if not c.isspace()]


def _moved(span: Span, before: list[int], places: list[int]) -> Span:
    fragments = []
    for a, b in span.fragments:
        x, y = before[a], before[b]
        fragments.append((places[x], places[y - 1] + 1) if x < y else (0, 0))
    return span._replace(start=fragments[0][0], end=fragments[0][1], more=tuple(fragments[1:]))
