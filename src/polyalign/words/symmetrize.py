"""Symmetrisation: join two directional word alignments into one.

With forward links F and backward links B, every heuristic keeps part of the union F | B. The
growing ones start from the intersection, visit the candidates in ascending (src, tgt) order again
and again, and let an admitted link count at once: link for link what fast_align's ``atools`` prints.

**Differs:** Moses' ``symal`` scans the kept points instead of the candidates and gives other links
under the same names.

References: och2003systematic, koehn2003statistical
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I64, Mask
from polyalign.core.links import Links
from polyalign.core.ragged import offsets
from polyalign.kernels.grow import FINAL, FINAL_AND, GROW, INTERSECT, UNITE, symmetrise


@dataclass(frozen=True, slots=True)
class Intersection:
    """Keep the links that both directions have: few, and mostly right.

    Computes F & B.

    References: och2003systematic

    Example:
        >>> f, b = Links.from_pairs([[(0, 0), (1, 1)]]), Links.from_pairs([[(0, 0), (2, 2)]])
        >>> Intersection()(f, b).to_pharaoh()
        ['0-0']
    """

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(links).

        Args:
            forward: Each target word has at most one source word.
            backward: Each source word has at most one target word.

        Returns:
            The kept links. Where both inputs have `prob`, a link's is the mean of the two, a direction
            without the link counting as 0; `sure` is not kept.

        Raises:
            DataError: Different numbers of sentence pairs.
        """
        return _join(forward, backward, INTERSECT)


@dataclass(frozen=True, slots=True)
class Union:
    """Keep the links that either direction has: most of the right ones, and many wrong.

    Computes F | B.

    References: och2003systematic

    Example:
        >>> f, b = Links.from_pairs([[(0, 0), (1, 1)]]), Links.from_pairs([[(0, 0), (2, 2)]])
        >>> Union()(f, b).to_pharaoh()
        ['0-0 1-1 2-2']
    """

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(links). Args, Returns and Raises as `Intersection`."""
        return _join(forward, backward, UNITE)


@dataclass(frozen=True, slots=True)
class GrowDiag:
    """Grow from the intersection towards the union, one neighbouring link at a time.

    A candidate of F | B is added if one of its eight neighbours is in and its source word or its target
    word has no link yet; repeated until nothing changes. Equals ``atools -c grow-diag``.

    References: koehn2003statistical

    Example:
        >>> f, b = Links.from_pairs([[(0, 0), (1, 1)]]), Links.from_pairs([[(0, 0), (2, 3)]])
        >>> GrowDiag()(f, b).to_pharaoh()
        ['0-0 1-1']
    """

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(passes * links). Args, Returns and Raises as `Intersection`."""
        return _join(forward, backward, GROW)


@dataclass(frozen=True, slots=True)
class GrowDiagFinal:
    """Grow-diag, then every leftover link with a free word at either end, forward ones first.

    Equals ``atools -c grow-diag-final``.

    References: koehn2003statistical

    Example:
        >>> f, b = Links.from_pairs([[(0, 0), (3, 0)]]), Links.from_pairs([[(0, 0), (2, 3)]])
        >>> GrowDiagFinal()(f, b).to_pharaoh()
        ['0-0 2-3 3-0']
    """

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(passes * links). Args, Returns and Raises as `Intersection`."""
        return _join(forward, backward, FINAL)


@dataclass(frozen=True, slots=True)
class GrowDiagFinalAnd:
    """Grow-diag, then every leftover link whose words are both free, forward ones first.

    Equals ``atools -c grow-diag-final-and``.

    References: koehn2003statistical, och2003systematic

    Example:
        >>> f, b = Links.from_pairs([[(0, 0), (3, 0)]]), Links.from_pairs([[(0, 0), (2, 3)]])
        >>> GrowDiagFinalAnd()(f, b).to_pharaoh()
        ['0-0 2-3']
    """

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(passes * links). Args, Returns and Raises as `Intersection`."""
        return _join(forward, backward, FINAL_AND)


@dataclass(frozen=True, slots=True)
class Posterior:
    """Keep the links whose mean probability over both directions exceeds a threshold.

    Computes (p_F(i, j) + p_B(i, j)) / 2 > t for every link of F | B, a direction without the link counting as 0.
    The inputs should have every link that has some probability, not only the best of each word.

    Args:
        threshold: In [0, 1), higher for fewer and surer links; None for the one with the highest expected F1.

    Raises:
        ValueError: A threshold out of range.

    References: liang2006alignment, lipton2014optimal

    Example:
        >>> f, b = Links.from_pharaoh(["0-0:0.9 1-1:0.4"]), Links.from_pharaoh(["0-0:0.7 1-1:0.2"])
        >>> Posterior(threshold=0.5)(f, b).to_pharaoh(probabilities=True)
        ['0-0:0.800']
    """

    threshold: float | None = None

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(links).

        Args:
            forward: With `prob`, that the target word chooses the source word.
            backward: With `prob`, that the source word chooses the target word.

        Returns:
            The kept links; `prob` is the mean of both; `sure` is not kept.

        Raises:
            DataError: Different numbers of sentence pairs, or links without a probability.
        """
        _check_probs("posterior", forward, backward)
        return _above(_join(forward, backward, UNITE), self.threshold)


@dataclass(frozen=True, slots=True)
class Product:
    """Keep the links whose probabilities in both directions have a geometric mean above a threshold.

    Computes sqrt(p_F(i, j) p_B(i, j)) > t; a link that one direction does not have is never kept.

    Args:
        threshold: In [0, 1), higher for fewer and surer links; None for the one with the highest expected F1.

    Raises:
        ValueError: A threshold out of range.

    References: liang2006alignment, lipton2014optimal

    Example:
        >>> f, b = Links.from_pharaoh(["0-0:0.9 1-1:0.8"]), Links.from_pharaoh(["0-0:0.9 1-1:0.2"])
        >>> Product(threshold=0.5)(f, b).to_pharaoh(probabilities=True)
        ['0-0:0.900']
    """

    threshold: float | None = None

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    def __call__(self, forward: Links, backward: Links) -> Links:
        """Symmetrise every sentence pair; O(links).

        Args:
            forward: With `prob`, that the target word chooses the source word.
            backward: With `prob`, that the source word chooses the target word.

        Returns:
            The kept links; `prob` is the geometric mean of both; `sure` is not kept.

        Raises:
            DataError: Different numbers of sentence pairs, or links without a probability.
        """
        _check_probs("product", forward, backward)
        # Half of one direction's probability each, on the same links of the union.
        halves = [_join(f, b, UNITE) for f, b in ((forward, _blank(backward)), (_blank(forward), backward))]
        of_forward, of_backward = (x.prob for x in halves)
        assert of_forward is not None
        assert of_backward is not None
        joint = np.float32(2) * np.sqrt(of_forward * of_backward)
        return _above(replace(halves[0], prob=joint), self.threshold)


#: Steps between 0 and 1 at which a learned threshold may lie.
STEPS = 100
#: How an aligner joins its two directions: by the mean or the product of their posteriors, or by a heuristic.
Symmetrization = Literal[
    "posterior", "product", "grow-diag-final-and", "grow-diag-final", "grow-diag", "intersection", "union"
]
JOIN: dict[str, Callable[[Links, Links], Links]] = {
    "grow-diag-final-and": GrowDiagFinalAnd(),
    "grow-diag-final": GrowDiagFinal(),
    "grow-diag": GrowDiag(),
    "intersection": Intersection(),
    "union": Union(),
}


def check_threshold(threshold: float | None) -> None:
    """Refuse a threshold out of range.

    Raises:
        ValueError: It is not in [0, 1), nor None.
    """
    if threshold is not None and not 0 <= threshold < 1:
        raise ValueError(f"threshold must be at least 0 and below 1, got {threshold}")


def _check_probs(name: str, forward: Links, backward: Links) -> None:
    for direction, links in (("forward", forward), ("backward", backward)):
        if links.prob is None and len(links.src):
            raise DataError(
                f"words.symmetrize/{name}: found {direction} links without a probability, expected one for each; "
                "write links as i-j:p, or choose a method that needs none such as grow-diag-final-and"
            )


def _blank(links: Links) -> Links:
    return replace(links, prob=np.zeros(len(links.src), np.float32))


def learned_threshold(parts: Iterable[F32]) -> float:
    """The threshold with the highest expected F1, if the probabilities are what they say.

    Of the links above t, sum p are expected to be right, and sum p over all cells to exist, so the expected
    F1 is about 2 sum_{p > t} p / (number above t + sum p).

    Args:
        parts: Probabilities of the cells of a text, in any number of arrays.

    Returns:
        A multiple of 0.01 in [0.1, 0.9].

    References: lipton2014optimal
    """
    count, mass = np.zeros(STEPS), np.zeros(STEPS)
    for joint in parts:
        count += np.histogram(joint, STEPS, (0.0, 1.0))[0]
        mass += np.histogram(joint, STEPS, (0.0, 1.0), weights=joint)[0]
    above, right = np.cumsum(count[::-1])[::-1], np.cumsum(mass[::-1])[::-1]
    f1 = 2 * right / np.maximum(above + right[0], 1e-9)
    low, high = STEPS // 10, STEPS - STEPS // 10
    return float((low + np.argmax(f1[low : high + 1])) / STEPS)


def _above(union: Links, threshold: float | None) -> Links:
    joint = np.zeros(0, np.float32) if union.prob is None else np.minimum(union.prob, np.float32(1))
    keep: Mask = joint > np.float32(learned_threshold([joint]) if threshold is None else threshold)
    return Links(offsets(keep)[union.offsets], union.src[keep], union.tgt[keep], joint[keep])


def _join(forward: Links, backward: Links, heuristic: int) -> Links:
    if len(forward) != len(backward):
        raise DataError(
            f"words.symmetrize: found {len(forward)} sentence pairs forward and {len(backward)} backward, expected as "
            "many; a missing line is often an empty sentence pair that a tool skipped"
        )
    # Scratch space for pair k: as many places as both directions have links.
    at: I64 = forward.offsets + backward.offsets
    f_prob, b_prob = _probs(forward), _probs(backward)
    src, tgt, prob, kept = symmetrise(
        at,
        forward.offsets,
        forward.src,
        forward.tgt,
        f_prob,
        backward.offsets,
        backward.src,
        backward.tgt,
        b_prob,
        heuristic,
    )
    keep: Mask = kept
    running = offsets(keep)
    both = all(links.prob is not None or not len(links.src) for links in (forward, backward))
    return Links(running[at], src[keep], tgt[keep], prob[keep] if both else None)


def _probs(links: Links) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.zeros(len(links.src), np.float32) if links.prob is None else links.prob.reshape(-1)
