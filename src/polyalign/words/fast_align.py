"""fast_align: IBM Model 2 with one parameter, how tightly links keep to the diagonal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.words.em import EM, EMModel
from polyalign.words.em_train import Pass, train
from polyalign.words.positions import LEAST, MOST, Positions, learn_tension


@dataclass(frozen=True, slots=True)
class FastAlign(EM):
    """Align words by fast_align: lexical probabilities and the distance from the diagonal.

    p(f, a | e) = prod_j p(a_j) t(f_j | e_{a_j}), where p(NULL) = null_prior and, counting from 1,
    p(i) = (1 - null_prior) exp(-tension abs(i / I - j / J)) / Z_j with Z_j in closed form. The table is
    t = exp(digamma(c + alpha) - digamma(sum (c + alpha))) over the target words that occur with the source
    word, NULL being one of them. After every pass but the first the tension takes eight steps up its gradient.
    Each target word takes the best source word; one that is no better than NULL gets none.

    The links are those of the original with ``-d -o -v``, which is why its two oddities are kept: the
    tension is fitted to places of the target words counted from 0, and to a normaliser whose lengths are swapped.

    New text is aligned with the table and the tension as they are, a pair of words that never met being worth
    1e-9 as in the original; so is one whose probability is lower, which on the texts measured
    left the agreement with the original on its training text as it was.

    **Differs:** the original saves only the entries above the fourth power of a word's best, and aligns even its own
    training text otherwise with those. Both directions are trained at once and joined, and words are lower-cased unless lowercase is off;
    a pair with an empty side teaches nothing, where the original's tension becomes NaN.

    Args:
        iterations: Passes over the text as the original counts them: the last one only aligns, so 1 less for training.
        tension: How fast probabilities fall off from the diagonal at first, from 0.1 to 14.
        optimize_tension: Fit the tension to the text.

    Raises:
        ValueError: A parameter out of range.

    References: dyer2013simple, riley2012improving

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> FastAlign().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    id: ClassVar[str] = "words.align/fast-align"

    null_prior: float = 0.08
    alpha: float = 0.01
    spelling: float = 0.0
    tension: float = 4.0
    optimize_tension: bool = True

    def __post_init__(self) -> None:
        EM.__post_init__(self)
        if not LEAST <= self.tension <= MOST:
            raise ValueError(f"tension must lie between {LEAST} and {MOST:g}, got {self.tension}")

    def fit(self, bitext: Bitext) -> EMModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages; further text with the table and tension as they are.

        Complexity:
            O(iterations * cells) time, a cell being a source and a target word of one sentence pair; memory as
            `words.align/ibm1`, and 16 bytes for each place of every distinct pair of sentence lengths.
        """
        first = Pass(self.alpha, null_alpha=self.alpha)
        rest = replace(first, move=learn_tension, places=True) if self.optimize_tension else first
        passes = ([first] + [rest] * self.iterations)[: self.iterations - 1]
        return train(self, bitext, passes, Positions(tension=np.full((2, 1), self.tension)), floor=1e-300, unseen=1e-9)
