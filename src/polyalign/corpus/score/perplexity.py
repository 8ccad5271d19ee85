"""Scores by a language model: how well a text can be foreseen, and which side of a pair reads like a translation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.files import PathText
from polyalign.core.jit import F32
from polyalign.corpus.score.ngram_model import NgramModel, train
from polyalign.corpus.score.texts import Run, column, decoded, sides, where_any
from polyalign.kernels.contents import CHARS


@dataclass(frozen=True, slots=True, eq=False)
class NgramModels:
    """A language model of each of some languages.

    Args:
        models: By language tag.
    """

    models: Mapping[str, NgramModel]

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Minus the bits a symbol of each text costs, shape (n,); NaN for an empty text or a language without a model."""
        if lang not in self.models:
            return np.full(len(texts), np.nan, np.float32)
        bits, symbols = self.models[lang].bits(texts)
        return where_any((-bits / symbols).astype(np.float32), decoded(texts).profile[:, CHARS] > 0)

    def save(self, folder: str | Path) -> None:
        """Write each model to a file of the folder, named by its language.

        Raises:
            DataError: It cannot be written.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        for lang, model in self.models.items():
            model.save(Path(folder) / f"{lang}.arrow")

    @classmethod
    def load(cls, folder: str | Path) -> NgramModels:
        """Read what `save` wrote.

        Raises:
            DataError: There is no model.
        """
        files = sorted(Path(folder).glob("*.arrow"))
        if not files:
            raise DataError(f"{folder}: found no n-gram model, expected a file such as deu_Latn.arrow; fit one first")
        return cls({path.stem: NgramModel.load(path) for path in files})


@dataclass(frozen=True, slots=True)
class Perplexity:
    r"""How well an n-gram model of clean text foresees a text: minus the bits a symbol costs.

    :math:`\frac{1}{n} \sum_t \log_2 p(w_t | w_{t-k+1} \dots w_{t-1})` over the characters (or words) of a text and its end,
    which is :math:`-\log_2` of the perplexity. The model is an interpolated modified Kneser-Ney one of each language,
    learned by `fit` from a clean sample, saved and loaded by folder, a file a language. Running text costs 2 to 3 bits a
    character, other languages and debris 4 and more. NaN for an empty text or a language without a model.

    Args:
        model: Folder of saved models; without it they are learned.
        unit: What is foreseen: characters, or words (runs of letters, marks and digits in lower case).
        order: Longest n-gram; 5 to 6 for characters, 3 for words.
        min_count: Symbols seen less often in the sample count as one unknown symbol.
        most: Symbols of each language to learn from at most.

    Raises:
        ValueError: A parameter out of range.

    Complexity:
        O(order) look-ups a symbol; about 20 bytes for each different n-gram.

    References: kneser1995improved, chen1999empirical

    Example:
        >>> clean = pa.table({"lang": ["eng_Latn"] * 9, "text": pa.array(["the cat sat on the mat"] * 9)})
        >>> model = Perplexity(order=3).fit([clean])
        >>> good, bad = model.texts(pa.array(["the cat sat", "zzqx vvk qq"], pa.large_string()), "eng_Latn")
        >>> bool(good > bad)
        True
    """

    model: PathText = ""
    unit: Literal["characters", "words"] = "characters"
    order: int = 5
    min_count: int = 3
    most: int = 5_000_000

    def __post_init__(self) -> None:
        if not 1 <= self.order <= 12:
            raise ValueError(f"order must be from 1 to 12, not {self.order}")
        if self.min_count < 1 or self.most < 1:
            raise ValueError(f"min_count and most must be at least 1, not {self.min_count} and {self.most}")

    @property
    def fitted(self) -> bool:
        """Whether there is a model."""
        return bool(self.model)

    def fit(self, runs: Iterable[Run]) -> NgramModels:
        """Learn a model of each language of a clean sample.

        Raises:
            DataError: No text.
        """
        parts = by_language_of(runs)
        models = {lang: self.train(texts) for lang, texts in sorted(parts.items())}
        if not models:
            raise DataError(
                "corpus.score/perplexity: found no text in the clean sample, expected sentences to learn from"
            )
        return NgramModels(models)

    def train(self, texts: Iterable[pa.LargeStringArray]) -> NgramModel:
        """Learn a model of one language.

        Raises:
            DataError: No text.
        """
        return train(texts, unit=self.unit, order=self.order, min_count=self.min_count, most=self.most)

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,).

        Raises:
            DataError: There is no model, or it cannot be read.
        """
        if not self.model:
            raise DataError(
                "corpus.score/perplexity: found no model, expected one of clean text; give model, or call fit"
            )
        return _loaded(self.model).texts(texts, lang)


@lru_cache(maxsize=4)
def _loaded(folder: str) -> NgramModels:
    return NgramModels.load(folder)


def by_language_of(runs: Iterable[Run]) -> dict[str, list[pa.LargeStringArray]]:
    """The texts of a corpus by language."""
    parts: dict[str, list[pa.LargeStringArray]] = {}
    for run in runs:
        for lang, texts in sides(run):
            parts.setdefault(lang, []).append(texts)
    return parts


@dataclass(frozen=True, slots=True)
class Kenlm:
    r"""How well a KenLM model foresees a text: minus the bits a token costs.

    :math:`\log_2 p / (n + 1)` over the tokens between white space and the text's end, so the text must be tokenised as the
    model's was; or over its characters, if the model was made of characters with spaces between (a space itself as ``▁``).
    NaN for an empty text.

    Args:
        model: The model, ARPA or binary; ``{lang}`` in its path stands for the text's language.
        unit: What the model's tokens are.

    References: heafield2011kenlm
    """

    model: PathText
    unit: Literal["words", "characters"] = "words"

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,).

        Raises:
            DataError: The model cannot be read.
            MissingExtraError: kenlm is not installed.
        """
        model = _kenlm(self.model.replace("{lang}", lang))
        out = np.full(len(texts), np.nan, np.float32)
        for row, text in enumerate(texts.to_pylist()):
            tokens = (text or "").split() if self.unit == "words" else list("▁".join((text or "").split()))
            if tokens:
                out[row] = model.score(" ".join(tokens)) / (len(tokens) + 1) * np.log2(10)
        return out


@lru_cache(maxsize=4)
def _kenlm(path: str) -> Any:
    try:
        import kenlm
    except ImportError:
        raise MissingExtraError(
            "corpus.score/kenlm needs kenlm; install with: pip install 'polyalign[kenlm]'"
        ) from None
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file, expected a KenLM model, ARPA or binary; check the path")
    try:
        return kenlm.Model(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read as a KenLM model ({error})") from None


@dataclass(frozen=True, slots=True, eq=False)
class DirectionModels:
    """Models of original and of translated text in each of two languages.

    Args:
        original: By language.
        translated: By language.
    """

    original: NgramModels
    translated: NgramModels

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,); NaN where a language has no model or a side is empty."""
        sides_of = zip(bitext.langs, (column(bitext.table, name) for name in ("src", "tgt")), strict=True)
        src, tgt = (self.original.texts(t, lang) - self.translated.texts(t, lang) for lang, t in sides_of)
        return (src - tgt).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Direction:
    r"""Which side reads like the original: positive for the source, negative for the target, in bits a symbol.

    With models of original (o) and translated (t) text in each language, learned from pairs whose direction is known:

    .. math:: [\log_2 p_o(s) - \log_2 p_t(s)] - [\log_2 p_o(t) - \log_2 p_t(t)]

    each log probability divided by the number of symbols. It sees what is typical of translations in the sample it has learned
    from (its topics too, if originals and translations differ in them), needs thousands of pairs of the same kind as
    those it is to judge, and says little about a single short sentence: use its mean over a document.

    Args:
        known: Column that says which side of a pair of the sample is the original: ``src`` or ``tgt``.
        unit: As of ``corpus.score/perplexity``, like the following.
        order: Longest n-gram.
        min_count: Symbols seen less often count as one unknown symbol.

    Raises:
        ValueError: A parameter out of range.

    References: kurokawa2009automatic, lembersky2012language
    """

    known: str = "original"
    unit: Literal["characters", "words"] = "words"
    order: int = 3
    min_count: int = 2

    def __post_init__(self) -> None:
        self._method()

    @property
    def fitted(self) -> bool:
        """Never: the models are another thing."""
        return False

    def fit(self, runs: Iterable[Bitext]) -> DirectionModels:
        """Learn the models.

        Raises:
            DataError: The column is not there, or both directions are not.
        """
        parts: dict[tuple[str, bool], list[pa.LargeStringArray]] = {}
        for run in runs:
            first = np.array(run.column(self.known), object)
            for side, (lang, texts) in zip(("src", "tgt"), sides(run), strict=True):
                for original in (True, False):
                    rows = np.flatnonzero(((first == side) == original) & np.isin(first.astype(str), ("src", "tgt")))
                    if len(rows):
                        parts.setdefault((lang, original), []).append(texts.take(pa.array(rows)))
        if len(parts) != 4:
            raise DataError(
                f"corpus.score/direction: found {len(parts)} of 4 kinds of text, expected originals and translations in both "
                f"languages; the column {self.known!r} must say src in some rows and tgt in others"
            )
        method = self._method()
        models = {key: method.train(texts) for key, texts in parts.items()}
        both = [
            NgramModels({lang: model for (lang, o), model in models.items() if o == original})
            for original in (True, False)
        ]
        return DirectionModels(*both)

    def pairs(self, bitext: Bitext) -> F32:
        """Refuse: a direction is told by models.

        Raises:
            DataError: Always; `fit` gives what scores.
        """
        raise DataError(
            "corpus.score/direction: found no models, expected some of known direction; call fit on such pairs"
        )

    def _method(self) -> Perplexity:
        return Perplexity(unit=self.unit, order=self.order, min_count=self.min_count)
