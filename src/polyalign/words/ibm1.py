"""IBM Model 1: word order plays no part, only which words occur together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.progress import track
from polyalign.words.em import Corpus, iterate
from polyalign.words.model import Symmetrization, WordModel


@dataclass(frozen=True, slots=True)
class IBM1:
    """Align words by IBM Model 1 with a Dirichlet prior on the lexical table.

    p(f, a | e) = prod_j p(a_j) t(f_j | e_{a_j}), with p(NULL) = null_prior and the rest shared equally by
    the source words. Both directions are trained by EM over all pairs of words that occur together.
    With alpha > 0 the table is t = exp(digamma(c + alpha) - digamma(sum (c + alpha))) over the target words
    that occur with the source word, which keeps rare words from collecting what belongs to nobody.

    **Differs:** the paper has one NULL word beside the others (null_prior = 1 / (1 + source length)) and
    alpha = 0.

    Args:
        iterations: Passes of EM.
        lowercase: Lower-case the words before counting.
        null_prior: Prior probability that a word has no counterpart, in (0, 1).
        alpha: Dirichlet prior of every lexical entry; 0 for maximum likelihood.
        symmetrize: How both directions are joined; posterior keeps links whose mean posterior exceeds threshold.
        threshold: For symmetrize = posterior, in [0, 1).

    Raises:
        ValueError: A parameter out of range.

    References: brown1993mathematics, riley2012improving, och2003systematic

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> IBM1().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    iterations: int = 5
    lowercase: bool = True
    null_prior: float = 0.1
    alpha: float = 0.1
    symmetrize: Symmetrization = "grow-diag-final-and"
    threshold: float = 0.45

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}")
        check(self.null_prior, self.alpha, self.threshold)

    def fit(self, bitext: Bitext) -> WordModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Complexity:
            O(iterations * cells) time, a cell being a source and a target word of one sentence pair; memory
            4 bytes a cell up to 800 MB, and about 40 bytes for each pair of word types that occur together.
        """
        corpus = Corpus(bitext, lowercase=self.lowercase)
        parameters = corpus.start()
        history = []
        with track("train words.align/ibm1", total=self.iterations, unit="iterations") as progress:
            for _ in range(self.iterations):
                parameters, likelihood = iterate(corpus, parameters, null_prior=self.null_prior, alpha=self.alpha)
                history.append(likelihood)
                progress.advance()
        return WordModel(
            corpus.table(parameters),
            parameters.jumps,
            self.null_prior,
            0.0,
            self.symmetrize,
            self.threshold,
            np.asarray(history),
        )


def check(null_prior: float, alpha: float, threshold: float) -> None:
    """Refuse parameters out of range.

    Raises:
        ValueError: Names the parameter.
    """
    if not 0 < null_prior < 1:
        raise ValueError(f"null_prior must lie between 0 and 1, got {null_prior}")
    if alpha < 0:
        raise ValueError(f"alpha must not be negative, got {alpha}")
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must be at least 0 and below 1, got {threshold}")
