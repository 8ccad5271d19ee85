"""Scores by the language a text is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.cld2 import CODES, GUESS, tag_of
from polyalign.core.cld2_many import Answers
from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import F32, Mask
from polyalign.core.langs import UNKNOWN, normalise
from polyalign.corpus.decoded import Decoded
from polyalign.corpus.score.ngram_model import NgramModel, train
from polyalign.corpus.score.texts import Run, column, decoded, sides, where_any
from polyalign.kernels.contents import LETTERS

Identifier = Literal["cld2", "heliport"]
#: Texts of a language that a model is learned from at least, and symbols at most.
FEWEST, MOST = 200, 1_000_000
#: Texts kept apart that tell what a model foresees well, and the share of them that it is to foresee so.
APART, KNOWN = 2000, 0.99


@dataclass(frozen=True, slots=True)
class Language:
    """The confidence that a text is in its stated language, 0 if it is in another.

    CLD2's share of the text in that language, halved where CLD2 calls its answer unreliable, as ``text.identify/cld2`` has
    it. The script is for ``corpus.score/script`` to tell; only simplified and traditional Chinese are two languages. NaN
    for a text without letters and where the stated language is ``und``, or one that CLD2 does not know.

    **Differs:** OpusFilter's ``Cld2Filter`` reads texts as HTML and takes no best guess: with ``best_effort=false`` scores
    above 0 are what it keeps.

    Args:
        identifier: Who tells: CLD2, or heliport (GPLv3, installed by the user), whose answer is sure or not given.
        best_effort: Whether CLD2's guesses count, by half; then a text of which it has none cannot be told (NaN, not 0).
        letters: Texts of fewer letters cannot be told; of 20 and more answers are good.
        learn: Whether to ask the corpus itself before a text is called foreign: from texts whose language is sure, a model of
            character 5-grams is learned of each language, and one that it foresees as well as 99 % of them, and better than
            the models of the other languages do, is in that language by half. CLD2 takes one Romansh sentence in seventy
            for Italian, Latin or German.

    Complexity:
        4 to 5 microseconds a sentence, once for all scores that ask alike.

    References: sites2013cld2, aulamo2020opusfilter, chen1999empirical

    Example:
        >>> german = pa.array(["Das ist ein Satz auf Deutsch.", "This is English, of course."], pa.large_string())
        >>> Language().texts(german, "deu_Latn").round(2).tolist()
        [0.9599999785423279, 0.0]
    """

    identifier: Identifier = "cld2"
    best_effort: bool = True
    letters: int = 1
    learn: bool = False

    @property
    def fitted(self) -> bool:
        """Whether there is nothing to learn."""
        return not self.learn

    def fit(self, runs: Iterable[Run]) -> LearnedLanguage:
        """Learn a model of each language from texts that are surely in it; none of one with fewer than 200 of them.

        Raises:
            MissingExtraError: heliport is not installed.
        """
        told = replace(self, learn=False)
        parts: dict[str, list[pa.LargeStringArray]] = {}
        for run in runs:
            for lang, texts in sides(run):
                sure = told.texts(texts, lang) > GUESS
                parts.setdefault(lang, []).append(texts.take(pa.array(np.flatnonzero(sure))))
        models, most = {}, {}
        for lang, some in sorted(parts.items()):
            texts = pa.concat_arrays(some)
            if len(texts) < FEWEST:
                continue
            # Every other text is kept apart: a model foresees what it has learned better than what it has not.
            learned, apart = (texts.take(pa.array(np.arange(start, len(texts), 2))) for start in (0, 1))
            parts_of = (learned.slice(start, FEWEST) for start in range(0, len(learned), FEWEST))
            models[lang] = train(parts_of, unit="characters", order=5, min_count=3, most=MOST)
            most[lang] = float(np.quantile(_rate(models[lang], Decoded(apart.slice(0, APART))), KNOWN))
        return LearnedLanguage(told, models, most)

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,); by the identifier alone.

        Raises:
            MissingExtraError: heliport is not installed.
        """
        return _confidence(self, texts, (lang,))[0]


@dataclass(frozen=True, slots=True, eq=False)
class LearnedLanguage:
    """`Language` with a second opinion: models of the corpus's own languages.

    Args:
        language: The first opinion.
        models: A model of each language that had enough text.
        most: The bits a symbol that nearly all of its texts cost at most.
    """

    language: Language
    models: Mapping[str, NgramModel]
    most: Mapping[str, float]

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        out = self.language.texts(texts, lang)
        doubtful = np.flatnonzero(out < GUESS)
        if lang in self.models and len(doubtful):
            out[doubtful[self._foreseen(Decoded(texts.take(pa.array(doubtful))), lang)]] = GUESS
        return out

    def _foreseen(self, texts: Decoded, lang: str) -> Mask:
        own = _rate(self.models[lang], texts)
        found = own <= self.most[lang]
        for other, model in self.models.items():
            if other != lang:
                found &= own < _rate(model, texts)
        return found


def _rate(model: NgramModel, texts: Decoded) -> F32:
    """The bits that a symbol of each text costs, shape (n,)."""
    bits, symbols = model.bits(texts)
    return (bits / symbols).astype(np.float32)


@dataclass(frozen=True, slots=True)
class LanguagePair:
    r"""How sure it is that each side is in its language, and not in the other's: 1 yes, 0 neither, -1 swapped.

    .. math:: \min(p_s(\text{src}), p_t(\text{tgt})) - \min(p_s(\text{tgt}), p_t(\text{src}))

    p being the confidence of `Language`. NaN where a language is not stated or both are the same.

    Args:
        identifier: As of ``corpus.score/language``.
        best_effort: Likewise.
        letters: Likewise.

    References: sites2013cld2

    Example:
        >>> pair = (["Das ist ein Satz auf Deutsch."], ["This is English, of course."])
        >>> LanguagePair().pairs(Bitext.build(*pair, langs=("eng_Latn", "deu_Latn"))).round(1).tolist()
        [-1.0]
    """

    identifier: Identifier = "cld2"
    best_effort: bool = True
    letters: int = 1

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,).

        Raises:
            MissingExtraError: heliport is not installed.
        """
        langs, method = bitext.langs, Language(self.identifier, self.best_effort, self.letters)
        if UNKNOWN in langs or langs[0] == langs[1]:
            return np.full(len(bitext), np.nan, np.float32)
        src, src_other = _confidence(method, column(bitext.table, "src"), langs)
        tgt_other, tgt = _confidence(method, column(bitext.table, "tgt"), langs)
        swapped = np.nan_to_num(np.minimum(src_other, tgt_other))
        both: F32 = (np.minimum(src, tgt) - swapped).astype(np.float32)
        return both


def _confidence(method: Language, texts: pa.LargeStringArray, langs: tuple[str, ...]) -> list[F32]:
    """The confidence that each text is in each of the languages."""
    own = decoded(texts)
    told = own.profile[:, LETTERS] >= max(1, method.letters)
    answers = own.languages(method.best_effort) if method.identifier == "cld2" else _heliport(texts)
    if method.best_effort:
        told &= ~answers.among([""])
    sure = np.where(answers.reliable, answers.shares, answers.shares * GUESS).astype(np.float32)
    out = []
    for lang in langs:
        codes = _codes(lang, method.identifier)
        found = np.where(answers.among(codes), sure, np.float32(0))
        out.append(where_any(found, told if codes else np.zeros(len(found), np.bool_)))
    return out


def _heliport(texts: pa.LargeStringArray) -> Answers:
    try:
        from heliport import Identifier as Heliport  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise MissingExtraError(
            "corpus.score/language: identifier heliport needs the package heliport (GPLv3); install it with: pip install heliport"
        ) from None
    ask = Heliport().identify
    found = (normalise(ask(t.replace("\n", " ")).split("_")[0]).split("_")[0] if t else "" for t in texts.to_pylist())
    return Answers.of([(code, 1.0, True) for code in found])


@lru_cache(maxsize=256)
def _codes(lang: str, identifier: Identifier) -> frozenset[str]:
    """What an identifier calls a language; nothing where it does not know it."""
    if lang == UNKNOWN:
        return frozenset()
    if identifier == "heliport":
        return frozenset({lang.split("_")[0]})
    return frozenset(
        code for code in CODES if tag_of(code, "Hani" if code.startswith("zh") else "Zyyy") == lang
    ) or frozenset(
        code for code in CODES if not code.startswith("zh") and tag_of(code, "Zyyy").split("_")[0] == lang.split("_")[0]
    )
