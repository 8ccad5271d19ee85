"""EasyProject: labels that are translated with the text, as markers in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import count, product
from typing import Literal, Protocol

import numpy as np

from polyalign.core.errors import DataError
from polyalign.words.projection.links import NOTHING
from polyalign.words.projection.spans import Fragment, Labelled, Outcome, Projection, Span
from polyalign.words.spelling import form

LOST = "markers lost"
UNBALANCED = "unbalanced markers"
EMPTY = "markers around nothing"
UNSURE = "unsure which span"
GAPS = "has gaps"
_BRACKET = re.compile(r"[\[\]［］【】〔〕]")
_CROSS = re.compile(r"<[ ]?(/?)[ ]?([a-z]+)[ ]?>", re.I)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Translator(Protocol):
    """What translates texts: as many come back, in their order."""

    def __call__(self, texts: list[str], /) -> list[str]:
        """The translations."""


@dataclass(frozen=True, slots=True)
class EasyProject:
    """Carry labels by markers that are translated with the text: mark, translate, and look where the markers are.

    A sentence with labels is translated as ``[ Anna ] wohnt in [ Berlin ] .``; what the brackets of the translation enclose are its
    spans. Which is whose is told by similarity, of a span to the translation of the source span alone, or, without
    a translator, to the source span itself, both romanised; and by order, which adds up to `order`. The assignment
    with the highest sum is taken. Names in ``xml`` markers, ``<a>Anna</a>``, say it themselves; they also
    stand in for brackets where the text has some or spans cross. What does not come
    back is in the result: `markers lost`, `unbalanced markers`, `markers around nothing`, `unsure which span`,
    `has gaps`, `covers no word`. Marked spans that got no label are counted (`extra`).

    **Differs:** the weights are this implementation's; brackets that a translator made full-width are read as well.

    Args:
        markers: What is put around spans: ``brackets``, all alike, or ``xml`` with a name each.
        order: What keeping the order adds to a similarity of at most 1.
        min_similarity: Below it a span stays unlabelled where the numbers of spans differ and so which is whose is not certain.

    Raises:
        ValueError: A parameter out of range.

    Complexity: The translator's, and O(k^2 l^2 + k^3) a sentence of k spans of l characters.

    References: chen2023frustratingly

    Example:
        >>> words = {"Anna": "Anna", "wohnt": "lives", "in": "in", "Bern": "Berne"}
        >>> translate = lambda texts: [" ".join(words.get(w, w) for w in t.split()) for t in texts]
        >>> sentence = Labelled("Anna wohnt in Bern", spans=(Span(0, 4, "PER"), Span(14, 18, "LOC")))
        >>> EasyProject().mark([sentence])
        ['[ Anna ] wohnt in [ Bern ]']
        >>> [translation], projection = EasyProject().project([sentence], translate)
        >>> translation.text, [s[:3] for s in translation.spans]
        ('Anna lives in Berne', [(0, 4, 'PER'), (14, 19, 'LOC')])
    """

    markers: Literal["brackets", "xml"] = "brackets"
    order: float = 0.25
    min_similarity: float = 0.5

    def __post_init__(self) -> None:
        for name in ("order", "min_similarity"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")

    def mark(self, sentences: Sequence[Labelled]) -> list[str]:
        """The texts with markers, to be translated.

        Args:
            sentences: Labelled sentences.
        """
        return ["".join(self._marked(s)) for s in sentences]

    def project(self, sentences: Sequence[Labelled], translator: Translator) -> tuple[list[Labelled], Projection]:
        """Mark, translate, and read the markers.

        Args:
            sentences: Labelled sentences.
            translator: It gets the marked texts, then the text of every span where it matters, each once.

        Returns:
            The translations with their labels, and what became of each span, in characters.

        Raises:
            DataError: The translator gave another number of texts than it got.
        """
        return self.read(sentences, _translated(translator, self.mark(sentences)), translator)

    def read(
        self, sentences: Sequence[Labelled], translated: Sequence[str], translator: Translator | None = None
    ) -> tuple[list[Labelled], Projection]:
        """Read the markers of marked texts that have been translated.

        Args:
            sentences: Labelled sentences, as `mark` got them.
            translated: What became of what `mark` gave.
            translator: For the texts of spans alone, if there is one.

        Returns:
            As `project`.

        Raises:
            DataError: Other numbers of texts.
        """
        if len(translated) != len(sentences):
            raise DataError(
                f"projection: found {len(translated):,} translations, expected {len(sentences):,}, one of each marked sentence; empty ones too"
            )
        names = [self._names(s) for s in sentences]
        parsed = [_parse(t, n) if n else (t, [], False) for t, n in zip(translated, names, strict=True)]
        alone: dict[str, str] = {}
        if translator is not None:
            several = [k for k, n in enumerate(names) if (len(n) > 1 and not n[0]) or len(parsed[k][1]) > len(n)]
            texts = sorted({sentences[k].text[s.start : s.end] for k in several for s in _marked_spans(sentences[k])})
            alone = dict(zip(texts, _translated(translator, texts), strict=True)) if texts else {}
        out: list[Labelled] = []
        outcomes: list[Outcome] = []
        extra = 0
        for k, (sentence, (text, found, odd), name) in enumerate(zip(sentences, parsed, names, strict=True)):
            spans = _marked_spans(sentence)
            full = [f for f in found if f.span[0] < f.span[1]]
            whose = (
                self._by_name(name, full) if name and name[0] else self._by_likeness(sentence, spans, text, full, alone)
            )
            extra += len(full) - len({f for f, _ in whose.values() if f is not None})
            empty = len(found) - len(full)
            results = {}
            for x, s in enumerate(spans):
                f, score = whose.get(x, (None, 0.0))
                if f is not None:
                    target = Span(*full[f].span, s.label, (), s.id)
                    results[s] = Outcome(k, s, target, score, "")
                    continue
                reason = UNSURE if x in whose else UNBALANCED if odd else EMPTY if empty > 0 else LOST
                empty -= reason == EMPTY
                results[s] = Outcome(k, s, None, 0.0, reason)
            mine = [results.get(s) or Outcome(k, s, None, 0.0, GAPS if s.more else NOTHING) for s in sentence.spans]
            outcomes += mine
            targets = sorted((o.target for o in mine if o.target is not None), key=lambda s: (s.start, -s.end))
            out.append(Labelled(text, spans=tuple(targets), where=sentence.where, about=sentence.about))
        return out, Projection(len(sentences), tuple(outcomes), extra)

    def _names(self, sentence: Labelled) -> list[str]:
        """The names of a sentence's markers, none of them in its text; empty strings for brackets."""
        spans = _marked_spans(sentence)
        crossing = any(a.start < b.start < a.end < b.end for a, b in product(spans, spans))
        if self.markers == "brackets" and not crossing and not _BRACKET.search(sentence.text):
            return [""] * len(spans)
        taken = {m[2].lower() for m in _CROSS.finditer(sentence.text)}
        fresh = (n for size in count(1) for n in map("".join, product(_LETTERS, repeat=size)) if n not in taken)
        return [next(fresh) for _ in spans]

    def _marked(self, sentence: Labelled) -> Iterator[str]:
        before: dict[int, list[str]] = {}
        after: dict[int, list[str]] = {}
        for s, name in zip(_marked_spans(sentence), self._names(sentence), strict=True):
            before.setdefault(s.start, []).append(f"<{name}>" if name else "[ ")
            after.setdefault(s.end, []).insert(0, f"</{name}>" if name else " ]")
        for k in range(len(sentence.text) + 1):
            yield from after.get(k, ())
            yield from before.get(k, ())
            yield sentence.text[k : k + 1]

    def _by_name(self, names: list[str], found: list[_Found]) -> dict[int, tuple[int | None, float]]:
        at = {f.name: k for k, f in reversed(list(enumerate(found)))}
        return {x: (at[name], 1.0) for x, name in enumerate(names) if name in at}

    def _by_likeness(
        self, sentence: Labelled, spans: list[Span], text: str, found: list[_Found], alone: dict[str, str]
    ) -> dict[int, tuple[int | None, float]]:
        """For each source span the span found and how alike they are; None where that does not say enough."""
        n, m = len(spans), len(found)
        if not n or not m:
            return {}
        if n == m and len({s.label for s in spans}) == 1:
            return {x: (x, 1.0) for x in range(n)}
        from scipy.optimize import linear_sum_assignment

        texts = [sentence.text[s.start : s.end] for s in spans]
        one = [form(alone.get(t, t)) for t in texts]
        other = [form(text[slice(*f.span)]) for f in found]
        alike = np.array([[SequenceMatcher(None, a, b, autojunk=False).ratio() for b in other] for a in one])
        place = [np.arange(c) / max(c - 1, 1) for c in (n, m)]
        inorder = 1 - abs(place[0][:, None] - place[1][None, :])
        rows, columns = linear_sum_assignment(-(alike + self.order * inorder))
        unsure = m > n or (m < n and len({s.label for s in spans}) > 1)
        out: dict[int, tuple[int | None, float]] = {}
        for x, y in zip(rows.tolist(), columns.tolist(), strict=True):
            out[x] = (None if unsure and alike[x, y] < self.min_similarity else y, float(alike[x, y]))
        return out


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    span: Fragment


def _marked_spans(sentence: Labelled) -> list[Span]:
    """The spans that can be marked, the outer ones first."""
    return sorted((s for s in sentence.spans if not s.more and s.start < s.end), key=lambda s: (s.start, -s.end))


def _translated(translator: Translator, texts: list[str]) -> list[str]:
    out = list(translator(texts))
    if len(out) != len(texts):
        raise DataError(
            f"translator: found {len(out):,} translations, expected {len(texts):,}, one of each text in the same order"
        )
    return out


def _parse(text: str, names: list[str]) -> tuple[str, list[_Found], bool]:
    """The text without its markers, the spans they enclose in the order they begin, and whether any lacks its other one."""
    out: list[str] = []
    length = at = 0
    opened: list[tuple[str, int]] = []
    found: list[_Found] = []
    odd = after_open = False
    for match in (_CROSS if names[0] else _BRACKET).finditer(text):
        name = match[2].lower() if names[0] else ""
        if name not in names:
            continue
        closes = match[1] == "/" if names[0] else match[0] in "]］】〕"
        piece = text[at : match.start()]
        piece = piece.lstrip() if after_open else piece
        out.append(piece)
        length += len(piece)
        at, after_open = match.end(), not closes
        if not closes:
            opened.append((name, length))
            continue
        while out and out[-1] != (kept := out[-1].rstrip()):
            length -= len(out[-1]) - len(kept)
            out[-1] = kept
            if not kept:
                out.pop()
        place = next((x for x in range(len(opened) - 1, -1, -1) if opened[x][0] == name), None)
        if place is None:
            odd = True
            continue
        start = opened.pop(place)[1]
        found.append(_Found(name, (min(start, length), length)))
    piece = text[at:]
    out.append(piece.lstrip() if after_open else piece)
    plain = "".join(out)
    trimmed = [
        _Found(f.name, (f.span[0] + len(x) - len(x.lstrip()), f.span[1]))
        for f in found
        for x in [plain[slice(*f.span)]]
    ]
    return plain, sorted(trimmed, key=lambda f: (f.span[0], -f.span[1])), odd or bool(opened)
