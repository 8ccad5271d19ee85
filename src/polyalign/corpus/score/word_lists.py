"""Scores by lists of words: those every text in a language has, and those no text should have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import regex

from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_lines, write_lines
from polyalign.core.jit import F32, U64
from polyalign.core.langs import normalise
from polyalign.corpus.counted import word_counts
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.score.texts import Run, decoded, share, sides
from polyalign.kernels.word_runs import known_words

_WORD = regex.compile(r"[\p{Alphabetic}\p{M}\p{Nd}]+")


@dataclass(frozen=True, slots=True)
class StopWords:
    """The share of words that are among the most frequent of the language.

    Running text of any language is made of its most frequent words to a third or a half; lists, names and other languages
    are not. Nothing is bundled: `fit` takes the `top` most frequent words of each language from a reference corpus, `save`
    writes them, one ``lang<TAB>word`` a line, and `path` reads such a file. Words are runs of letters, marks and digits, in
    lower case; in scripts without spaces single letters. NaN for a text without words or a language without a list.

    **Differs:** Gopher's rule wants at least two of eight English words in a document.

    Args:
        path: File of words, ``lang<TAB>word`` or, for every language, a word a line; without it they are learned.
        top: How many words of each language `fit` takes.
        lists: The words by language.

    Raises:
        ValueError: No words to take.

    References: rae2021scaling, penedo2025fineweb2

    Example:
        >>> german = StopWords(lists={"deu_Latn": ("der", "und")})
        >>> german.texts(pa.array(["Der Hund und der Ball"], pa.large_string()), "deu_Latn").round(1).tolist()
        [0.6000000238418579]
    """

    path: PathText = ""
    top: int = 50
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.top < 1:
            raise ValueError(f"top must be at least 1, not {self.top}")

    @property
    def fitted(self) -> bool:
        """Whether there are words."""
        return bool(self.path or self.lists)

    def fit(self, runs: Iterable[Run]) -> StopWords:
        """Learn the most frequent words of each language.

        Raises:
            DataError: A reference corpus without words.
        """
        counts: dict[str, Counter[str]] = {}
        for run in runs:
            for lang, texts in sides(run):
                known = counts.setdefault(lang, Counter())
                known.update({w: n for w, n in word_counts(decoded(texts)).items() if not w.isdecimal()})
        if not any(counts.values()):
            raise DataError(
                "corpus.score/stop-words: found no word in the reference corpus, expected text in its languages"
            )
        # Ties in the order of the alphabet, so that the order of the texts decides nothing.
        best = {
            lang: sorted(found, key=lambda w: (-found[w], w))[: self.top] for lang, found in counts.items() if found
        }
        return replace(self, path="", lists={lang: tuple(found) for lang, found in sorted(best.items())})

    def save(self, path: str | Path) -> None:
        """Write the words, ``lang<TAB>word`` a line.

        Raises:
            DataError: The file cannot be written.
        """
        write_lines(path, [f"{lang}\t{word}" for lang, found in self.lists.items() for word in found])

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,).

        Raises:
            DataError: There are no words yet, or their file cannot be read.
        """
        if not self.fitted:
            raise DataError(
                "corpus.score/stop-words: found no words, expected a file or a reference corpus; give path, or call fit"
            )
        lists = read_word_lists(self.path) if self.path else self.lists
        found = lists.get(lang, lists.get("", ()))
        words = decoded(texts).words
        if not found:
            return np.full(len(texts), np.nan, np.float32)
        return share(known_words(words.hashes, words.first, hashes_of(found)), words.counts)


@dataclass(frozen=True, slots=True)
class WordList:
    r"""One minus the share of words that are on a list of words not wanted, such as offensive ones.

    The list is the user's own file. Words are compared whole and in lower case, as runs of letters, marks and digits, so
    an entry of several words counts word by word only if each is listed. NaN for a text without words or a language
    without a list. `mask` puts a sign for each such word.

    Args:
        path: File of words, ``lang<TAB>word`` or, for every language, a word a line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "bad.txt"
        >>> _ = path.write_text("verdammt\n", encoding="utf-8")
        >>> own, texts = WordList(str(path)), pa.array(["Verdammt, es regnet!"], pa.large_string())
        >>> own.texts(texts, "deu_Latn").round(2).tolist(), own.mask(texts, "deu_Latn").to_pylist()
        ([0.6700000166893005], ['<word>, es regnet!'])
    """

    path: PathText

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,).

        Raises:
            DataError: The list cannot be read.
        """
        found = self._words(lang)
        words = decoded(texts).words
        if not found:
            return np.full(len(texts), np.nan, np.float32)
        return 1 - share(known_words(words.hashes, words.first, hashes_of(found)), words.counts)

    def mask(self, texts: pa.LargeStringArray, lang: str) -> pa.LargeStringArray:
        """The texts with ``<word>`` for each word of the list.

        Raises:
            DataError: The list cannot be read.
        """
        found = frozenset(self._words(lang))
        if not found:
            return texts
        hidden = [_WORD.sub(lambda m: "<word>" if m[0].lower() in found else m[0], t or "") for t in texts.to_pylist()]
        return pa.array(hidden, pa.large_string())

    def _words(self, lang: str) -> tuple[str, ...]:
        lists = read_word_lists(self.path)
        return (*lists.get(lang, ()), *lists.get("", ()))


@lru_cache(maxsize=32)
def read_word_lists(path: str) -> Mapping[str, tuple[str, ...]]:
    """Words by language, those for all under the empty string; lower-cased; lines beginning with # are comments.

    Raises:
        DataError: The file cannot be read or has no word.
    """
    lists: dict[str, list[str]] = {}
    for line in read_lines(path):
        lang, tab, word = line.rpartition("\t")
        if word.strip() and not line.startswith("#"):
            lists.setdefault(normalise(lang) if tab else "", []).append(word.strip().lower())
    if not lists:
        raise DataError(f"{path}: found no word, expected one a line, or a language, a TAB and a word")
    return {lang: tuple(words) for lang, words in lists.items()}


def hashes_of(words: Iterable[str]) -> U64:
    """The sorted hashes of words, as `Decoded.words` has them; an entry of several words gives each of them."""
    # Not by `decoded`, which holds the two sides that are scored.
    found = Decoded(pa.array([" ".join(words)], pa.large_string())).words.hashes
    return np.unique(found)
