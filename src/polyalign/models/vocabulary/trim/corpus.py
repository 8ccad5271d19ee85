"""A vocabulary cut to the pieces that a text is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.pieces import pieces_of
from polyalign.models.vocabulary.trim.needed import spread
from polyalign.models.vocabulary.trim.proof import Proof, read, trimmed


@dataclass(frozen=True, slots=True)
class Corpus:
    """Cut a model's vocabulary to the pieces that a text is made of.

    Their rows are taken out of the embeddings and the head; all else of the model stays. What the model computes is what
    it did: the scores (logits) of kept pieces are the same numbers, and only the share that went to the others is spread.
    Beside the text's pieces those stay that `needed` lists: marks, bytes, white space, the alphabet, for BPE the steps on
    the way to a piece, for Unigram the piece that unknown characters are scored by. Every line of the text is then segmented
    again and compared.

    - With the defaults all lines are segmented exactly as before, or it is an error.
    - With ``pieces`` or ``minimum_count`` rare pieces go, and the proof says how many lines change.

    Other text is segmented as before as long as it is made of kept pieces, else into smaller ones.

    **Differs:** from lm-vocab-trimmer, whose ``pieces`` and ``minimum_count`` are meant, in that it knows BPE: without the steps
    on the way a kept piece could never be made. That tool's defaults are the preset ``lm-vocab-trimmer``.

    Args:
        pieces: Most pieces of the text to keep, the most frequent; none for all.
        minimum_count: Fewest times that a piece occurs in the text, to stay.
        alphabet: Share of the text's letters from which on a script's single characters all stay, so that new
            words do not become unknown; 1 for none but the text's own.
        placeholders: Keep special tokens without a use, such as ``<unused7>``.

    Raises:
        ValueError: A parameter out of range.

    References: ushio2023efficient, abdaoui2020load
    """

    pieces: int | None = None
    minimum_count: int = 1
    alphabet: float = 0.01
    placeholders: bool = False

    def __post_init__(self) -> None:
        if self.pieces is not None and self.pieces < 1:
            raise ValueError(f"pieces must be at least 1, got {self.pieces}")
        if self.minimum_count < 1:
            raise ValueError(f"minimum_count must be at least 1, got {self.minimum_count}")
        if not 0 < self.alphabet <= 1:
            raise ValueError(f"alphabet must be above 0 and at most 1, got {self.alphabet}")

    def fit(self, made: LanguageModel, texts: Iterable[str]) -> tuple[LanguageModel, Proof]:
        """Trim a model.

        Args:
            made: The model, which is changed.
            texts: Lines, or documents, in all the languages it is to keep.

        Returns:
            The smaller model, and what was kept, with the lines whose segmentation is another.

        Raises:
            DataError: No text, or lines that are segmented in another way though all of their pieces are kept.
            ConfigError: The model has tables of its vocabulary that are neither embeddings nor head.

        Complexity: O(text + v), the text segmented twice.
        """
        pieces = pieces_of(made.tokenizer)
        text = read(made, pieces, texts)
        chosen = text.counts >= self.minimum_count
        if self.pieces is not None and self.pieces < int(chosen.sum()):
            # Among equally frequent ones the lower number, which the tokenizer learnt first.
            order = np.argsort(-text.counts, kind="stable")[: self.pieces]
            chosen &= np.isin(np.arange(len(chosen)), order)
        scripts = frozenset() if self.alphabet == 1 else spread(text.lines, self.alphabet)
        return trimmed(made, pieces, text, chosen, scripts=scripts, placeholders=self.placeholders)
