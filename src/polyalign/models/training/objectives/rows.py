"""The loss of rows of tokens of which some are predicted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyalign.core.errors import ConfigError
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.packing import SKIP, Row


@dataclass(slots=True, eq=False)
class Rows:
    """The mean cross entropy of the tokens that are predicted.

    A causal model predicts a token where it stands from those before it, a masked one from all.

    Args:
        made: The model.
        of: The rows of a step.
        modules: Further modules that are trained.
    """

    made: LanguageModel
    of: Callable[[int], Sequence[Row]]
    modules: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, step: int) -> Any:
        """The loss of a step, a scalar tensor; 0 where nothing is predicted."""
        logits, labels = predicted(self.made, self.of(step))
        return mean_cross_entropy(logits, labels)

    def tokens(self, step: int) -> int:
        """How many tokens the model reads in that step."""
        return sum(len(ids) for ids, _ in self.of(step))


def padded(made: LanguageModel, rows: Sequence[Row]) -> tuple[Any, Any, Any]:
    """Rows as tensors on the model's device: tokens, labels and the mask of tokens, each (b, t); no mask if all are as long."""
    import torch

    longest = max(len(ids) for ids, _ in rows)
    # Nothing attends to padding and nothing is predicted there, so any token will do.
    tokens = torch.full((len(rows), longest), made.tokenizer.pad_token_id or 0, dtype=torch.long)
    labels = torch.full((len(rows), longest), SKIP, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for k, (ids, wanted) in enumerate(rows):
        tokens[k, : len(ids)] = torch.as_tensor(ids)
        labels[k, : len(ids)] = torch.as_tensor(wanted)
        mask[k, : len(ids)] = 1
    device = made.device
    whole = all(len(ids) == longest for ids, _ in rows)
    return tokens.to(device), labels.to(device), None if whole else mask.to(device)


def predicted(made: LanguageModel, rows: Sequence[Row]) -> tuple[Any, Any]:
    """The scores of the tokens that are predicted, shape (n, v), and the tokens, shape (n,)."""
    tokens, labels, mask = padded(made, rows)
    extra = {"use_cache": False} if made.causal else {}
    logits = made.model(input_ids=tokens, attention_mask=mask, **extra).logits
    if made.causal:
        # What stands at a position tells of the token after it.
        logits, labels = logits[:, :-1], labels[:, 1:]
    at = labels != SKIP
    return logits[at], labels[at]


def mean_cross_entropy(logits: Any, labels: Any) -> Any:
    """``-mean log p(label)``; 0 without labels, with a gradient of 0."""
    import torch

    if not len(labels):
        return logits.sum() * 0.0
    return torch.nn.functional.cross_entropy(logits.float(), labels)


def causal_only(made: LanguageModel, objective: str) -> None:
    """Refuse a model that does not predict what comes next.

    Raises:
        ConfigError: It is no causal one.
    """
    if not made.causal:
        raise ConfigError(
            f"{made.name}: found a {type(made.model).__name__}, expected a causal model for {objective}; take mlm, or read the "
            "model as a causal one"
        )


def masked_only(made: LanguageModel, objective: str) -> None:
    """Refuse a model without a mask.

    Raises:
        ConfigError: It is no masked one, or its tokenizer has no mask.
    """
    if made.causal or made.tokenizer.mask_token_id is None:
        raise ConfigError(
            f"{made.name}: found a {type(made.model).__name__} whose mask is {made.tokenizer.mask_token}, expected a masked model "
            f"for {objective}; take causal-lm, or read the model with kind = 'masked'"
        )
