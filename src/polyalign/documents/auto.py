"""Documents paired by all there is to go by: names, words and numbers, structure, vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from polyalign.core.document import Document
from polyalign.core.documentpairs import Alone, DocumentPairs
from polyalign.core.files import PathText
from polyalign.core.jit import F64, I64
from polyalign.core.progress import note
from polyalign.documents.candidates import Assign, Candidates, check_choice, choose, logit, neighbours_both
from polyalign.documents.embedded import Side, check_reading, embed
from polyalign.documents.names import GLUED, Names
from polyalign.documents.structure import Shapes
from polyalign.documents.tfidf import TfIdf, cosines

#: Log-odds of a pair: constant, then weights of margin and lead of the TF-IDF cosine, of the structure, and of margin
#: and lead of the cosine of mean vectors.
WITHOUT_VECTORS = (-0.24, 0.0, 9.03, 0.44)
WITH_VECTORS = (-0.74, 0.0, 3.47, 0.47, 2.34, 13.57)
#: Probability from which a pair is settled without vectors.
SURE = 0.99
#: Pairs by name from which their names can be put to the test, and the share of them that must pass.
_TRIAL, _PASS = 8, 0.8
#: Log-odds that equal names add where there are too few to test.
_NAME = 3.0


@dataclass(frozen=True, slots=True)
class Auto:
    """Pair documents by names where these decide, else by words, numbers, structure and vectors together.

    1. Pairs whose names differ in the language only are taken if the names prove right: their lengths, numbers and headings
       must fit better than those of documents paired at random, in four of five. Too few to tell, equal names count as
       strong evidence; if they prove wrong, they are ignored and a note says so.
    2. The rest is compared by TF-IDF (with a lexicon learned from the sure pairs) and by structure. The log-odds of a pair
       are a weighted sum of margin and lead (over the next best pairs) of the TF-IDF cosine and of the structure; pairs of probability 0.99 are settled.
    3. What is still open is encoded, and margin and lead of the cosine of mean vectors are added.

    The score is a probability: 0.5 is as likely as not. Constants are from a logistic regression on 80 press releases in
    German-Romansh and German-Italian, whole and cut to their first sentences, in collections of 8 to 80, with and without
    half of one side missing, as they are and with up to a fifth of the sentences left out.

    Args:
        names: ``check`` takes pairs by name if they prove right, ``trust`` in any case, ``ignore`` never.
        vectors: When sentences are encoded: for what words and structure leave ``unsure``, ``always``, or ``never``.
        encoder: Encoder: `e5`, another `encode` method, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:layer=7`.
        sentences: How many of each document's first sentences are encoded; 0 is all.
        dictionary: A file of ``source<TAB>target`` lines, or hunalign's ``target @ source``; none if empty.
        candidates: How many of the other side are considered for each document.
        min_score: The least probability of a pair.
        assign: ``optimal`` for the greatest sum of log-odds, ``greedy`` for the best pair first.

    Raises:
        ValueError: A value out of range.

    References: buck2016quick, thompson2020exploiting, artetxe2019margin

    Example:
        >>> src = [Document.from_lines([f"Bericht {y} von Meier."], id=f"{y}.de.txt") for y in (1998, 2004)]
        >>> tgt = [Document.from_lines([f"Rapport {y} da Meier."], id=f"{y}.rm.txt") for y in (2004, 1998)]
        >>> Auto(vectors="never").align(src, tgt, ("deu_Latn", "roh_Latn")).as_dict()
        {0: 1, 1: 0}
    """

    names: Literal["check", "trust", "ignore"] = "check"
    vectors: Literal["unsure", "always", "never"] = "unsure"
    encoder: str = "e5"
    sentences: int = 0
    dictionary: PathText = ""
    candidates: int = 10
    min_score: float = 0.5
    assign: Assign = "optimal"

    def __post_init__(self) -> None:
        check_choice(self.candidates, self.min_score)
        check_reading(self.sentences)

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections.

        Raises:
            DataError: The dictionary cannot be read.
            MissingExtraError: Pairs are unsure and the encoder is not installed.
        """
        decided, named = self._named(src, tgt, langs)
        rest = _Rest(src, tgt, np.arange(len(src)), np.arange(len(tgt))).without(decided)
        if self.vectors != "always":
            least = self.min_score if self.vectors == "never" else max(SURE, self.min_score)
            cheap = self._pairs(rest, named, None, least)
            if self.vectors == "never" or not cheap.src_alone or not cheap.tgt_alone:
                return rest.finish(cheap)
            rest = rest.without(cheap)
        sides = embed(rest.left, rest.right, self.encoder, self.sentences)
        return rest.finish(self._pairs(rest, named, sides, self.min_score))

    def features(
        self,
        src: Sequence[Document],
        tgt: Sequence[Document],
        sides: tuple[Side, Side] | None,
        named: Candidates | None = None,
    ) -> tuple[Candidates, F64]:
        """Candidate pairs, and what there is for each, shape (c, 3) or with vectors (c, 5).

        Args:
            src: The source documents.
            tgt: The target documents.
            sides: Their vectors, if there are any.
            named: Pairs to consider besides.
        """
        words, rows = TfIdf(dictionary=self.dictionary, candidates=self.candidates).evidence(src, tgt)
        shapes = Shapes.of(src, tgt)
        found = [words, shapes.nearest(self.candidates // 2 + 1)]
        means = (sides[0].means(), sides[1].means()) if sides else None
        if means:
            found.append(neighbours_both(*means, self.candidates))
        if named is not None:
            found.append(named)
        every = Candidates.build(
            np.concatenate([c.src for c in found]), np.concatenate([c.tgt for c in found]), words.shape
        )
        columns = [cosines(rows, every).contrast(), shapes.log_odds(every)[:, None]]
        if means:
            cosine = np.einsum("cd,cd->c", means[0][every.src], means[1][every.tgt])
            columns.append(every.valued(cosine.astype(np.float64)).contrast())
        return every, np.concatenate(columns, axis=1)

    def _pairs(
        self, rest: _Rest, named: Candidates, sides: tuple[Side, Side] | None, min_score: float
    ) -> DocumentPairs:
        mine = rest.among(named)
        found, features = self.features(rest.left, rest.right, sides, mine)
        odds = logit(features, WITHOUT_VECTORS if sides is None else WITH_VECTORS)
        width = max(1, found.shape[1])
        odds += _NAME * np.isin(found.src * width + found.tgt, mine.src * width + mine.tgt)
        return choose(found.valued(odds), rest.left, rest.right, min_score=min_score, assign=self.assign)

    def _named(
        self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]
    ) -> tuple[DocumentPairs, Candidates]:
        """Pairs by name to be taken as they are, and those that are mere evidence."""
        shape = (len(src), len(tgt))
        nothing = Candidates.build(np.zeros(0, np.int64), np.zeros(0, np.int64), shape)
        none = _nobody(shape)
        if self.names == "ignore":
            return none, nothing
        trust = self.names == "trust"
        pairs = Names(nearest=trust, min_score=0.5 if trust else GLUED).align(src, tgt, langs)
        if trust:
            return pairs, nothing
        found = Candidates.build(pairs.src, pairs.tgt, shape)
        if len(pairs) < _TRIAL:
            return none, found
        shapes = Shapes.of(src, tgt)
        # Each source document beside the target document of the next pair: what chance would give.
        wrong = shapes.log_odds(Candidates(found.src, np.roll(found.tgt, 1), found.value, shape))
        fits = float((shapes.log_odds(found) > wrong).mean())
        if fits >= _PASS:
            return pairs, nothing
        note(
            f"documents.align/auto: {len(pairs)} pairs of documents have equal names, but only {fits:.0%} fit better than "
            "documents paired at random; names are ignored"
        )
        return none, nothing


@dataclass(frozen=True, slots=True, eq=False)
class _Rest:
    """The documents that are still open, as indices, and the pairs that are settled."""

    src: Sequence[Document]
    tgt: Sequence[Document]
    rows: I64
    columns: I64
    settled: tuple[tuple[int, int, float], ...] = ()

    @property
    def left(self) -> list[Document]:
        return [self.src[i] for i in self.rows.tolist()]

    @property
    def right(self) -> list[Document]:
        return [self.tgt[j] for j in self.columns.tolist()]

    def among(self, pairs: Candidates) -> Candidates:
        """Those of some pairs of all documents that are open on both sides."""
        here = np.isin(pairs.src, self.rows) & np.isin(pairs.tgt, self.columns)
        ends = np.searchsorted(self.rows, pairs.src[here]), np.searchsorted(self.columns, pairs.tgt[here])
        return Candidates.build(*ends, (len(self.rows), len(self.columns)))

    def without(self, pairs: DocumentPairs) -> _Rest:
        """What is open when pairs of these are settled."""
        rows, columns = np.delete(self.rows, pairs.src), np.delete(self.columns, pairs.tgt)
        return _Rest(self.src, self.tgt, rows, columns, self._more(pairs))

    def finish(self, pairs: DocumentPairs) -> DocumentPairs:
        """All pairs, these being the last."""
        every = sorted(self._more(pairs))
        src, tgt, score = zip(*every, strict=True) if every else ((), (), ())
        alone = [
            tuple(Alone(int(at[a.document]), a.reason) for a in side)
            for at, side in ((self.rows, pairs.src_alone), (self.columns, pairs.tgt_alone))
        ]
        return DocumentPairs(
            np.asarray(src, np.int32), np.asarray(tgt, np.int32), np.asarray(score, np.float32), *alone
        )

    def _more(self, pairs: DocumentPairs) -> tuple[tuple[int, int, float], ...]:
        ends = self.rows[pairs.src].tolist(), self.columns[pairs.tgt].tolist(), pairs.score.tolist()
        return (*self.settled, *zip(*ends, strict=True))


def _nobody(shape: tuple[int, int]) -> DocumentPairs:
    none = np.zeros(0, np.int32)
    return DocumentPairs(none, none, none.astype(np.float32), *(tuple(Alone(i, "") for i in range(n)) for n in shape))
