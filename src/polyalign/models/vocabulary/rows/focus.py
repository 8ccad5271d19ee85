"""FOCUS: rows of the pieces that both tokenizers have and that are used alike in the new language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.jit import F32
from polyalign.core.space import unit
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import Evidence
from polyalign.models.vocabulary.rows.method import Mixture, Norm, Side, sparse, tell
from polyalign.models.vocabulary.rows.sparsemax import sparsemax

#: New pieces whose similarities are in memory at a time.
BLOCK = 256
#: Pieces of a text that gensim takes at a time; it cuts what is longer.
LONGEST = 10_000


@dataclass(frozen=True, slots=True)
class Focus(Mixture):
    """Fill the rows of a new piece with those of kept pieces that are used alike in the new language (FOCUS).

    Texts are cut into pieces by the new tokenizer, and fastText gives each piece a vector by the pieces about it and by its
    letters. With x those vectors, ``e(p) = sum_q sparsemax_q(cos(x_p, x_q)) E[q]`` over the pieces q that both tokenizers
    have; sparsemax makes most of the weights zero. Evidence: texts of the new language, tens of megabytes at best. A piece that
    is too rare has its constituents' mean.

    **Differs:** trained by gensim instead of the fasttext library, in one thread, so that a seed gives the same again.

    Args:
        dimensions: Of the vectors.
        epochs: Passes over the texts.
        min_count: How often a piece has to occur for a vector.
        architecture: Of fastText.
        seed: Of its training.
        norm: The length of a new row: its own, parts (the mean length of the rows it is of), or all (of all old rows).

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(epochs tokens d) for fastText; O(k o (d + log o)) for o kept pieces that occur.

    References: dobler2023focus, bojanowski2017enriching, martins2016softmax
    """

    dimensions: int = 100
    epochs: int = 3
    min_count: int = 10
    architecture: Literal["skip-gram", "cbow"] = "cbow"
    seed: int = 1
    norm: Norm = "own"

    def __post_init__(self) -> None:
        for name in ("dimensions", "epochs", "min_count"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, found {self.seed}")

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """By similarity of use, shape (k, v).

        Raises:
            DataError: There are no texts, or no piece in them is frequent enough.
            MissingExtraError: gensim is not installed.
        """
        vectors = self._vectors(change, evidence.texts)
        there = np.asarray(vectors.any(axis=1))
        kept = np.flatnonzero(there & (change.kept >= 0))
        asked = np.flatnonzero(there[change.new])
        if not len(kept):
            raise DataError(
                f"models.rows/focus: found no kept piece {self.min_count} times in the texts, expected some to learn from; give "
                "more text, or lower min_count"
            )
        rows, columns, values = [], [], []
        for start in range(0, len(asked), BLOCK):
            some = asked[start : start + BLOCK]
            weights = sparsemax((vectors[change.new[some]] @ vectors[kept].T).astype(np.float64))
            i, j = np.nonzero(weights)
            rows.append(some[i])
            columns.append(change.kept[kept[j]])
            values.append(weights[i, j])
        nothing = np.zeros(0, np.int64)
        out = sparse(
            np.concatenate([*values, nothing.astype(np.float64)]),
            np.concatenate([*rows, nothing]),
            np.concatenate([*columns, nothing]),
            (len(change.new), len(base.model.get_input_embeddings().weight)),
        )
        if side != "output":
            tell("models.rows/focus", out)
        return out

    def _vectors(self, change: Change, texts: Sequence[str]) -> F32:
        """Unit vectors of the new tokenizer's pieces, zeros for rare ones, shape (v', d)."""
        try:
            from gensim.models import FastText
        except ImportError as error:
            raise MissingExtraError(
                f"models.rows/focus needs gensim ({error}); install with: pip install 'polyalign[vectors]'"
            ) from error
        corpus = _Pieces(change.tokenizer, texts)
        if not corpus.ids:
            raise DataError("models.rows/focus: found no texts, expected some of the new language; give some")
        try:
            model = FastText(
                corpus, vector_size=self.dimensions, sg=int(self.architecture == "skip-gram"), epochs=self.epochs,
                min_count=self.min_count, seed=self.seed, workers=1, bucket=200_000,
            ).wv  # fmt: skip
        except RuntimeError as error:
            raise DataError(
                f"models.rows/focus: found no piece {self.min_count} times in the texts ({str(error).splitlines()[0]}); give "
                "more text, or lower min_count"
            ) from None
        out = np.zeros((len(change.kept), self.dimensions), np.float32)
        ids = np.array(change.tokenizer.convert_tokens_to_ids(model.index_to_key), np.int64)
        out[ids] = unit(model.vectors)
        return out


class _Pieces:
    """Texts as lists of pieces, as often as they are asked for.

    Args:
        tokenizer: What cuts them.
        texts: The texts.
    """

    def __init__(self, tokenizer: Any, texts: Sequence[str]) -> None:
        self.texts = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
        found = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        self.ids = [np.array(x, np.int32) for x in found if len(x)]

    def __iter__(self) -> Iterator[list[str]]:
        for row in self.ids:
            for start in range(0, len(row), LONGEST):
                yield [self.texts[k] for k in row[start : start + LONGEST].tolist()]
