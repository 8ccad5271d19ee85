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

    Args:
        iterations: Passes of EM.
        null_prior: Prior probability that a word has no counterpart, in (0, 1).
        alpha: Dirichlet prior of every lexical entry; 0 for maximum likelihood.
        lowercase: Lower-case the words before counting.
        digits: Count digits as they are (keep), those of any script as 0 to 9 (ascii), or all as 0 (shape).
        punctuation: Count punctuation as it is (keep), or as the nearest ASCII characters (plain).
        granularity: How words are seen: full, prefix-N, suffix-N, bpe-N, unigram-N, or tokenizer:PATH.
        spelling: Pseudo-count of a pair of equal words; of words with more than half of their letters in common, in
            order, accordingly less; 0 for none.
        dictionary: File of lines source word, tab, target word and optionally tab and pseudo-count, empty for none.
        priors: File of pseudo-counts from another model's export_priors, empty for none.
        src_space: Folder of vectors of source words, whose nearest target words get pseudo-counts; empty for none.
        tgt_space: Folder of vectors of target words in the same space.
        space_weight: Pseudo-count that a word with a vector shares out.
        symmetrize: How both directions are joined; posterior keeps links whose mean posterior exceeds threshold.
        threshold: For symmetrize = posterior and product, in [0, 1); none for the one with the highest expected F1 on the text.

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
            4 bytes a cell up to 800 MB, and about 40 bytes for each pair of word types that occur together.
        """
        return train(self, bitext, [Pass(self.alpha)] * self.iterations)
