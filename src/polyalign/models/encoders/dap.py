"""DAP: translation ranking, and the translation's tokens told from the sentence's states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError
from polyalign.encoders.contrast import infonce
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.tune import Model, model_of
from polyalign.models.encoders.method import Tuning, above, at_least
from polyalign.models.encoders.text import Pairs, drawn, pooled
from polyalign.models.encoders.training import steps_of, train
from polyalign.models.training.surroundings import seeded


@dataclass(frozen=True, slots=True)
class DAP(Tuning):
    """Tune an encoder by dual alignment: translation ranking of sentences, and translation learning of their tokens.

    The loss is `Contrastive`'s plus ``reconstruction`` times that of representation translation learning: a further
    transformer reads the states of the source sentence's tokens and as many masks, with positions, as the target sentence
    has tokens, and is to tell each of those, ``-mean log p(y_t | states of x, position t)``. The further transformer is
    thrown away; what it learnt to need, the source's states keep.

    **Differs:** probabilities are over the tokens that occur in the target texts, by the encoder's own embeddings of
    them, which stay as they are. The paper's target is English.

    Args:
        margin: Taken from the cosine of translations.
        temperature: What cosines are divided by.
        reconstruction: Weight of telling the tokens.
        layers: Of the further transformer.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its texts, and O(tokens x kinds of tokens x d).

    References: li2023dual, yang2019improving, feng2022language
    """

    margin: float = 0.0
    temperature: float = 0.05
    reconstruction: float = 1.0
    layers: int = 1

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        above(self, "temperature", "layers")
        at_least(self, 0, "margin", "reconstruction")

    def fit(self, encoder: Encoder, bitext: Bitext, *, work: Path | None = None) -> Model:
        """Tune a copy of an encoder's model; arguments and errors as `Contrastive.fit`.

        Raises:
            ConfigError: The model's token embeddings are of another size than its states.
        """
        import torch

        made = model_of(encoder)
        pairs = Pairs.read(made, bitext, self.max_tokens)
        batches = drawn(pairs.lengths, self.batch, steps_of(self), self.seed, "batches")
        # Of the target's tokens without the prefix, which are no translation of anything.
        words = [x[n:] for x, n in zip(pairs.tgt.ids, pairs.tgt.prefixes, strict=True)]
        kinds = np.unique(np.concatenate(words))
        table = made.network.model.get_input_embeddings().weight
        if table.shape[1] != made.network.dim:
            raise ConfigError(
                f"{encoder.key}: has token embeddings of {table.shape[1]} dimensions and states of {made.network.dim}, "
                "expected as many; choose models.encoder/contrastive"
            )
        with seeded(self.seed):
            config = made.network.model.config
            longest = max(map(len, words))
            head = translator(made.network.dim, config.num_attention_heads, self.layers, longest)
        head.register_buffer("table", table.detach()[torch.from_numpy(kinds.astype(np.int64))], persistent=False)

        def loss(step: int) -> Any:
            rows = batches[step]
            hidden, mask = pairs.src.hidden(rows)
            x, y = pooled(made, hidden, mask), pairs.tgt.vectors(rows)
            out = infonce(x, y, temperature=self.temperature, margin=self.margin, same=pairs.alike(rows))
            if not self.reconstruction:
                return out
            wanted = [np.searchsorted(kinds, words[k]) for k in rows]
            told = head(hidden, mask, [len(w) for w in wanted])
            right = torch.from_numpy(np.concatenate(wanted)).to(told.device)
            return out + self.reconstruction * torch.nn.functional.cross_entropy(told, right)

        data = (t for side in (pairs.src, pairs.tgt) for t in side.texts)
        train(self, encoder, made, loss, data=data, more={"translator": head}, work=work)
        return made


def translator(dim: int, heads: int, layers: int, longest: int) -> Any:
    """The further transformer, as a torch module whose buffer ``table`` is to hold the embeddings of the tokens there are.

    Args:
        dim: Of the states.
        heads: Of its attention.
        layers: How many.
        longest: Most tokens of a target text.
    """
    import torch

    class Translator(torch.nn.Module):
        """States of a text and numbers of tokens to logits of the tokens of its translation."""

        table: Any

        def __init__(self) -> None:
            super().__init__()
            self.mask = torch.nn.Parameter(torch.randn(dim) * 0.02)
            self.place = torch.nn.Embedding(longest, dim)
            layer = torch.nn.TransformerEncoderLayer(
                dim, heads, 4 * dim, dropout=0.0, activation="gelu", batch_first=True
            )
            self.body = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.out = torch.nn.Linear(dim, dim)
            self.norm = torch.nn.LayerNorm(dim)

        def forward(self, hidden: Any, mask: Any, lengths: list[int]) -> Any:
            """Logits of all tokens of the batch, text after text, shape (sum of lengths, kinds)."""
            most = max(lengths)
            at = torch.arange(most, device=hidden.device)
            there = at[None, :] < torch.tensor(lengths, device=hidden.device)[:, None]
            masks = (self.mask + self.place(at)).expand(len(lengths), -1, -1)
            read = torch.cat([hidden, masks], dim=1)
            gone = ~torch.cat([mask.bool(), there], dim=1)
            told = self.body(read, src_key_padding_mask=gone)[:, hidden.shape[1] :][there]
            return self.norm(torch.nn.functional.gelu(self.out(told))) @ self.table.T

    return Translator()
