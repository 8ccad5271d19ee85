"""A vocabulary cut to the pieces of some scripts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from polyalign.core.scripts import members
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.pieces import pieces_of
from polyalign.models.vocabulary.trim.needed import script, spread
from polyalign.models.vocabulary.trim.proof import Proof, read, trimmed


@dataclass(frozen=True, slots=True)
class Scripts:
    """Cut a model's vocabulary to the pieces of the scripts that a text is written in.

    A piece stays unless it has a letter of another script, or half a character, which may be of any. What the text uses stays
    whatever its script, so that every line is segmented exactly as before. More is kept than by `corpus`: words that the text
    lacks, and other languages of the same scripts, stay as they were.

    **Differs:** from the vocabulary reduction of multilingual adaptive fine-tuning, which names its scripts (those of
    African languages and of three others) by hand, in that the text can say them; ``scripts`` names them by hand.

    Args:
        scripts: Scripts to keep, ISO 15924, such as ``["Latn", "Ethi"]``; by default those of the text.
        least: Share of the text's letters from which on a script is one of the text's.
        placeholders: Keep special tokens without a use, such as ``<unused7>``.

    Raises:
        ValueError: A share that is not from 0 to 1, or a script that is none.

    References: alabi2022adapting
    """

    scripts: tuple[str, ...] = ()
    least: float = 0.001
    placeholders: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.least <= 1:
            raise ValueError(f"least must be from 0 to 1, got {self.least}")
        for name in self.scripts:
            if not members(name):
                raise ValueError(f"scripts has {name!r}, expected codes of ISO 15924 such as Latn or Ethi")

    def fit(self, made: LanguageModel, texts: Iterable[str]) -> tuple[LanguageModel, Proof]:
        """Trim a model.

        Args:
            made: The model, which is changed.
            texts: Lines, or documents, in all the languages it is to keep.

        Returns:
            The smaller model, and what was kept, with the lines whose segmentation is another: none.

        Raises:
            DataError: No text, or lines that are segmented in another way though all of their pieces are kept.
            ConfigError: The model has tables of its vocabulary that are neither embeddings nor head.

        Complexity: O(text + v), the text segmented twice.
        """
        pieces = pieces_of(made.tokenizer)
        text = read(made, pieces, texts)
        named = frozenset(s for name in self.scripts for s in members(name))
        scripts = named or spread(text.lines, self.least)
        wanted = scripts | {""}
        chosen = text.counts > 0
        for piece in np.flatnonzero(~chosen & ~pieces.added).tolist():
            letters = pieces.as_bytes(piece).decode(errors="surrogateescape")
            # Bytes that are half a character may be of any script.
            chosen[piece] = all(script(c) in wanted and not "\udc80" <= c <= "\udcff" for c in letters)
        return trimmed(made, pieces, text, chosen, scripts=scripts, placeholders=self.placeholders)
