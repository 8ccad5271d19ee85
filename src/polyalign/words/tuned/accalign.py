"""AccAlign: adapters in a sentence encoder, trained on links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from polyalign.encoders.tune import trainable
from polyalign.words.tuned.adapters import Kind, attach, merge
from polyalign.words.tuned.labels import Labels, Reward, self_training
from polyalign.words.tuned.method import ByTuning, Objective, TunedEncoder
from polyalign.words.tuned.training import Pairs, both, similarity, states


@dataclass(frozen=True, slots=True)
class AccAlign(ByTuning):
    r"""Tune adapters in an encoder of sentences, whose own weights stay, until its similarities say what links say.

    An adapter behind the attention and the feed-forward part of each layer makes ``h + U gelu(D h)`` of ``h`` (houlsby),
    or ``h + U D x`` of ``h = W x`` (low-rank); D and U are all that is learned. The loss is that of
    `words.align/awesome-align` for links: the softmaxes of ``cos / temperature`` over either side shall be high where A
    links.

    **Differs:** by default A is what `words.align/statistical` finds in the bitext, and the logarithm of the softmax is
    rewarded. The paper has gold links of other language pairs (`gold`, `gold_text`) or the encoder's own
    (`labels = "self"`), and `reward = "linear"`; its similarities are products. Low-rank adapters, which become part of
    the weights, are an addition: a saved model's encoder is then a whole one, while with houlsby it is the one that was
    there, and only the saved model puts the adapters in.

    Args:
        adapter: Which kind.
        reduction: How many times fewer dimensions an adapter has inside than outside.
        reward: What is rewarded where A links: the logarithm of the softmax, or the softmax itself.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A batch costs about three times its encoding.

    References: wang2022multilingual, houlsby2019parameter, hu2022lora
    """

    adapter: Kind = "houlsby"
    reduction: int = 6
    reward: Reward = "log"
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        ByTuning.__post_init__(self)
        if self.reduction < 1:
            raise ValueError(f"reduction must be at least 1, got {self.reduction}")

    def objective(self, tuned: TunedEncoder, labels: Labels, pairs: Pairs) -> Objective:
        """The loss of the links, by the adapters' weights."""
        network = tuned.network
        trainable(network.model)
        weights = attach(network.model, self.adapter, self.reduction, self.seed)
        batches = pairs.batches(self.batch, self.seed)

        def loss() -> Any:
            batch = pairs.apart(next(batches))
            cosine, there = similarity(batch, states(network, batch), centre=self.centre), both(batch)
            return self_training(cosine, labels.cells(batch, cosine), there, self.temperature, self.reward)

        return loss, weights

    def finish(self, tuned: TunedEncoder) -> None:
        """Low-rank adapters become part of the weights."""
        merge(tuned.network.model)
