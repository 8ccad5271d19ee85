"""Contextual word retrieval: whether a word in its sentence finds its counterpart among all words of all sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I32, I64, Mask
from polyalign.core.links import Links
from polyalign.core.ragged import offsets
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.encoders.centre import centre
from polyalign.encoders.encoder import Tokens
from polyalign.encoders.margin import mean_cosine
from polyalign.encoders.neighbours import nearest_both
from polyalign.evaluate.ratios import check_samples

#: Words compared at a time.
BLOCK = 1024
Words = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class WordRetrieval:
    """Measure by word-aligned sentences whether words in context are nearest to their counterparts.

    Of the links those are kept that are their words' only ones and whose words differ. Each such word searches all words
    of the other side's sentences by ``2 cos(x, y) - r(x) - r(y)`` with r the mean cosine to the nearest neighbours
    (CSLS); the value is the share that finds the very word it is linked with, in its very sentence, over both directions.

    **Differs:** the paper also leaves out function words by a list; here ``frequent`` leaves out so many of the most
    frequent words of each side instead, and words without a letter or digit are never asked for.

    Args:
        neighbours: Nearest neighbours that r is taken over.
        identical: Whether words that are written alike on both sides, case aside, are asked for too.
        frequent: So many of the most frequent words of each side are not asked for.
        centre: Whether to subtract each language's mean vector.
        samples: Resamples of the bootstrap over sentence pairs; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A number is out of range.

    References: cao2020multilingual, conneau2018word, libovicky2020language, efron1979bootstrap

    Example:
        >>> words = Tokens(np.eye(2, dtype=np.float32), np.array([0, 2]), np.zeros((2, 2), np.int32))
        >>> links = Links.from_pairs([{(0, 0), (1, 1)}])
        >>> WordRetrieval(samples=0).score(words, words, links, [["das", "Haus"]], [["the", "house"]]).value
        1.0
    """

    neighbours: int = 10
    identical: bool = False
    frequent: int = 0
    centre: bool = True
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, found {self.neighbours}")
        if self.frequent < 0:
            raise ValueError(f"frequent must not be negative, found {self.frequent}")
        check_samples(self.samples)

    def score(self, src: Tokens, tgt: Tokens, links: Links, src_words: Words, tgt_words: Words) -> Score:
        """Score the vectors of the words of aligned sentence pairs.

        Args:
            src: One vector a source word, as `of_words` makes them.
            tgt: One vector a target word.
            links: The word links, gold or of an aligner; only sure ones are asked for.
            src_words: The words of each source sentence.
            tgt_words: The words of each target sentence.

        Returns:
            The accuracy with a 95 % interval; its parts are those from the source and from the target, and how many
            words were asked for.

        Raises:
            DataError: Vectors, words and links are not of the same sentences, or no link is left to ask for.

        Complexity: O(s t d) for s source and t target words.
        """
        for name, tokens, words in (("src", src, src_words), ("tgt", tgt, tgt_words)):
            counts = [len(s) for s in words]
            if len(counts) != len(links) or np.diff(tokens.offsets).tolist() != counts:
                raise DataError(
                    f"evaluate/word-retrieval: found {len(links)} sentences with links, {len(tokens.offsets) - 1} with {name} "
                    f"vectors and {len(counts)} with {name} words, or other numbers of words in one of them; expected one vector "
                    "a word; make them of the same words with of_words"
                )
        pair, left, right = self._asked(links, src_words, tgt_words)
        a, b = src.offsets[pair] + left, tgt.offsets[pair] + right
        sides = (unit(src.vectors), unit(tgt.vectors))
        x, y = centre(*sides) if self.centre else sides
        near = nearest_both(x, y, self.neighbours)
        r_x, r_y = (mean_cosine(cosines).astype(np.float32) for cosines, _ in near)
        forward, backward = _best(x, y, r_y, a) == b, _best(y, x, r_x, b) == a
        n = len(links)
        items = np.stack([np.bincount(pair, w, n) for w in (np.ones(len(pair)), forward, backward)], axis=1).astype(
            np.float64
        )
        return Score.of(
            "word retrieval accuracy",
            items,
            _accuracy,
            signature(
                metric="word-retrieval",
                neighbours=self.neighbours,
                identical=self.identical,
                frequent=self.frequent,
                centre=self.centre,
                pairs=n,
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                "src_accuracy": float(forward.mean()),
                "tgt_accuracy": float(backward.mean()),
                "words": len(pair),
                "src_candidates": len(x),
                "tgt_candidates": len(y),
            },
        )

    def _asked(self, links: Links, src_words: Words, tgt_words: Words) -> tuple[I64, I32, I32]:
        """Sentence pair, source and target word of the links that are asked for."""
        sure: Mask = np.ones(len(links.src), np.bool_) if links.sure is None else links.sure
        owner = np.repeat(np.arange(len(links)), np.diff(links.offsets))[sure]
        left, right = links.src[sure], links.tgt[sure]
        often = [_frequent(words, self.frequent) for words in (src_words, tgt_words)]
        once = [Counter(zip(owner.tolist(), at.tolist(), strict=True)) for at in (left, right)]
        kept = np.zeros(len(owner), np.bool_)
        for k, (s, i, j) in enumerate(zip(owner.tolist(), left.tolist(), right.tolist(), strict=True)):
            if i >= len(src_words[s]) or j >= len(tgt_words[s]):
                raise DataError(
                    f"evaluate/word-retrieval: found link {i}-{j} in sentence pair {s} of {len(src_words[s])} and "
                    f"{len(tgt_words[s])} words, expected words that are there; check that the links are of these sentences"
                )
            p, q = src_words[s][i].casefold(), tgt_words[s][j].casefold()
            kept[k] = (
                once[0][s, i] == 1
                and once[1][s, j] == 1
                and (self.identical or p != q)
                and p not in often[0]
                and q not in often[1]
                and any(map(str.isalnum, p))
                and any(map(str.isalnum, q))
            )
        if not kept.any():
            raise DataError(
                f"evaluate/word-retrieval: found no link to ask for among {len(kept)} sure ones, expected some that are their words' "
                "only ones and join words that differ; give more sentences, or allow identical words"
            )
        return owner[kept], left[kept], right[kept]


def of_words(tokens: Tokens, sentences: Words, *, pooling: str = "last") -> Tokens:
    """One vector a word, of the vectors of a sentence's tokens.

    Args:
        tokens: What an encoder gives for the sentences' words joined by single spaces.
        sentences: The words of each sentence.
        pooling: ``last``, the vector of a word's last token, or ``mean``.

    Returns:
        Vectors, one a word, of zeros where a word has no token; spans are those of the words.

    Raises:
        ValueError: Another pooling.
    """
    if pooling not in ("last", "mean"):
        raise ValueError(f"pooling must be 'last' or 'mean', found {pooling!r}")
    begin = offsets([len(s) for s in sentences])
    spans = np.zeros((int(begin[-1]), 2), np.int32)
    out = np.zeros((len(spans), tokens.vectors.shape[1]), np.float32)
    for k, words in enumerate(sentences):
        ends = np.cumsum([len(w) + 1 for w in words], dtype=np.int64) - 1
        rows = slice(int(begin[k]), int(begin[k + 1]))
        spans[rows] = np.stack([ends - [len(w) for w in words], ends], axis=1) if words else 0
        here = slice(int(tokens.offsets[k]), int(tokens.offsets[k + 1]))
        # A token is of the word that its last character is in.
        owner = np.searchsorted(ends, tokens.spans[here, 1])
        vectors = tokens.vectors[here]
        if pooling == "last":
            out[rows][owner] = vectors
        else:
            np.add.at(out[rows], owner, vectors)
            out[rows] /= np.maximum(np.bincount(owner, minlength=len(words)), 1)[:, None].astype(np.float32)
    return Tokens(out, begin, spans)


def _frequent(sentences: Words, n: int) -> set[str]:
    return {w for w, _ in Counter(w.casefold() for s in sentences for w in s).most_common(n)}


def _best(x: F32, y: F32, r: F32, asked: I64) -> I64:
    """For each row of x that is asked for, the row of y that is best by CSLS."""
    out = np.zeros(len(asked), np.int64)
    for start in range(0, len(asked), BLOCK):
        rows = asked[start : start + BLOCK]
        out[start : start + BLOCK] = (2 * (x[rows] @ y.T) - r).argmax(axis=1)
    return out


def _accuracy(sums: F64) -> F64:
    asked = sums[..., 0]
    return np.asarray((sums[..., 1] + sums[..., 2]) / (2 * np.where(asked > 0, asked, np.nan)), np.float64)
