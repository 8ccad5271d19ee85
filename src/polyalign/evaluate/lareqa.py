"""Strong alignment: whether a translation in any language comes before everything else in the query's own language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I64
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.encoders.centre import centre
from polyalign.evaluate.parallel_vectors import check_finite
from polyalign.evaluate.ratios import check_samples, ratio

#: Queries answered at a time.
BLOCK = 256
#: Of a query: 1; average precision, without the candidates of its own language too, whether alignment is strong, the
#: share of its own language in what it finds.
_COLUMNS = ("queries", "map", "map_of_other_languages", "strong", "own_share")


@dataclass(frozen=True, slots=True)
class LAReQA:
    """Measure retrieval from one pool of all languages, in which unrelated sentences of the query's own language distract.

    A query in one of L languages has one right answer in each; the value is the mean average precision of the ranking of
    all candidates by cosine. Alignment is weak if translations are nearest within each other language, and strong if
    they are nearer than all other sentences of the query's own language; the share of queries for which it is strong is
    a part, as is the mean average precision when candidates of the query's own language are taken out of the pool, where
    only weak alignment counts.

    **Differs:** without answers of their own, each sentence is a query for its translations, itself not among the
    candidates. Ties rank the wrong candidate first. The bootstrap draws rows with all their languages.

    Args:
        centre: Whether to subtract each language's mean vector, which the paper does not; most of the bias goes with it.
        samples: Resamples of the bootstrap over rows; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A negative number of samples.

    References: roy2020lareqa, libovicky2020language, efron1979bootstrap

    Example:
        >>> aligned = {"deu_Latn": np.eye(3, dtype=np.float32), "eng_Latn": np.eye(3, dtype=np.float32)}
        >>> LAReQA(samples=0).score(aligned).value
        1.0
    """

    centre: bool = False
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_samples(self.samples)

    def score(
        self, queries: Mapping[str, F32], candidates: Mapping[str, F32] | None = None, answers: I64 | None = None
    ) -> Score:
        """Score vectors of parallel sentences, or of questions and candidate answers.

        Args:
            queries: By language, shape (n, d); row i asks the same in each.
            candidates: By the same languages, shape (m, d); row i says the same in each. None: the queries are their own
                candidates, each looking for its translations.
            answers: The row of the right candidate of each query, shape (n,); none for row i of query i.

        Returns:
            The mean average precision with a 95 % interval; its parts are explained above. ``own_share`` is the share of
            the query's own language among as many of the nearest as there are right answers, ``fair_share`` what it
            would be if language did not count.

        Raises:
            DataError: Fewer than two languages, other shapes in one of them, fewer than two rows, or answers that are no
                row of the candidates.

        Complexity: O((L n) (L m) (d + L)).
        """
        stats, _, pool = self._ranked(queries, candidates, answers)
        items = stats.sum(axis=0)
        rates = items.sum(axis=0)[1:] / items[:, 0].sum()
        languages, same = len(queries), candidates is None
        return Score.of(
            "LAReQA mAP",
            items,
            ratio(1, 0),
            signature(
                metric="lareqa",
                centre=self.centre,
                languages=languages,
                pool=pool,
                rows=len(items),
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                **dict(zip(_COLUMNS[1:], map(float, rates), strict=True)),
                "drop": float(rates[1] - rates[0]),
                "fair_share": (pool / languages - same) / (pool - same),
            },
        )

    def bias(
        self, queries: Mapping[str, F32], candidates: Mapping[str, F32] | None = None, answers: I64 | None = None
    ) -> F64:
        """Of the nearest candidates, as many as there are right answers, the share in each language.

        Args:
            queries: As in `score`.
            candidates: As in `score`.
            answers: As in `score`.

        Returns:
            Shape (L, L), rows for the queries' languages and columns for the candidates', both in the order given; a row
            sums to 1. A model without bias to a query's own language has no larger diagonal.

        Raises:
            DataError: As `score`.
        """
        return self._ranked(queries, candidates, answers, precise=False)[1]

    def _ranked(
        self,
        queries: Mapping[str, F32],
        candidates: Mapping[str, F32] | None,
        answers: I64 | None,
        *,
        precise: bool = True,
    ) -> tuple[F64, F64, int]:
        """Statistics of each language and row, (L, n, 5), if asked for; shares of languages, (L, L); candidates in the pool."""
        right = _checked(queries, candidates, answers)
        same = candidates is None
        sides = [[unit(x) for x in side.values()] for side in (queries, candidates or queries)]
        if self.centre:
            sides = [centre(*side, prior=0) for side in sides]
        n, m, languages = len(right), len(sides[1][0]), len(sides[0])
        pool = np.concatenate(sides[1])
        wanted = languages - same
        stats, shares = np.empty((languages, n, len(_COLUMNS))), np.zeros((languages, languages))
        # What is right for row i in language l.
        targets = right[:, None] + m * np.arange(languages)
        for own in range(languages):
            others = [lang for lang in range(languages) if not (same and lang == own)]
            for start in range(0, n, BLOCK):
                rows = np.arange(start, min(n, start + BLOCK))
                at = np.arange(len(rows))
                cosines = np.asarray(sides[0][own][rows] @ pool.T, np.float32)
                if same:
                    cosines[at, rows + own * m] = -np.inf
                nearest = np.argpartition(-cosines, wanted - 1, axis=1)[:, :wanted] // m
                shares[own] += np.bincount(nearest.ravel(), minlength=languages)
                if not precise:
                    continue
                scores = cosines[at[:, None], targets[rows][:, others]]
                cosines[at[:, None], targets[rows]] = -np.inf
                wrong = np.stack([(cosines >= scores[:, [k]]).sum(axis=1) for k in range(len(others))], axis=1)
                block = cosines[:, own * m : (own + 1) * m]
                wrong_own = np.stack([(block >= scores[:, [k]]).sum(axis=1) for k in range(len(others))], axis=1)
                foreign = [k for k, lang in enumerate(others) if lang != own]
                stats[own, rows] = np.stack(
                    [
                        np.ones(len(rows)),
                        _precision(scores, wrong),
                        _precision(scores[:, foreign], (wrong - wrong_own)[:, foreign]),
                        (wrong_own[:, foreign] == 0).all(axis=1),
                        (nearest == own).mean(axis=1),
                    ],
                    axis=1,
                )
        return stats, shares / (n * wanted), len(pool)


def _precision(scores: F32, wrong: I64) -> F64:
    """Average precision, from the scores of the right answers and how many wrong ones are before each, both (b, k)."""
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.arange(1, scores.shape[1] + 1)
    return np.asarray((rank / (rank + np.take_along_axis(wrong, order, axis=1))).mean(axis=1), np.float64)


def _checked(queries: Mapping[str, F32], candidates: Mapping[str, F32] | None, answers: I64 | None) -> I64:
    """The right candidate's row of each query."""
    held = queries if candidates is None else candidates
    shapes = [sorted({x.shape for x in side.values()}) for side in (queries, held)]
    if list(queries) != list(held) or len(queries) < 2 or any(len(s) != 1 for s in shapes) or shapes[0][0][0] < 2:
        raise DataError(
            f"evaluate/lareqa: found queries in {', '.join(queries) or 'no language'} of shapes {shapes[0]} and candidates in "
            f"{', '.join(held) or 'no language'} of shapes {shapes[1]}, expected the same languages, two at least, and in each as "
            "many rows, two at least; row i of every language has to say the same"
        )
    n, m = shapes[0][0][0], shapes[1][0][0]
    right = np.arange(n) if answers is None else np.asarray(answers, np.int64)
    if right.shape != (n,) or right.min() < 0 or right.max() >= m or (candidates is None and answers is not None):
        raise DataError(
            f"evaluate/lareqa: found answers of shape {right.shape} from {right.min()} to {right.max()} for {n} queries and {m} "
            "candidates, expected the row of a candidate for each query, and candidates to go with them"
        )
    check_finite("evaluate/lareqa", *queries.values(), *held.values())
    return right
