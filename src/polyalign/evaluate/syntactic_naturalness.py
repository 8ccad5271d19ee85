"""Naturalness of syntax: how far the dependency trees of a text are from those of native text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.score import Score, bootstrap, signature
from polyalign.evaluate.dealt import by_chance
from polyalign.evaluate.ratios import check_samples
from polyalign.evaluate.trees import Tree


@dataclass(frozen=True, slots=True)
class SyntacticNaturalness:
    """Measure how far the syntax of a text is from that of native text: the discrepancy of their dependency trees.

    Squared maximum mean discrepancy ``MMD^2 = |mean f(X) - mean f(Y)|^2`` between the trees X of the text and Y of native text, f the
    features of the Weisfeiler-Lehman kernel at length 1: how often each label occurs in a tree, where a word's first label is
    its part of speech and each iteration gives it a new one for its own, its head's and its dependents' labels. 0 is the same
    trees, 2 no label in common; lower is more natural. The features are explicit, so that the cost does not grow with the
    square of the number of trees.

    Two samples of one text also differ, the more the smaller they are; its parts tell what chance gives, as for word choice.

    **Differs:** a word's head and its dependents are told apart, where the kernel on graphs knows neighbours only. The
    paper's number of iterations is not known to us. The interval resamples trees by their influence on the value,
    ``2 <f(x) - mean, mean f(X) - mean f(Y)>``, since resampled texts are further apart than the texts themselves.

    Args:
        iterations: Of relabelling; 0 compares parts of speech only.
        relations: Whether a word's relation to its head is part of its first label.
        permutations: How often trees are dealt to the two sides anew; 0 for not.
        samples: Resamples of the bootstrap over trees; 0 for no interval.
        seed: Of dealing and resampling.

    Raises:
        ValueError: A negative number.

    References: guo2025accent, shervashidze2011weisfeiler, gretton2012kernel, efron1979bootstrap

    Example:
        >>> noun, verb = Tree(("NOUN",), ("root",), (-1,)), Tree(("VERB",), ("root",), (-1,))
        >>> metric = SyntacticNaturalness(permutations=0, samples=0)
        >>> metric.score([noun], [noun, noun]).value, metric.score([noun], [verb]).value
        (0.0, 2.0)
    """

    iterations: int = 3
    relations: bool = False
    permutations: int = 100
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("iterations", "permutations"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        check_samples(self.samples)

    def score(self, trees: Sequence[Tree], native: Sequence[Tree]) -> Score:
        """Score the trees of a text against those of native text.

        Args:
            trees: Of the text.
            native: Of native text.

        Returns:
            The squared discrepancy with a 95 % interval; its parts are ``chance``, ``p_value`` and the numbers of trees.

        Raises:
            DataError: No tree on a side.

        Complexity: O((iterations + permutations) words).
        """
        if not trees or not native:
            raise DataError(
                f"evaluate/syntactic-naturalness: found {len(trees)} trees of the text and {len(native)} native ones, expected some "
                "of both; check that the files are CoNLL-U"
            )
        found = features([*trees, *native], self.iterations, relations=self.relations)
        n = len(trees)
        means = [np.asarray(side.mean(axis=0)).ravel() for side in (found[:n], found[n:])]
        apart = means[0] - means[1]
        value = float(apart @ apart)
        along = found @ apart
        items = np.zeros((found.shape[0], 4))
        items[:n, 0], items[:n, 1] = 1, along[:n]
        items[n:, 2], items[n:, 3] = 1, along[n:]

        def aggregate(sums: F64) -> F64:
            mine, other = (sums[..., k + 1] / np.where(sums[..., k] > 0, sums[..., k], np.nan) for k in (0, 2))
            return np.asarray(np.maximum(2 * (mine - other) - value, 0), np.float64)

        chance = by_chance(found, n, _discrepancy, permutations=self.permutations, seed=self.seed)
        return Score(
            "maximum mean discrepancy",
            value,
            len(items),
            bootstrap(items, aggregate, samples=self.samples, seed=self.seed),
            signature(
                metric="syntactic-naturalness",
                iterations=self.iterations,
                relations=self.relations,
                permutations=self.permutations,
                samples=self.samples,
                seed=self.seed,
            ),
            items,
            {**chance, "trees": n, "native_trees": len(native)},
            aggregate,
        )


def features(trees: Sequence[Tree], iterations: int, *, relations: bool) -> Any:
    """Counts of Weisfeiler-Lehman labels, each tree's scaled to length 1: a sparse matrix of shape (trees, labels)."""
    numbers: dict[object, int] = {}
    rows, columns = [], []
    for row, tree in enumerate(trees):
        first = zip(tree.labels, tree.relations, strict=True) if relations else tree.labels
        # With the iteration in it, so that a label of one is none of another.
        labels = [numbers.setdefault((0, label), len(numbers)) for label in first]
        dependents: list[list[int]] = [[] for _ in labels]
        for word, head in enumerate(tree.heads):
            if head >= 0:
                dependents[head].append(word)
        every = list(labels)
        for i in range(1, iterations + 1):
            seen = [
                (i, labels[w], labels[h] if h >= 0 else -1, tuple(sorted(labels[d] for d in dependents[w])))
                for w, h in enumerate(tree.heads)
            ]
            labels = [numbers.setdefault(s, len(numbers)) for s in seen]
            every += labels
        rows += [row] * len(every)
        columns += every
    counts: Any = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(trees), len(numbers)))
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    return (diags(1 / lengths) @ counts).tocsr()


def _discrepancy(sums: F64, sizes: F64) -> float:
    means = sums / sizes[:, None]
    return float(((means[0] - means[1]) ** 2).sum())
