"""Masked language modelling of one text or of a pair: pieces are hidden, and the encoder has to say which they were."""

from __future__ import annotations

from typing import Any

import numpy as np

from polyalign.core.jit import I64
from polyalign.encoders.torch_run import Network
from polyalign.words.tuned.training import Batch, Pairs

#: Share of the pieces that are to be told; of those, how many are hidden, and how many are another piece.
TOLD, HIDDEN, OTHER = 0.15, 0.8, 0.1


class Masked:
    """What tells hidden pieces from the last layer's states.

    The pieces to choose from are those that occur in the text: the softmax over a quarter of a million pieces would cost
    more than the encoder. A state h becomes ``norm(W h + b) E'`` plus a bias a piece, E being the pieces' embeddings,
    which stay as they are, and W the identity at first.

    Args:
        network: The whole transformer.
        pairs: The text.
        random: What is hidden.
    """

    def __init__(self, network: Network, pairs: Pairs, random: np.random.Generator) -> None:
        import torch

        self.network, self.random = network, random
        ids = np.unique(np.concatenate([side.ids[k] for side in (pairs.src, pairs.tgt) for k in pairs.use]))
        self.pieces: I64 = ids.astype(np.int64)
        embeddings = network.model.get_input_embeddings().weight.detach()
        self.embeddings = embeddings[torch.from_numpy(self.pieces).to(embeddings.device)]
        d, e = network.dim, self.embeddings.shape[1]
        self.transform = torch.nn.Linear(d, e)
        torch.nn.init.eye_(self.transform.weight)
        torch.nn.init.zeros_(self.transform.bias)
        self.norm = torch.nn.LayerNorm(e)
        self.bias = torch.nn.Parameter(torch.zeros(len(self.pieces)))
        for part in (self.transform, self.norm):
            part.to(embeddings.device)
        self.bias.data = self.bias.data.to(embeddings.device)

    @property
    def weights(self) -> list[Any]:
        """What is learned besides the transformer."""
        return [*self.transform.parameters(), *self.norm.parameters(), self.bias]

    def loss(self, batch: Batch, sides: tuple[str, ...]) -> Any:
        """Cross entropy of the pieces that were hidden in some sides of a batch.

        Args:
            batch: Texts, or pairs read together.
            sides: ``src``, ``tgt`` or both.

        References: devlin2019bert, conneau2019cross
        """
        import torch

        tokens, told = hide(self.network, batch, sides, self.pieces, self.random)
        hidden = self.network.model(input_ids=tokens, attention_mask=batch.mask).last_hidden_state[told]
        right = torch.from_numpy(np.searchsorted(self.pieces, batch.tokens[told].cpu().numpy())).to(tokens.device)
        logits = self.norm(self.transform(hidden)) @ self.embeddings.T + self.bias
        return torch.nn.functional.cross_entropy(logits, right)


def mask_of(network: Network) -> int:
    """The token that hides a piece; the one for unknown pieces where there is no other."""
    tokenizer = network.tokenizer
    found = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    return int(found or 0)


def hide(
    network: Network, batch: Batch, sides: tuple[str, ...], pieces: I64, random: np.random.Generator
) -> tuple[Any, Any]:
    """Hide pieces of words: the tokens with some hidden, and which are to be told, one at least, both of shape (r, t)."""
    import torch

    of_words = np.zeros(tuple(batch.tokens.shape), np.bool_)
    for side in sides:
        rows = getattr(batch, side)
        of_words[rows.read] |= rows.share.cpu().numpy().any(axis=1)
    at = np.argwhere(of_words)
    chosen = at[random.random(len(at)) < TOLD]
    if not len(chosen):
        chosen = at[[random.integers(len(at))]]
    told = np.zeros_like(of_words)
    told[tuple(chosen.T)] = True
    fate = random.random(len(chosen))
    tokens = batch.tokens.cpu().numpy().copy()
    tokens[tuple(chosen[fate < HIDDEN].T)] = mask_of(network)
    other = chosen[fate >= 1 - OTHER]
    tokens[tuple(other.T)] = random.choice(pieces, len(other))
    device = batch.tokens.device
    return torch.from_numpy(tokens).to(device), torch.from_numpy(told).to(device)
