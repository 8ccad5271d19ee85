"""The modules that adapters are made of; new ones change nothing."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

Activation: TypeAlias = Literal["relu", "gelu", "silu"]


def bottleneck(width: int, reduction: int, activation: Activation) -> Any:
    """``h -> h + U f(D n(h))``, n dividing by the root of the mean square, U being 0 at first.

    Args:
        width: Of the states.
        reduction: How many times narrower the middle is.
        activation: f.
    """
    import torch

    class Bottleneck(torch.nn.Module):
        """A narrow way beside the states."""

        def __init__(self) -> None:
            super().__init__()
            self.way = narrow(width, width, reduction, activation)

        def forward(self, hidden: Any) -> Any:
            # States of pre-norm models grow from layer to layer, and those of attention sinks a thousandfold.
            scale = hidden.float().square().mean(dim=-1, keepdim=True).add(1e-6).rsqrt()
            return hidden + self.way((hidden * scale).to(hidden.dtype))

    return Bottleneck()


def coupling(width: int, reduction: int, activation: Activation) -> Any:
    """Two additive coupling layers, ``a -> a + F(b)``, ``b -> b + G(a)`` for the halves of a vector, with their inverse.

    Args:
        width: Of the vectors, even.
        reduction: How many times narrower than a half the middle of F and G is.
        activation: Of F and G, which are 0 at first.

    References: dinh2015nice
    """
    import torch

    class Coupling(torch.nn.Module):
        """An invertible change of vectors."""

        def __init__(self) -> None:
            super().__init__()
            half = width // 2
            self.f = narrow(half, half, reduction, activation)
            self.g = narrow(half, half, reduction, activation)

        def forward(self, x: Any) -> Any:
            a, b = x.chunk(2, dim=-1)
            a = a + self.f(b)
            return torch.cat([a, b + self.g(a)], dim=-1)

        def inverse(self, y: Any) -> Any:
            """The vectors whose image these are."""
            a, b = y.chunk(2, dim=-1)
            b = b - self.g(a)
            return torch.cat([a - self.f(b), b], dim=-1)

    return Coupling()


def narrow(width: int, out: int, reduction: int, activation: Activation) -> Any:
    """``x -> U f(D x)`` through a narrower middle, U being 0 at first."""
    import torch

    middle = max(1, width // reduction)
    kinds = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "silu": torch.nn.SiLU}
    down, up = torch.nn.Linear(width, middle), torch.nn.Linear(middle, out)
    torch.nn.init.normal_(down.weight, std=0.02)
    for weight in (down.bias, up.weight, up.bias):
        torch.nn.init.zeros_(weight)
    return torch.nn.Sequential(down, kinds[activation](), up)


def check(reduction: int, *, name: str = "reduction") -> None:
    """Refuse what cannot be a reduction.

    Raises:
        ValueError: It is below 1.
    """
    if reduction < 1:
        raise ValueError(f"{name} must be at least 1, got {reduction}")
