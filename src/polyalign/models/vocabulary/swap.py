"""One model's vocabulary for another's: an extended model brought back to its base's pieces, and extended again."""

from __future__ import annotations

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.models.language_model import LanguageModel, with_rows


def swapped(made: LanguageModel, other: LanguageModel) -> LanguageModel:
    """Give a model the vocabulary of another of its kind: the rows of pieces that both have as they are in this one.

    An extended and trained model with its base as the other has the base's vocabulary again, its rows as trained; that one
    with the extended model as the other has the new pieces again, with the rows that they had there. There and back changes
    nothing.

    Args:
        made: The model, which is changed.
        other: The model whose tokenizer it gets, and the rows, and the head's bias, of what this one has no piece for.

    Raises:
        ConfigError: The two have not the same number of matrices of the same width, or no piece in common.
    """
    import torch

    own, rows = made.matrices(), other.matrices()
    shapes = [m.shape for m in own], [m.shape for m in rows]
    if len(own) != len(rows) or own[0].shape[1] != rows[0].shape[1]:
        raise ConfigError(
            f"{other.name}: its embeddings and head are {shapes[1]}, those of {made.name} {shapes[0]}, expected as many of the same width; "
            "name a model of the same kind"
        )
    here, there = made.tokenizer.get_vocab(), other.tokenizer.get_vocab()
    both = [text for text in there if text in here]
    if not both:
        raise ConfigError(
            f"{other.name}: has no piece in common with {made.name}, expected many; name a model of the same kind"
        )
    from_, to = (np.array([table[text] for text in both], np.int64) for table in (here, there))
    for mine, theirs in zip(own, rows, strict=True):
        theirs[to] = mine[from_]
    theirs_bias = getattr(other.model.get_output_embeddings(), "bias", None)
    out = with_rows(made, other.tokenizer, rows)
    alone = [number for text, number in there.items() if text not in here]
    if theirs_bias is not None and alone:
        with torch.no_grad():
            bias = out.model.get_output_embeddings().bias
            bias[alone] = theirs_bias[alone].to(bias)
    return out
