"""Rows by constituents: the mean of what the old tokenizer makes of a piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import Evidence
from polyalign.models.vocabulary.rows.method import Mixture, Side, constituent_weights


@dataclass(frozen=True, slots=True)
class Constituents(Mixture):
    """Fill the rows of a new piece with the mean of those of the pieces that the old tokenizer makes of it.

    ``e(piece) = 1/n sum_i E[q_i]``, where ``q_1 .. q_n`` is the piece as the old tokenizer segments it. Needs nothing but
    the model: the default. To a model the mean of rows is much like the pieces said at once, and the head, asked for the new
    piece, gives the mean of their scores.

    The preset zip-tie is how Bailong starts: it joins the rows of the bytes that Llama 2 writes a Chinese character with,
    which are its constituents. The exact weights are not told in what we could check; equal ones are taken.

    Args:
        norm: The length of a new row: its own, parts (the mean length of its constituents), or all (of all old rows).

    Complexity: O(k n d) for k new pieces of n constituents.

    References: gee2022fast, chen2024bailong
    """

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """Equal parts of the constituents, shape (k, v)."""
        return constituent_weights(change, len(base.model.get_input_embeddings().weight))
