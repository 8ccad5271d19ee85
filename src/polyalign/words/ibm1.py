"""IBM Model 1: word order plays no part, only which words occur together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from polyalign.core.bitext import Bitext
from polyalign.words.em import EM, EMModel
from polyalign.words.em_train import Pass, train


@dataclass(frozen=True, slots=True)
class IBM1(EM):
    """Align words by IBM Model 1 with a Dirichlet prior on the lexical table.

    p(f, a | e) = prod_j p(a_j) t(f_j | e_{a_j}), with p(NULL) = null_prior and the rest shared equally by
    the source words. Both directions are trained by EM over all pairs of words that occur together.
    With alpha > 0 the table is t = exp(digamma(c + alpha) - digamma(sum (c + alpha))) over the target words
    that occur with the source word, which keeps rare words from collecting what belongs to nobody.

    **Differs:** the paper has one NULL word beside the others (null_prior = 1 / (1 + source length)) and
    alpha = spelling = 0.

    Raises:
        ValueError: A parameter out of range.

    References: brown1993mathematics, riley2012improving, och2003systematic

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> IBM1().fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    id: ClassVar[str] = "words.align/ibm1"

    def fit(self, bitext: Bitext) -> EMModel:
        """Train on a bitext; pairs with an empty side teach nothing.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Complexity:
            O(iterations * cells) time, a cell being a source and a target word of one sentence pair; memory
            4 bytes a cell up to 128 MB, and about 40 bytes for each pair of word types that occur together.
        """
        return train(self, bitext, [Pass(self.alpha)] * self.iterations)
