"""Symmetrisation: join two directional word alignments into one.

With forward links F and backward links B, every heuristic keeps part of the union F | B. The
growing ones start from the intersection, visit the candidates in ascending (src, tgt) order again
and again, and let an admitted link count at once: link for link what fast_align's ``atools`` prints.

**Differs:** Moses' ``symal`` scans the kept points instead of the candidates and gives other links
under the same names.

References: och2003systematic, koehn2003statistical
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import I64, Mask
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
    both = forward.prob is not None and backward.prob is not None
    return Links(running[at], src[keep], tgt[keep], prob[keep] if both else None)


def _probs(links: Links) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.zeros(len(links.src), np.float32) if links.prob is None else links.prob.reshape(-1)
