"""Lexical alignment: linked words are to find each other where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from polyalign.core.jit import I64
from polyalign.core.links import Pair
from polyalign.encoders.contrast import alike, infonce
from polyalign.models.encoders.words import share
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.pairs import Pairs
from polyalign.models.training.reading import Reader


@dataclass(frozen=True, slots=True)
class LexicalContrast:
    """Bring linked words together where they stand in their sentences, by contrast with the batch's other linked words.

    Of the words that have one link each, x_i and y_i being the mean of their pieces' states in a layer, a batch lowers
    ``-log(exp(cos(x_i, y_i) / temperature) / sum_j exp(cos(x_i, y_j) / temperature))``, both ways. Words that are spelled
    alike are no negatives of each other.

    **Differs:** Cao et al. move linked words together by their squared distance and hold a pivot in place
    (`models.encoder/adjustment`); a contrast needs no pivot, since words are held apart by each other. Links are ours.

    Args:
        layer: Whose states are contrasted, 0 being the embeddings; none for the last.
        temperature: What cosines are divided by.
        piece: Which pieces stand for a word.
        identical: Whether linked words that are spelled alike are learnt from as well.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the reading of its pairs as far as the layer.

    References: cao2020multilingual, oord2018representation
    """

    takes: ClassVar[Takes] = "links"

    layer: int | None = None
    temperature: float = 0.1
    piece: Literal["mean", "last"] = "mean"
    identical: bool = False

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layer must not be negative, got {self.layer}; 0 is the embeddings")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, got {self.temperature}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> LinkedWords:
        """Prepare for a model and data.

        Args:
            made: The model.
            data: With bitexts and links of their words.
            batch: Sentence pairs of a step.
            length: Most tokens of a sentence.
            seed: Of the batches.

        Raises:
            ConfigError: No room for a token.
            DataError: No links, or fewer than two pairs with some.
        """
        name = "lexical"
        pairs = Pairs.read(data, batch=batch, seed=seed, name=name, linked=True)
        return LinkedWords(self, Reader.of(made, length, name, layer=self.layer), pairs)


@dataclass(frozen=True, slots=True, eq=False)
class LinkedWords:
    """The loss of a step."""

    method: LexicalContrast
    reader: Reader
    pairs: Pairs
    modules: ClassVar[Mapping[str, Any]] = {}

    def __call__(self, step: int) -> Any:
        """The contrast of a step's linked words, a scalar tensor; 0 if there are fewer than two."""
        import torch

        rows = self.pairs.batches(step)
        cells = [self._once(int(k)) for k in rows]
        found, words = [], []
        for side in (0, 1):
            vectors, of = self._words(side, rows, [[pair[side] for pair in some] for some in cells])
            found.append(vectors)
            words.append(of)
        there = (found[0].abs().sum(1) > 0) & (found[1].abs().sum(1) > 0)
        kept = np.flatnonzero(there.cpu().numpy())
        if not self.method.identical:
            kept = np.array([k for k in kept if words[0][k] != words[1][k]], np.int64)
        if len(kept) < 2:
            return found[0].sum() * 0
        x, y = (torch.nn.functional.normalize(side[torch.from_numpy(kept)], dim=1) for side in found)
        same = alike(*([side[k] for k in kept] for side in words))
        return infonce(x, y, temperature=self.method.temperature, same=same)

    def tokens(self, step: int) -> int:
        """Tokens of both sides."""
        return sum(self.reader.size(side) for side in self.pairs.texts(step))

    def _once(self, k: int) -> list[Pair]:
        """Links of words that have no other."""
        assert self.pairs.links is not None
        some = self.pairs.links.pairs(k)
        left, right = [i for i, _ in some], [j for _, j in some]
        return [(i, j) for i, j in some if left.count(i) == right.count(j) == 1]

    def _words(self, side: int, rows: I64, wanted: Sequence[Sequence[int]]) -> tuple[Any, list[str]]:
        """The vectors of some words of a side of each pair, one after the other, and how they are spelled."""
        import torch

        assert self.pairs.words is not None
        texts = [(self.pairs.src, self.pairs.tgt)[side][k] for k in rows]
        placed = self.reader.placed(texts)
        batch = self.reader.batch([ids for ids, _ in placed])
        first, every, spelled = len(self.reader.before), [], []
        for r, (k, (_, spans), some) in enumerate(zip(rows, placed, wanted, strict=True)):
            words = self.pairs.words[side][int(k)]
            weight = np.zeros((len(some), batch.tokens.shape[1]), np.float32)
            weight[:, first : first + len(spans)] = share(spans, 0, [words[i] for i in some], self.method.piece)
            every.append((r, weight))
            spelled += [texts[r][slice(*words[i])].lower() for i in some]
        hidden = self.reader.states(batch, self.method.layer)
        return torch.cat([torch.from_numpy(w).to(hidden) @ hidden[r] for r, w in every]), spelled
