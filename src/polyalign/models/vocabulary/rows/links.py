"""Rows by word links: what the words that a piece is part of are linked to in a language that the model knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.pieces import segmented
from polyalign.models.vocabulary.rows.evidence import Entry, Evidence
from polyalign.models.vocabulary.rows.method import Mixture, Norm, Side, constituent_weights, filled, sparse, tell


@dataclass(frozen=True, slots=True)
class Links(Mixture):
    """Fill the rows of a new piece with those of the pieces that word links align it to in a language the model knows.

    A lexicon, counted on a bitext that our own aligner has linked, says by what a word of the new language is rendered,
    and how often. A piece that covers a part of a word is linked to those pieces of the known word that cover the same part
    of it, in equal measure. With n(p, q) the links of a new piece p to an old one q, over all words,

        ``e(p) = share mean of constituents + (1 - share) sum_q n(p, q) / n(p) E[q]``.

    A piece without links has its constituents' mean. Evidence: a lexicon.

    Unlike `models.rows/wechsel` it asks what a piece was translated by, not which words have vectors like its own: opposites
    and other words of the same kind are no neighbours, and a bitext of a few thousand sentences is enough.

    **Differs:** from Trans-Tokenization, which has tokens of both languages aligned to each other: here words are, and
    pieces follow by their place in the word; a piece of one word is then linked even if the other is a single piece.

    Args:
        share: How much of a row is its constituents' mean, from 0 to 1; the better the model knows the other language, the less.
        min_share: What share of a word's links a translation needs to count, against stray links.
        min_count: What the links of a translation have to number.
        norm: The length of a new row: its own, parts (the mean length of the rows it is of), or all (of all old rows).

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(entries letters).

    References: remy2024transtokenization
    """

    share: float = 0.0
    min_share: float = 0.05
    min_count: float = 2.0
    norm: Norm = "own"

    def __post_init__(self) -> None:
        for name in ("share", "min_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, found {getattr(self, name)}")
        if not self.min_count >= 0:
            raise ValueError(f"min_count must not be negative, found {self.min_count}")

    def weights(self, base: LanguageModel, change: Change, evidence: Evidence, side: Side) -> Any:
        """By links, shape (k, v).

        Raises:
            DataError: There is no lexicon.
        """
        from scipy.sparse import csr_array

        if not evidence.lexicon:
            raise DataError(
                "models.rows/links: found no lexicon, expected words of the new language and what they are linked to; "
                "make one with `polyalign lexicon`, or use models.rows/constituents"
            )
        size = len(base.model.get_input_embeddings().weight)
        linked = _linked(base.tokenizer, change, self._frequent(evidence.lexicon), size)
        if side != "output":
            tell("models.rows/links", linked)
        return csr_array(self.share * constituent_weights(change, size) + (1 - self.share) * filled(linked, change))

    def _frequent(self, lexicon: Sequence[Entry]) -> list[Entry]:
        total: dict[str, float] = defaultdict(float)
        for entry in lexicon:
            total[entry.new] += entry.links
        return [e for e in lexicon if e.links >= max(self.min_count, self.min_share * total[e.new])]


def _linked(old: Any, change: Change, lexicon: list[Entry], size: int) -> Any:
    place = {int(piece): k for k, piece in enumerate(change.new)}
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    new_ids = segmented(change.tokenizer, [e.new for e in lexicon])
    known_ids = segmented(old, [e.known for e in lexicon])
    for entry, ours, theirs in zip(lexicon, new_ids, known_ids, strict=True):
        for i, piece in enumerate(ours):
            k = place.get(piece)
            if k is None or not theirs:
                continue
            # Pieces of equal length as parts of the words: [i, i + 1) / len(ours) and [j, j + 1) / len(theirs).
            n, m = len(ours), len(theirs)
            for j in range(i * m // n, min(m, -(-(i + 1) * m // n))):
                rows.append(k)
                columns.append(theirs[j])
                values.append(entry.links * (min((i + 1) * m, (j + 1) * n) - max(i * m, j * n)) / m)
    return sparse(
        np.array(values, np.float64), np.array(rows, np.int64), np.array(columns, np.int64), (len(change.new), size)
    )
