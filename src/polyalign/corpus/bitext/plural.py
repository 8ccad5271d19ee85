"""Which plural form a language uses for a number: the formulas of gettext catalogues."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOKEN = re.compile(r"\s*(\d+|n|&&|\|\||==|!=|<=|>=|[-+*/%<>!?:()])")
#: From the loosest binding to the tightest.
_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"||": lambda a, b: int(bool(a or b))},
    {"&&": lambda a, b: int(bool(a and b))},
    {"==": lambda a, b: int(a == b), "!=": lambda a, b: int(a != b)},
    {
        "<": lambda a, b: int(a < b),
        ">": lambda a, b: int(a > b),
        "<=": lambda a, b: int(a <= b),
        ">=": lambda a, b: int(a >= b),
    },
    {"+": lambda a, b: a + b, "-": lambda a, b: a - b},
    {"*": lambda a, b: a * b, "/": lambda a, b: a // b, "%": lambda a, b: a % b},
)


def plural_form(formula: str, n: int) -> int:
    """The value of a gettext plural formula, an expression of C in ``n``.

    Args:
        formula: What stands behind ``plural=`` in the header.
        n: The number.

    Raises:
        ValueError: It is no such expression, longer than 1,000 characters or divides by nothing.

    Example:
        >>> [plural_form("(n%10==1 && n%100!=11 ? 0 : n != 0 ? 1 : 2)", n) for n in (0, 1, 2, 11, 21)]
        [2, 0, 1, 1, 0]
    """
    tokens: list[str] = []
    at = 0
    text = formula.strip().rstrip(";").rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        # A formula of any length could nest deeper than the stack.
        if match is None or len(text) > 1000 or text.count("(") + text.count("?") + text.count("!") > 60:
            raise ValueError(f"found the plural formula {formula[:60]!r}, expected an expression in n")
        tokens.append(match[1])
        at = match.end()
    try:
        value, rest = _choice(tokens, n)
    except (IndexError, ZeroDivisionError):
        rest = ["?"]
    if rest or not tokens:
        raise ValueError(f"found the plural formula {formula[:60]!r}, expected an expression in n")
    return value


def _choice(tokens: list[str], n: int) -> tuple[int, list[str]]:
    value, rest = _binary(tokens, n, 0)
    if rest[:1] != ["?"]:
        return value, rest
    yes, rest = _choice(rest[1:], n)
    if rest[:1] != [":"]:
        raise IndexError
    no, rest = _choice(rest[1:], n)
    return (yes if value else no), rest


def _binary(tokens: list[str], n: int, level: int) -> tuple[int, list[str]]:
    if level == len(_LEVELS):
        return _single(tokens, n)
    value, rest = _binary(tokens, n, level + 1)
    while rest and rest[0] in _LEVELS[level]:
        other, after = _binary(rest[1:], n, level + 1)
        value, rest = _LEVELS[level][rest[0]](value, other), after
    return value, rest


def _single(tokens: list[str], n: int) -> tuple[int, list[str]]:
    head, rest = tokens[0], tokens[1:]
    if head == "!":
        value, rest = _single(rest, n)
        return int(not value), rest
    if head == "(":
        value, rest = _choice(rest, n)
        if rest[0] != ")":
            raise IndexError
        return value, rest[1:]
    if head == "n" or head.isdecimal():
        return (n if head == "n" else int(head)), rest
    raise IndexError
