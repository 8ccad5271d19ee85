"""A trimmed model given its whole vocabulary back."""

from __future__ import annotations

from polyalign.core.errors import ConfigError
from polyalign.models.language_model import LanguageModel, configurations, numbered
from polyalign.models.vocabulary.swap import swapped


def restored(made: LanguageModel, base: LanguageModel) -> LanguageModel:
    """Give a trimmed model the vocabulary of the model that it was trimmed from.

    Rows of pieces that it has, and their numbers in the head's bias, are its own, as trained since; the others are the base's.

    Args:
        made: The trimmed model, which is changed.
        base: The model before trimming.

    Raises:
        ConfigError: The base is another model: other widths, another head, or it lacks pieces.
    """
    there, here = base.tokenizer.get_vocab(), made.tokenizer.get_vocab()
    if lack := sorted(text for text in here if text not in there):
        raise ConfigError(
            f"{base.name}: lacks {len(lack)} pieces of {made.name}, {lack[0]!r} the first, expected all; "
            "name the model that it was trimmed from"
        )
    out = swapped(made, base)
    for config, before in zip(configurations(out.model), configurations(base.model), strict=True):
        for name in numbered(before):
            setattr(config, name, getattr(before, name))
    return out
