"""Pharaoh links as bytes: ``i-j`` (sure) or ``ipj`` and ``i?j`` (possible), each with ``:p`` or without."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F32, I32, I64, U8, Mask, kernel

_TAB, _LINE, _RETURN, _SPACE, _PLUS, _MINUS, _POINT = 9, 10, 13, 32, 43, 45, 46
_ZERO, _COLON, _QUESTION, _BIG_E, _E, _P = 48, 58, 63, 69, 101, 112
#: Links of one line that are put in order by insertion; more are sorted.
_FEW = 64


@kernel()
def parse(text: U8, lines: int, low: int, reverse: bool) -> tuple[bool, I64, I32, I32, F32, Mask]:
    """The links of whole lines, in order, each once.

    Args:
        text: The lines, each but the last ended by LF.
        lines: How many there are.
        low: What the first word is called, 0 or 1.
        reverse: Whether the target word comes first.

    Returns:
        Whether all is as it should be (if not, the rest means nothing); where each line's links begin, and the end;
        source word, target word, probability (-1 where there is none) and whether it is sure, of each.
    """
    most = (len(text) + 1) // 4 + 1
    keys, prob, sure = np.empty(most, np.int64), np.empty(most, np.float32), np.empty(most, np.bool_)
    ends = np.zeros(lines + 1, np.int64)
    bad = False
    at, n, start = 0, 0, 0
    for line in range(lines):
        while at < len(text) and text[at] != _LINE:
            if text[at] == _SPACE or text[at] == _TAB or text[at] == _RETURN:
                at += 1
                continue
            i, begin = 0, at
            while at < len(text) and _ZERO <= text[at] < _COLON and i <= 0x7FFFFFFF:
                i = 10 * i + text[at] - _ZERO
                at += 1
            mark = text[at] if at < len(text) and at > begin else np.uint8(0)
            j, begin = 0, at + 1
            at += 1
            while at < len(text) and _ZERO <= text[at] < _COLON and j <= 0x7FFFFFFF:
                j = 10 * j + text[at] - _ZERO
                at += 1
            i, j = i - low, j - low
            known = mark == _MINUS or mark == _P or mark == _QUESTION
            if not known or at <= begin or min(i, j) < 0 or max(i, j) > 0x7FFFFFFF:
                return True, ends, keys.astype(np.int32), keys.astype(np.int32), prob, sure
            p = -1.0
            if at < len(text) and text[at] == _COLON:
                at, p = _number(text, at + 1)
                bad = bad or p < 0
            if at < len(text) and text[at] not in (_SPACE, _TAB, _RETURN, _LINE):
                return True, ends, keys.astype(np.int32), keys.astype(np.int32), prob, sure
            keys[n] = (j << 32) | i if reverse else (i << 32) | j
            prob[n], sure[n] = p, mark == _MINUS
            n += 1
        at += 1
        n = _settle(keys, prob, sure, start, n)
        ends[line + 1] = start = n
    src, tgt = np.empty(n, np.int32), np.empty(n, np.int32)
    for x in range(n):
        src[x], tgt[x] = keys[x] >> 32, keys[x] & 0xFFFFFFFF
    return bad, ends, src, tgt, prob[:n].copy(), sure[:n].copy()


@kernel()
def _number(text: U8, at: int) -> tuple[int, float]:
    """Where a number ends and what it is, -1 where there is none."""
    value, scale, digits, begin, point = 0.0, 0, 0, at, False
    while at < len(text):
        if _ZERO <= text[at] < _COLON:
            digits += 1
            value = 10 * value + (text[at] - _ZERO)
            scale -= 1 if point else 0
        elif text[at] == _POINT and not point:
            point = True
        else:
            break
        at += 1
    # Further digits no double can hold; the reader for the odd cases takes them.
    if digits == 0 or digits > 15 or begin == at:
        return at, -1.0
    if at < len(text) and (text[at] == _E or text[at] == _BIG_E):
        at += 1
        negative = at < len(text) and text[at] == _MINUS
        if at < len(text) and (text[at] == _MINUS or text[at] == _PLUS):
            at += 1
        power, begin = 0, at
        while at < len(text) and _ZERO <= text[at] < _COLON and power < 1000:
            power = 10 * power + text[at] - _ZERO
            at += 1
        if begin == at:
            return at, -1.0
        scale += -power if negative else power
    # One rounding only: powers of ten up to 22 are exact.
    if scale < -22 or scale > 22:
        return at, (0.0 if value == 0 or scale < -60 else -1.0)
    return at, value / 10.0**-scale if scale < 0 else value * 10.0**scale


@kernel()
def _settle(keys: I64, prob: F32, sure: Mask, start: int, n: int) -> int:
    """Put a line's links in order; of equal ones the last probability holds, and one sure is enough."""
    ordered = True
    for x in range(start + 1, n):
        ordered = ordered and keys[x] > keys[x - 1]
    if ordered:
        return n
    if n - start > _FEW:
        order = np.argsort(keys[start:n], kind="mergesort")
        keys[start:n], prob[start:n], sure[start:n] = keys[start:n][order], prob[start:n][order], sure[start:n][order]
    for x in range(start + 1, n):
        y = x
        key, p, s = keys[x], prob[x], sure[x]
        while y > start and keys[y - 1] > key:
            keys[y], prob[y], sure[y] = keys[y - 1], prob[y - 1], sure[y - 1]
            y -= 1
        keys[y], prob[y], sure[y] = key, p, s
    out = start
    for x in range(start, n):
        if out > start and keys[out - 1] == keys[x]:
            prob[out - 1] = prob[x]
            sure[out - 1] |= sure[x]
        else:
            keys[out], prob[out], sure[out] = keys[x], prob[x], sure[x]
            out += 1
    return out


@kernel()
def render(offsets: I64, src: I32, tgt: I32, thousandths: I32, possible: Mask) -> U8:
    """Links as lines, each ended by LF.

    Args:
        offsets: Where each line's links begin, and the end.
        src: Source word of each link.
        tgt: Target word.
        thousandths: Its probability in thousandths; empty for none.
        possible: Whether it is not sure; empty if all are sure.
    """
    out = np.empty(len(offsets) - 1 + (27 + 10 * (len(thousandths) > 0)) * len(src), np.uint8)
    at = 0
    for line in range(len(offsets) - 1):
        for x in range(offsets[line], offsets[line + 1]):
            if x > offsets[line]:
                out[at] = _SPACE
                at += 1
            at = _digits(out, at, src[x])
            out[at] = _P if len(possible) > 0 and possible[x] else _MINUS
            at = _digits(out, at + 1, tgt[x])
            if len(thousandths) > 0:
                out[at] = _COLON
                at = _digits(out, at + 1, thousandths[x] // 1000)
                out[at], rest = _POINT, thousandths[x] % 1000
                for place in range(3):
                    out[at + 3 - place] = _ZERO + rest % 10
                    rest //= 10
                at += 4
        out[at] = _LINE
        at += 1
    return out[:at].copy()


@kernel()
def _digits(out: U8, at: int, number: int) -> int:
    end, rest = at + 1, number // 10
    while rest > 0:
        end += 1
        rest //= 10
    for place in range(end - 1, at - 1, -1):
        out[place] = _ZERO + number % 10
        number //= 10
    return end
