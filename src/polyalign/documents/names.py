"""Documents paired by their names: file names, folders and addresses that differ in the language only."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

import numpy as np

from polyalign.core.document import Document
from polyalign.core.documentpairs import Alone, DocumentPairs
from polyalign.core.langs import UNKNOWN, short

#: How probable a pair is whose names are equal but for the language; for a language glued to a word (`newsde`); and whose
#: names are only nearest, with the same numbers.
EQUAL, GLUED, NEAREST = 0.99, 0.95, 0.8
_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
#: What stands before a language in an address.
_LABELS = frozenset({"lang", "language", "locale", "lng", "hl", "sprache", "langue", "lingua", "idioma", "www"})
_SCRIPTS = frozenset({"latn", "cyrl", "arab", "hans", "hant", "deva", "grek", "hebr", "jpan", "kore"})
_ENDINGS = frozenset(
    "txt text html htm xhtml shtml php asp aspx jsp xml tei md rst pdf doc docx odt rtf gz xz bz2 zst jsonl json csv tsv sgm snt".split()
)


@dataclass(frozen=True, slots=True)
class Names:
    """Pair documents whose names, folders or addresses differ in nothing but the language.

    Codes (``de``, ``deu``, ``ger``, ``de-CH``, ``deu_Latn``) and names (``german``, ``deutsch``, ``allemand``) of both
    languages, file endings and what comes before a language in an address (``?lang=de``) are taken out; names that then are
    equal, upper or lower case, make a pair if no other document on either side has the same. Then languages glued to the
    last word are taken out too (``newsde``, ``index_d``). Of what is left, documents with the same numbers in their names
    are paired if no others have these, or if their names are by far the most alike.

    Args:
        nearest: Whether names that are only alike, with the same numbers, count.
        min_score: The least probability of a pair: equal names have 0.99, glued ones 0.95, nearest ones 0.8.

    Raises:
        ValueError: A probability out of range.

    Complexity: O(n); for names that share their numbers, O(n m) among these.

    References: resnik2003web, elkishky2020ccaligned

    Example:
        >>> src = [Document.from_lines(["x"], id=i) for i in ("de/bericht-2019.html", "a.de.txt", "b_DE.txt")]
        >>> tgt = [Document.from_lines(["x"], id=i) for i in ("B.fr.txt", "fr/rapport-2019.html", "c.fr.txt")]
        >>> pairs = Names().align(src, tgt, ("deu_Latn", "fra_Latn"))
        >>> pairs.as_dict(), pairs.score.round(2).tolist()
        ({0: 1, 2: 0}, [0.800000011920929, 0.9900000095367432])
        >>> pairs.src_alone[0].reason
        'no name on the other side is like it'
    """

    nearest: bool = True
    min_score: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score must be from 0 to 1, found {self.min_score}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections."""
        own = (spellings(langs[0], langs[1]), spellings(langs[1], langs[0]))
        every = own[0] | own[1]
        keys = [[key(d.id, every) for d in side] for side in (src, tgt)]
        partner: dict[int, int] = {}
        score: dict[int, float] = {}

        def match(kind: float, of: Callable[[int, int], Hashable | None]) -> None:
            if kind < self.min_score:
                return
            left = [i for i in range(len(src)) if i not in partner]
            taken = set(partner.values())
            right = [j for j in range(len(tgt)) if j not in taken]
            for i, j in _alone_together({i: of(0, i) for i in left}, {j: of(1, j) for j in right}):
                partner[i], score[i] = j, kind

        match(EQUAL, lambda side, i: keys[side][i])
        match(GLUED, lambda side, i: _unglued(keys[side][i], own[side]))
        if self.nearest and self.min_score <= NEAREST:
            match(NEAREST, lambda side, i: _numbers(keys[side][i]) or None)
            taken = set(partner.values())
            left = [i for i in range(len(src)) if i not in partner]
            right = [j for j in range(len(tgt)) if j not in taken]
            for i, j in _most_alike(keys[0], keys[1], left, right):
                partner[i], score[i] = j, NEAREST
        rows = sorted(partner)
        back = {j: i for i, j in partner.items()}
        return DocumentPairs(
            np.asarray(rows, np.int32),
            np.asarray([partner[i] for i in rows], np.int32),
            np.asarray([score[i] for i in rows], np.float32),
            _reasons(keys[0], keys[1], partner),
            _reasons(keys[1], keys[0], back),
        )


@lru_cache(maxsize=256)
def spellings(tag: str, other: str = UNKNOWN) -> frozenset[str]:
    """How a language may be written in a name, casefolded: codes, its name in English, in itself and in another language.

    Example:
        >>> sorted(spellings("deu_Latn", "fra_Latn"))
        ['allemand', 'de', 'deu', 'deutsch', 'ger', 'german']
        >>> spellings("und")
        frozenset()
    """
    if tag == UNKNOWN:
        return frozenset()
    import langcodes

    code = short(tag)
    language = langcodes.get(code)
    names = [language.display_name(x) for x in ("en", code, *([] if other == UNKNOWN else [short(other)]))]
    codes = [tag.split("_")[0], code, language.to_alpha3(), language.to_alpha3(variant="B")]
    folded = {_fold(x) for x in (*codes, *names)}
    return frozenset(x for x in folded if x.isalpha())


def key(name: str, languages: frozenset[str]) -> tuple[str, ...]:
    """The words and numbers of a name without its language, scheme and ending.

    Example:
        >>> key("https://www.gr.ch/DE/news/2019.html?lang=de-CH", frozenset({"de", "fr"}))
        ('gr', 'ch', 'news', '2019')
    """
    text = _SCHEME.sub("", unquote(name))
    out: list[str] = []
    end, language = 0, False
    for found in _TOKEN.finditer(text):
        token, gap = _fold(found[0]), text[end : found.start()]
        end = found.end()
        if token in languages:
            language = True
            if out and out[-1] in _LABELS:
                out.pop()
            continue
        region = language and gap in ("-", "_") and (len(token) == 2 or token in _SCRIPTS) and token.isalpha()
        language = False
        if not region and token != "www":
            out.append(token.lstrip("0") or "0" if token.isdigit() else token)
    return tuple(t for t in out if t not in _ENDINGS)


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def _unglued(tokens: tuple[str, ...], own: frozenset[str]) -> tuple[str, ...] | None:
    """The name without a language at the end of its last word, or a last word that is its first letter."""
    words = [k for k, t in enumerate(tokens) if not t.isdigit()]
    if not words:
        return tokens
    at = words[-1]
    word = tokens[at]
    if len(word) == 1 and len(tokens) > 1 and any(o[0] == word for o in own):
        return tokens[:at] + tokens[at + 1 :]
    for language in sorted(own, key=lambda o: (-len(o), o)):
        if word.endswith(language) and len(word) >= len(language) + 2:
            return (*tokens[:at], word[: -len(language)], *tokens[at + 1 :])
    return tokens


def _numbers(tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(t for t in tokens if t.isdigit())


def _alone_together(left: dict[int, Hashable | None], right: dict[int, Hashable | None]) -> list[tuple[int, int]]:
    """Pairs with a key that no other document has."""
    places: defaultdict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, keys in enumerate((left, right)):
        for i, k in keys.items():
            if k is not None:
                places[k][side].append(i)
    return [(a[0], b[0]) for a, b in places.values() if len(a) == len(b) == 1]


def _most_alike(
    src: Sequence[tuple[str, ...]], tgt: Sequence[tuple[str, ...]], left: Sequence[int], right: Sequence[int]
) -> list[tuple[int, int]]:
    """Pairs with the same numbers whose words are more alike than either's with any other by a fifth, and half alike."""
    groups: defaultdict[tuple[str, ...], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, names, ids in ((0, src, left), (1, tgt, right)):
        for i in ids:
            groups[_numbers(names[i])][side].append(i)
    out: list[tuple[int, int]] = []
    for rows, columns in groups.values():
        if not rows or not columns or len(rows) * len(columns) > 1_000_000:
            continue
        grams = [[_grams(names[i]) for i in ids] for names, ids in ((src, rows), (tgt, columns))]
        alike = np.asarray([[len(a & b) / max(1, len(a | b)) for b in grams[1]] for a in grams[0]])
        for r, c in zip(*np.nonzero(alike >= 0.5), strict=True):
            rivals = np.concatenate([np.delete(alike[r], c), np.delete(alike[:, c], r)])
            if not len(rivals) or alike[r, c] >= rivals.max() + 0.2:
                out.append((rows[r], columns[c]))
    return out


def _grams(tokens: tuple[str, ...]) -> frozenset[str]:
    text = f" {' '.join(t for t in tokens if not t.isdigit())} "
    return frozenset(text[k : k + 3] for k in range(len(text) - 2))


def _reasons(
    own: Sequence[tuple[str, ...]], other: Sequence[tuple[str, ...]], partner: dict[int, int]
) -> tuple[Alone, ...]:
    count = Counter(own), Counter(other)
    out = []
    for i, k in enumerate(own):
        if i in partner:
            continue
        if k in count[1]:
            reason = f"its name is, but for the language, that of {count[0][k]} documents here and {count[1][k]} there"
        else:
            reason = "no name on the other side is like it"
        out.append(Alone(i, reason))
    return tuple(out)
