"""XLM-Align's denoising word alignment: hidden tokens have to point at what the model itself aligned them with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from polyalign.core.rng import generator
from polyalign.encoders.adapters.layers import body_of
from polyalign.encoders.torch_load import text_config
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.joined import Joined, JoinedPairs, check_share, chosen
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.reading import states

#: What a similarity is at least where mass is carried by it.
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class DenoisingAlignment:
    """Align tokens of a pair by optimal transport, then have hidden ones point at their counterparts (XLM-Align's DWA).

    In turns for each batch of pairs, read as one text: without gradients, the cosines of both sides' states, at least
    0.000001, have their columns and rows scaled to sum to 1 for some rounds (entropic transport), and what is each other's
    greatest is linked. Then some tokens of one side are hidden, and a pointer over the other side's tokens,
    ``softmax_j((W h_i) . (V h_j) / sqrt(d))``, is to point from each hidden token to its link; ``-mean log p``.

    **Differs:** cosines take the place of products, and W and V start as the identity; they are left behind. The paper's
    masked and translation language modelling beside it are `models.objective/mlm` and `/tlm`. To tune an encoder for
    aligning words there is `words.align/xlm-align`, whose labels can be our links.

    Args:
        layer: Whose states are aligned; none for the last.
        rounds: How often columns and rows are scaled; 0 for not at all.
        share: Share of the tokens of the side that are hidden.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about four times the reading of its pairs, and O(n m d) a pair.

    References: chi2021improving, cuturi2013sinkhorn
    """

    takes: ClassVar[Takes] = "bitext"

    layer: int | None = None
    rounds: int = 2
    share: float = 0.15

    def __post_init__(self) -> None:
        if self.layer is not None and self.layer < 0:
            raise ValueError(f"layer must not be negative, got {self.layer}; 0 is the embeddings")
        if self.rounds < 0:
            raise ValueError(f"rounds must not be negative, got {self.rounds}")
        check_share(self.share)

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Pointing:
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
        import torch

        pairs = JoinedPairs.read(made, data, "dwa", batch=batch, length=length, seed=seed, layer=self.layer)
        width = int(text_config(made.model.config).hidden_size)
        ask, answer = (torch.nn.Linear(width, width, bias=False) for _ in range(2))
        for part in (ask, answer):
            torch.nn.init.eye_(part.weight)
        pointer = torch.nn.ModuleDict({"ask": ask, "answer": answer})
        return Pointing(self, made, pairs, seed, {"pointer": pointer.to(made.device)})


@dataclass(frozen=True, slots=True, eq=False)
class Pointing:
    """The loss of a step."""

    method: DenoisingAlignment
    made: LanguageModel
    pairs: JoinedPairs
    seed: int
    modules: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, step: int) -> Any:
        """The pointers' cross entropy, a scalar tensor; 0 if no hidden token has a link."""
        import torch

        random = generator(self.seed, f"dwa hide {step}")
        batch, side = self.pairs(step), int(random.integers(2))
        told = chosen(batch.where(side), self.method.share, random)
        links = self.links(batch)
        # From the hidden side to the other.
        right = links if side == 0 else links.transpose(1, 2)
        body, pointer = body_of(self.made.model), self.modules["pointer"]
        layers = int(text_config(body.config).num_hidden_layers)
        hidden = states(body, batch.hidden(told, self.pairs.token), [layers])[0].float()
        scores = pointer["ask"](hidden) @ pointer["answer"](hidden).transpose(1, 2) / hidden.shape[2] ** 0.5
        scores = scores.masked_fill(~batch.where(1 - side)[:, None, :], -torch.inf)
        asked = told & right.any(dim=2)
        if not bool(asked.any()):
            return hidden.sum() * 0
        return torch.nn.functional.cross_entropy(scores[asked], right[asked].float().argmax(dim=1))

    def tokens(self, step: int) -> int:
        """Tokens of the pairs."""
        return self.pairs(step).size

    def links(self, batch: Joined) -> Any:
        """Which source token the model links with which target token, each with one at most, shape (b, t, t)."""
        import torch

        body = body_of(self.made.model)
        deep = int(text_config(body.config).num_hidden_layers) if self.method.layer is None else self.method.layer
        with torch.no_grad():
            x = torch.nn.functional.normalize(states(body, batch, [deep])[0].float(), dim=2)
        return mutual(
            x @ x.transpose(1, 2), batch.where(0)[:, :, None] & batch.where(1)[:, None, :], self.method.rounds
        )


def mutual(cosine: Any, there: Any, rounds: int) -> Any:
    """Rows and columns that are each other's greatest in the plan of transport, shape (b, n, m).

    Args:
        cosine: Similarities, shape (b, n, m).
        there: Which cells there are.
        rounds: How often columns and rows are scaled to sum to 1.

    References: cuturi2013sinkhorn

    Example:
        >>> import torch
        >>> cosine = torch.tensor([[[0.9, 0.8], [0.8, -0.1]]])
        >>> mutual(cosine, torch.ones(1, 2, 2, dtype=torch.bool), 50).int().tolist()
        [[[0, 1], [1, 0]]]
    """
    mass = cosine.clamp(min=LEAST) * there
    for _ in range(rounds):
        mass = mass / mass.sum(dim=1, keepdim=True).clamp(min=1e-30)
        mass = mass / mass.sum(dim=2, keepdim=True).clamp(min=1e-30)
    rows, columns = (mass.argmax(dim=d, keepdim=True) for d in (2, 1))
    out = there.new_zeros(there.shape)
    return out.scatter(2, rows, True) & out.scatter(1, columns, True) & there
