"""Columns of numbers before sentences: found, and left out of what is compared."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from polyalign.core.document import Document
from polyalign.core.progress import note

#: Sentences below which a document's numbers are taken for text.
FEWEST = 5
#: Share of sentences that begin with a number, and share of those numbers that follow the one before.
NEARLY_ALL = 0.95
#: Share of numbers with one and the same word behind them from which they count what it names (12 euros, 3 May).
COUNTED = 0.6
#: Characters of an id that need not count up if all are as long.
LONG = 5

#: A number of one to three parts, in brackets or with a mark behind, and what parts it from the text.
_NUMBER = re.compile(
    r"""\s*(?P<open>[\[(<{])?\s*\#?(?P<number>\d{1,12}(?:[.:]\d{1,6}){0,2})\s*(?P<close>[\])>}])?
    (?P<mark>[.:]?\t\s*|[.:]?\s*\|+\s*|[.:)]?\s+|(?(close)|$))""",
    re.VERBOSE,
)
#: An id with letters counts only if a tab follows.
_ID = re.compile(r"\s*(?P<id>[^\s\t]{0,30}\d[^\s\t]{0,30})\t\s*")
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class _Label:
    """What stands before a sentence."""

    text: str
    parts: tuple[int, ...]
    end: int
    sure: bool


def strip_numbering(documents: Sequence[Document]) -> list[Document]:
    """The documents without the numbers or ids that all their sentences begin with.

    An aligner that compares words takes equal numbers for evidence, and where the versions are cut differently equal
    numbers stand at sentences that do not correspond. A document has such a column if it has at least five sentences,
    nearly all begin with a number parted from the text (``12<TAB>text``, ``[12] text``, ``012. text``, ``1:12 text``),
    and the numbers count up, or rise, or are equally long ids, before a tab or in brackets. Years, prices and
    quantities stay: they do not count up, could be years, or are followed by the same word again and again.

    This is for what is compared; what is written keeps the original text.

    Args:
        documents: Any; both sides of a batch in one list are told of in one message.

    Returns:
        The same documents, with the sentences of some shortened; a sentence that is only its number stays.

    Complexity: O(characters at the beginnings of sentences).

    Example:
        >>> one = Document.from_lines(["1. One", "2. Two", "3. Three", "4", "5. Five", "6. Six"])
        >>> strip_numbering([one])[0].sentences
        ('One', 'Two', 'Three', '4', 'Five', 'Six')
    """
    out, changed = [], 0
    for document in documents:
        labels = _column(document.sentences)
        if labels is None:
            out.append(document)
            continue
        rest = [s[label.end :].strip() if label else s for s, label in zip(document.sentences, labels, strict=True)]
        out.append(replace(document, sentences=tuple(r or s for r, s in zip(rest, document.sentences, strict=True))))
        changed += 1
    if changed:
        some = f"{changed} of {len(out)} documents have" if len(out) > 1 else "the document has"
        note(f"{some} a number or id before every sentence; it is not compared, and kept in what is written")
    return out


def _column(sentences: Sequence[str]) -> list[_Label | None] | None:
    """What stands before each sentence, or None if that is text."""
    need = NEARLY_ALL * len(sentences)
    if len(sentences) < FEWEST or sum(_label(s) is not None for s in sentences[:20]) < NEARLY_ALL * len(sentences[:20]):
        return None
    labels = [_label(s) for s in sentences]
    found = [x for x in labels if x is not None]
    if len(found) < max(need, FEWEST):
        return None
    steps = len(found) - 1
    follow = sum(_follows(a.parts, b.parts) for a, b in pairwise(found))
    sure = sum(x.sure for x in found) >= need
    if not sure:
        after = Counter(_first_word(s[x.end :]) for s, x in zip(sentences, labels, strict=True) if x is not None)
        word, times = after.most_common(1)[0]
        if (word and times >= COUNTED * len(found)) or all(_may_be_year(x) for x in found):
            return None
        return labels if follow >= NEARLY_ALL * steps - 1 else None
    if follow >= NEARLY_ALL * steps - 1:
        return labels
    if all(_may_be_year(x) for x in found) or any(_decimal(x) for x in found):
        return None
    unique = len({x.text for x in found}) >= NEARLY_ALL * len(found)
    rising = sum(a.parts <= b.parts for a, b in pairwise(found)) >= NEARLY_ALL * steps
    alike = len({len(x.text) for x in found}) == 1 and len(found[0].text) >= LONG
    return labels if unique and (rising or alike) else None


def _label(sentence: str) -> _Label | None:
    match = _NUMBER.match(sentence)
    if match is not None and bool(match["open"]) <= bool(match["close"]):
        parts = tuple(int(x) for x in re.split(r"[.:]", match["number"]))
        sure = "\t" in match["mark"] or "|" in match["mark"] or bool(match["open"])
        return _Label(match["number"], parts, match.end(), sure)
    match = _ID.match(sentence)
    if match is not None:
        return _Label(match["id"], tuple(int(x) for x in re.findall(r"\d+", match["id"])), match.end(), True)
    return None


def _follows(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether a number is the next one: one more in one place, the places behind it begun anew; or all begun anew."""
    if after[-1] <= 1 and (len(after) == 1 or after[:-1] >= before[:-1]):
        return after != before or len(after) > 1
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    if same == len(before) == len(after):
        return len(after) > 1  # a verse in two pieces
    return (
        same < min(len(before), len(after))
        and after[same] == before[same] + 1
        and all(x <= 1 for x in after[same + 1 :])
    )


def _first_word(text: str) -> str:
    match = _WORD.search(text)
    return match[0].casefold() if match else ""


def _may_be_year(label: _Label) -> bool:
    return len(label.parts) == 1 and len(label.text) == 4 and 1000 <= label.parts[0] <= 2100


def _decimal(label: _Label) -> bool:
    return "." in label.text and len(label.parts) == 2 and label.text.replace(".", "").isdecimal()
