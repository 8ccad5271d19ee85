"""Tags of words, one each, and the spans they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from polyalign.words.projection.spans import Span

#: ``bio``: B- begins a span, I- goes on. ``iob``: B- only begins one right after another of its label. ``bioes``: E- ends a span, S-
#: is one of a single word; L- and U- are read as these.
Scheme = Literal["bio", "iob", "bioes"]
_ALIKE = {"L": "E", "U": "S", "M": "I"}


@dataclass(slots=True)
class Tags:
    """Reads tags of sentences, and counts what is not well-formed.

    Args:
        scheme: What they are in; None to see it from the tags of a file (`seen`).
    """

    scheme: Scheme | None = None
    malformed: int = 0

    def spans(self, tags: Sequence[str]) -> list[Span]:
        """The spans of one sentence.

        A span that goes on or ends without having begun begins there; one that has begun and does not end ends before
        the next tag. Both are counted as `malformed`.

        Raises:
            ValueError: Something that is no tag.

        Example:
            >>> tags = Tags("bio")
            >>> [s[:3] for s in tags.spans(["B-PER", "I-PER", "O", "I-LOC"])], tags.malformed
            ([(0, 2, 'PER'), (3, 4, 'LOC')], 1)
        """
        out: list[Span] = []
        open_ = False  # whether the last span can go on
        for i, tag in enumerate(tags):
            kind, label = split_tag(tag)
            goes_on = open_ and kind in "IE" and kind != "O" and out[-1].label == label
            if self.scheme == "bioes" and open_ and not goes_on:
                self.malformed += 1
            if goes_on:
                out[-1] = out[-1]._replace(end=i + 1)
            elif kind != "O":
                self.malformed += kind in "IE" and not (self.scheme == "iob" and kind == "I")
                out.append(Span(i, i + 1, label))
            open_ = kind in ("B", "I")
        self.malformed += self.scheme == "bioes" and open_
        return out


def split_tag(tag: str) -> tuple[str, str]:
    """A tag's kind and label.

    Raises:
        ValueError: It is no tag.

    Example:
        >>> split_tag("B-PER"), split_tag("U-LOC"), split_tag("O")
        (('B', 'PER'), ('S', 'LOC'), ('O', ''))
    """
    if tag in ("O", "_"):
        return "O", ""
    kind, dash, label = tag.partition("-")
    kind = _ALIKE.get(kind, kind)
    if not dash or not label or kind not in ("B", "I", "E", "S"):
        raise ValueError(f"found {tag!r}, expected a tag such as O, B-PER or I-PER")
    return kind, label


def scheme_of(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that tags are in: ``bioes`` if any ends a span, ``iob`` if B- only stands where that needs it.

    Example:
        >>> scheme_of([["I-PER", "I-PER", "B-PER"]]), scheme_of([["B-PER", "E-PER"]]), scheme_of([["B-PER"]])
        ('iob', 'bioes', 'bio')
    """
    begun_by_i, needless_b = False, False
    for tags in sentences:
        before = "O", ""
        for tag in tags:
            kind, label = split_tag(tag)
            if kind in "ES":
                return "bioes"
            alike = before[0] != "O" and before[1] == label
            begun_by_i |= kind == "I" and not alike
            needless_b |= kind == "B" and not alike
            before = kind, label
    return "iob" if begun_by_i and not needless_b else "bio"


def tags_of(spans: Iterable[Span], words: int, scheme: Scheme = "bio") -> tuple[list[str], list[Span]]:
    """Spans as tags.

    Args:
        spans: Of words.
        words: How many there are.
        scheme: The scheme.

    Returns:
        A tag a word, and the spans that tags cannot say: inside of or across a longer one, or with gaps.

    Example:
        >>> tags_of([Span(0, 2, "PER"), Span(0, 1, "TITLE")], 3)
        (['B-PER', 'I-PER', 'O'], [Span(start=0, end=1, label='TITLE', more=(), id='')])
    """
    tags, kept, left = ["O"] * words, [""] * words, []
    for span in sorted(spans, key=lambda s: (s.start - s.end, s.start)):
        at = range(span.start, span.end)
        if span.more or not at or any(kept[i] for i in at):
            left.append(span)
            continue
        for i in at:
            kept[i] = span.label
            tags[i] = f"I-{span.label}"
        if scheme == "bioes":
            tags[span.end - 1] = f"E-{span.label}"
        tags[span.start] = f"{'S' if scheme == 'bioes' and len(at) == 1 else 'B'}-{span.label}"
    if scheme == "iob":
        tags = [
            f"I{t[1:]}" if t.startswith("B") and (i == 0 or kept[i - 1] != kept[i]) else t for i, t in enumerate(tags)
        ]
    return tags, left
