"""Span prediction: for each word, where in the other sentence its translation begins and ends, if it has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from polyalign.core.jit import F32, F64, I64, Mask
from polyalign.words.supervised.method import FromGold


@dataclass(frozen=True, slots=True)
class SpanPrediction(FromGold):
    """Link words by a transformer trained on gold links to find each word's translation as a span, or none.

    The word i of one side is marked and read with the other side, as question and text of a reading test. Softmax over the
    words of the other side and no answer says where the translation begins, another where it ends; a word j is in it with
    probability ``sum_s<=j P(s begins) sum_e>=j P(e ends)``. Both sides are marked in turn, and a link's probability is the
    mean of both.

    **Differs:** what `words.align/binary-align` says of the lower layers, the mark, the context and similarity holds here
    too. The papers take the one best span and give its probability to all its words; here all spans count that hold the
    word, so nothing is lost of a translation whose end is unsure. Spans begin with the first piece of a word and end with
    the last piece of one. Where the linked words do not stand together, each run of them is as right as the others. Possible
    links are no part of a run. A text in several windows has no answer as little as in the window where that is least sure.

    Args:
        threshold: As of the papers.

    Complexity: As of `words.align/binary-align`.

    References: nagata2020supervised, wu2023wspalign
    """

    outputs: ClassVar[int] = 2
    threshold: float | None = 0.4

    def loss(self, pieces: Any, none: Any, batch: Any) -> Any:
        """Cross entropy of beginning and end, each run of linked words being equally right."""
        import torch

        yes = batch.answer > 0
        total: Any = 0
        for c, edges in enumerate((batch.first, batch.last)):
            logits = torch.cat([none[:, c : c + 1], pieces[..., c].masked_fill(~edges, -torch.inf)], dim=1)
            right = edges & yes & _outermost(yes, forward=c == 0)
            right = torch.cat([~right.any(dim=1, keepdim=True), right], dim=1).float()
            log = torch.log_softmax(logits, dim=1).masked_fill(right == 0, 0)
            total = total - (log * right / right.sum(dim=1, keepdim=True)).sum(dim=1).mean()
        return total / 2

    def decide(self, pieces: F32, none: F32, words: I64) -> F32:
        """The probability that a word is within the span."""
        edge = words[1:] != words[:-1]
        begins = _softmax(pieces[:, 0], none[:, 0].min(), np.append(True, edge))
        ends = _softmax(pieces[:, 1], none[:, 1].min(), np.append(edge, True))
        return np.asarray(np.cumsum(begins) * np.cumsum(ends[::-1])[::-1], np.float32)


def _outermost(yes: Any, *, forward: bool) -> Any:
    """Pieces before which (forward), or after which, there is none of the same run."""
    import torch

    beside = torch.zeros_like(yes)
    if forward:
        beside[:, 1:] = yes[:, :-1]
    else:
        beside[:, :-1] = yes[:, 1:]
    return ~beside


def _softmax(logits: F32, none: float, at: Mask) -> F64:
    """Over those pieces and no answer, which is left out of what is returned."""
    z = np.append(logits[at], none).astype(np.float64)
    e = np.exp(z - z.max())
    return np.asarray(e[:-1] / e.sum(), np.float64)
