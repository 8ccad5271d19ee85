"""The HMM aligner: lexical probabilities and how far one link lies from the last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from polyalign.core.bitext import Bitext
from polyalign.words.em import EM, EMModel
from polyalign.words.em_train import Pass, train
from polyalign.words.positions import first_jumps, learn_jumps
from polyalign.words.symmetrize import Symmetrization


@dataclass(frozen=True, slots=True)
class HMM(EM):
    """Align words by an HMM over jumps, both directions trained to agree.

    p(f, a | e) = prod_j p(a_j | a_{j-1}) t(f_j | e_{a_j}). A step goes to NULL with probability null_prior,
    which remembers the last word chosen; else to word i with probability
    (1 - uniform) s(i', i) / sum_l s(i', l) + uniform / I. The weight s is free for every distance
    ``|i - i'| <= reach``; all words further to one side share one weight equally. IBM Model 1 comes first, then EM by
    scaled forward-backward; the weights take a minorise-maximise step, since their normaliser depends on the position. With `agreement`
    the expected count of a cell is the product of both directions' posteriors. The lexical table has a
    Dirichlet prior as in `words.align/ibm1`. Links are decoded from posteriors.

    **Differs:** Och & Ney re-estimate jumps by relative frequency, condition them on word classes and decode
    by Viterbi; Liang et al. train Model 1 by agreement too and have no priors. NULL counts come from each
    direction alone.

    Args:
        iterations: Passes of EM with the HMM.
        null_prior: Probability that a word has no counterpart, in (0, 1).
        alpha: Dirichlet prior of every lexical entry while Model 1 is trained; 0 for maximum likelihood.
        ibm1_iterations: Passes of EM with Model 1 before them.
        agreement: Train both directions to agree; without it each is trained alone.
        hmm_alpha: As alpha, while the HMM is trained; agreement discounts rare pairs by itself and needs none.
        reach: Longest jump with a weight of its own, in words.
        uniform: Share of jumps that go anywhere with equal probability, in [0, 1).

    Raises:
        ValueError: A parameter out of range.

    References: vogel1996hmm, och2003systematic, liang2006alignment, riley2012improving

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> HMM().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    id: ClassVar[str] = "words.align/hmm"

    iterations: int = 3
    symmetrize: Symmetrization = "posterior"
    ibm1_iterations: int = 5
    agreement: bool = True
    hmm_alpha: float = 0.0
    reach: int = 7
    uniform: float = 0.1

    def __post_init__(self) -> None:
        EM.__post_init__(self)
        if self.ibm1_iterations < 1:
            raise ValueError(f"ibm1_iterations must be at least 1, got {self.ibm1_iterations}")
        if self.reach < 1:
            raise ValueError(f"reach must be at least 1, got {self.reach}")
        if not 0 <= self.uniform < 1:
            raise ValueError(f"uniform must be at least 0 and below 1, got {self.uniform}")
        if not 0 <= self.hmm_alpha < math.inf:
            raise ValueError(f"hmm_alpha must not be negative, got {self.hmm_alpha}")

    def fit(self, bitext: Bitext) -> EMModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Complexity:
            O(cells * (ibm1_iterations + iterations * reach)) time, a cell being a source and a target word of
            one sentence pair; memory as `words.align/ibm1`, and 16 bytes a cell of the longest pair per thread.
        """
        # The last pass of Model 1 leaves the HMM its table, and jumps that no counts have been taken of yet.
        first = Pass(self.alpha, move=lambda old, _: first_jumps(old, self.reach))
        rest = Pass(self.hmm_alpha, uniform=self.uniform, agreement=self.agreement, move=learn_jumps)
        models = [Pass(self.alpha)] * (self.ibm1_iterations - 1) + [first] + [rest] * self.iterations
        return train(self, bitext, models)
