"""Bottleneck adapters: a narrow way beside each layer is trained, the model stays as it is."""

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
class Bottleneck:
    """Train a narrow way after each layer, and with ``invertible`` one of the embeddings; the model stays as it is (MAD-X).

    After each layer, ``h -> h + U f(D n(h))`` with D to a middle ``reduction`` times narrower, U back, and n dividing by
    the root of the mean square. U is 0 at first, so that the model begins as it was. With the preset ``pfeiffer2020madx``
    these are language adapters, invertible ones included; with a reduction of 16, task adapters to be stacked on them.
    What is trained is an artefact of its own, `Adapters`, to be saved, swapped and stacked.

    **Differs:** the adapters come after a layer's end, where its feed-forward part is added, in any transformer; the
    paper's are for post-norm models, whose states need no n.

    Args:
        reduction: How many times narrower than the states the middle is.
        invertible: The same for the invertible adapters of the embeddings, of half a vector; 0 for none.
        activation: f.
        seed: Of the first weights of D.

    Raises:
        ValueError: A parameter out of range.

    Complexity: 2 d^2 / reduction weights a layer.

    References: houlsby2019parameter, pfeiffer2020madx, dinh2015nice
    """

    reduction: int = 16
    invertible: int = 0
    activation: Activation = "relu"
    seed: int = 1

    def __post_init__(self) -> None:
        check(self.reduction)
        if self.invertible:
            check(self.invertible, name="invertible")

    def attach(self, made: LanguageModel, *, new: I32 | None = None) -> Attached:
        """Put new adapters on a model, to be trained.

        Args:
            made: The model.
            new: Numbers of pieces that the model did not have: their rows, which are the model's, are trained as well.

        Raises:
            ConfigError: The model's layers are not one list, or it has adapters already.
        """
        config = text_config(made.model.config)
        size = int(config.hidden_size), int(config.num_hidden_layers)
        return trained(made, Shape(*size, self.reduction, self.invertible, self.activation), seed=self.seed, new=new)
