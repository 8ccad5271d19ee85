"""The Bayesian aligner: links sampled from an HMM with fertilities, probabilities integrated out."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.files import PathText
from polyalign.core.jit import U16, threads
from polyalign.core.progress import Track, track
from polyalign.core.ragged import Ragged
from polyalign.core.vocab import Vocab
from polyalign.kernels.cells import expect
from polyalign.words.gibbs.decode import Grain
from polyalign.words.gibbs.lattice import Hints, Lattice, lay_out
from polyalign.words.gibbs.model import GibbsModel
from polyalign.words.gibbs.posteriors import Posteriors
from polyalign.words.gibbs.priors import hints, read_dictionary, read_priors, words_of
from polyalign.words.gibbs.text import Units, check_granularity, choose_granularities, encode, keys
from polyalign.words.gibbs.train import Chain
from polyalign.words.model import Symmetrization


@dataclass(frozen=True, slots=True)
class Gibbs:
    """Align words by collapsed Gibbs sampling of an HMM with fertilities, several granularities together.

    Every word draws its link anew, given all other links, from

        p(a_j = i | rest) ~ n(e_i, f_j) / n(e_i) * J(i - left) J(right - i) * F(e_i, phi_i + 1) / F(e_i, phi_i)
        p(a_j = NULL | rest) ~ null_prior * n(NULL, f_j) / n(NULL) * J(right - left)

    where n are the links of all other words plus pseudo-counts, left and right the nearest links
    around word j, J and F the distributions of jumps and fertilities under the links of the last sweep. What is
    probable in the later sweeps is averaged over both directions, over chains, and over granularities: full
    forms and prefixes of a few characters, which tell the same words apart in rare and inflected forms.

    **Differs:** The paper samples each direction alone from random links through Models 1, HMM and fertility, and
    takes the most probable source word. Here IBM Model 1, trained to agree in two passes, proposes the first
    links and the few candidates of each word, so that a handful of sweeps over them does; both directions share
    their lexical counts, each without what the word in question adds to the other; words spelled alike have a prior;
    and posteriors are averaged and kept.

    Args:
        granularities: How words are seen, one or more of full and prefix-N, all averaged; auto for full and
            prefix-5, below 20,000 sentence pairs prefix-4 too, without prefixes that merge few types.
        chains: Samplers for each granularity; 0 for 4 below 5,000 sentence pairs, 2 below 50,000, else 1.
        effort: Sweeps relative to the usual number, which falls from 12 for small corpora to 4 for large ones.
        alpha: Dirichlet pseudo-count of every lexical entry.
        null_prior: Weight of a word having no counterpart, in (0, 1).
        spelling: Pseudo-count of a pair of equal words; of words with more than half of their letters in common, in
            order, accordingly less; 0 for none.
        lowercase: Lower-case the words before counting.
        priors: File of pseudo-counts from another model's export_priors, empty for none.
        dictionary: File of lines source word, tab, target word and optionally tab and pseudo-count, empty for none.
        symmetrize: How both directions are joined; posterior keeps links whose mean posterior exceeds threshold.
        threshold: For symmetrize = posterior, in [0, 1); higher for fewer and surer links.
        seed: Of the sampling.

    Raises:
        ValueError: A parameter out of range.

    References: ostling2016efficient, mermer2011bayesian, liang2006alignment, brown1993mathematics

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> Gibbs().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    granularities: tuple[str, ...] = ("auto",)
    chains: int = 0
    effort: float = 1.0
    alpha: float = 0.0003
    null_prior: float = 0.2
    spelling: float = 0.5
    lowercase: bool = True
    priors: PathText = ""
    dictionary: PathText = ""
    symmetrize: Symmetrization = "posterior"
    threshold: float = 0.45
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.granularities or len(set(self.granularities)) != len(self.granularities):
            raise ValueError(f"granularities must name one or more, each once, got {self.granularities!r}")
        if self.granularities != ("auto",):
            for name in self.granularities:
                check_granularity(name)
        if self.chains < 0:
            raise ValueError(f"chains must not be negative, got {self.chains}")
        if not 0 < self.effort < math.inf:
            raise ValueError(f"effort must be above 0, got {self.effort}")
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha must be above 0, got {self.alpha}")
        if not 0 < self.null_prior < 1:
            raise ValueError(f"null_prior must be between 0 and 1, got {self.null_prior}")
        if not 0 <= self.spelling < math.inf:
            raise ValueError(f"spelling must not be negative, got {self.spelling}")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must be at least 0 and below 1, got {self.threshold}")
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
        tables = [read_priors(self.priors)] if self.priors else []
        if self.dictionary:
            tables.append(read_dictionary(self.dictionary, lowercase=self.lowercase))
        return self.train(bitext, tables)

    def train(self, bitext: Bitext, priors: list[pa.Table], *, before: GibbsModel | None = None) -> GibbsModel:
        """As `fit`, with tables of priors instead of files.

        Args:
            bitext: Sentence pairs.
            priors: Tables as `GibbsModel.priors` gives.
            before: A model whose text the new one is to know as well, whose counts are among the priors.

        Returns:
            The model.
        """
        words, texts, frequencies = [], [], []
        for side in ("src", "tgt"):
            start = dict.fromkeys(["", *(words_of(priors, side) if before is None else _vocab(before, side).words)])
            known = {w: k for k, w in enumerate(start)}
            text, fresh = encode(bitext, side, lowercase=self.lowercase, known=known)
            words.append([*known, *fresh])
            texts.append(text)
            frequencies.append(np.bincount(text.values, minlength=len(words[-1])))
        if before is not None:
            for new, old in zip(frequencies, (before.src_frequency, before.tgt_frequency), strict=True):
                new[: len(old)] += old
        names = self.granularities if before is None else tuple(g.granularity for g in before.grains)
        if names == ("auto",):
            names = choose_granularities(len(bitext), words)
        units = [[Units.build(w, f, n) for w, f in zip(words, frequencies, strict=True)] for n in names]
        known_before = [hints(priors, n, *u) for n, u in zip(names, units, strict=True)]
        grains, posteriors = self._sample(texts, units, known_before, names)
        content = keys(texts[0], texts[1], len(words[0]), len(words[1]))
        if before is not None:
            content, posteriors = np.concatenate([before.seen, content]), before.posteriors.then(posteriors)
        seen, first = np.unique(content, return_index=True)
        return GibbsModel(
            method=self,
            src_vocab=Vocab(tuple(words[0])),
            tgt_vocab=Vocab(tuple(words[1])),
            src_frequency=frequencies[0],
            tgt_frequency=frequencies[1],
            grains=grains,
            seen=seen,
            posteriors=posteriors.take(first),
        )

    def _sample(
        self, texts: list[Ragged], units: list[list[Units]], known: list[Hints], names: tuple[str, ...]
    ) -> tuple[tuple[Grain, ...], Posteriors]:
        pairs = len(texts[0])
        chains = self.chains or (4 if pairs < 5_000 else 2 if pairs < 50_000 else 1)
        usual = min(12.0, max(4.0, 850 / math.sqrt(max(1, pairs))))
        sweeps = max(2, round(self.effort * usual))
        counted = sweeps // 2
        scale = 65535 // (len(names) * chains * counted)
        posteriors = Posteriors.none(pairs, scale * len(names) * chains * counted)
        grains = []
        with (
            track("train words.align/gibbs", total=len(names) * (sweeps + 2), unit="sweeps") as progress,
            ThreadPoolExecutor(threads()) as pool,
        ):
            # One granularity after the other: only one has its cells in memory.
            for name, unit, hint in zip(names, units, known, strict=True):
                src, tgt = (Ragged(u.of[t.values], t.offsets) for t, u in zip(texts, unit, strict=True))
                lattice = lay_out(src, tgt, unit[0], unit[1], hint, self.spelling, pool)
                progress.advance()
                samplers = [
                    Chain(lattice, hint, alpha=self.alpha, null_prior=self.null_prior, seed=self.seed * 1_000_003 + k)
                    for k in range(chains)
                ]
                p = _run(samplers, pool, progress, [0] * (sweeps - counted) + [scale] * counted)
                grains.append(_grain(name, lattice, samplers, hint, p, 1 / (scale * chains * counted)))
                cells = Posteriors(lattice.cells, lattice.cell_src, lattice.cell_tgt, p, posteriors.one).pruned()
                posteriors = posteriors.plus(cells.cells, cells.src, cells.tgt, cells.p)
                del lattice, samplers, cells, p, src, tgt
        return tuple(grains), posteriors.pruned()


def _run(samplers: list[Chain], pool: ThreadPoolExecutor, progress: Track, scales: list[int]) -> U16:
    # Both directions of every chain are drawn at once; what they count is put together after each sweep.
    tasks = [(chain, side) for chain in samplers for side in (0, 1)]
    list(pool.map(lambda task: task[0].start(task[1]), tasks))
    for chain in samplers:
        chain.count()
    progress.advance()
    for scale in scales:
        for chain in samplers:
            chain.prepare(scale > 0)
        list(pool.map(lambda task, add=scale: task[0].draw(task[1], add), tasks))
        for chain in samplers:
            chain.join()
        progress.advance()
    total = samplers[0].posterior
    for chain in samplers[1:]:
        total += chain.posterior
    return total


def _vocab(model: GibbsModel, side: str) -> Vocab:
    return model.src_vocab if side == "src" else model.tgt_vocab


def _grain(name: str, lattice: Lattice, chains: list[Chain], known: Hints, p: U16, unit: float) -> Grain:
    # Expected counts rather than those of the last links: the average of all that was probable.
    weight, src_null, tgt_null = lattice.prior.astype(np.float64), known.src_null.copy(), known.tgt_null.copy()
    cells = lattice.cells, lattice.cell_src, lattice.cell_tgt, lattice.cell_id
    sides = lattice.src.offsets, lattice.tgt.offsets, lattice.src.values, lattice.tgt.values
    expect(*cells, p, unit, *sides, weight, src_null, tgt_null)
    jumps = [sum(c.jumps[side] for c in chains) / len(chains) + known.jumps[side] for side in (0, 1)]
    src_fertility, tgt_fertility = (sum(c.fertilities[side] for c in chains) / len(chains) for side in (0, 1))
    return Grain(
        granularity=name,
        pair_src=lattice.pair_src,
        pair_tgt=lattice.pair_tgt,
        weight=weight.astype(np.float32),
        src_null=np.maximum(src_null, 0).astype(np.float32),
        tgt_null=np.maximum(tgt_null, 0).astype(np.float32),
        jumps=np.asarray(jumps, np.float32),
        src_fertility=np.asarray(src_fertility + known.src_fertility, np.float32),
        tgt_fertility=np.asarray(tgt_fertility + known.tgt_fertility, np.float32),
    )
