"""The Bayesian aligner: links sampled from an HMM with fertilities, probabilities integrated out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.jit import I64, threads
from polyalign.core.progress import Track, track
from polyalign.core.vocab import Vocab
from polyalign.kernels.cells import expect
from polyalign.kernels.gibbs import FERTILITIES
from polyalign.words.gibbs.corpus import Corpus
from polyalign.words.gibbs.decode import ARRAYS, Grain
from polyalign.words.gibbs.lattice import lay_out
from polyalign.words.gibbs.model import GibbsModel
from polyalign.words.gibbs.train import Counts, Sampler
from polyalign.words.gibbs.work import Work
from polyalign.words.known import SPACE_PAIRS, Known, from_files, from_spaces
from polyalign.words.posteriors import Posteriors
from polyalign.words.priors import Hints, hints, words_of
from polyalign.words.symmetrize import Symmetrization, learned_threshold
from polyalign.words.units import Units, check_granularity, to_words


@dataclass(frozen=True, slots=True)
class Gibbs(Known):
    """Align words by collapsed Gibbs sampling of an HMM with fertilities, several granularities together.

    Every word draws its link anew, given all other links, from

        p(a_j = i | rest) ~ n(e_i, f_j) / n(e_i) * J(i - left) J(right - i) * F(e_i, phi_i + 1) / F(e_i, phi_i)
        p(a_j = NULL | rest) ~ null_prior * n(NULL, f_j) / n(NULL) * J(right - left)

    where n are the links of all other words plus pseudo-counts, left and right the nearest links
    around word j, J and F the distributions of jumps and fertilities, all as the last sweep left them. What is
    probable in the later sweeps is averaged over both directions, over chains, and over granularities: full
    forms, say, and prefixes of a few characters, which tell the same words apart in rare and inflected forms.

    **Differs:** The paper samples each direction alone from random links through Models 1, HMM and fertility, and
    takes the most probable source word. Here IBM Model 1, trained to agree in two passes, proposes the first
    links and the few candidates of each word, so that a handful of sweeps over them does; both directions share
    their lexical counts, each without what the word in question adds to the other; words spelled alike have a prior;
    counts change between sweeps, not within, so that sentence pairs can be drawn in any order; and posteriors are
    averaged and kept.

    Args:
        granularities: How words are seen, one or more of full, prefix-N, suffix-N, bpe-N, unigram-N and
            tokenizer:PATH, all averaged.
        chains: Samplers for each granularity.
        sweeps: Sweeps of each; the later half is averaged.
        alpha: Dirichlet pseudo-count of every lexical entry.
        null_prior: Weight of a word having no counterpart, in (0, 1).
        seed: Of the sampling.
        work: Folder for what does not fit into memory, from which an interrupted training goes on; empty for memory.

    Raises:
        ValueError: A parameter out of range.

    References: ostling2016efficient, mermer2011bayesian, liang2006alignment, brown1993mathematics, marchisio2022embedding

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> Gibbs().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    granularities: tuple[str, ...] = ("full",)
    chains: int = 2
    sweeps: int = 8
    alpha: float = 0.0003
    null_prior: float = 0.2
    seed: int = 1
    work: str = ""

    def __post_init__(self) -> None:
        Known.__post_init__(self)
        if not self.granularities or len(set(self.granularities)) != len(self.granularities):
            raise ValueError(f"granularities must name one or more, each once, got {self.granularities!r}")
        for name in self.granularities:
            check_granularity(name)
        if self.chains < 1 or self.sweeps < 2:
            raise ValueError(f"chains must be at least 1 and sweeps at least 2, got {self.chains} and {self.sweeps}")
        if len(self.granularities) * self.chains * (self.sweeps // 2) > 1000:
            raise ValueError(
                f"{len(self.granularities)} granularities, {self.chains} chains and {self.sweeps} sweeps are too many together; "
                "their product must be at most 2,000"
            )
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")
        if not 0 < self.null_prior < 1:
            raise ValueError(f"null_prior must be between 0 and 1, got {self.null_prior}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed must be from 0 to 2**31 - 1, got {self.seed}")

    def fit(self, bitext: Bitext) -> GibbsModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Raises:
            DataError: A file of priors or a dictionary that cannot be read, or a sentence of more than 65,535 words.

        Complexity:
            O(cells) time for the candidates, a cell being a source and a target word of one sentence pair, and
            O(candidates) for a sweep; memory of some 12 bytes a candidate, of which a word has about four.
        """
        return self.train(bitext, from_files(self))

    def train(self, bitext: Bitext, priors: list[pa.Table], *, before: GibbsModel | None = None) -> GibbsModel:
        """As `fit`, with tables of priors instead of files.

        Args:
            bitext: Sentence pairs.
            priors: Tables as `GibbsModel.priors` gives.
            before: A model whose text the new one is to know as well, whose counts are among the priors.

        Returns:
            The model.
        """
        of = digest(bitext) if self.work else ""
        model, parts = self.stream([bitext], priors, of=of, before=before)
        old = () if before is None else ((before.seen, before.posteriors_seen),)
        return model.remember_all([*old, *parts])

    def stream(
        self,
        parts: Iterable[Bitext],
        priors: Sequence[pa.Table] | None = None,
        *,
        of: str = "",
        before: GibbsModel | None = None,
    ) -> tuple[GibbsModel, Iterator[tuple[I64, Posteriors]]]:
        """Train on more than fits into memory, a part at a time.

        Args:
            parts: Runs of sentence pairs; only one is in memory at a time if there is a folder `work`.
            priors: As of `train`; by default those that the parameters name.
            of: What the text is, so that a folder with the work on another one is refused.
            before: As of `train`.

        Returns:
            A model that knows no posteriors; and for each part what tells its sentence pairs apart, and their posteriors.
            `work` is emptied when the last part has been taken.

        Raises:
            ConfigError: `work` holds something else.
        """
        work = Work(Path(self.work) if self.work else None, f"{of} by {replace(self, work='')!r}")
        priors = from_files(self) if priors is None else priors
        known = [words_of(priors, s) for s in ("src", "tgt")]
        if before is not None:
            known = [list(before.src_vocab.words), list(before.tgt_vocab.words)]
        corpus = Corpus.encode(parts, work, self.reading, known=known)
        return self.sample(corpus, priors, before=before), self.parts(corpus)

    def sample(
        self, corpus: Corpus, priors: Sequence[pa.Table] = (), *, before: GibbsModel | None = None
    ) -> GibbsModel:
        """Train on a corpus that was encoded; `parts` has its posteriors."""
        frequencies, work, grains = list(corpus.frequencies), corpus.work, []
        if before is not None:
            for new, old in zip(frequencies, (before.src_frequency, before.tgt_frequency), strict=True):
                new[: len(old)] += old
        total = len(self.granularities) * (self.sweeps + 2)
        priors = [*priors, *from_spaces(self, *corpus.words, corpus.whole(SPACE_PAIRS))]
        with (
            track("train words.align/gibbs", total=total, unit="sweeps") as progress,
            ThreadPoolExecutor(threads()) as pool,
        ):
            # One granularity after the other: only one has its cells in memory.
            for k, name in enumerate(self.granularities):
                tokenizers = ("", "") if before is None else before.grains[k].tokenizers
                src, tgt = map(Units.build, corpus.words, frequencies, (name, name), tokenizers)
                if not work.done(f"grain-{k}"):
                    self._sample(k, corpus, (src, tgt), hints(priors, name, src, tgt), pool, progress)
                arrays = (work[f"grain-{k}-{field}"] for field in ARRAYS)
                grains.append(Grain(name, (src.tokenizer, tgt.tokenizer), *arrays))
        known = [] if before is None else [before.posteriors_seen]

        def learn(symmetrize: Symmetrization) -> float:
            drawn = (self._posteriors(corpus, shard) for shard in corpus.shards)
            return learned_threshold(p.joint(symmetrize) for p in chain(known, drawn))

        return GibbsModel(
            method=self,
            src_vocab=Vocab(corpus.words[0]),
            tgt_vocab=Vocab(corpus.words[1]),
            src_frequency=frequencies[0],
            tgt_frequency=frequencies[1],
            grains=tuple(grains),
            learned=(learn("posterior"), learn("product")),
        )

    def _unit(self) -> tuple[int, int]:
        # What a probability of 1 adds to a posterior in one sweep, and how often it is added at one granularity.
        counted = self.chains * (self.sweeps // 2)
        return 65535 // (len(self.granularities) * counted), counted

    def _sample(
        self,
        k: int,
        corpus: Corpus,
        units: tuple[Units, Units],
        hint: Hints,
        pool: ThreadPoolExecutor,
        progress: Track,
    ) -> None:
        """Leave the counts of a granularity, and the posteriors of it and those before it together."""
        lattice = lay_out(corpus, units, hint, self.spelling, pool)
        progress.advance()
        work, (scale, counted) = corpus.work, self._unit()
        sampler = Sampler(lattice, hint, self.chains, self.alpha, self.null_prior, self.seed * 1_000_003)
        for number in range(self.sweeps + 1):
            step = f"grain-{k}/sweep-{number}"
            if not work.done(step):
                sampler.sweep(number, scale if number > self.sweeps - self.sweeps // 2 else 0, pool)
                work.commit(step)
                sampler.forget(number - 1)
                work.drop(["pair-worth"])
            progress.advance()
        sampler.forget(self.sweeps, links_alone=True)
        # Expected counts rather than those of the last links: the average of all that was probable.
        weight, nulls = lattice.prior.astype(np.float64), (hint.src_null.copy(), hint.tgt_null.copy())
        for shard in corpus.shards:
            src, tgt = corpus.see(shard, units)
            cells, p = lattice.cells(shard), work[f"{shard}/posterior-{self.sweeps}"]
            sides = src.text.offsets, tgt.text.offsets, src.text.values, tgt.text.values
            expect(*cells, p, 1 / (scale * counted), *sides, weight, *nulls)
            pooled = *corpus.lengths(shard), *to_words(*cells[:3], p, src, tgt)
            here = Posteriors(*pooled, self._one()).pruned()
            if k:
                here = here.plus(*(work[f"{shard}/sum-{k - 1}-{name}"] for name in _CELLS))
            for name in _CELLS:
                work[f"{shard}/sum-{k}-{name}"] = getattr(here, name)
        last = [Counts.load(work, f"chain-{k}-{self.sweeps}") for k in range(self.chains)]
        # Most pairs of units are in a few cells that no sweep chose.
        only = np.append(hint.only, np.zeros(len(weight) - len(hint.only), np.bool_))
        kept = np.flatnonzero((weight >= LEAST_WEIGHT) | only)
        known = {
            "pair_src": lattice.pair_src[kept],
            "pair_tgt": lattice.pair_tgt[kept],
            "weight": weight[kept].astype(np.float32),
            "src_null": np.maximum(nulls[0], 0),
            "tgt_null": np.maximum(nulls[1], 0),
            "jumps": sum(c.jumps for c in last) / self.chains + hint.jumps,
            "only": only[kept],
        }
        for name in ("src_fertility", "tgt_fertility"):
            drawn = sum(getattr(c, name) for c in last) / self.chains
            known[name] = drawn.reshape(-1, FERTILITIES) + getattr(hint, name)
        for name, array in known.items():
            work[f"grain-{k}-{name}"] = array
        work.commit(f"grain-{k}")
        sampler.forget(self.sweeps)
        lattice.forget()
        work.drop(f"{shard}/sum-{k - 1}-{name}" for shard in corpus.shards for name in _CELLS)

    def _one(self) -> int:
        scale, counted = self._unit()
        return scale * counted * len(self.granularities)

    def parts(self, corpus: Corpus) -> Iterator[tuple[I64, Posteriors]]:
        """What tells the sentence pairs of each shard apart, and their posteriors; empties the corpus in the end."""
        for shard in corpus.shards:
            yield corpus.work[f"{shard}/key"], self._posteriors(corpus, shard)
        corpus.work.clear()

    def _posteriors(self, corpus: Corpus, shard: int) -> Posteriors:
        last = len(self.granularities) - 1
        cells, src, tgt, p = (corpus.work[f"{shard}/sum-{last}-{name}"] for name in _CELLS)
        return Posteriors(*corpus.lengths(shard), cells, src, tgt, p, self._one()).pruned()


def digest(bitext: Bitext) -> str:
    """Tells texts apart, so that work on one does not go on with another."""
    out = hashlib.blake2b(digest_size=16)
    for side in ("src", "tgt"):
        for start in range(0, len(bitext), 10_000):
            sentences = Bitext(bitext.table.slice(start, 10_000)).tokens(side)
            out.update(repr(sentences).encode("utf-8", "surrogatepass"))
    return out.hexdigest()


#: Pairs of units with fewer expected links are not kept.
LEAST_WEIGHT = 0.01
#: What the posteriors of a shard are kept as.
_CELLS = ("cells", "src", "tgt", "p")
