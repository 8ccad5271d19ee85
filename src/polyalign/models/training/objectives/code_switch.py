"""Predict a text in which some words are read in another language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from polyalign.core.files import PathText
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only
from polyalign.models.training.packing import SKIP, Code, Packs, Row
from polyalign.models.training.switching import Switcher, check_switching


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
            return [self._row(made, list(switcher.pieces(text, lang, random))) for text in texts]

        return code

    def _row(self, made: LanguageModel, pieces: list[tuple[str, str]]) -> Row:
        """Pieces of a text as tokens, and what is predicted of them."""
        both = [text for piece in pieces for text in piece]
        coded = made.tokenizer(both, add_special_tokens=False, verbose=False)["input_ids"] if both else []
        ids: list[int] = []
        labels: list[int] = []
        for own, other in zip(coded[::2], coded[1::2], strict=True):
            ids += other
            if own == other or self.predict == "switched":
                labels += other
            else:
                first = own[:1] if self.predict == "original" else [SKIP]
                labels += [*first, *[SKIP] * (len(other) - 1)][: len(other)]
        return np.asarray(ids, np.int32), np.asarray(labels, np.int32)
