"""Expectation-maximisation for word aligners: the corpus and the loop that all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, F64, I32, I64
from polyalign.core.progress import track
from polyalign.core.spread import engine, spread
from polyalign.kernels.cooccurrence import digamma, normalise
from polyalign.words.em import EM, EMModel
from polyalign.words.em_expect import Expected, Given, Part, Totals, expect, expect_elsewhere, sums_of
from polyalign.words.positions import Moves, Positions, Shapes
from polyalign.words.table import Table, cooccurring, only_units
from polyalign.words.tokens import Encoded, count
from polyalign.words.units import Units

#: Entries of cells kept in memory between passes, 4 bytes each; of what is beyond, anew every pass.
CACHED_CELLS = 32_000_000
#: What an unseen pair of words is worth: below any probability a model keeps.
FLOOR = 1e-7


class Corpus:
    """A training corpus laid out for EM: its words, the pairs of types that co-occur, and where."""

    def __init__(self, bitext: Bitext, method: EM) -> None:
        texts, views, units, words = [], [], [], []
        for side in ("src", "tgt"):
            text, vocab, frequency = count(bitext, side, method.reading)
            texts.append(text)
            words.append(vocab.words)
            seen = Units.build(vocab.words, frequency, method.granularity)
            views.append(seen.see(text).text)
            units.append(only_units(seen.names, method.granularity, seen.tokenizer))
        self.src, self.tgt = units
        corpus = Encoded(*views)
        self.starts, self.entries = cooccurring(corpus, len(self.src.names), len(self.tgt.names))
        self.prior = self.src_prior = self.tgt_prior = np.zeros(0, np.float32)
        if method.knows:
            from polyalign.words.em_priors import pseudo_counts

            known = pseudo_counts(method, texts, words, self.src, self.tgt, self.starts, self.entries)
            self.prior, self.src_prior, self.tgt_prior = known
        self.blocks = list(corpus.blocks())
        self.shapes, places = Shapes.of(corpus.src.lengths, corpus.tgt.lengths)
        self.places = [places[a:b] for a, b in corpus.runs()]
        # Entries of each target type, for the total of the prior in its normaliser.
        self.tgt_degree = np.bincount(self.entries, minlength=len(self.tgt.names))
        self._sums: dict[int, I64] = {}
        self._cache: dict[int, I32] = {}
        self._cached = 0

    def expect(self, given: Given) -> Iterator[Expected]:
        """What is expected of every block, in their order."""
        by, indices = engine(), range(len(self.blocks))
        if by is not None and by.elsewhere and len(self.blocks) > 1:
            return spread(partial(expect_elsewhere, given), map(self._part, indices))
        # This machine's threads share the sentence pairs of a block.
        return (expect(given, self.blocks[k], self.places[k], self._sums_of(k), self._ids(k, given)) for k in indices)

    def _part(self, index: int) -> Part:
        block = self.blocks[index]
        return Part(block.src, block.tgt, self.places[index], self._sums_of(index))

    def _sums_of(self, index: int) -> I64:
        if index not in self._sums:
            self._sums[index] = sums_of(self.blocks[index], len(self.tgt.names))
        return self._sums[index]

    def _ids(self, index: int, given: Given) -> I32:
        if index in self._cache:
            return self._cache[index]
        ids = given.ids(self.blocks[index])
        if self._cached + len(ids) <= CACHED_CELLS:
            self._cache[index] = ids
            self._cached += len(ids)
        return ids


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """What EM estimates.

    Args:
        probs: t(tgt | src) and t(src | tgt) of each entry, shape (e, 2).
        weight: Expected links of each entry, mean of both directions, shape (e,).
        src_null: p(src | NULL), shape (src_types,).
        tgt_null: p(tgt | NULL), shape (tgt_types,).
        positions: Word order.
    """

    probs: F64
    weight: F32
    src_null: F64
    tgt_null: F64
    positions: Positions


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One pass of EM.

    Args:
        alpha: Dirichlet prior of the lexical table, 0 for maximum likelihood.
        null_alpha: That of p(word | NULL).
        uniform: Share of the HMM's jumps that go anywhere.
        agreement: Whether expected counts are products of both directions' posteriors.
        move: What the next pass knows of word order.
        places: Whether `move` asks for the expected links of each place.
    """

    alpha: float
    null_alpha: float = 0.0
    uniform: float = 0.0
    agreement: bool = False
    move: Callable[[Positions, Moves], Positions] | None = None
    places: bool = False


def train(
    method: EM,
    bitext: Bitext,
    passes: Sequence[Pass],
    positions: Positions | None = None,
    floor: float = FLOOR,
    unseen: float = FLOOR,
) -> EMModel:
    """Train on a bitext, from every pair of types as probable as any other, and NULL the same.

    Args:
        method: Whose parameters they are.
        bitext: Sentence pairs.
        passes: What to do.
        positions: Word order at first; the same for all places if none is given.
        floor: What every pair of words is worth at least in training.
        unseen: What it is worth at least in the model, and one that never met.

    Returns:
        A model that aligns any text, without the entries that are worth nothing.
    """
    corpus = Corpus(bitext, method)
    src, tgt = 1 / len(corpus.src.names), 1 / len(corpus.tgt.names)
    probs = np.empty((len(corpus.entries), 2))
    probs[:, 0], probs[:, 1] = tgt, src
    nulls = np.full(len(corpus.src.names), src), np.full(len(corpus.tgt.names), tgt)
    parameters = Parameters(
        probs, np.zeros(len(probs), np.float32), *nulls, Positions() if positions is None else positions
    )
    history = np.zeros((len(passes), 2))
    with track(f"train {method.id}", total=len(passes), unit="iterations") as progress:
        for k, step in enumerate(passes):
            parameters, history[k] = iterate(corpus, parameters, step, null_prior=method.null_prior, floor=floor)
            progress.advance()
    p = parameters
    entries = corpus.starts, corpus.entries, p.probs, p.weight
    table = Table(corpus.src, corpus.tgt, method.reading, *entries, p.src_null, p.tgt_null, unseen)
    return EMModel(method, table.pruned(), p.positions, history)


def iterate(corpus: Corpus, old: Parameters, step: Pass, *, null_prior: float, floor: float) -> tuple[Parameters, F64]:
    """One pass of EM over the corpus in both directions.

    Args:
        corpus: The training corpus.
        old: Current parameters.
        step: What is particular to this pass.
        null_prior: Prior probability of NULL.
        floor: What every pair of words is worth at least.

    Returns:
        New parameters, and the log-likelihood of the old ones, forward and backward.
    """
    given = Given(
        corpus.starts, corpus.entries, old.probs, old.src_null, old.tgt_null, old.positions.jumps,
        old.positions.table(corpus.shapes), null_prior, step.uniform, floor, step.agreement, step.places,
    )  # fmt: skip
    total = Totals.zero(given, int(corpus.shapes.starts[-1]))
    for expected in corpus.expect(given):
        expected.add_to(total)
    counts, src_null, tgt_null = total.counts, total.src_null, total.tgt_null
    if len(corpus.prior):
        counts += corpus.prior[:, None]
        src_null += corpus.src_prior
        tgt_null += corpus.tgt_prior
    weight = counts.mean(axis=1, dtype=np.float32)
    totals = np.bincount(corpus.entries, counts[:, 1], len(corpus.tgt.names)) + step.alpha * corpus.tgt_degree
    normalise(counts, corpus.starts, corpus.entries, totals, step.alpha)
    positions = old.positions
    if step.move is not None:
        positions = step.move(positions, Moves(corpus.shapes, total.links, total.departures))
    of_src, of_tgt = _share(src_null, step.null_alpha), _share(tgt_null, step.null_alpha)
    return Parameters(counts, weight, of_src, of_tgt, positions), total.log_likelihood


def _share(counts: F64, alpha: float) -> F64:
    if alpha == 0:
        return counts / max(1e-9, float(counts.sum()))
    # All types but NULL itself, each of which occurs beside NULL.
    total = digamma(float(counts.sum()) + alpha * (len(counts) - 1)) if len(counts) > 1 else 0.0
    return np.asarray([math.exp(digamma(float(c) + alpha) - total) for c in counts])
