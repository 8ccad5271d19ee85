"""Predict a text in which some words are read in another language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from polyalign.core.files import PathText
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only
from polyalign.models.training.packing import SKIP, Code, Packs, Row
from polyalign.models.training.switching import Switcher, check_switching

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class CodeSwitch:
    """Predict text in which some words are replaced by their translations, in what is read alone or in all.

    Where only the input is switched, the model reads the translation and predicts the word that the text has: a token before it
    predicts the word's own first token, its last one what comes after. Translations are those that our links of the bitexts
    pair most often in both directions, or a lexicon's.

    **Differs:** PreAlign switches by words of a dictionary that GPT-4 made; EntityCS by entities of Wikidata, which a lexicon
    of entities does here.

    Args:
        share: Share of the words that are replaced, of those that have a translation.
        predict: Whether the original words are predicted, the switched ones, or neither.
        lexicon: Lexicon as `polyalign lexicon` writes it; none for the links of the bitexts. Its languages are not looked at:
            a word of either column is replaced in documents of any language.
        min_count: Links that two words need.

    Raises:
        ValueError: A parameter out of range.

    References: li2024prealign, whitehouse2022entitycs
    """

    takes: ClassVar[Takes] = "links"

    share: float = 0.05
    predict: Literal["original", "switched", "none"] = "original"
    lexicon: PathText | None = None
    min_count: int = 2

    def __post_init__(self) -> None:
        check_switching(self.share, self.min_count)

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Switch the documents and pack them.

        Raises:
            ConfigError: The model is no causal one.
            DataError: No documents, or no translations.
        """
        causal_only(made, "code-switch")
        switcher = Switcher.read(data, self.lexicon, share=self.share, min_count=self.min_count, name="code-switch")
        codes = {name.split("/")[0]: self._code(made, switcher, name.split("/")[0]) for name in data.documents}
        packs = Packs.read(made, data, batch=batch, length=length, seed=seed, code=codes)
        return Rows(made, packs.rows)

    def _code(self, made: LanguageModel, switcher: Switcher, lang: str) -> Code:
        def code(texts: list[str], random: np.random.Generator) -> list[Row]:
            pieces = [list(switcher.pieces(text, lang, random)) for text in texts]
            # Whole texts: many tokenizers have other pieces at a text's beginning than inside it.
            both = ["".join(piece[side] for piece in some) for side in (0, 1) for some in pieces]
            if not both:
                return []
            coded = made.tokenizer(both, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            each = list(zip(coded["input_ids"], coded["offset_mapping"], strict=True))
            n = len(pieces)
            return [self._row(some, *was, *now) for some, was, now in zip(pieces, each[:n], each[n:], strict=True)]

        return code

    def _row(
        self, pieces: list[tuple[str, str]], was: list[int], were: list[Span], ids: list[int], spans: list[Span]
    ) -> Row:
        """The switched text's tokens, and what is predicted of them; ``was`` are those of the text as it is."""
        labels = list(ids)
        begin, other = 0, 0
        for own, new in pieces:
            if own != new and self.predict != "switched":
                mine = _within(spans, other, other + len(new))
                theirs = _within(were, begin, begin + len(own))
                for k in mine:
                    labels[k] = SKIP
                if mine and theirs and self.predict == "original":
                    labels[mine[0]] = was[theirs[0]]
            begin, other = begin + len(own), other + len(new)
        return np.asarray(ids, np.int32), np.asarray(labels, np.int32)


def _within(spans: list[Span], begin: int, end: int) -> list[int]:
    """The tokens whose last letter lies between two places; the space before a word counts with it or not."""
    return [k for k, (a, b) in enumerate(spans) if b > a and begin < b <= end]
