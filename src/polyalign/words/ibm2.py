"""IBM Model 2: which words occur together, and where in the sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from polyalign.core.bitext import Bitext
from polyalign.words.em import EM, EMModel
from polyalign.words.em_train import Pass, train
from polyalign.words.positions import learn_places


@dataclass(frozen=True, slots=True)
class IBM2(EM):
    """Align words by IBM Model 2: lexical probabilities and a table of positions.

    p(f, a | e) = prod_j p(a_j | j, I, J) t(f_j | e_{a_j}), with p(NULL) = null_prior and for the rest a table
    a(i | j, I, J) for every pair of lengths I, J that occurs. Few pairs of sentences have the same
    lengths, so the table is drawn to what is known of relative positions: with c expected links,
    a = (c + smoothing q) / (sum_i c + smoothing), where q(i | j, I, J) depends only on (i + 1/2) / I - (j + 1/2) / J, in
    41 bins that all lengths share, mixed with `uniform` of the uniform distribution. A pair of lengths that did not
    occur has q itself. Model 1 comes first. The lexical table has a Dirichlet prior as in `words.align/ibm1`.

    **Differs:** the paper has no smoothing (smoothing = 0), NULL among the positions, and alpha = spelling = 0.

    Args:
        iterations: Passes of EM with Model 2.
        ibm1_iterations: Passes of EM with Model 1 before them.
        smoothing: Links that the distribution by relative position counts for in each row of the table of positions.
        uniform: Share of that distribution that goes anywhere with equal probability, in [0, 1].

    Raises:
        ValueError: A parameter out of range.

    References: brown1993mathematics, riley2012improving, och2003systematic

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> IBM2().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    id: ClassVar[str] = "words.align/ibm2"

    ibm1_iterations: int = 5
    smoothing: float = 20.0
    uniform: float = 0.1

    def __post_init__(self) -> None:
        EM.__post_init__(self)
        if self.ibm1_iterations < 1:
            raise ValueError(f"ibm1_iterations must be at least 1, got {self.ibm1_iterations}")
        if not 0 <= self.smoothing < math.inf:
            raise ValueError(f"smoothing must not be negative, got {self.smoothing}")
        if not 0 <= self.uniform <= 1:
            raise ValueError(f"uniform must lie between 0 and 1, got {self.uniform}")

    def fit(self, bitext: Bitext) -> EMModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Complexity:
            O((ibm1_iterations + iterations) * cells) time, a cell being a source and a target word of one sentence
            pair; memory as `words.align/ibm1`, and 48 bytes for each place of every distinct pair of sentence lengths.
        """
        # The last pass of Model 1 counts where its links lie, so that Model 2 starts from there.
        learn = partial(learn_places, smoothing=self.smoothing, uniform=self.uniform)
        return train(
            self,
            bitext,
            [Pass(self.alpha)] * (self.ibm1_iterations - 1)
            + [Pass(self.alpha, move=learn, places=True)] * (self.iterations + 1),
        )
