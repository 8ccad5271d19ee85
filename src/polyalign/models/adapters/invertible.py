"""Invertible adapters: a change of the embeddings that the head undoes is trained, the model stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

from polyalign.core.jit import I32
from polyalign.encoders.adapters.artefact import Shape
from polyalign.encoders.adapters.blocks import Activation, check
from polyalign.encoders.torch_load import text_config
from polyalign.models.adapters.trained import trained
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.weights.attached import Attached


@dataclass(frozen=True, slots=True)
class Invertible:
    """Train an invertible change of the embeddings, which is undone before the head; the model stays as it is.

    Of the halves a and b of an embedding, ``a -> a + F(b)``, then ``b -> b + G(a)``, F and G each through a narrower middle;
    before the head ``b -> b - G(a)``, then ``a -> a - F(b)``. F and G are 0 at first. So a language gets embeddings of its
    own for all pieces with few weights, tied to the head as the model's are.

    **Differs:** the change is of the pieces' embeddings themselves; in MAD-X, of what positions are added to and normalised.

    Args:
        reduction: How many times narrower than half a vector the middle of F and G is.
        activation: Of F and G.
        seed: Of their first weights.

    Raises:
        ValueError: A parameter out of range.

    Complexity: d^2 / reduction weights.

    References: pfeiffer2020madx, dinh2015nice
    """

    reduction: int = 2
    activation: Activation = "relu"
    seed: int = 1

    def __post_init__(self) -> None:
        check(self.reduction)

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Put a new adapter on a model, to be trained.

        Args:
            made: The model.
            new: Numbers of pieces that the model did not have: their rows, which are the model's, are trained as well.

        Raises:
            ConfigError: The model's states have an odd number of dimensions, or it has adapters already.
        """
        config = text_config(made.model.config)
        shape = Shape(int(config.hidden_size), int(config.num_hidden_layers), 0, self.reduction, self.activation)
        return trained(made, shape, seed=self.seed, new=new)
