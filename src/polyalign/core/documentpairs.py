"""DocumentPairs: which document of one collection goes with which of another, and which stay alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from polyalign.core.jit import F32, I32, frozen


@dataclass(frozen=True, slots=True)
class Alone:
    """A document that goes with none.

    Args:
        document: Its index.
        reason: Why, for people.
    """

    document: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class DocumentPairs:
    """An alignment of two collections: every document is in one pair, or alone with a reason.

    Args:
        src: Source document of each pair, rising, shape (n,).
        tgt: Its target document, shape (n,).
        score: How probable the pair is, from 0 to 1, shape (n,).
        src_alone: Source documents in no pair, rising.
        tgt_alone: Target documents in no pair, rising.

    Raises:
        ValueError: A document that is missing or there twice.

    Example:
        >>> pairs = DocumentPairs([0, 2], [1, 0], [0.9, 0.8], (Alone(1, "empty"),), ())
        >>> len(pairs), pairs.as_dict(), pairs.src_alone[0].reason
        (2, {0: 1, 2: 0}, 'empty')
    """

    src: I32
    tgt: I32
    score: F32
    src_alone: tuple[Alone, ...] = ()
    tgt_alone: tuple[Alone, ...] = ()

    def __post_init__(self) -> None:
        for name, dtype in (("src", np.int32), ("tgt", np.int32), ("score", np.float32)):
            object.__setattr__(self, name, frozen(np.asarray(getattr(self, name), dtype), dtype))
        if not len(self.src) == len(self.tgt) == len(self.score):
            raise ValueError("DocumentPairs: src, tgt and score must have one length")
        if bool((np.diff(self.src) <= 0).any()):
            raise ValueError("DocumentPairs: source documents must rise")
        for side, paired, alone in (("source", self.src, self.src_alone), ("target", self.tgt, self.tgt_alone)):
            every = sorted([*paired.tolist(), *(a.document for a in alone)])
            if every != list(range(len(every))):
                raise ValueError(f"DocumentPairs: each {side} document must be there once, in a pair or alone")

    def __len__(self) -> int:
        return len(self.src)

    def as_dict(self) -> dict[int, int]:
        """The target document of each paired source document."""
        return dict(zip(self.src.tolist(), self.tgt.tolist(), strict=True))
