"""Expectation-maximisation for word aligners: the loop that Model 1 and the HMM share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, F64, I32, I64, frozen
from polyalign.kernels.cooccurrence import add_counts, locate, normalise
from polyalign.kernels.posteriors import posteriors
from polyalign.words.table import Table, cooccurring
from polyalign.words.tokens import Encoded

#: Entries of cells kept in memory between passes, 4 bytes each; of what is beyond, anew every pass.
CACHED_CELLS = 200_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """What EM estimates.

    Args:
        probs: t(tgt | src) and t(src | tgt) of each entry, shape (e, 2).
        src_null: p(src | NULL), shape (src_types,).
        tgt_null: p(tgt | NULL), shape (tgt_types,).
        jumps: Weight of each distance, forward and backward; no columns for Model 1.
    """

    probs: F32
    src_null: F32
    tgt_null: F32
    jumps: F32


class Corpus:
    """A training corpus laid out for EM: its words, the pairs of types that co-occur, and where."""

    def __init__(self, bitext: Bitext, *, lowercase: bool) -> None:
        text, self.src_vocab, self.tgt_vocab = Encoded.build(bitext, lowercase=lowercase)
        self.lowercase = lowercase
        self.starts, self.entries = cooccurring(text, len(self.src_vocab), len(self.tgt_vocab))
        self.blocks = list(text.blocks())
        # Entries of each target type, for the total of the prior in its normaliser.
        self.tgt_degree = np.bincount(self.entries, minlength=len(self.tgt_vocab))
        self._cache: dict[int, I32] = {}
        self._cached = 0

    def ids(self, index: int) -> I32:
        """The entry of every cell of one block."""
        if index in self._cache:
            return self._cache[index]
        b = self.blocks[index]
        ids = locate(
            b.order,
            b.groups,
            b.src.values,
            b.rows,
            b.first,
            b.tgt.values,
            frozen(self.starts, np.int64),
            frozen(self.entries, np.int32),
            len(self.tgt_vocab),
        )
        if self._cached + len(ids) <= CACHED_CELLS:
            self._cache[index] = ids
            self._cached += len(ids)
        return ids

    def start(self) -> Parameters:
        """Model 1 with every pair of types as probable as any other, and NULL the same."""
        src, tgt = np.float32(1 / len(self.src_vocab)), np.float32(1 / len(self.tgt_vocab))
        probs = np.empty((len(self.entries), 2), np.float32)
        probs[:, 0], probs[:, 1] = tgt, src
        nulls = np.full(len(self.src_vocab), src), np.full(len(self.tgt_vocab), tgt)
        return Parameters(probs, *nulls, np.zeros((2, 0), np.float32))

    def table(self, parameters: Parameters) -> Table:
        """The estimates as a table that aligns any text, without what is worth nothing."""
        p = parameters
        vocabs = self.src_vocab, self.tgt_vocab
        return Table(*vocabs, self.lowercase, self.starts, self.entries, p.probs, p.src_null, p.tgt_null).pruned()


def iterate(
    corpus: Corpus,
    old: Parameters,
    *,
    null_prior: float,
    alpha: float,
    uniform: float = 0.0,
    agreement: bool = False,
) -> tuple[Parameters, F64]:
    """One pass of EM over the corpus in both directions.

    Args:
        corpus: The training corpus.
        old: Current parameters; jumps without columns make it Model 1.
        null_prior: Prior probability of NULL.
        alpha: Dirichlet prior of the lexical table, 0 for maximum likelihood.
        uniform: Share of jumps that go anywhere.
        agreement: Whether expected counts are products of both directions' posteriors.

    Returns:
        New parameters, and the log-likelihood of the old ones, forward and backward.
    """
    counts = np.zeros((len(corpus.entries), 2))
    src_null, tgt_null = np.zeros(len(corpus.src_vocab)), np.zeros(len(corpus.tgt_vocab))
    jumps = np.zeros((2, 2, old.jumps.shape[1]))
    log_likelihood = np.zeros(2)
    probs, of_src, of_tgt, at = (frozen(a, np.float32) for a in (old.probs, old.src_null, old.tgt_null, old.jumps))
    for index, b in enumerate(corpus.blocks):
        ids = corpus.ids(index)
        forward, backward, tgt_free, src_free, likelihoods, departures = posteriors(
            b.src.offsets,
            b.tgt.offsets,
            b.src.values,
            b.tgt.values,
            b.cells,
            ids,
            probs,
            of_src,
            of_tgt,
            at,
            null_prior,
            uniform,
        )
        if agreement:
            forward *= backward
            backward = forward
        add_counts(b.order, b.groups, b.rows, ids, forward, backward, counts)
        src_null += np.bincount(b.src.values, src_free, len(src_null))
        tgt_null += np.bincount(b.tgt.values, tgt_free, len(tgt_null))
        log_likelihood += likelihoods.sum(axis=0)
        jumps += departures.sum(axis=0)
    new = np.empty_like(old.probs)
    totals = np.bincount(corpus.entries, counts[:, 1], len(corpus.tgt_vocab)) + alpha * corpus.tgt_degree
    normalise(counts, corpus.starts, corpus.entries, totals, alpha, new)
    return Parameters(new, _share(src_null), _share(tgt_null), _weights(jumps, old.jumps)), log_likelihood


def _weights(stats: F64, old: F32) -> F32:
    # One step of minorise-maximise on sum_d c(d) log s(d) - sum_i' n(i') log Z(i'): s(d) = c(d) / r(d).
    # The normaliser Z depends on where in the sentence a jump starts, so plain relative frequencies
    # would not maximise anything.
    if not old.shape[1]:
        return old
    seen = stats[:, 1] > 0
    weights = np.where(seen, stats[:, 0] / np.where(seen, stats[:, 1], 1), old)
    weights = np.maximum(weights, 1e-6 * weights.sum(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _share(counts: I64 | F64) -> F32:
    return np.asarray(counts / max(1e-9, counts.sum()), np.float32)
