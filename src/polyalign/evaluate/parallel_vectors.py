"""Refusals of vectors that are not those of the same sentences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32


def check_pairs(where: str, src: F32, tgt: F32, least: int, *, same_width: bool) -> None:
    """Refuse vectors that are not those of the same sentences in two languages.

    Args:
        where: Who refuses them.
        src: Of the one language, shape (n, d).
        tgt: Of the other, shape (n, e).
        least: Fewest sentences.
        same_width: Whether d and e have to be the same.

    Raises:
        DataError: They are not.
    """
    whole = src.ndim == tgt.ndim == 2 and len(src) == len(tgt) >= least and 0 < src.shape[1] and 0 < tgt.shape[1]
    if not whole or (same_width and src.shape != tgt.shape):
        raise DataError(
            f"{where}: found vectors of shapes {src.shape} and {tgt.shape}, expected as many{' and as long' * same_width} on both "
            f"sides, at least {least}; line i of one language has to translate line i of the other"
        )


def check_parallel(where: str, vectors: Mapping[str, F32], least: int) -> None:
    """Refuse vectors that are not those of the same sentences in several languages.

    Args:
        where: Who refuses them.
        vectors: By language, shape (n, d).
        least: Fewest sentences.

    Raises:
        DataError: They are not, or not finite.
    """
    shapes = sorted({x.shape for x in vectors.values()})
    if len(vectors) < 2 or len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][0] < least:
        raise DataError(
            f"{where}: found vectors in {', '.join(vectors) or 'no language'} of shapes {shapes}, expected two languages at least and "
            f"in each as many sentences, {least} at least; row i of every language has to say the same"
        )
    check_finite(where, *vectors.values())


def check_finite(where: str, *vectors: F32) -> None:
    """Refuse vectors with values that are not finite.

    Raises:
        DataError: There are some.
    """
    if not all(np.isfinite(x).all() for x in vectors):
        raise DataError(f"{where}: found values that are not finite, expected numbers; run the model in float32")
