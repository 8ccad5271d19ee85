"""Language neurons: which neurons of a causal model's feed-forward layers answer to one language, to some or to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import F64, I64, Mask
from polyalign.core.progress import track
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.hidden_states import HiddenStates
from polyalign.encoders.layers import network_of

#: Where a feed-forward block holds what goes through its activation, in models of several makers.
_GATES = ("gate_proj", "w1", "fc_in", "c_fc", "dense_h_to_4h", "fc1")
#: Bounds and width of the bisection for the finer method's penalty.
_MOST, _WIDTH = 0.2, 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Language neurons.

    Args:
        active: Of which languages each neuron taken is, shape (languages, neurons); of none for most neurons.
        often: In which languages each neuron's share is above the bar, taken or not, shape (languages, neurons).
        entropy: How evenly each neuron answers to the languages, in nats, shape (neurons,).
        penalty: The finer method's weight of how often a neuron is active; 0 for LAPE.
    """

    active: Mask
    often: Mask
    entropy: F64
    penalty: float

    @property
    def specific(self) -> Mask:
        """Neurons of one language, shape (neurons,)."""
        return np.asarray(self.active.sum(axis=0) == 1, np.bool_)

    @property
    def related(self) -> Mask:
        """Neurons of several languages but not of all, shape (neurons,)."""
        count = self.active.sum(axis=0)
        return np.asarray((count > 1) & (count < len(self.active)), np.bool_)

    @property
    def agnostic(self) -> Mask:
        """Neurons that are often active in all languages, which few are that were taken, shape (neurons,)."""
        return np.asarray(self.often.all(axis=0), np.bool_)


@dataclass(frozen=True, slots=True)
class Neurons:
    """Find the neurons that are active in some languages and not in others.

    With ``P_l`` the share of a language's tokens for which a neuron is active and H the entropy of P over the languages,
    scaled to sum to 1: of the neurons that in some language are active more often than ``bar`` of all shares, LAPE takes
    the ``top`` with the least H. The finer method takes those with the least ``H / log L - w max_l P_l / c``, c being
    ``1/L sum_k 1/k``, and the greatest w up to 0.2 for which no neuron taken is one of all languages. A neuron taken is
    of every language in which its share is above the bar.

    **Differs:** the finer paper counts activations in a model's answers only; here they are those of the text given.

    Args:
        method: lape, or finer.
        top: Share of all neurons that is taken.
        bar: Quantile of the shares of all neurons and languages above which a neuron is one of a language.

    Raises:
        ValueError: A number is out of range.

    References: tang2024language, zhang2025alignment

    Example:
        >>> rates = np.array([[0.9, 0.1, 0.5, 0.5], [0.0, 0.1, 0.5, 0.5]])
        >>> Neurons(top=0.25, bar=0.8).find(rates).active.tolist()
        [[True, False, False, False], [False, False, False, False]]
    """

    method: Literal["lape", "finer"] = "lape"
    top: float = 0.01
    bar: float = 0.95

    def __post_init__(self) -> None:
        for name in ("top", "bar"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be between 0 and 1, found {getattr(self, name)}")

    def find(self, rates: F64) -> Found:
        """Find the neurons of each language.

        Args:
            rates: How often each neuron is active in each language, as `activation_rates` counts them, from 0 to 1,
                shape (languages, neurons).

        Returns:
            Of which languages each neuron is.

        Raises:
            DataError: Fewer than two languages, too few neurons to take one, or shares that are not from 0 to 1.

        Complexity: O(L N log N) for L languages and N neurons.
        """
        p = np.asarray(rates, np.float64)
        if p.ndim != 2 or len(p) < 2 or not ((p >= 0) & (p <= 1)).all() or round(self.top * p.shape[1]) < 1:
            raise DataError(
                f"evaluate/neurons: found shares of shape {p.shape} from {p.min(initial=0)} to {p.max(initial=0)}, expected those "
                f"of two languages at least, from 0 to 1, of so many neurons that {self.top:g} of them are one; count them with "
                "activation_rates"
            )
        total = p.sum(axis=0)
        scaled = p / np.where(total > 0, total, 1)
        entropy = -(scaled * np.log(np.where(scaled > 0, scaled, 1))).sum(axis=0)
        bar = float(np.quantile(p, self.bar))
        above = p > bar
        able = above.any(axis=0)
        count = min(round(self.top * p.shape[1]), int(able.sum()))
        if self.method == "lape":
            return Found(above & _least(np.where(able, entropy, np.inf), count), above, entropy, 0.0)
        often = p.max(axis=0) / (1 / np.arange(1, len(p) + 1)).mean()

        def taken(penalty: float) -> Mask:
            return _least(np.where(able, entropy / np.log(len(p)) - penalty * often, np.inf), count)

        low, high = 0.0, _MOST
        if not (taken(high) & above.all(axis=0)).any():
            low = high
        while high - low > _WIDTH:
            middle = (low + high) / 2
            if (taken(middle) & above.all(axis=0)).any():
                high = middle
            else:
                low = middle
        return Found(above & taken(low), above, entropy, low)


def activation_rates(encoder: Encoder, texts: Sequence[str]) -> F64:
    """How often each neuron of a model's feed-forward layers is active, its gate above 0, over all tokens of some texts.

    Args:
        encoder: A causal model, or a transformer whose feed-forward blocks are named ``mlp``.
        texts: Texts of one language, as many as there are: shares of rare neurons need many tokens.

    Returns:
        Shares, neurons of the lowest layer first, shape (layers, neurons of a layer).

    Raises:
        ConfigError: The encoder is no such model.
        DataError: The texts have no token.

    Complexity: One forward pass.

    References: tang2024language
    """
    if not isinstance(encoder, HiddenStates):
        raise ConfigError(
            f"{encoder.key}: has no feed-forward layers to look into, expected a causal model or a transformer"
        )
    network = network_of(encoder, drop_sink=False)
    gates = _gates(network.model)
    if not gates:
        raise ConfigError(
            f"{encoder.key}: found no module named mlp with a part named {', '.join(_GATES)}, expected one a layer; models of "
            "this make are not known here"
        )
    counts: dict[int, I64] = {}
    mask: list[Any] = []

    def count(layer: int) -> Any:
        def hook(_module: Any, _given: Any, out: Any) -> None:
            # Padding is no token.
            said = (out > 0) & mask[-1][..., None].bool()
            counts[layer] = counts.get(layer, 0) + said.sum(dim=(0, 1)).cpu().numpy().astype(np.int64)

        return hook

    def remember(_module: Any, _given: Any, named: dict[str, Any]) -> None:
        mask[:] = [named["attention_mask"]]

    handles = [gate.register_forward_hook(count(layer)) for layer, gate in enumerate(gates)]
    handles.append(network.model.register_forward_pre_hook(remember, with_kwargs=True))
    tokens = 0
    try:
        pieces = network.pieces(texts, encoder.prefix)
        windows = network.windows(pieces)
        with track("neurons", total=len(windows), unit="texts") as progress:
            for members, _, given in network._batches(pieces, windows, [None]):
                tokens += int(given.sum())
                progress.advance(len(members))
    finally:
        for handle in handles:
            handle.remove()
    if not tokens:
        raise DataError(
            f"evaluate/neurons: found no token in {len(texts)} texts, expected some; give texts that are not empty"
        )
    return np.stack([counts[layer] for layer in range(len(gates))]) / tokens


def _gates(model: Any) -> list[Any]:
    """The module of each layer whose output goes through the activation, which is above 0 where that is."""
    blocks = [module for name, module in model.named_modules() if name.split(".")[-1] == "mlp"]
    found = [next((getattr(b, g) for g in _GATES if hasattr(b, g)), None) for b in blocks]
    return [] if any(gate is None for gate in found) else found


def _least(scores: F64, count: int) -> Mask:
    """The items with the least scores, the first of equals."""
    out = np.zeros(len(scores), np.bool_)
    out[np.argsort(scores, kind="stable")[:count]] = True
    return out
