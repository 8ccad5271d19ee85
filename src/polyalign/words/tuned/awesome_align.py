"""awesome-align: an encoder tuned so that its softmaxes over words say what the links say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.rng import generator
from polyalign.encoders.tune import trainable, up_to
from polyalign.words.tuned.labels import Labels, Reward, consistency, self_training
from polyalign.words.tuned.masking import Masked
from polyalign.words.tuned.method import ByTuning, Objective, TunedEncoder
from polyalign.words.tuned.training import Pairs, both, similarity, states


@dataclass(frozen=True, slots=True)
class AwesomeAlign(ByTuning):
    """Tune the encoder until its similarities say what links say, then link by them.

    Each batch lowers the sum of the objectives that have a weight:

    - `self_training`: P, the softmax of ``cos / temperature`` over target words, and P' over source words shall be high
      where A links: ``-log P`` (log), or ``-sum A P / n - sum A P' / m`` (linear)
    - `consistency`: P and P' shall agree, ``-trace(P P'^T) / min(n, m)``
    - `identification`: from the first mark's state, one layer above the compared one, tell whether two sentences read
      together are a pair, the others of the batch being those that are not
    - `masked`: tell hidden pieces of a sentence
    - `translation_masked`: tell hidden pieces of one sentence of a pair read together, in either order

    **Differs:** by default A is what `words.align/statistical` finds in the bitext, and its logarithm is rewarded; the
    paper has the encoder's own links, linear, and all objectives but consistency (preset dou2021awesome). Cosines of centred
    vectors divided by a temperature take the place of products. Each batch has all objectives, the paper's one after the
    other; hidden pieces are chosen among those that occur in the text. Of a pair read together, one side at random has
    pieces hidden, in an order at random.

    Args:
        self_training: Weight of that objective.
        reward: What is rewarded where A links: the logarithm of the softmax, or the softmax itself.
        consistency: Weight of that objective.
        identification: Weight of that objective.
        masked: Weight of that objective; it runs all layers.
        translation_masked: Weight of that objective; it runs all layers.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A batch of the first objective costs about three times its encoding.

    References: dou2021awesome, devlin2019bert, conneau2019cross
    """

    self_training: float = 1.0
    reward: Reward = "log"
    consistency: float = 0.0
    identification: float = 0.0
    masked: float = 0.0
    translation_masked: float = 0.0

    def __post_init__(self) -> None:
        ByTuning.__post_init__(self)
        weights = [getattr(self, name) for name in OBJECTIVES]
        if min(weights) < 0 or not sum(weights):
            raise ValueError(f"{', '.join(OBJECTIVES)} must not be negative, and one of them above 0; got {weights}")

    def objective(self, tuned: TunedEncoder, labels: Labels, pairs: Pairs) -> Objective:
        """The sum of the objectives, by the weights of all layers that one of them runs."""
        import torch

        network = tuned.network
        random = generator(self.seed, "hide")
        deepest, weights = network, []
        if self.identification:
            count = int(tuned.made.network.model.config.num_hidden_layers)
            above = up_to(tuned.made.network, None if network.layer is None else min(network.layer + 1, count))
            judge = torch.nn.Linear(network.dim, 1).to(network.model.device)
            torch.nn.init.zeros_(judge.weight)
            torch.nn.init.zeros_(judge.bias)
            deepest, weights = above, [*judge.parameters()]
        if self.masked or self.translation_masked:
            head = Masked(tuned.made.network, pairs, random)
            deepest, weights = tuned.made.network, [*weights, *head.weights]
        batches = pairs.batches(self.batch, self.seed)

        def loss() -> Any:
            some = next(batches)
            apart = pairs.apart(some)
            # A batch may have nothing to offer to any objective.
            total = torch.zeros((), device=network.model.device, requires_grad=True)
            if self.self_training or self.consistency:
                cosine, there = similarity(apart, states(network, apart), centre=self.centre), both(apart)
                if self.self_training:
                    linked = labels.cells(apart, cosine)
                    total = total + self.self_training * self_training(
                        cosine, linked, there, self.temperature, self.reward
                    )
                if self.consistency:
                    total = total + self.consistency * consistency(cosine, there, self.temperature)
            if self.masked:
                total = total + self.masked * head.loss(apart, ("src", "tgt"))
            fits = some[pairs.fit_together(some)]
            swap = bool(random.integers(2))
            if self.translation_masked and len(fits):
                side = ("src", "tgt")[int(random.integers(2))]
                total = total + self.translation_masked * head.loss(pairs.together(fits, fits, swap=swap), (side,))
            if self.identification and len(fits) > 1:
                shown = np.concatenate([fits, np.roll(fits, 1)])
                read = np.concatenate([fits, fits])
                fit = pairs.fit_together(read, shown)
                batch = pairs.together(read[fit], shown[fit], swap=swap)
                right = torch.tensor((read == shown)[fit], dtype=torch.float32, device=total.device)
                said = judge(states(above, batch)[:, 0])[:, 0]
                missed = torch.nn.functional.binary_cross_entropy_with_logits(said, right)
                total = total + self.identification * missed
            return total

        return loss, [*trainable(deepest.model), *weights]


OBJECTIVES = ("self_training", "consistency", "identification", "masked", "translation_masked")
