"""The contrastive loss: each vector is to find its partner among others (InfoNCE)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from polyalign.core.jit import I64, Mask


def numbered(items: Iterable[Hashable]) -> I64:
    """A number for each item, equal for equal ones, shape (n,).

    Example:
        >>> numbered(["a", "b", "a"]).tolist()
        [0, 1, 0]
    """
    table: dict[Hashable, int] = {}
    return np.array([table.setdefault(x, len(table)) for x in items], np.int64)


def alike(*sides: Sequence[Hashable]) -> Mask:
    """Which rows have the same item on any side, and so are no negatives of each other, shape (b, b).

    Example:
        >>> alike(["a", "b", "a"]).astype(int).tolist()
        [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    """
    out = np.zeros((len(sides[0]), len(sides[0])), np.bool_)
    for at in map(numbered, sides):
        out |= at[:, None] == at[None, :]
    return out


def infonce(
    x: Any,
    y: Any,
    *,
    temperature: float,
    margin: float = 0.0,
    same: Any = None,
    negatives: Any = None,
    no_negatives: Any = None,
    within: bool = False,
    both: bool = True,
) -> Any:
    """Cross entropy of finding each row's partner, ``-log softmax((cos - margin of the partner) / temperature)``.

    One function for what the literature calls InfoNCE, translation ranking (both directions, with a margin), MoCo's and
    XLCO's loss (one direction, with a queue of negatives) and NT-Xent (both directions, with rows of the own side too).

    Args:
        x: Unit vectors, shape (b, d).
        y: Their partners, shape (b, d).
        temperature: What cosines are divided by.
        margin: Taken from the cosine of partners, so that they have to be nearer than others by that much.
        same: Which rows are no negatives of each other, shape (b, b); none if all are.
        negatives: Further vectors that rows of x are told from, shape (m, d).
        no_negatives: Which of those are none of which row, shape (b, m).
        within: Whether other rows of a row's own side are negatives too.
        both: Whether y's rows have to find x's as well; the loss is then the mean of both.

    Returns:
        A scalar tensor.

    Example:
        >>> import torch
        >>> x = torch.eye(2)
        >>> round(float(infonce(x, x, temperature=1.0)), 4)  # -log(e / (e + 1))
        0.3133
    """
    import torch

    own = torch.eye(len(x), dtype=torch.bool, device=x.device)
    out = torch.zeros_like(own) if same is None else torch.as_tensor(same, device=x.device) & ~own
    cosine = x @ y.T - margin * own

    def loss(rows: Any, side: Any, more: list[Any]) -> Any:
        logits = [rows.masked_fill(out, -torch.inf), *more]
        if within:
            logits.append((side @ side.T).masked_fill(out | own, -torch.inf))
        at = torch.arange(len(x), device=x.device)
        return torch.nn.functional.cross_entropy(torch.cat(logits, dim=1) / temperature, at)

    more = []
    if negatives is not None:
        further = x @ negatives.T
        if no_negatives is not None:
            further = further.masked_fill(torch.as_tensor(no_negatives, device=x.device), -torch.inf)
        more.append(further)
    forward = loss(cosine, x, more)
    return (forward + loss(cosine.T, y, [])) / 2 if both else forward
