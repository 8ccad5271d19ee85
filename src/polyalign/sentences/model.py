"""The lexical aligner's model, learnt from the alignment of the batch itself.

References: brown1993mathematics, moore2002fast
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyalign.core.document import Document
from polyalign.core.jit import F64, I32, I64, Mask
from polyalign.core.ragged import offsets
from polyalign.kernels.evidence import Text
from polyalign.kernels.lexicon import evidence_weights, translation_counts, word_pairs
from polyalign.sentences.batch import Alignment, Paragraphs, cumulative, paragraph_breaks
from polyalign.sentences.matches import LEARNT, START, Entries, Matches, fixed_entries
from polyalign.sentences.tokens import encode, without_numbering

#: A word more frequent than this stands everywhere and translates nothing in particular.
_FREQUENT = 0.02
#: Word pairs the lexicon is learnt from, and beads the weights are; larger batches are sampled evenly.
_LESSON, _SAMPLE = 2_000_000, 2_000
#: Weight, in beads, of what is believed before anything is seen.
_PRIOR_BEADS = 20.0
#: Variance of target characters a character before anything is seen (Gale and Church's).
_VARIANCE = 6.8


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Everything the aligner believes.

    Args:
        sides: Source and target documents as arrays.
        probs: Unigram probability of each word on either side, shape (v,) each.
        fixed: Evidence that does not depend on an alignment, for source and for target words.
        da: Source sentences of each bead type, shape (t,).
        db: Target sentences of each bead type.
        prior: Probability of each bead type.
        ratio: Expected target characters a source character.
        variance: Of that, a character.
        matches: What predicts source words, and what target words.
    """

    sides: tuple[Text, Text]
    probs: tuple[F64, F64]
    fixed: list[list[Entries]]
    da: I32
    db: I32
    prior: F64
    ratio: float
    variance: float
    matches: tuple[Matches, Matches]

    @classmethod
    def start(
        cls, src: Sequence[Document], tgt: Sequence[Document], *, paragraphs: Paragraphs, max_size: int, letters: int, dictionary: str
    ) -> Model:  # fmt: skip
        """Before the first alignment: lengths, identical words, cognates and the dictionary."""
        ids: dict[str, int] = {}
        breaks = paragraph_breaks(src, tgt, paragraphs)
        sides = (text_of(src, breaks[0], ids), text_of(tgt, breaks[1], ids))
        width = len(ids)
        probs = tuple(np.bincount(s.words, minlength=width) / max(1, len(s.words)) for s in sides)
        fixed = fixed_entries(tuple(ids), (probs[0], probs[1]), letters, dictionary)
        da, db = bead_types(max_size)
        # np.diff of the cumulated characters, less the steps back to 0 between documents, is their sum.
        total = [float(np.diff(s.chars).clip(min=0).sum()) for s in sides]
        ratio = (total[1] + 100.0) / (total[0] + 100.0)
        matches = (Matches.build(width, fixed[0], START), Matches.build(width, fixed[1], START))
        return cls(sides, (probs[0], probs[1]), fixed, da, db, type_prior(da, db), ratio, _VARIANCE * ratio, matches)

    def learn(self, aligned: Alignment, iterations: int) -> Model:
        """Estimate everything anew from an alignment, each bead counting by its probability."""
        end = np.delete(np.arange(len(aligned.cuts)), aligned.at[:-1])
        document = np.repeat(np.arange(len(aligned.at) - 1), np.diff(aligned.at) - 1)
        sizes = aligned.cuts[end] - aligned.cuts[end - 1]
        score = aligned.score[end].astype(np.float64)
        counted = np.zeros((64, 64))
        np.add.at(counted, (np.minimum(sizes[:, 0], 63), np.minimum(sizes[:, 1], 63)), score)
        prior = _PRIOR_BEADS * type_prior(self.da, self.db) + counted[self.da, self.db]
        sure = (sizes.min(axis=1) > 0) & (score > 0.5) if len(end) else np.zeros(0, np.bool_)
        begin = [side.docs[document] + aligned.cuts[end - 1, k] for k, side in enumerate(self.sides)]
        until = [side.docs[document] + aligned.cuts[end, k] for k, side in enumerate(self.sides)]
        chars = [
            s.chars[u + document] - s.chars[b + document] for s, b, u in zip(self.sides, begin, until, strict=True)
        ]
        src_chars, tgt_chars = chars[0][sure], chars[1][sure]
        ratio = float((tgt_chars.sum() + 1000.0 * self.ratio) / (src_chars.sum() + 1000.0))
        spread = (ratio * src_chars - tgt_chars) ** 2 / (0.5 * (ratio * src_chars + tgt_chars))
        # Beads that are wrong must not teach tolerance: their misfit is cut off.
        variance = float((np.minimum(spread, 40.0 * ratio).sum() + 10.0 * _VARIANCE * ratio) / (len(spread) + 10.0))
        runs = [(b[sure], u[sure]) for b, u in zip(begin, until, strict=True)]
        return replace(
            self, prior=prior / prior.sum(), ratio=ratio, variance=variance, matches=self._matches(runs, iterations)
        )

    def _matches(self, runs: list[tuple[I64, I64]], iterations: int) -> tuple[Matches, Matches]:
        """What predicts the words of either side, learnt from runs of sentences that belong together."""
        width, sides = len(self.probs[0]), self.sides
        sizes = [s.starts[end] - s.starts[begin] for s, (begin, end) in zip(sides, runs, strict=True)]
        pairs = int((sizes[0] * sizes[1]).sum())
        beads = len(sizes[0]) if pairs <= _LESSON else max(1, len(sizes[0]) * _LESSON // pairs)
        lesson = [_spread(run, beads) for run in runs]
        sample = [_spread(run, _SAMPLE) for run in runs]
        src, src_at = _words_of(sides[0], lesson[0], self.probs[0] > _FREQUENT)
        tgt, tgt_at = _words_of(sides[1], lesson[1], self.probs[1] > _FREQUENT)
        keys, number = word_pairs(src, src_at, tgt, tgt_at, width)
        words = np.divmod(keys, max(width, 1))
        some = [_words_of(side, sample[k], np.zeros(width, np.bool_)) for k, side in enumerate(sides)]
        out: list[Matches] = []
        for side in (0, 1):
            given, told = words[1 - side], words[side]
            count, total = translation_counts(
                given, told, number, (src_at, tgt_at), 1 - side, self.probs[side], width, iterations
            )
            ratio = count / (total[given] + 1.0) / self.probs[side][told]
            keep = ratio > 2.0
            weights = self.matches[side].weights.copy()
            weights[LEARNT + 1] = max(weights[LEARNT + 1], 0.2)
            entries = [*self.fixed[side], (told[keep], given[keep], ratio[keep], LEARNT)]
            matches = Matches.build(width, entries, weights / weights.sum())
            learnt = evidence_weights(
                *some[1 - side], *some[side], matches.at, matches.word, matches.kind, matches.ratio, matches.weights, 5
            )
            out.append(replace(matches, weights=learnt))
        return out[0], out[1]


def _spread(run: tuple[I64, I64], most: int) -> tuple[I64, I64]:
    """At most so many of the runs, evenly from all."""
    if len(run[0]) <= most:
        return run
    at = np.arange(most) * len(run[0]) // most
    return run[0][at], run[1][at]


def text_of(documents: Sequence[Document], breaks: Mask, ids: dict[str, int]) -> Text:
    """Documents as arrays; new words enter `ids`."""
    docs = offsets([len(d) for d in documents])
    sentences = [s for d in documents for s in without_numbering(d.sentences)]
    size = np.fromiter((max(1, len(s) - s.count(" ")) for s in sentences), np.float64, len(sentences))
    log = np.log(size)
    mean, deviation = (log.mean(), max(log.std(), 0.3)) if len(log) else (0.0, 1.0)
    density = -0.5 * ((log - mean) / deviation) ** 2 - np.log(size * deviation * np.sqrt(2 * np.pi))
    words, starts = encode(sentences, ids)
    return Text(docs, cumulative(docs, size), cumulative(docs, density), breaks, words, starts)


def _words_of(text: Text, run: tuple[I64, I64], skip: Mask) -> tuple[I32, I64]:
    """The words of runs of sentences but those of `skip`, end to end, and where each run's start."""
    first = text.starts[run[0]]
    size = text.starts[run[1]] - first
    at = offsets(size)
    words = text.words[np.arange(at[-1]) + np.repeat(first - at[:-1], size)]
    keep = ~skip[words]
    return words[keep], offsets(keep.astype(np.int64))[at]


def bead_types(max_size: int) -> tuple[I32, I32]:
    """Sentences on either side of each bead type: 1-1, 1-0, 0-1, then by size up to `max_size` in all.

    Example:
        >>> [x.tolist() for x in bead_types(4)]
        [[1, 1, 0, 1, 2, 2, 1, 3], [1, 0, 1, 2, 1, 2, 3, 1]]
    """
    wide = [(a, s - a) for s in range(3, max_size + 1) for a in range(1, s)]
    wide.sort(key=lambda t: (sum(t), abs(t[0] - t[1]), t))
    types = np.array([(1, 1), (1, 0), (0, 1), *wide], np.int32)
    return np.ascontiguousarray(types[:, 0]), np.ascontiguousarray(types[:, 1])


def type_prior(da: I32, db: I32) -> F64:
    """What bead types are believed to occur before any is seen: rarer by a fifth a sentence."""
    small, large = np.minimum(da, db), np.maximum(da, db)
    wide = np.where(small == 1, 0.05 * 5.0 ** (2.0 - large), 0.01 * 5.0 ** (4.0 - small - large))
    prior = np.where(small == 0, 0.03, np.where(large == 1, 0.8, wide))
    return np.asarray(prior / prior.sum(), np.float64)
