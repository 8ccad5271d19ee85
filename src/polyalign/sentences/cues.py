"""What two sentences share that no encoder is needed for, as vectors: numbers, names, addresses, times, headings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from anyascii import anyascii
from scipy import sparse

from polyalign.core.document import Document
from polyalign.core.jit import F32, I64
from polyalign.core.ragged import offsets
from polyalign.encoders.encoder import unit

#: First letters that make two words cognates, and letters a word must have for that.
PREFIX, LETTERS = 5, 5
#: Share of a side's sentences with a cue from which it says nothing.
COMMON = 0.2
#: Weight of words that are only spelled alike against names, numbers and the like.
ALIKE = 0.5

_URL = re.compile(r"https?://\S*[\w/]|www\.\S*[\w/]|[\w.+-]+@[\w-]+\.[\w.-]*\w")
_TIME = re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?\b")
_NUMBER = re.compile(r"\d+(?:[.,'’·\u00a0\u202f\u066b\u066c /-]\d+)*")
_GROUPS = re.compile(r"\d{1,3}(?:[.,'’·\u00a0\u202f\u066c ]\d{3})+")
_DECIMAL = re.compile(r"(\d+|\d{1,3}(?:([.,'’\u00a0\u202f\u066c ])\d{3})+)[.,·\u066b](\d+)")
_WORD = re.compile(r"[^\W\d_]+")
_HEADING = re.compile(
    r"\s*(?:(?P<roman>[IVXLC]{1,7})|(?P<letter>[A-Za-zА-Яа-я])|(?P<number>\d{1,3}(?:\.\d{1,3})*))\s*[.):]\s"
)
_SIGNS = "§%€$£¥©&@#+=*†→•"
_ENDS = {"?": "?", "？": "?", "؟": "?", ";": "?", "!": "!", "！": "!", "…": "…", ":": ":", "：": ":"}
_CLOSERS = "\"'»«“”’)]』」 "
_ROMAN = dict(zip("IVXLC", (1, 5, 10, 50, 100), strict=True))


def cue_vectors(src: Sequence[Document], tgt: Sequence[Document], dim: int = 64) -> tuple[F32, F32]:
    """Vectors whose product says how much two sentences share of what looks the same in both languages.

    Cues are numbers (digits of any script, however they are grouped), times, web and mail addresses, the number or
    letter of a heading, signs such as § and %, what a sentence ends with, names, and words that begin alike once
    romanised (``anyascii``). With the set of cues ``C(s)`` that both sides of the batch have,

        cos(s, t) = sum over C(s) and C(t) of w_c / sqrt(sum over C(s) of w_c * sum over C(t) of w_c),

    ``w_c = ln(N / n_c)``, halved for words, for N sentences, n_c of them with the cue. A cue is a row of random signs
    (the bits of its BLAKE2 hash), so a product is off by about ``1 / sqrt(dim)``.

    Args:
        src: Source documents.
        tgt: Target documents.
        dim: Dimensions, a multiple of 8 up to 512.

    Returns:
        Unit vectors of all sentences of each side, documents end to end, shapes (n, dim) and (m, dim); zeros where
        there is no cue.

    Raises:
        ValueError: Another `dim`.

    Complexity: O(characters + cues dim).

    References: weinberger2009feature

    Example:
        >>> src = [Document.from_lines(["Sie zahlte 1'250.50 Franken.", "Niemand kam."])]
        >>> tgt = [Document.from_lines(["Personne ne vint.", "Elle paya 1 250,50 francs."])]
        >>> x, y = cue_vectors(src, tgt)
        >>> (x @ y.T).round(1).tolist()
        [[0.0, 1.0], [0.0, 0.0]]
    """
    if dim % 8 or not 8 <= dim <= 512:
        raise ValueError(f"dim must be a multiple of 8 from 8 to 512, found {dim}")
    ids: dict[str, int] = {}
    found = []
    for side in (src, tgt):
        rows = [{ids.setdefault(c, len(ids)) for c in cues(s)} for d in side for s in d.sentences]
        found.append((offsets([len(r) for r in rows]), np.asarray([k for r in rows for k in sorted(r)], np.int64)))
    counts = [np.bincount(values, minlength=len(ids)) for _, values in found]
    sizes = [len(starts) - 1 for starts, _ in found]
    shared = np.ones(len(ids), np.bool_)
    for count, size in zip(counts, sizes, strict=True):
        # Of few sentences any share is large: what two have says something all the same.
        shared &= (count > 0) & (count <= max(2, COMMON * size))
    weight = np.log(max(2, sum(sizes)) / np.maximum(1, counts[0] + counts[1])) * shared
    weight *= np.asarray([ALIKE if c[0] == "~" else 1.0 for c in ids])
    weight = np.maximum(weight, 0)
    signs = _signs(list(ids), dim) * np.sqrt(weight)[:, None].astype(np.float32)
    left, right = (_sums(starts, values, signs) for starts, values in found)
    return left, right


def cues(sentence: str) -> Iterator[str]:
    """What of a sentence looks the same in other languages, each kind with a mark before it.

    Example:
        >>> list(cues("§ 5: Am 17.05.2026 zahlte Frau Meier 1,5 Mio. (www.gr.ch)!"))
        ['@www.gr.ch', '#5', '#17', '#5', '#2026', '#1.5', '+§', '.!', '~frau', '~meier', '~zahlt']
    """
    text = sentence
    for match in _URL.finditer(text):
        yield "@" + match[0].casefold()
    text = _URL.sub(" ", text)
    text = "".join(c if c.isascii() or not c.isdecimal() else str(unicodedata.decimal(c)) for c in text)
    heading = _HEADING.match(text)
    if heading is not None:
        yield "*" + _heading(heading)
    for match in _TIME.finditer(text):
        yield "t" + re.sub(r"[.,]", ".", match[0].lstrip("0"))
    for match in _NUMBER.finditer(_TIME.sub(" ", text)):
        for number in _numbers(match[0]):
            yield "#" + number
    for sign in _SIGNS:
        if sign in text:
            yield "+" + sign
    end = _ENDS.get(text.rstrip(_CLOSERS)[-1:])
    if end:
        yield "." + end
    yield from sorted({f"~{stem}" for word in _WORD.findall(text) if (stem := _stem(word))})


def _heading(match: re.Match[str]) -> str:
    if match["roman"] and len(match["roman"]) > 1:
        values = [_ROMAN[c] for c in match["roman"]]
        return str(sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True)))
    return (match["roman"] or match["letter"] or match["number"]).casefold()


def _numbers(text: str) -> list[str]:
    """A run of digits and marks as the numbers it stands for: one if it is grouped or has decimals, else its parts."""
    if _GROUPS.fullmatch(text):
        return [re.sub(r"\D", "", text)]
    match = _DECIMAL.fullmatch(text)
    if match and (match[2] or len(match[3]) <= 2 or not text[len(match[1])] == ".") and not _date(text):
        whole = re.sub(r"\D", "", match[1]).lstrip("0") or "0"
        rest = match[3].rstrip("0")
        return [f"{whole}.{rest}" if rest else whole]
    return [part.lstrip("0") or "0" for part in re.findall(r"\d+", text)]


def _date(text: str) -> bool:
    return len(re.findall(r"\d+", text)) > 2 and len({c for c in text if not c.isdecimal()}) == 1


@lru_cache(maxsize=1 << 18)
def _stem(word: str) -> str:
    """The first letters of a word, romanised and without accents; nothing if it is too short."""
    if not word.isascii():
        bare = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
        word = bare if bare.isascii() else str(anyascii(bare)).replace(" ", "").replace("'", "")
    # Names may be short: two capitals, or four letters with a capital first.
    short = len(word) >= 2 and word.isupper()
    return word.casefold()[:PREFIX] if short or len(word) >= LETTERS - word[:1].isupper() else ""


def _signs(names: list[str], dim: int) -> F32:
    digests = b"".join(blake2b(n.encode("utf-8", "surrogatepass"), digest_size=dim // 8).digest() for n in names)
    bits = np.unpackbits(np.frombuffer(digests, np.uint8)).reshape(len(names), dim)
    return bits.astype(np.float32) * 2 - 1


def _sums(starts: I64, values: I64, signs: F32) -> F32:
    cells = sparse.csr_matrix((np.ones(len(values), np.float32), values, starts), shape=(len(starts) - 1, len(signs)))
    return unit(np.asarray(cells @ signs, np.float32))
