"""Predict what comes next with the help of a smaller model that knows the language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from polyalign.core.errors import ConfigError
from polyalign.core.files import PathText
from polyalign.models.language_model import LanguageModel, read_model
from polyalign.models.training.objective import Data, Loss, Takes
from polyalign.models.training.objectives.rows import causal_only, predicted
from polyalign.models.training.packing import Packs


@dataclass(frozen=True, slots=True)
class Guided:
    """Predict what comes next as a small model does that knows the language, or only where it says that there is more to learn.

    With ``how = "distil"`` the loss is ``(1 - guidance) CE + guidance KL(guide || model)``, the mean over all tokens; end it
    early, as a part of the steps, when the model has learnt what the small one knows. With ``how = "select"`` it is the cross
    entropy of the ``guidance`` share of a step's tokens whose loss exceeds the guide's the most: what neither noise nor the
    guide's own ignorance makes hard.

    **Differs:** in the papers the guide scores all text once beforehand; here it reads each row beside the model.

    Args:
        guide: The small model: its folder, name on the hub or .gguf file; its tokenizer is the model's.
        how: Whether to learn from its probabilities, or on the tokens that it selects.
        guidance: Weight of the guide's probabilities, or share of the tokens that are kept.

    Raises:
        ValueError: Guidance that is not above 0 and at most 1.

    References: rawat2024little, lin2024rho
    """

    takes: ClassVar[Takes] = "documents"

    guide: PathText
    how: Literal["distil", "select"] = "distil"
    guidance: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.guidance <= 1:
            raise ValueError(f"guidance must be above 0 and at most 1, got {self.guidance}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Read the guide and pack the documents.

        Raises:
            ConfigError: A model that is no causal one, or a guide with another tokenizer.
            DataError: No documents.
        """
        causal_only(made, "guided")
        guide = read_model(self.guide)
        if guide.tokenizer.get_vocab() != made.tokenizer.get_vocab():
            raise ConfigError(
                f"{self.guide}: found a guide whose tokenizer is not that of {made.name}, expected the same pieces; extend and train "
                "the guide with the model's tokenizer first"
            )
        for p in guide.model.parameters():
            p.requires_grad_(False)
        guide.model.to(made.device)
        packs = Packs.read(made, data, batch=batch, length=length, seed=seed)
        return _Guided(self, made, guide, packs)


@dataclass(slots=True, eq=False)
class _Guided:
    method: Guided
    made: LanguageModel
    guide: LanguageModel
    packs: Packs
    modules: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, step: int) -> Any:
        import torch

        rows = self.packs.rows(step)
        own, labels = predicted(self.made, rows)
        with torch.no_grad():
            # Rows beyond the tokenizer's pieces are no token's.
            theirs = predicted(self.guide, rows)[0].float()
        size = min(own.shape[1], theirs.shape[1])
        losses = torch.nn.functional.cross_entropy(own.float(), labels, reduction="none")
        if self.method.how == "select":
            excess = losses.detach() - torch.nn.functional.cross_entropy(theirs, labels, reduction="none")
            kept = excess.topk(max(1, round(self.method.guidance * len(labels)))).indices
            return losses[kept].mean()
        target = theirs[:, :size].log_softmax(dim=1)
        apart = torch.nn.functional.kl_div(
            own[:, :size].float().log_softmax(dim=1), target, reduction="batchmean", log_target=True
        )
        return (1 - self.method.guidance) * losses.mean() + self.method.guidance * apart

    def tokens(self, step: int) -> int:
        return sum(len(ids) for ids, _ in self.packs.rows(step))
