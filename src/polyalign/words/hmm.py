"""The HMM aligner: lexical probabilities and how far one link lies from the last."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32
from polyalign.core.progress import track
from polyalign.words.em import Corpus, iterate
from polyalign.words.ibm1 import check
from polyalign.words.model import Symmetrization, WordModel


@dataclass(frozen=True, slots=True)
class HMM:
    """Align words by an HMM over jumps, both directions trained to agree.

    p(f, a | e) = prod_j p(a_j | a_{j-1}) t(f_j | e_{a_j}). A step goes to NULL with probability null_prior,
    which remembers the last word chosen; else to word i with probability
    (1 - uniform) s(i', i) / sum_l s(i', l) + uniform / I. The weight s is free for every distance
    ``|i - i'| <= reach``; all words further to one side share one weight equally. IBM Model 1 comes first, then EM by
    scaled forward-backward; the weights take a minorise-maximise step, since their normaliser depends on the position. With `agreement`
    the expected count of a cell is the product of both directions' posteriors. The lexical table has a
    Dirichlet prior as in `words.align/ibm1`. Links are decoded from posteriors.

    **Differs:** Och & Ney re-estimate jumps by relative frequency, condition them on word classes and decode
    by Viterbi; Liang et al. train Model 1 by agreement too and have no prior. NULL counts come from each
    direction alone.

    Args:
        iterations: Passes of EM with the HMM.
        ibm1_iterations: Passes of EM with Model 1 before them.
        lowercase: Lower-case the words before counting.
        agreement: Train both directions to agree; without it each is trained alone.
        null_prior: Probability that a word has no counterpart, in (0, 1).
        alpha: Dirichlet prior of every lexical entry while Model 1 is trained; 0 for maximum likelihood.
        hmm_alpha: The same while the HMM is; agreement discounts rare pairs by itself and needs none.
        reach: Longest jump with a weight of its own, in words.
        uniform: Share of jumps that go anywhere with equal probability, in [0, 1).
        symmetrize: How both directions are joined; posterior keeps links whose mean posterior exceeds threshold.
        threshold: For symmetrize = posterior, in [0, 1); higher for fewer and surer links.

    Raises:
        ValueError: A parameter out of range.

    References: vogel1996hmm, och2003systematic, liang2006alignment, riley2012improving

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> HMM().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    iterations: int = 3
    ibm1_iterations: int = 5
    lowercase: bool = True
    agreement: bool = True
    null_prior: float = 0.1
    alpha: float = 0.1
    hmm_alpha: float = 0.0
    reach: int = 7
    uniform: float = 0.1
    symmetrize: Symmetrization = "posterior"
    threshold: float = 0.45

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.ibm1_iterations < 1:
            raise ValueError(
                f"iterations and ibm1_iterations must be at least 1, got {self.iterations} and {self.ibm1_iterations}"
            )
        if self.reach < 1:
            raise ValueError(f"reach must be at least 1, got {self.reach}")
        if not 0 <= self.uniform < 1:
            raise ValueError(f"uniform must be at least 0 and below 1, got {self.uniform}")
        check(self.null_prior, min(self.alpha, self.hmm_alpha), self.threshold)

    def fit(self, bitext: Bitext) -> WordModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Complexity:
            O(cells * (ibm1_iterations + iterations * reach)) time, a cell being a source and a target word of
            one sentence pair; memory as `words.align/ibm1`, and 16 bytes a cell of the longest pair per thread.
        """
        corpus = Corpus(bitext, lowercase=self.lowercase)
        parameters = corpus.start()
        history = []
        total = self.ibm1_iterations + self.iterations
        with track("train words.align/hmm", total=total, unit="iterations") as progress:
            for iteration in range(total):
                if iteration == self.ibm1_iterations:
                    parameters = replace(parameters, jumps=first_jumps(self.reach))
                parameters, likelihood = iterate(
                    corpus,
                    parameters,
                    null_prior=self.null_prior,
                    uniform=self.uniform,
                    alpha=self.hmm_alpha if parameters.jumps.size else self.alpha,
                    agreement=self.agreement and parameters.jumps.size > 0,
                )
                history.append(likelihood)
                progress.advance()
        return WordModel(
            corpus.table(parameters),
            parameters.jumps,
            self.null_prior,
            self.uniform,
            self.symmetrize,
            self.threshold,
            np.asarray(history),
        )


def first_jumps(reach: int) -> F32:
    """Weights that fall off on both sides of one step ahead, for both directions, shape (2, 2 * reach + 3)."""
    distance = np.arange(-reach - 1, reach + 2)
    weights = np.exp(-0.3 * np.abs(distance - 1))
    return np.asarray(np.tile(weights / weights.sum(), (2, 1)), np.float32)
