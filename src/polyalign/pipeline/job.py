"""One piece of work of a run, and what passes between pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal[
    "documents",
    "sentences",
    "multiway",
    "bitext",
    "links",
    "lexicon",
    "score",
    "file",
    "vectors",
    "tokenizer",
    "model",
    "maps",
    "proof",
]
Counts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work: a step for one language pair, or for all languages at once.

    Args:
        languages: The project's languages.
        pair: The language pair; None for a step over all languages.
        inputs: The folders of its inputs.
        options: What the step says beside the method's parameters.
        out: The folder to write to.
        use: The method's id.
        new: The language that a model is taught; empty where none is.
    """

    languages: tuple[str, ...]
    pair: tuple[str, str] | None
    inputs: tuple[Path, ...]
    options: Mapping[str, Any]
    out: Path
    use: str = ""
    new: str = ""

    @property
    def langs(self) -> tuple[str, str]:
        """The pair of a step that runs pair by pair."""
        assert self.pair is not None
        return self.pair
