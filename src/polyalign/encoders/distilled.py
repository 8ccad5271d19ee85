"""A static encoder distilled from another as texts need it: each token goes through the other once, ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from polyalign.core.jit import F32, I32
from polyalign.encoders.distil import Teacher, states_of, teacher
from polyalign.encoders.encoder import Encoder, Tokens
from polyalign.kernels.gather import weighted_mean


@dataclass(frozen=True, slots=True)
class Distilled(Encoder):
    """Encode with token vectors distilled from another encoder: thousands of sentences a second.

    A sentence's vector is ``sum_t w_t M x_t``, scaled to length 1, over its tokens: x_t is the encoder's state of the
    token's text alone, w_t = a / (a + p_t) weighs rare tokens more (SIF; p_t is the token's probability in the encoder's
    unigram tokenizer, else of its rank as Zipf has it), and ``M = C^(-s/2)`` evens out the directions that all vectors
    share, C being ``sum x x^T`` over the 4,096 most frequent tokens. A token is computed when a text first has it, and
    then is in the cache; `polyalign distil` computes all of them, as a folder that needs the encoder no more.

    **Differs:** from model2vec, tokens are read as text and no principal components are dropped.

    Args:
        encoder: Encoder: `e5`, or a transformer with a fast tokenizer by its folder or its name on the hub; settings
            behind a colon, `e5:layer=7`.
        sif: The constant a; the smaller, the less frequent tokens weigh.
        whitening: How far directions are evened out, s; 0 for not at all, 1 for all as long.

    Raises:
        ValueError: A number is out of range.

    References: minishlab2024model2vec, arora2017simple, mu2018allbutthetop
    """

    encoder: str = "e5"
    sif: float = 1e-4
    whitening: float = 0.5

    def __post_init__(self) -> None:
        if not self.sif > 0:
            raise ValueError(f"sif = {self.sif}: a constant above 0, such as 0.0001")
        if not 0 <= self.whitening <= 1:
            raise ValueError(f"whitening = {self.whitening}: expected a number from 0 to 1")

    @property
    def key(self) -> str:
        """The encoder's key and every setting."""
        return f"distilled {states_of(self.encoder).key} {self.sif} {self.whitening}"

    @property
    def dim(self) -> int:
        """As many as the encoder's states have."""
        return states_of(self.encoder).dim

    @property
    def cached(self) -> bool:
        """No: only the tokens are kept, in the encoder's own cache."""
        return False

    def vectors(self, texts: Sequence[str]) -> F32:
        """Weighted means of the vectors of tokens, shape (n, d)."""
        table = _table(self, self.key)
        ids, offsets = table.teacher.vocabulary.find(texts)
        slots = table.slots_of(ids)
        return weighted_mean(table.rows, np.ones(len(table.rows), np.float32), slots, offsets)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The weighted vector of each token, and where it is in its text."""
        table = _table(self, self.key)
        ids, offsets, spans = table.teacher.vocabulary.spans(texts)
        return Tokens(table.rows[table.slots_of(ids)], offsets, spans)


class _Table:
    """Weighted vectors of the tokens seen so far; the first row is for all that stand for nothing."""

    def __init__(self, source: Teacher) -> None:
        self.teacher = source
        self.rows: F32 = np.zeros((1024, source.encoder.dim), np.float32)
        self._slots = np.where(source.weights == 0, 0, -1).astype(np.int32)
        self._used = 1

    def slots_of(self, ids: I32) -> I32:
        """The rows of tokens; those that have none yet are computed."""
        missing = np.unique(ids[self._slots[ids] < 0])
        if len(missing):
            rows = self.teacher.rows(missing.tolist()) * self.teacher.weights[missing, None]
            end = self._used + len(missing)
            if end > len(self.rows):
                # Twice as large, so that each row is copied a few times at most.
                more = max(end, 2 * len(self.rows)) - len(self.rows)
                self.rows = np.concatenate([self.rows, np.zeros((more, rows.shape[1]), np.float32)])
            self.rows[self._used : end] = rows
            self._slots[missing] = np.arange(self._used, end)
            self._used = end
        return np.asarray(self._slots[ids], np.int32)


@lru_cache(maxsize=2)
def _table(encoder: Distilled, same: str) -> _Table:
    """The table of an encoder; ``same`` changes with the files of the other encoder."""
    return _Table(teacher(encoder.encoder, encoder.sif, encoder.whitening))
