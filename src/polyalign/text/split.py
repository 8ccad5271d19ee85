"""A document into sentences, as spans of the raw text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import regex
import sentencex

from polyalign.core.jit import I32, frozen
from polyalign.core.langs import normalise, short

_LINE = re.compile(r"[^\n\r\v\f\x85\u2028\u2029]+")
_LINE_END = re.compile(r"\r\n|[\n\r\v\f\x85\u2028\u2029]")
_WHITE = re.compile(r"[^\S ]")
# Languages without rules of their own in sentencex whose abbreviations are nearer to a neighbour's
# than to English ones, which sentencex would use.
_NEIGHBOUR = {
    "rm": "de",
    "nb": "da",
    "nn": "da",
    "fo": "da",
    "is": "da",
    "af": "nl",
    "be": "ru",
    "hr": "sk",
    "bs": "sk",
    "sl": "sk",
}
# Scripts whose sentences do not end with a full stop, so that a dot there is an abbreviation's.
_OWN_MARKS = frozenset({"Khmr", "Mymr", "Tibt", "Thai", "Laoo"})
_MARKED = regex.compile(r"[។៕။།༎]")
_FINAL = regex.compile(r"(?:[។៕။༎]|།(?:\s*[།༎])*|[!?！？…]+(?=[\p{Pe}\p{Pf}\"']*(?:\s|$)))[\p{Pe}\p{Pf}\"']*")
# A dot after a number or inside an abbreviation ends no sentence if the next word is in lower case;
# one after an initial ends none before a name.
_NUMBER = regex.compile(r"(?:\d|\.\p{L}{1,4})\.\s+$")
_INITIAL = regex.compile(r"(?<![\p{L}\p{M}\d])(?!I)\p{Lu}\.\s+$")


@dataclass(frozen=True, slots=True, eq=False)
class Sentences:
    """The sentences of a document.

    Args:
        spans: Half-open code-point offsets into the raw text, without the white space around a
            sentence, rising, shape (n, 2). Every other character is inside exactly one span.
        paragraphs: The paragraph of each sentence, from 0, rising, shape (n,).
    """

    spans: I32
    paragraphs: I32

    def __post_init__(self) -> None:
        object.__setattr__(self, "spans", frozen(np.asarray(self.spans, np.int32).reshape(-1, 2), np.int32))
        object.__setattr__(self, "paragraphs", frozen(self.paragraphs, np.int32))

    def texts(self, text: str) -> list[str]:
        """The sentences themselves, given the text they were found in."""
        return [text[a:b] for a, b in self.spans.tolist()]


@dataclass(frozen=True, slots=True)
class SentenceX:
    r"""Split a document into sentences with sentencex, whose rules know some 30 languages.

    A sentence never crosses a line end (``break``) or a blank line (``wrap``); within that, sentencex
    decides from final marks, quotes and lists of abbreviations. White space means what `str.isspace`
    says; line ends are ``\n``, ``\r\n``, ``\r`` and Unicode's others.

    Languages that sentencex has no rules for fall back on a related one (its own chain, some 190
    languages, such as Czech on Slovak or Tatar on Russian), else on English rules.

    **Differs:** from sentencex: (1) Romansh falls back on German, Norwegian, Faroese and Icelandic
    on Danish, Croatian, Bosnian and Slovene on Slovak, Afrikaans on Dutch, Belarusian on Russian,
    not on English; (2) in any language a number or ``p.ex.`` before a lower-case word ends no
    sentence, nor does an initial before a name (``M. Dupont``); (3) Khmer, Myanmar and Tibetan end a sentence at their own marks (។ ៕ ။ ། ༎) and, like
    Thai and Lao, at ``!`` ``?`` and ``…``, never at a dot. Thai and Lao write no mark at all, so
    there a line is mostly one sentence.

    Args:
        line_breaks: ``break``: a line end ends the sentence, so a headline stays apart from the text
            below it; ``wrap``: a single line end is a space, for text wrapped at a fixed width.
            A paragraph ends at one or more blank lines in both.

    Example:
        >>> text = "Ein Titel\nEr kam am 3. Mai. Sie z.B. nicht.\n\nEnde."
        >>> out = SentenceX()(text, "de")
        >>> out.texts(text), out.paragraphs.tolist()
        (['Ein Titel', 'Er kam am 3. Mai.', 'Sie z.B. nicht.', 'Ende.'], [0, 0, 0, 1])

    References: thottingal2023sentencex
    """

    line_breaks: Literal["break", "wrap"] = "break"

    def __post_init__(self) -> None:
        if self.line_breaks not in ("break", "wrap"):
            raise ValueError(f"line_breaks must be break or wrap, not {self.line_breaks!r}")

    def __call__(self, text: str, lang: str) -> Sentences:
        """Split one document in O(its length).

        Args:
            text: The raw text.
            lang: Its language, any spelling; ``und`` is split by English rules.

        Returns:
            The sentences in order.

        Raises:
            ConfigError: Not a language tag.
        """
        tag = normalise(lang)
        code = short(tag)
        code, own_marks = _NEIGHBOUR.get(code, code), tag.split("_")[-1] in _OWN_MARKS
        spans: list[tuple[int, int]] = []
        paragraphs: list[int] = []
        for begin, end, paragraph in _blocks(text, wrap=self.line_breaks == "wrap"):
            # The splitter sees plain spaces of the same length: other white space makes it fail,
            # and line ends inside a block mean nothing any more.
            block = _WHITE.sub(" ", text[begin:end])
            ends = _mark_ends(block) if own_marks or _MARKED.search(block) else _rule_ends(block, code)
            before = len(spans)
            spans += _stripped(block, ends, begin)
            paragraphs += [paragraph] * (len(spans) - before)
        return Sentences(np.asarray(spans, np.int32), np.asarray(paragraphs, np.int32))


@dataclass(frozen=True, slots=True)
class Lines:
    r"""Take every line as one sentence; blank lines end a paragraph.

    For text that was split before. White space around a line is left out.

    Example:
        >>> out = Lines()("One. Two.\r\n\r\n Three.", "en")
        >>> out.spans.tolist(), out.paragraphs.tolist()
        ([[0, 9], [14, 20]], [0, 1])
    """

    def __call__(self, text: str, lang: str = "und") -> Sentences:
        """Split one document in O(its length).

        Args:
            text: The raw text.
            lang: Its language, any spelling; checked, otherwise without influence.

        Returns:
            The lines that are not blank, in order.

        Raises:
            ConfigError: Not a language tag.
        """
        normalise(lang)
        rows = list(_blocks(text, wrap=False))
        return Sentences(
            np.asarray([(begin, end) for begin, end, _ in rows], np.int32),
            np.asarray([paragraph for _, _, paragraph in rows], np.int32),
        )


def _blocks(text: str, *, wrap: bool) -> Iterator[tuple[int, int, int]]:
    """Start, end and paragraph of each line that is not blank, or with `wrap` of each paragraph."""
    paragraph, begin, end = -1, 0, 0
    for line in _LINE.finditer(text):
        if line[0].isspace():
            continue
        a = line.start() + len(line[0]) - len(line[0].lstrip())
        b = line.start() + len(line[0].rstrip())
        fresh = paragraph < 0 or len(_LINE_END.findall(text, end, a)) > 1
        if paragraph >= 0 and (fresh or not wrap):
            yield begin, end, paragraph
        if fresh or not wrap:
            begin = a
        paragraph, end = paragraph + fresh, b
    if paragraph >= 0:
        yield begin, end, paragraph


def _rule_ends(block: str, code: str) -> list[int]:
    """Where sentencex ends sentences; its pieces follow one another without a gap."""
    ends: list[int] = []
    position, last = 0, ""
    for piece in sentencex.segment(code, block):
        joins = _NUMBER if piece[:1].islower() else _INITIAL if piece[:1].isupper() else None
        if ends and joins and joins.search(last[-8:]):
            ends.pop()
        position, last = position + len(piece), piece
        ends.append(position)
    return ends


def _mark_ends(block: str) -> list[int]:
    """Where the final marks of scripts without a full stop end sentences."""
    ends = [m.end() for m in _FINAL.finditer(block)]
    return ends if ends and ends[-1] == len(block) else [*ends, len(block)]


def _stripped(block: str, ends: list[int], offset: int) -> Iterator[tuple[int, int]]:
    """The pieces that end there as spans without the white space around them; blank ones left out."""
    begin = 0
    for end in ends:
        piece = block[begin:end]
        if not piece.isspace():
            yield offset + begin + len(piece) - len(piece.lstrip()), offset + begin + len(piece.rstrip())
        begin = end
