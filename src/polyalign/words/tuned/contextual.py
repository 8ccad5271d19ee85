"""Contextual alignment: vectors of words that translate each other moved together, those of one language kept in place."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Literal

from polyalign.encoders.tune import trainable
from polyalign.words.tuned.labels import Labels
from polyalign.words.tuned.method import ByTuning, Objective, TunedEncoder
from polyalign.words.tuned.training import Pairs, states


@dataclass(frozen=True, slots=True)
class Contextual(ByTuning):
    """Tune the encoder until words that a statistical aligner links have the same vectors, then link by those.

    Each batch lowers ``sum_(i,j) |x_i - y_j|^2 / links + anchor * sum_k |z_k - z0_k|^2 / rows``: x and y are the vectors of
    linked words, z those of the anchored side's words, z0 what they were before tuning.

    **Differs:** both sums are means. Links are those of `words.align/statistical`, where the paper has fast_align's; a word is
    the mean of its pieces; both sides are anchored by default.

    Args:
        anchor: Weight of staying where the words were.
        anchored: Which side stays; the paper's is English.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A batch costs about three times its encoding, and once more for z0.

    References: cao2020multilingual
    """

    anchor: float = 1.0
    anchored: Literal["src", "tgt", "both"] = "both"

    def __post_init__(self) -> None:
        ByTuning.__post_init__(self)
        if self.anchor < 0:
            raise ValueError(f"anchor must not be negative, got {self.anchor}")

    def objective(self, tuned: TunedEncoder, labels: Labels, pairs: Pairs) -> Objective:
        """Both sums, by the weights of all layers up to the compared one."""
        import torch

        network = tuned.network
        weights = trainable(network.model)
        # The embeddings are not tuned: no need to have them twice.
        tuning = {id(p) for p in weights}
        kept = {id(p): p for p in network.model.parameters() if id(p) not in tuning}
        before = replace(network, model=copy.deepcopy(network.model, kept))
        batches = pairs.batches(self.batch, self.seed)

        def loss() -> Any:
            batch = pairs.apart(next(batches))
            hidden = states(network, batch)
            x, y = (rows.vectors(hidden) for rows in (batch.src, batch.tgt))
            r, i, j = labels.cells(batch, _cosine(x, y)).nonzero(as_tuple=True)
            total = (x[r, i] - y[r, j]).square().sum() / max(1, len(r))
            if self.anchor:
                with torch.no_grad():
                    old = states(before, batch)
                for side, rows, now in (("src", batch.src, x), ("tgt", batch.tgt, y)):
                    if self.anchored in (side, "both"):
                        away = (now - rows.vectors(old))[rows.there]
                        total = total + self.anchor * away.square().sum() / len(away)
            return total

        return loss, weights


def _cosine(x: Any, y: Any) -> Any:
    import torch

    x, y = (torch.nn.functional.normalize(z.detach(), dim=2) for z in (x, y))
    return x @ y.transpose(1, 2)
