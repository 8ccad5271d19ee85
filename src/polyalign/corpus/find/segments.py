"""Stretches of text in one language each, how much two look like translations, and lines that stand beside others."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import regex

Pattern = Literal["brackets", "divided", "lines"]
_NUMBER = re.compile(r"\d+")
_HAN = regex.compile(r"[\p{Script=Hani}\p{Script=Hira}\p{Script=Kana}\p{Script=Hang}]")
#: Most stacks of lines of one language that are paired with as many after them, and what a pair must be worth.
_MOST, _PAIR_COST = 50, 0.2


class Segment(NamedTuple):
    """A stretch of a text, half-open, the side of the pair it is in (-1: none) and how sure that is."""

    start: int
    end: int
    side: int
    sure: float


class Found(NamedTuple):
    """Two stretches that may translate each other: source, target, how they stand and how likely it is."""

    src: Segment
    tgt: Segment
    pattern: Pattern
    score: float


def paired(text: str, one: Segment, two: Segment, pattern: Pattern) -> Found:
    """Two stretches of different languages as a pair with its score."""
    src, tgt = (one, two) if one.side == 0 else (two, one)
    return Found(src, tgt, pattern, likeness(text, src, tgt))


def likeness(text: str, one: Segment, two: Segment) -> float:
    """How much two stretches look like translations: languages, lengths and numbers."""
    a, b = text[one.start : one.end], text[two.start : two.end]
    sizes = _size(a), _size(b)
    z2 = math.log(sizes[0] / sizes[1]) ** 2 / (0.04 + 1.6 / (min(sizes) + 1))
    numbers = Counter(_NUMBER.findall(a)), Counter(_NUMBER.findall(b))
    union = (numbers[0] | numbers[1]).total()
    agree = 1.0 if union == 0 else 0.2 + 0.8 * (numbers[0] & numbers[1]).total() / union
    return one.sure * two.sure * math.exp(-z2 / 2) * agree


def _size(text: str) -> int:
    """Length in letters, a character of East Asia for as many as it mostly stands for."""
    return 1 + len(text) + 2 * len(_HAN.findall(text))


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without the white space around it, empty at its end if it is nothing else."""
    part = text[start:end].rstrip()
    return end - len(text[start:end].lstrip()), start + len(part) if part else end


@dataclass(frozen=True, slots=True)
class Stack:
    """Lines of one language (or of none, -1) that follow one another in a block."""

    block: int
    side: int
    lines: list[Segment]


def stacked(text: str, stacks: Sequence[Stack]) -> list[list[Found]]:
    """Pairs of neighbouring stacks, or of as many stacks of one language as of the other after them, each used once."""
    shared = Counter(s.block for s in stacks)
    best: list[tuple[float, int, list[Found]]] = [(0.0, 0, [])]
    run = 0
    for end in range(1, len(stacks) + 1):
        side = stacks[end - 1].side
        run = run + 1 if end > 1 and side == stacks[end - 2].side else 1
        options = [(best[end - 1][0], end - 1, list[Found]())]
        # As many of the other language before the last ones, which are of one.
        first = stacks[max(0, end - 2 * run) : end - run] if side >= 0 and run <= _MOST else []
        if len(first) == run and {s.side for s in first} == {1 - side}:
            pairs = [_pairs_of(text, a, b, shared) for a, b in zip(first, stacks[end - run : end], strict=True)]
            if all(pairs):
                found = [f for p in pairs for f in p]
                gain = sum(f.score - _PAIR_COST for f in found)
                options.append((best[end - 2 * run][0] + gain, end - 2 * run, found))
        best.append(max(options, key=lambda o: o[0]))
    out, at = [], len(stacks)
    while at > 0:
        _, before, found = best[at]
        out.append(found)
        at = before
    return out[::-1]


def _pairs_of(text: str, one: Stack, two: Stack, shared: Mapping[int, int]) -> list[Found]:
    """Two stacks line by line if they are equally high, else as wholes if each is a block of its own."""
    whole = shared[one.block] == shared[two.block] == 1
    if one.block != two.block and not whole:
        return []
    if len(one.lines) == len(two.lines):
        return [paired(text, a, b, "lines") for a, b in zip(one.lines, two.lines, strict=True)]
    if not whole:
        return []
    a, b = (Segment(s.lines[0].start, s.lines[-1].end, s.side, min(x.sure for x in s.lines)) for s in (one, two))
    return [paired(text, a, b, "lines")]
