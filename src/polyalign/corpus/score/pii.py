"""Personal data found by pattern: e-mail and IP addresses, telephone, bank account and card numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

import numpy as np
import pyarrow as pa
import regex

from polyalign.core.jit import F32

KINDS = ("email", "ip", "iban", "card", "phone")
_PATTERNS = {
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}\p{L}{2,24}(?![\w-])",
    "ip": r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})(?![\w:]|\.\d)",
    "iban": r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?\b",
    "card": r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d-]|[.,]\d)",
    "phone": r"(?<![\w+.,/-])(?<!\d )(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,4}\)?){2,6}(?![\w-]|[.,]\d)"
    r"|(?<![\w+.,/-])(?<!\d )(?:\(0\d{1,4}\)|0\d{1,4})(?:[ /-]\d{2,7}){1,5}(?![\w-]|[.,]\d)",
}
_ANY = {kind: regex.compile(pattern) for kind, pattern in _PATTERNS.items()}
# Without one of these a text has none; a test of one pass instead of five.
_HINT = regex.compile(r"@|::|\d[ ./:()-]?\d[ ./:()-]?\d|:[0-9a-f]{1,4}:|\d\.\d{1,3}\.")


@dataclass(frozen=True, slots=True)
class PII:
    """Personal data that patterns can tell, counted as a negative number; `mask` puts a sign for each.

    E-mail addresses; IPv4 and IPv6 addresses that are valid; IBANs whose checksum (modulo 97) is right; card numbers of 13
    to 19 digits whose last digit is right (Luhn); telephone numbers written with ``+`` or ``00`` and a country, or with a
    leading 0 and gaps. Names and postal addresses are not looked for. 0 for a text without any.

    Args:
        kinds: What is looked for: email, ip, iban, card, phone; where two overlap the first in this order counts.

    Raises:
        ValueError: A kind that is not known.

    References: penedo2025fineweb2

    Example:
        >>> texts = pa.array(["Mail an a.b@example.org oder +41 81 257 11 11.", "3,14159"], pa.large_string())
        >>> PII().texts(texts, "deu_Latn").tolist(), PII().mask(texts, "deu_Latn").to_pylist()[0]
        ([-2.0, 0.0], 'Mail an <email> oder <phone>.')
    """

    kinds: tuple[str, ...] = KINDS

    def __post_init__(self) -> None:
        if not self.kinds or set(self.kinds) - set(KINDS):
            raise ValueError(f"kinds must be some of {', '.join(KINDS)}, not {list(self.kinds)}")

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        return np.array([-len(self.find(text or "")) for text in texts.to_pylist()], np.float32) + np.float32(0)

    def mask(self, texts: pa.LargeStringArray, lang: str) -> pa.LargeStringArray:
        """The texts with ``<email>``, ``<ip>`` and so on in their places."""
        return pa.array([self._masked(text or "") for text in texts.to_pylist()], pa.large_string())

    def find(self, text: str) -> list[tuple[int, int, str]]:
        """Where there is personal data: start, end and kind of each, in order."""
        if not _HINT.search(text):
            return []
        found: list[tuple[int, int, str]] = []
        for kind in (k for k in KINDS if k in self.kinds):
            for start, end in _matches(kind, text):
                if all(end <= a or b <= start for a, b, _ in found):
                    found.append((start, end, kind))
        return sorted(found)

    def _masked(self, text: str) -> str:
        out, at = [], 0
        for start, end, kind in self.find(text):
            out += [text[at:start], f"<{kind}>"]
            at = end
        return "".join([*out, text[at:]])


def _matches(kind: str, text: str) -> Iterator[tuple[int, int]]:
    for match in _ANY[kind].finditer(text):
        found = match[0]
        digits = [int(c) for c in found if c.isdecimal()]
        if kind == "ip" and not _is_address(found):
            continue
        if kind == "iban" and not _is_iban(found.replace(" ", "")):
            continue
        if kind == "card" and not (13 <= len(digits) <= 19 and len(set(digits)) > 1 and _is_card(digits)):
            continue
        if kind == "phone" and not 7 <= len(digits) <= 15:
            continue
        yield match.span()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return any(c.isalnum() for c in text)


def _is_iban(text: str) -> bool:
    return 15 <= len(text) <= 34 and int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def _is_card(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * d, 10)) if place % 2 else d for place, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
