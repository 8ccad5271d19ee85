"""PreAlign: words and their translations made alike in every layer, before all other training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.encoders.adapters.layers import body_of
from polyalign.encoders.contrast import alike, infonce
from polyalign.encoders.pooling import pool
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.pairs import Batches
from polyalign.models.training.reading import Reader, states
from polyalign.models.training.word_pairs import best, counted, listed
from polyalign.models.vocabulary.pieces import inside


@dataclass(frozen=True, slots=True)
class PreAlign:
    """Make words and their translations alike in all layers, the embeddings and the head included, by contrast.

    A word is read alone, and its vector in a layer is the mean of its pieces' states. A batch of word pairs lowers the mean
    over layers of ``-log(exp(cos(x_i, y_i) / temperature) / sum_j exp(cos(x_i, y_j) / temperature))``, both ways; of a head
    of its own, the mean of the pieces' rows is one layer more. Word pairs are those that our links, or a lexicon, have for
    each other's most frequent partner.

    **Differs:** the paper's pairs come from a dictionary and are learnt before a model is trained from nothing; here any
    model is. Its language modelling beside is `models.objective/causal-lm`, its input-only code-switching afterwards
    `models.objective/code-switch`. The mean over layers is taken, not the sum.

    Args:
        lexicon: File of word pairs as ``polyalign lexicon`` writes it; none for the links of the bitexts.
        temperature: What cosines are divided by.
        min_count: Links that a pair of words needs.
        identical: Whether words that are spelled alike are learnt from as well.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the reading of its words, and O(layers b^2 d).

    References: li2024prealign, oord2018representation
    """

    takes: ClassVar[Takes] = "links"

    lexicon: PathText | None = None
    temperature: float = 0.1
    min_count: int = 2
    identical: bool = False

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")
        if self.min_count < 1:
            raise ValueError(f"min_count must be at least 1, got {self.min_count}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> WordContrast:
        """Prepare for a model and data.

        Args:
            made: The model.
            data: With bitexts and their links, unless there is a lexicon.
            batch: Word pairs of a step.
            length: Most pieces of a word.
            seed: Of the batches.

        Raises:
            ConfigError: No room for a piece.
            DataError: No links, a lexicon that cannot be read, or fewer than two pairs of words.
        """
        name = "prealign"
        found = listed(self.lexicon) if self.lexicon is not None else counted(data, name=name)
        words = best(found, min_count=self.min_count, identical=self.identical)
        if len(words) < 2:
            raise DataError(
                f"{name}: found {len(words)} pairs of words that are linked {self.min_count} times, expected two at least; "
                "lower min_count, or give more text"
            )
        lengths = np.array([len(a) + len(b) for a, b in words], np.int64)
        return WordContrast(self, Reader.of(made, length, name), words, Batches(lengths, batch, seed, name))


@dataclass(frozen=True, slots=True, eq=False)
class WordContrast:
    """The loss of a step."""

    method: PreAlign
    reader: Reader
    words: list[tuple[str, str]]
    batches: Batches
    modules: ClassVar[Mapping[str, Any]] = {}

    def __call__(self, step: int) -> Any:
        """The contrast of a step's words, a scalar tensor."""
        import torch

        src, tgt = self._texts(step)
        sides = [self._layers(side) for side in (src, tgt)]
        same = alike(src, tgt)
        found = [
            infonce(
                *(torch.nn.functional.normalize(v, dim=1) for v in pair), temperature=self.method.temperature, same=same
            )
            for pair in zip(*sides, strict=True)
        ]
        return torch.stack(found).mean()

    def tokens(self, step: int) -> int:
        """Pieces of both sides' words."""
        return sum(self.reader.size(side) for side in self._texts(step))

    def _texts(self, step: int) -> tuple[list[str], list[str]]:
        # As within a text: many tokenizers have other pieces at its very beginning.
        some = [self.words[k] for k in self.batches(step)]
        src, tgt = (inside(self.reader.made.tokenizer, [pair[side] for pair in some]) for side in (0, 1))
        return src, tgt

    def _layers(self, texts: list[str]) -> list[Any]:
        """The words' vectors in each layer, and in the head if it is one of its own, each of shape (b, d)."""
        made = self.reader.made
        batch = self.reader.batch(self.reader.ids(texts))
        out = [pool(x, batch.own, "mean") for x in states(body_of(made.model), batch, None)]
        if not made.tied:
            out.append(pool(made.model.get_output_embeddings().weight[batch.tokens], batch.own, "mean"))
        return out
