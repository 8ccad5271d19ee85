"""Bilingual text found inside one corpus: translations in brackets, after a bar, and in the next line or paragraph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import regex

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.find.segments import Found, Pattern, Segment, Stack, likeness, paired, stacked, stripped
from polyalign.corpus.find.two_languages import TwoLanguages

PATTERNS: tuple[Pattern, ...] = ("brackets", "divided", "lines")
_LINE = re.compile(r"[^\n]+")
_BRACKETS = regex.compile(r"[\(\[（【]([^()\[\]（）【】]{2,})[\)\]）】]")
#: What divides a line: a sign with spaces around it, a tab, or one slash between words. Nothing begins within a run of its own kind: a line of a million spaces or dots would take hours.
_DIVIDER = re.compile(r"\t+|(?<!\s)\s+(?:/+|\|+|=|–|—|·|•|::)\s+|(?<=[^\W\d_]{2})/(?=[^\W\d_]{2})")
_CLAUSE = regex.compile(r"[.!?;:,。！？；：，()\[\]（）【】\"“”„«»]")
#: What ends a sentence: of scripts with spaces a mark and white space, of others the mark.
_OWN_MARKS = "。！？।॥؟۔។။።։"
#: Within its last characters.
_NEAR_END = 20
_ENDS = regex.compile(rf"[.!?{_OWN_MARKS}]+[\p{{Pe}}\p{{Pf}}\"']*\s*$")
_SENTENCE_END = regex.compile(
    rf"(?<![.!?।؟۔])[.!?।؟۔]++[\p{{Pe}}\p{{Pf}}\"']*+\s+|(?<![{_OWN_MARKS}])[{_OWN_MARKS}]++[\p{{Pe}}\p{{Pf}}]*+\s*"
)
#: A word, or a character of scripts without spaces.
_EAST = r"[\p{Script=Hani}\p{Script=Hira}\p{Script=Kana}]"
_WORDS = regex.compile(rf"{_EAST}|[\p{{L}}\p{{M}}\p{{N}}]+(?:['’\-][\p{{L}}\p{{M}}\p{{N}}]+)*")


@dataclass(frozen=True, slots=True)
class Incidental:
    """Find translations that stand beside each other in texts of one corpus, and score them.

    Three ways in which people write them are looked for: ``brackets``, a word or a sentence and its translation in
    brackets, ``Haus (house)``; ``divided``, two halves of a line parted by a slash, bar, dash or tab; ``lines``, lines or
    paragraphs of one language each, where as many follow in the other language, alternating or block by block.

    The languages of a pair are told apart by CLD2 in texts of 60 letters or more, in shorter ones by naive Bayes over the
    letters' n-grams, learnt from the corpus's own long lines. The score of two stretches is
    ``sure(src) sure(tgt) length numbers often``: how sure the languages are;
    ``exp(-z²/2)`` of the log ratio z of their lengths in standard deviations; the share of numbers they have in common; and
    ``1 - 2^-n``, if n pairs of that kind stand in the document. It says how much two stretches look like translations, not
    whether they are; a later step scores that by words or vectors.

    **Differs:** Briakou and others look in a model's training data for texts that switch languages, by tagging
    every word with a language, and keep sentences whose vectors are near; here whole stretches are identified and
    only neighbours paired, without an encoder.

    Args:
        patterns: Which of the three are looked for.
        longest: Longest stretch in brackets, in code points; longer ones are not read.

    Raises:
        ValueError: An unknown pattern, or a longest stretch below 1.

    Complexity: O(characters); a table of 2^18 numbers is kept.

    References: briakou2023searching

    Example:
        >>> table = pa.table({"doc": ["a"], "lang": ["und"], "text": ["Das ist ein altes Haus / This is an old house"]})
        >>> finder = Incidental().fit([table], ("deu_Latn", "eng_Latn"))
        >>> finder.find(table).src, finder.find(table).tgt
        (['Das ist ein altes Haus'], ['This is an old house'])
    """

    patterns: tuple[Pattern, ...] = PATTERNS
    longest: int = 1000

    def __post_init__(self) -> None:
        if not self.patterns or not set(self.patterns) <= set(PATTERNS):
            raise ValueError(
                f"patterns must be some of {', '.join(PATTERNS)}, found {', '.join(self.patterns) or 'none'}"
            )
        if self.longest < 1:
            raise ValueError(f"longest must be 1 or more, found {self.longest}")

    def fit(self, runs: Iterable[pa.Table], pair: tuple[str, str]) -> Finder:
        """Learn to tell the two languages apart.

        Args:
            runs: Tables of documents; what `find` reads after.
            pair: The languages looked for.

        Raises:
            DataError: The languages are alike or unknown, or a table has no text.
        """
        if UNKNOWN in pair or pair[0] == pair[1]:
            raise DataError(
                f"corpus.find/incidental: found the languages {'-'.join(pair)}, expected two known ones that differ"
            )
        lines = (m[0] for run in runs for text in _texts(run) for m in _LINE.finditer(text))
        return Finder(self, TwoLanguages.learn(lines, pair))


@dataclass(frozen=True, slots=True, eq=False)
class Finder:
    """Finds pairs of two languages in documents.

    Args:
        method: What to look for.
        languages: Tells the two apart.
    """

    method: Incidental
    languages: TwoLanguages

    def find(self, run: pa.Table) -> Bitext:
        """The pairs found in some documents.

        Returns:
            A row a pair: `id` (document and number), `doc`, `src`, `tgt`, `score.incidental`, `pattern`, and where both are in
            the text in code points: `src_from`, `src_to`, `tgt_from`, `tgt_to`.

        Raises:
            DataError: The table has no documents' columns.
        """
        texts = _texts(run)
        rows = [
            (doc, n, text, f)
            for doc, text in zip(run["doc"].to_pylist(), texts, strict=True)
            for n, f in enumerate(self.pairs(text))
        ]
        places = [(side, edge) for side in ("src", "tgt") for edge in ("start", "end")]
        return Bitext.build(
            *([text[slice(*getattr(f, side)[:2])] for _, _, text, f in rows] for side in ("src", "tgt")),
            langs=self.languages.pair,
            ids=[f"{doc}/{n}" for doc, n, _, _ in rows],
            columns={
                "doc": pa.array([doc for doc, _, _, _ in rows], pa.string()),
                "score.incidental": pa.array([f.score for _, _, _, f in rows], pa.float32()),
                "pattern": pa.array([f.pattern for _, _, _, f in rows], pa.string()),
                **{
                    f"{side}_{'from' if edge == 'start' else 'to'}": pa.array([getattr(getattr(f, side), edge) for _, _, _, f in rows], pa.int32())
                    for side, edge in places
                },
            },
        )  # fmt: skip

    def pairs(self, text: str) -> list[Found]:
        """The pairs found in one text, in its order."""
        found: list[Found] = []
        free: list[Segment] = []
        breaks: list[bool] = []
        end, fresh = 0, True
        for line in _LINE.finditer(text):
            fresh |= line.start() > end + 1  # after an empty line
            end = line.end()
            a, b = stripped(text, *line.span())
            if a == b:
                fresh = True
                continue
            inside = list(self._divided(text, a, b)) or list(self._bracketed(text, a, b))
            found += [f for f in inside if f.pattern in self.method.patterns]
            # A line that holds both languages is no line of one.
            free.append(Segment(a, b, -1, 0.0) if inside else self._segment(text, a, b))
            breaks.append(fresh)
            fresh = False
        if "lines" in self.method.patterns:
            found += self._beside(text, free, breaks)
        often = Counter(f.pattern for f in found)
        scored = [f._replace(score=f.score * (1 - 0.5 ** often[f.pattern])) for f in found]
        return sorted(scored, key=lambda f: min(f.src.start, f.tgt.start))

    def _segment(self, text: str, start: int, end: int) -> Segment:
        return Segment(start, end, *self.languages.side(text[start:end]))

    def _divided(self, text: str, start: int, end: int) -> Iterator[Found]:
        """Halves of a line in different languages; of more parts, neighbours from the left."""
        marks = [m.span() for m in _DIVIDER.finditer(text, start, end)]
        edges = [start, *(x for span in marks for x in span), end]
        parts = [self._segment(text, *stripped(text, a, b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        k = 0
        while k + 1 < len(parts):
            if {parts[k].side, parts[k + 1].side} == {0, 1}:
                yield paired(text, parts[k], parts[k + 1], "divided")
                k += 1
            k += 1

    def _bracketed(self, text: str, start: int, end: int) -> Iterator[Found]:
        """What is in brackets, with as much of what is before them as it may translate."""
        brackets = [m for m in _BRACKETS.finditer(text, start, end) if m.end(1) - m.start(1) <= self.method.longest]
        if not brackets:
            return
        # A word's language is that of the line it is in; only what brackets hold is judged by itself.
        edges = [start, *(x for m in brackets for x in m.span()), end]
        around = " ".join(text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
        side, sure = self.languages.side(around)
        for at, m in zip([start, *(m.end() for m in brackets)], brackets, strict=False):
            inner = self._segment(text, *stripped(text, m.start(1), m.end(1)))
            before = stripped(text, at, m.start())
            if before[0] == before[1] or {side, inner.side} != {0, 1}:
                continue
            outer = [Segment(x, before[1], side, sure) for x in _beginnings(text, *before, (inner.start, inner.end))]
            words = len(_WORDS.findall(text, inner.start, inner.end))
            best = max(
                outer,
                key=lambda s: likeness(text, s, inner) * 0.5 ** abs(len(_WORDS.findall(text, s.start, s.end)) - words),
            )
            yield paired(text, best, inner, "brackets")

    def _beside(self, text: str, lines: Sequence[Segment], breaks: Sequence[bool]) -> list[Found]:
        """Lines of one language with as many of the other that follow."""
        stacks: list[Stack] = []
        block = 0
        for line, new in zip(lines, breaks, strict=True):
            block += new
            if stacks and stacks[-1].block == block and stacks[-1].side == line.side:
                stacks[-1].lines.append(line)
            else:
                stacks.append(Stack(block, line.side, [line]))
        return [f for choice in stacked(text, stacks) for f in choice]


def _beginnings(text: str, start: int, end: int, inner: tuple[int, int]) -> list[int]:
    """Where that which brackets translate may begin: at a sentence, or up to twice as many words before as are in them."""
    marks = [_ENDS.search(text, max(a, b - _NEAR_END), b) for a, b in ((start, end), inner)]
    if any(marks):
        body, held = (m.start() if m else e for m, e in zip(marks, (end, inner[1]), strict=True))
        number = 1 + len(_SENTENCE_END.findall(text, inner[0], held))
        starts = [start, *(m.end() for m in _SENTENCE_END.finditer(text, start, body))]
        return [starts[max(0, len(starts) - number)]]
    clause = [m.end() for m in _CLAUSE.finditer(text, start, end)]
    first = stripped(text, clause[-1] if clause else start, end)[0]
    words = [m.start() for m in _WORDS.finditer(text, first, end)]
    return words[-2 * len(_WORDS.findall(text, *inner)) - 1 :] or [first]


def _texts(run: pa.Table) -> list[str]:
    for name in ("doc", "text"):
        if name not in run.column_names:
            raise DataError(
                f"documents: no column {name!r}, found {', '.join(run.column_names)}; documents have doc, lang and text"
            )
    return list(run["text"].to_pylist())
