"""Documents paired by TF-IDF over what their words translate to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy import sparse

from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.files import PathText
from polyalign.documents.candidates import Candidates, choose, logit, match
from polyalign.documents.method import Pairing
from polyalign.documents.terms import Terms, learn, read_dictionary, shared_counts, similar_both, unit_rows, weighted

#: Log-odds of a pair: constant, weights of margin, lead and level; as `Auto` says.
CALIBRATION = (-2.67, 5.65, 7.83, 0.0)


@dataclass(frozen=True, slots=True)
class TfIdf(Pairing):
    """Pair documents by the rare words they share: numbers, names, cognates and, through a lexicon, translations.

    A term counts ``ln(1 + tf) idf`` with ``idf = ln(1 + N / (1 + df))``, geometric mean of both sides, if both sides have
    it; documents are compared by cosine over an inverted index. Terms are numbers (without the marks inside), web and mail
    addresses, the first letters of words in ASCII (so Cyrillic names too), and translations of words. The lexicon is a
    file's, or learned from the pairs that are sure without one; it finds more pairs where few words are shared, and some
    fewer, but less often wrong ones, where many are. The score is a probability, from how much a pair's cosine exceeds
    those of the next best.

    **Differs:** from bitextor's docalign, which translates one side by machine and compares bigrams of words.

    Args:
        dictionary: A file of ``source<TAB>target`` lines, or hunalign's ``target @ source``; none if empty.
        passes: How often a lexicon is learned from the pairs that are sure so far; 0 for never.
        max_documents: A term in more documents of a side counts for nothing.

    Complexity: O(sum over terms of df_src df_tgt) time, memory for the text's terms.

    References: buck2016quick

    Example:
        >>> src = [Document.from_lines(["Anna Meier, 1998."]), Document.from_lines(["Bern, 31 March 2004."])]
        >>> tgt = [Document.from_lines(["2004: Bern, 31."]), Document.from_lines(["1998, Anna Meier"])]
        >>> TfIdf().align(src, tgt, ("und", "und")).as_dict()
        {0: 1, 1: 0}
    """

    dictionary: PathText = ""
    passes: int = 1
    max_documents: int = 1000

    def __post_init__(self) -> None:
        Pairing.__post_init__(self)
        if not 0 <= self.passes <= 10:
            raise ValueError(f"passes must be from 0 to 10, found {self.passes}")
        if self.max_documents < 1:
            raise ValueError(f"max_documents must be at least 1, found {self.max_documents}")

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections.

        Raises:
            DataError: The dictionary cannot be read.
        """
        found, _ = self.evidence(Terms.of(src), Terms.of(tgt))
        return choose(found, src, tgt, min_score=self.min_score, assign=self.assign)

    def evidence(self, src: Terms, tgt: Terms) -> tuple[Candidates, tuple[Any, Any]]:
        """Candidates with their log-odds, and the unit rows of both sides whose inner products are cosines."""
        given = read_dictionary(self.dictionary, src, tgt) if self.dictionary else None
        counts = src.counts(), tgt.counts()
        common = weighted(*shared_counts(src, tgt, counts), self.max_documents)
        rows = self._rows(counts, common, given)
        found = similar_both(*rows, self.candidates)
        for _ in range(self.passes):
            odds = logit(found.contrast(), CALIBRATION)
            best = match(found.valued(odds), min_score=0.95, assign="greedy")
            if len(best) < 4:
                break
            learnt = learn(src, tgt, Candidates(found.src[best], found.tgt[best], odds[best], found.shape))
            rows = self._rows(counts, common, learnt if given is None else given + learnt)
            found = similar_both(*rows, self.candidates)
        return found.valued(logit(found.contrast(), CALIBRATION)), rows

    def _rows(self, counts: tuple[Any, Any], common: tuple[Any, Any], lexicon: Any | None) -> tuple[Any, Any]:
        blocks = [common]
        if lexicon is not None:
            blocks.append(weighted(counts[0] @ lexicon, counts[1], self.max_documents))
        return unit_rows(sparse.hstack([b[0] for b in blocks])), unit_rows(sparse.hstack([b[1] for b in blocks]))
