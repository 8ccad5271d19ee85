"""A model that follows another slowly, and the vectors it gave of late (momentum contrast)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from polyalign.core.jit import I64
from polyalign.encoders.torch_run import Network


def follower(network: Network) -> Network:
    """A copy of a network that needs no gradients; embeddings, which are not tuned, are the same tensors."""
    shared = {id(p): p for name, p in network.model.named_parameters() if "embeddings" in name}
    model = copy.deepcopy(network.model, shared)
    for p in model.parameters():
        p.requires_grad_(False)
    return replace(network, model=model)


def follow(behind: Any, ahead: Any, momentum: float) -> None:
    """Move a model's weights towards another's: ``momentum * its own + (1 - momentum) * the other's``."""
    import torch

    with torch.no_grad():
        for own, other in zip(behind.parameters(), ahead.parameters(), strict=True):
            if own is not other:
                own.lerp_(other, 1 - momentum)


def queue(size: int, dim: int, names: Sequence[str]) -> Any:
    """Rings of the last vectors, one by each name: a torch module, so that checkpoints have them."""
    import torch

    class Queue(torch.nn.Module):
        """The last ``size`` vectors of each name, with numbers that say what they are of."""

        def __init__(self) -> None:
            super().__init__()
            for name in names:
                self.register_buffer(f"{name}_vectors", torch.zeros(size, dim))
                self.register_buffer(f"{name}_of", torch.full((size,), -1, dtype=torch.long))
                self.register_buffer(f"{name}_count", torch.zeros((), dtype=torch.long))

        def read(self, name: str) -> tuple[Any, Any]:
            """The vectors that there are, shape (m, d), and what each is of, (m,)."""
            m = min(int(getattr(self, f"{name}_count")), size)
            # A copy: what is put in afterwards must not change what gradients are taken of.
            return getattr(self, f"{name}_vectors")[:m].clone(), getattr(self, f"{name}_of")[:m]

        def add(self, name: str, vectors: Any, of: I64) -> None:
            """Put vectors in, in place of the oldest."""
            with torch.no_grad():
                count = getattr(self, f"{name}_count")
                vectors, of = vectors[-size:], of[-size:]
                at = torch.from_numpy((int(count) + np.arange(len(vectors))) % size).to(vectors.device)
                getattr(self, f"{name}_vectors")[at] = vectors.detach()
                getattr(self, f"{name}_of")[at] = torch.from_numpy(np.asarray(of, np.int64)).to(vectors.device)
                count += len(vectors)

    return Queue()
