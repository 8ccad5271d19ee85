"""XLM-Align: optimal transport labels words, and hidden words have to point at their counterparts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, I64
from polyalign.core.rng import generator
from polyalign.encoders.tune import trainable
from polyalign.words.similarity.matrix import both_ways
from polyalign.words.similarity.neutral import mutual
from polyalign.words.similarity.vectors import Vectors
from polyalign.words.tuned.labels import Labels, self_training
from polyalign.words.tuned.masking import Masked, hide
from polyalign.words.tuned.method import ByTuning, Objective, TunedEncoder
from polyalign.words.tuned.training import Batch, Pairs, both, similarity, states

#: What a cosine is at least where mass is carried by it.
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class XLMAlign(ByTuning):
    """Tune the encoder by denoising word alignment, then link by optimal transport of its similarities.

    In turns for each batch: words are labelled by the encoder as it is, and the pair is read again as one text in which
    some pieces of one side are hidden; a pointer network, ``softmax_j((W x_i) . (V y_j) / sqrt(d))``, shall point from
    each row with a hidden piece to what it was linked to. Links are those of `plan`: cosines below 0.000001 count as that,
    columns and rows are scaled to sum to 1 in turn for some rounds, and what is each other's greatest is linked.

    **Differs:** the paper's objective shapes a whole pre-training, with masked language modelling of both kinds (`masked`,
    `translation_masked`, off by default); here it tunes. By default A is what `words.align/statistical` finds in the
    bitext (`labels = "self"` for the paper's), the objective of `words.align/awesome-align` is lowered beside (`direct = 0`
    for without), and both sentences are read one by one where words are compared (`together = true` for the paper's).
    Cosines of centred vectors take the place of products, and the pointer starts at the layer that is compared, W and V
    being the identity.

    Args:
        together: Read both sentences of a pair as one text where words are compared; pairs that are too long for one
            window are read one by one.
        rounds: How often columns and rows are scaled; 0 for not at all.
        direct: Weight of saying the same of the unhidden text, by the objective of `words.align/awesome-align`.
        masked: Weight of telling hidden pieces of a sentence; it runs all layers.
        translation_masked: Weight of telling hidden pieces of a pair; it runs all layers.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A batch costs about three times its encoding, twice that with `direct`.

    References: chi2021improving, cuturi2013sinkhorn
    """

    together: bool = False
    rounds: int = 2
    direct: float = 1.0
    masked: float = 0.0
    translation_masked: float = 0.0

    def __post_init__(self) -> None:
        ByTuning.__post_init__(self)
        if self.rounds < 0:
            raise ValueError(f"rounds must not be negative, got {self.rounds}")
        if min(self.direct, self.masked, self.translation_masked) < 0:
            raise ValueError("direct, masked and translation_masked must not be negative")

    def decide(self, cosine: F32) -> F32:
        """Both ways' softmax where the plan links, shape (2, n, m)."""
        carried = plan(cosine, self.rounds)
        p = both_ways(cosine, self.temperature)
        if self.extraction == "softmax":
            return p * (p > self.threshold).all(axis=0)
        keep = np.zeros(cosine.shape, np.float32)
        keep[mutual(carried)] = 1
        return p * keep

    def vectors(self, encoder: Any, bitext: Bitext) -> tuple[Vectors, Vectors]:
        """The vectors of both sides, read one by one or as one text."""
        src, tgt = ByTuning.vectors(self, encoder, bitext)
        if not self.together or not len(bitext):
            return src, tgt
        import torch

        net = encoder.network
        pairs = Pairs.read(net, encoder.made.prefix, bitext, self.level, net.window, quiet=True)
        use = pairs.use[pairs.fit_together(pairs.use)]
        use = use[np.argsort([len(pairs.src.ids[k]) + len(pairs.tgt.ids[k]) for k in use], kind="stable")]
        rows = [src.rows.copy(), tgt.rows.copy()]
        for start in range(0, len(use), self.batch):
            some = use[start : start + self.batch]
            batch = pairs.together(some, some)
            with torch.inference_mode():
                hidden = states(net, batch)
                found = [side.vectors(hidden).float().cpu().numpy() for side in (batch.src, batch.tgt)]
            for r, k in enumerate(some.tolist()):
                for out, side, new, old in zip(rows, (batch.src, batch.tgt), found, (src, tgt), strict=True):
                    a, b = old.offsets[k : k + 2].tolist()
                    out[a:b] = new[r, : len(side.word[r])]
        return (
            Vectors(rows[0], src.offsets, src.word, src.words),
            Vectors(rows[1], tgt.offsets, tgt.word, tgt.words),
        )

    def usable(self, pairs: Pairs) -> Pairs:
        """Those that fit into one window together."""
        return pairs.only(pairs.use[pairs.fit_together(pairs.use)])

    def objective(self, tuned: TunedEncoder, labels: Labels, pairs: Pairs) -> Objective:
        """The pointers' cross entropy, and what else has a weight."""
        import torch

        network = tuned.network
        random = generator(self.seed, "hide")
        d, device = network.dim, network.model.device
        ask, answer = (torch.nn.Linear(d, d, bias=False).to(device) for _ in range(2))
        for part in (ask, answer):
            torch.nn.init.eye_(part.weight)
        deepest, weights = network, [ask.weight, answer.weight]
        if self.masked or self.translation_masked:
            head = Masked(tuned.made.network, pairs, random)
            deepest, weights = tuned.made.network, [*weights, *head.weights]
        pieces: I64 = np.unique(np.concatenate([t.ids[k] for t in (pairs.src, pairs.tgt) for k in pairs.use])).astype(
            int
        )
        batches = pairs.batches(self.batch, self.seed)

        def labelled(batch: Batch) -> tuple[Any, Any]:
            cosine = similarity(batch, states(network, batch), centre=self.centre)
            return cosine, labels.cells(batch, cosine)

        def loss() -> Any:
            some = next(batches)
            whole = pairs.together(some, some)
            clean = whole if self.together else pairs.apart(some)
            if self.direct:
                cosine, linked = labelled(clean)
            elif labels.links is None:
                with torch.no_grad():
                    linked = labelled(clean)[1]
            else:
                linked = labels.cells(whole, both(whole))
            side = ("src", "tgt")[int(random.integers(2))]
            total = self._pointed(
                network, whole, linked, side, hide(network, whole, (side,), pieces, random), ask, answer
            )
            if self.direct:
                total = total + self.direct * self_training(cosine, linked, both(clean), self.temperature, "log")
            if self.masked:
                total = total + self.masked * head.loss(pairs.apart(some), ("src", "tgt"))
            if self.translation_masked:
                total = total + self.translation_masked * head.loss(whole, (side,))
            return total

        return loss, [*trainable(deepest.model), *weights]

    def _pointed(self, network: Any, batch: Batch, linked: Any, side: str, hidden: Any, ask: Any, answer: Any) -> Any:
        """Cross entropy of the links of rows with a hidden piece; 0 if none of them has a link."""
        import torch

        tokens, told = hidden
        out = states(network, Batch(batch.pairs, tokens, batch.mask, batch.src, batch.tgt))
        mine, other = (batch.src, batch.tgt) if side == "src" else (batch.tgt, batch.src)
        right = linked if side == "src" else linked.transpose(1, 2)
        asked = (mine.share * told[mine.read][:, None, :]).any(dim=2) & right.any(dim=2)
        scores = ask(mine.vectors(out)) @ answer(other.vectors(out)).transpose(1, 2) / out.shape[2] ** 0.5
        scores = scores.masked_fill(~other.there[:, None, :], -1e4)
        share = right / right.sum(dim=2, keepdim=True).clamp(min=1)
        return -(torch.log_softmax(scores, 2) * share)[asked].sum() / asked.sum().clamp(min=1)


def plan(cosine: F32, rounds: int) -> F32:
    """Cosines, at least 0.000001, their columns and then their rows scaled to sum to 1, for some rounds, shape (n, m).

    References: cuturi2013sinkhorn

    Example:
        >>> plan(np.array([[0.9, 0.8], [0.8, -0.1]], np.float32), 50).round(1).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    mass = np.maximum(cosine, np.float32(LEAST))
    for _ in range(rounds):
        mass = mass / mass.sum(axis=0, keepdims=True)
        mass = mass / mass.sum(axis=1, keepdims=True)
    return mass
