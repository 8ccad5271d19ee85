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
from polyalign.documents.bimax import bimax
from polyalign.documents.candidates import Candidates, choose, logit, neighbours_both
from polyalign.documents.embedded import Side, embed
from polyalign.documents.method import Reading
from polyalign.documents.names import GLUED, Names
from polyalign.documents.structure import Shapes
from polyalign.documents.terms import Terms, cosines
from polyalign.documents.tfidf import TfIdf

#: Log-odds of a pair: constant, then weights of margin, lead and level of the TF-IDF cosine, of the structure, and of margin,
#: lead and level of the sentences' best cosines.
WITHOUT_VECTORS = (-0.24, 0.0, 9.46, 0.0, 0.43)
WITH_VECTORS = (-1.63, 0.0, 1.57, 0.0, 0.31, 23.69, 18.32, 21.8)
#: Probability from which a pair is settled without vectors.
SURE = 0.99
#: Settled pairs that are encoded too, to show what a right pair's vectors are like.
_SHOWN = 50
#: Pairs by name from which their names can be put to the test, and the share of them that must pass.
_TRIAL, _PASS = 8, 0.8
#: Log-odds that equal names add where there are too few to test.
_NAME = 3.0


@dataclass(frozen=True, slots=True)
class Auto(Reading):
    """Pair documents by names where these decide, else by words, numbers, structure and vectors together.

    1. Pairs whose names differ in the language only are taken if the names prove right: their lengths, numbers and headings
       must fit better than those of documents paired at random, in four of five. Too few to tell, equal names count as
       strong evidence; if they prove wrong, they are ignored and a note says so.
    2. The rest is compared by TF-IDF (with a lexicon learned from the sure pairs) and by structure. The log-odds of a pair
       are a weighted sum of the structure's and of how the TF-IDF cosine exceeds those of other pairs; pairs of
       probability 0.99 are settled.
    3. What is still open is encoded, with fifty settled pairs to show what right ones are like, and how the mean of a pair's
       best cosines of sentences (see `BiMax`) exceeds that of others is added.

    The score is a probability: 0.5 is as likely as not. Constants are from a logistic regression on 80 press releases in
    German-Romansh and German-Italian, whole and cut to their first sentences, in collections of 8 to 80, with and without
    half of one side or two fifths of both missing, as they are and with up to a fifth of the sentences left out.

    Args:
        names: ``check`` takes pairs by name if they prove right, ``trust`` in any case, ``ignore`` never.
        vectors: When sentences are encoded: for what words and structure leave ``unsure``, ``always``, or ``never``.
        dictionary: A file of ``source<TAB>target`` lines, or hunalign's ``target @ source``; none if empty.

    References: buck2016quick, wang2025bimax, artetxe2019margin

    Example:
        >>> src = [Document.from_lines([f"Bericht {y} von Meier."], id=f"{y}.de.txt") for y in (1998, 2004)]
        >>> tgt = [Document.from_lines([f"Rapport {y} da Meier."], id=f"{y}.rm.txt") for y in (2004, 1998)]
        >>> Auto(vectors="never").align(src, tgt, ("deu_Latn", "roh_Latn")).as_dict()
        {0: 1, 1: 0}
    """

    names: Literal["check", "trust", "ignore"] = "check"
    vectors: Literal["unsure", "always", "never"] = "unsure"
    dictionary: PathText = ""

    def align(self, src: Sequence[Document], tgt: Sequence[Document], langs: tuple[str, str]) -> DocumentPairs:
        """Pair the documents of two collections.

        Raises:
            DataError: The dictionary cannot be read.
            MissingExtraError: Pairs are unsure and the encoder is not installed.
        """
        every = Terms.of(src), Terms.of(tgt)
        decided, likely = self._named(*every, langs)
        rest = _Rest(*every, np.arange(len(src)), np.arange(len(tgt))).without(decided)
        if self.vectors != "always":
            least = self.min_score if self.vectors == "never" else max(SURE, self.min_score)
            cheap = self._pairs(rest, likely, None, least)
            if self.vectors == "never" or not cheap.src_alone or not cheap.tgt_alone:
                return rest.finish(cheap)
            shown = np.linspace(0, len(cheap), min(_SHOWN, len(cheap)), endpoint=False).astype(np.int64)
            known = rest.rows[cheap.src[shown]], rest.columns[cheap.tgt[shown]]
            likely = likely.joined(
                Candidates.build(*known, likely.shape, np.full(len(shown), np.log(SURE / (1 - SURE))))
            )
            rest = rest.without(cheap, still=shown)
        sides = embed(rest.src.documents, rest.tgt.documents, self.encoder, self.sentences)
        return rest.finish(self._pairs(rest, likely, sides, self.min_score))

    def features(
        self, src: Terms, tgt: Terms, sides: tuple[Side, Side] | None, likely: Candidates | None = None
    ) -> tuple[Candidates, F64]:
        """Candidate pairs, and what there is for each, shape (c, 4) or with vectors (c, 7).

        Args:
            src: The source documents.
            tgt: The target documents.
            sides: Their vectors, if there are any.
            likely: Pairs to consider besides.
        """
        words, rows = TfIdf(dictionary=self.dictionary, candidates=self.candidates).evidence(src, tgt)
        shapes = Shapes.of(src, tgt)
        every = words.joined(shapes.nearest(self.candidates // 2 + 1))
        if sides:
            every = every.joined(neighbours_both(sides[0].means(), sides[1].means(), self.candidates))
        if likely is not None:
            every = every.joined(likely)
        columns = [every.valued(cosines(rows, every)).contrast(), shapes.log_odds(every)[:, None]]
        if sides:
            columns.append(every.valued(bimax(*sides, every)).contrast())
        return every, np.concatenate(columns, axis=1)

    def _pairs(
        self, rest: _Rest, likely: Candidates, sides: tuple[Side, Side] | None, min_score: float
    ) -> DocumentPairs:
        likely = rest.among(likely)
        found, features = self.features(rest.src, rest.tgt, sides, likely)
        odds = logit(features, WITHOUT_VECTORS if sides is None else WITH_VECTORS)
        odds[np.searchsorted(found.keys(), likely.keys())] += likely.value
        return choose(
            found.valued(odds), rest.src.documents, rest.tgt.documents, min_score=min_score, assign=self.assign
        )

    def _named(self, src: Terms, tgt: Terms, langs: tuple[str, str]) -> tuple[DocumentPairs, Candidates]:
        """Pairs by name to be taken as they are, and those that are likelier for it, with the log-odds that adds."""
        shape = (len(src), len(tgt))
        nothing = Candidates.build(np.zeros(0, np.int64), np.zeros(0, np.int64), shape)
        none = _nobody(shape)
        if self.names == "ignore":
            return none, nothing
        trust = self.names == "trust"
        pairs = Names(nearest=trust, min_score=0.5 if trust else GLUED).align(src.documents, tgt.documents, langs)
        if trust:
            return pairs, nothing
        found = Candidates.build(pairs.src, pairs.tgt, shape, np.full(len(pairs), _NAME))
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

    src: Terms
    tgt: Terms
    rows: I64
    columns: I64
    settled: tuple[tuple[int, int, float], ...] = ()

    def among(self, pairs: Candidates) -> Candidates:
        """Those of some pairs of all documents that are open on both sides."""
        here = np.isin(pairs.src, self.rows) & np.isin(pairs.tgt, self.columns)
        ends = np.searchsorted(self.rows, pairs.src[here]), np.searchsorted(self.columns, pairs.tgt[here])
        return Candidates.build(*ends, (len(self.rows), len(self.columns)), pairs.value[here])

    def without(self, pairs: DocumentPairs, still: I64 | None = None) -> _Rest:
        """What is open when pairs of these are settled, but for some that stay open."""
        done = np.delete(np.arange(len(pairs)), [] if still is None else still)
        left = np.delete(np.arange(len(self.src)), pairs.src[done])
        right = np.delete(np.arange(len(self.tgt)), pairs.tgt[done])
        settled = self._more(pairs, done)
        return _Rest(self.src.at(left), self.tgt.at(right), self.rows[left], self.columns[right], settled)

    def finish(self, pairs: DocumentPairs) -> DocumentPairs:
        """All pairs, these being the last."""
        every = sorted(self._more(pairs, np.arange(len(pairs))))
        src, tgt, score = zip(*every, strict=True) if every else ((), (), ())
        alone = [
            tuple(Alone(int(at[a.document]), a.reason) for a in side)
            for at, side in ((self.rows, pairs.src_alone), (self.columns, pairs.tgt_alone))
        ]
        return DocumentPairs(
            np.asarray(src, np.int32), np.asarray(tgt, np.int32), np.asarray(score, np.float32), *alone
        )

    def _more(self, pairs: DocumentPairs, which: I64) -> tuple[tuple[int, int, float], ...]:
        rows, columns = self.rows[pairs.src[which]], self.columns[pairs.tgt[which]]
        return (*self.settled, *zip(rows.tolist(), columns.tolist(), pairs.score[which].tolist(), strict=True))


def _nobody(shape: tuple[int, int]) -> DocumentPairs:
    none = np.zeros(0, np.int32)
    return DocumentPairs(none, none, none.astype(np.float32), *(tuple(Alone(i, "") for i in range(n)) for n in shape))
