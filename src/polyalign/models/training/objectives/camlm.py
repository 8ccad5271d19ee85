"""ERNIE-M's cross-attention masked language modelling: hidden tokens told from the translation alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.joined import Joined, JoinedPairs, check_share, chosen
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.reading import logits_at


@dataclass(frozen=True, slots=True)
class CAMLM:
    """Tell hidden tokens of a sentence from its translation alone (cross-attention masked language modelling).

    A pair is read as one text in which some tokens of both sides are hidden. A hidden token sees itself and the other
    side's tokens that are not hidden; all others see those of their own side that are not hidden. So nothing of a
    sentence reaches its own hidden tokens, by no way round. The loss is ``-mean log p(x_k | y)``.

    **Differs:** hidden tokens are all replaced by the mask, none by another token or by itself, which a hidden token could
    see. The paper trains from XLM-R, with masked and translation language modelling beside: `models.objective/mlm`, `/tlm`.

    Args:
        share: Share of the tokens that are hidden.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the reading of its pairs, and O(hidden tokens x v x d).

    References: ouyang2021erniem, conneau2019cross
    """

    takes: ClassVar[Takes] = "bitext"

    share: float = 0.15

    def __post_init__(self) -> None:
        check_share(self.share)

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> CrossAttention:
        """Prepare for a model and data.

        Args:
            made: A masked model.
            data: With bitexts.
            batch: Pairs of a step.
            length: Most tokens of a pair.
            seed: Of the batches, and of what is hidden.

        Raises:
            ConfigError: The model is a causal one, has no mask token, or there is no room for two sentences.
            DataError: Fewer than two pairs with text on both sides.
        """
        pairs = JoinedPairs.read(made, data, "camlm", batch=batch, length=length, seed=seed)
        return CrossAttention(self, made, pairs, seed)


@dataclass(frozen=True, slots=True, eq=False)
class CrossAttention:
    """The loss of a step."""

    method: CAMLM
    made: LanguageModel
    pairs: JoinedPairs
    seed: int
    modules: ClassVar[Mapping[str, Any]] = {}

    def __call__(self, step: int) -> Any:
        """The cross entropy of a step's hidden tokens, a scalar tensor."""
        import torch

        batch = self.pairs(step)
        told = chosen(batch.own > 0, self.method.share, generator(self.seed, f"camlm hide {step}"))
        logits = logits_at(self.made, batch.hidden(told, self.pairs.token), told, seen=across(batch, told))
        return torch.nn.functional.cross_entropy(logits.float(), batch.tokens[told])

    def tokens(self, step: int) -> int:
        """Tokens of the pairs."""
        return self.pairs(step).size


def across(batch: Joined, told: Any) -> Any:
    """Which position sees which if hidden ones are told from the other side alone, shape (b, t, t).

    Args:
        batch: Pairs.
        told: Which positions are hidden, shape (b, t).
    """
    import torch

    open_ = (batch.mask > 0) & ~told
    same = batch.side[:, :, None] == batch.side[:, None, :]
    seen = open_[:, None, :] & torch.where(told[:, :, None], ~same, same)
    # Each sees itself; padding too, since a row without anything to see has no softmax.
    return seen | torch.eye(batch.tokens.shape[1], dtype=torch.bool, device=batch.tokens.device)
