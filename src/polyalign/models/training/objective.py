"""What a training objective is, and what it learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.models.language_model import LanguageModel

#: What an objective learns from: documents, sentence pairs, or those with links of their words.
Takes = Literal["documents", "bitext", "links"]


@dataclass(frozen=True, slots=True)
class Parallel:
    """A bitext with its languages and, if its words were aligned, their links.

    Args:
        src_lang: Language of the source side, ``deu_Latn``.
        tgt_lang: Language of the target side.
        bitext: The pairs; words are what stands between spaces.
        links: A set of links a pair.
    """

    src_lang: str
    tgt_lang: str
    bitext: Bitext
    links: Links | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """What a model learns from.

    Args:
        documents: Documents by language.
        parallel: Bitexts.
        lang: The language that is new to the model; the others are replayed.
    """

    documents: Mapping[str, Sequence[str]] = field(default_factory=dict)
    parallel: Sequence[Parallel] = ()
    lang: str = "und"


class Loss(Protocol):
    """An objective for a model and data: the loss of any step, which depends on the step and the seed alone."""

    @property
    def modules(self) -> Mapping[str, Any]:
        """Further modules that are trained, by name, such as a head; kept in checkpoints, and left behind afterwards."""

    def __call__(self, step: int) -> Any:
        """The loss of a step, a scalar tensor with gradients."""

    def tokens(self, step: int) -> int:
        """How many tokens the model reads in that step."""


class Objective(Protocol):
    """A frozen dataclass of an objective's parameters."""

    takes: ClassVar[Takes]

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Prepare for a model and data.

        Args:
            made: The model, whose module the losses are computed with at each call (it may be wrapped, or have adapters).
            data: What to learn from.
            batch: Rows of a step: blocks of tokens, or pairs.
            length: Most tokens of a row.
            seed: Of whatever is drawn.

        Raises:
            ConfigError: The model is not of the kind that the objective needs.
            DataError: The data lacks what it needs.
        """
