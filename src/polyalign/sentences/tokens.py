"""Words as an aligner needs them: casefolded runs of letters or digits, ids shared by both sides."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import count, pairwise

import numpy as np

from polyalign.core.jit import I32, I64

#: Scripts written without spaces: their runs become character bigrams.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_NUMBERING = re.compile(r"\s*(\d{1,12})\b")
_WORD, _DENSE_RUN = re.compile(r"\w+"), re.compile(f"[{_DENSE}]+")
#: Ends a sentence, and is no word.
_END = "\0"
#: Sentences taken apart in one go.
_BLOCK = 1000


def tokens(text: str) -> list[str]:
    """The words of a sentence.

    Example:
        >>> tokens("Die H\u00f6he: 8848 m."), tokens("\u8d77\u521d\u795e GPL"), tokens("...")
        (['die', 'h\u00f6he', '8848', 'm'], ['\u8d77\u521d', '\u521d\u795e', 'gpl'], [])
    """
    found = _WORD.findall(text.casefold())
    if text.isascii() or _DENSE_RUN.search(text) is None:
        return found
    out: list[str] = []
    for word in found:
        at = 0
        for run in _DENSE_RUN.finditer(word):
            if run.start() > at:
                out.append(word[at : run.start()])
            a, b = run.span()
            out.extend(word[k : k + 2] for k in range(a, max(b - 1, a + 1)))
            at = b
        if at < len(word):
            out.append(word[at:])
    return out


def without_numbering(sentences: Sequence[str]) -> Sequence[str]:
    """The sentences of a document without the numbers they begin with, if these just count up.

    Where the versions are cut differently, equal numbers stand at sentences that do not correspond.

    Example:
        >>> without_numbering(["1. One", "2. Two", "3 3", "4", "5 Five"])
        ['. One', '. Two', ' 3', '', ' Five']
        >>> without_numbering(["1 bear", "2 deer", "No fish"])
        ['1 bear', '2 deer', 'No fish']
    """
    found = [_NUMBERING.match(s) for s in sentences[:5]]
    if len(found) < 5 or None in found:
        return sentences
    found = [_NUMBERING.match(s) for s in sentences]
    numbers = [int(f[1]) for f in found if f]
    rising = sum(a < b for a, b in pairwise(numbers))
    if rising < 0.9 * (len(sentences) - 1):
        return sentences
    return [s[f.end() :] if f else s for s, f in zip(sentences, found, strict=True)]


def encode(sentences: Sequence[str], ids: dict[str, int]) -> tuple[I32, I64]:
    """The words of each sentence as ids, new words getting the next free id in `ids`."""
    # A dictionary that numbers what it does not know: twice as fast as asking for every word.
    number: defaultdict[str, int] = defaultdict(count(len(ids)).__next__, ids)
    number[_END] = -1
    words: list[I32] = [np.zeros(0, np.int32)]
    for k in range(0, len(sentences), _BLOCK):
        found = _words_and_ends(sentences[k : k + _BLOCK])
        words.append(np.fromiter(map(number.__getitem__, found), np.int32, len(found)))
    del number[_END]
    ids.update(number)
    values = np.concatenate(words)
    ends = np.flatnonzero(values < 0)
    starts = np.concatenate([np.zeros(1, np.int64), ends - np.arange(len(ends))])
    return values[values >= 0], starts


def _words_and_ends(sentences: Sequence[str]) -> list[str]:
    """The words of some sentences, each sentence followed by `_END`."""
    text = _END.join([*sentences, ""])
    if text.count(_END) > len(sentences) or not (text.isascii() or _DENSE_RUN.search(text) is None):
        return [w for s in sentences for w in (*tokens(s), _END)]
    # What `tokens` finds, three times as fast: all that is no part of a word, blanked out at once.
    text = text.casefold()
    for other in set(text):
        if not (other.isalnum() or other in ("_", _END)):
            text = text.replace(other, " ")
    return text.replace(_END, f" {_END} ").split()
