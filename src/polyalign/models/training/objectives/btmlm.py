"""ERNIE-M's back-translation masked language modelling: translations made up on the way, and read beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.joined import check_share, chosen, joined, mask_token, room_of
from polyalign.models.training.lines import Lines
from polyalign.models.training.objective import Data, Takes
from polyalign.models.training.objectives.camlm import across
from polyalign.models.training.reading import Reader, logits_at


@dataclass(frozen=True, slots=True)
class BTMLM:
    """Tell hidden tokens of a sentence from it and from a translation that the model makes up (back-translation MLM).

    In two stages for each batch of lines x of documents: first as many masks as x has tokens, times ``ratio``, are read
    behind x, each of which sees itself and x, and the likeliest tokens there are taken for a translation y, all at once and
    without gradients. Then ``x y`` is read as one text with tokens of x hidden, ``-mean log p(x_k | rest of x, y)``.

    **Differs:** which language y is of is for the model to say; the paper tells it by embeddings of languages, which models
    such as XLM-R do not have. How long y is the paper does not derive from x. A model that cannot tell tokens from a
    translation yet makes up nonsense: train by `models.objective/camlm` before.

    Args:
        share: Share of the tokens that are hidden.
        ratio: Length of the translation, of the line's.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about four times the reading of its lines and their translations.

    References: ouyang2021erniem
    """

    takes: ClassVar[Takes] = "documents"

    share: float = 0.15
    ratio: float = 1.0

    def __post_init__(self) -> None:
        check_share(self.share)
        if not 0 < self.ratio <= 4:
            raise ValueError(f"ratio must be above 0 and at most 4, got {self.ratio}")

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> BackTranslation:
        """Prepare for a model and data.

        Args:
            made: A masked model.
            data: With documents: those of its language are read, or all if it has none of it.
            batch: Lines of a step.
            length: Most tokens of a line with its translation.
            seed: Of the lines, and of what is hidden.

        Raises:
            ConfigError: The model is a causal one, has no mask token, or there is no room for two sentences.
            DataError: No documents with text.
        """
        name = "btmlm"
        token = mask_token(made, name)
        reader = Reader.of(made, length, name)
        lines = Lines.read(data, batch=batch, seed=seed, name=name)
        return BackTranslation(self, reader, lines, room_of(reader), token, seed)


@dataclass(frozen=True, slots=True, eq=False)
class BackTranslation:
    """The loss of a step."""

    method: BTMLM
    reader: Reader
    lines: Lines
    room: int
    token: int
    seed: int
    modules: ClassVar[Mapping[str, Any]] = {}

    def __call__(self, step: int) -> Any:
        """The cross entropy of a step's hidden tokens, a scalar tensor."""
        import torch

        src = self._ids(step)
        batch = joined(self.reader, src, self.translations(src))
        told = chosen(batch.where(0), self.method.share, generator(self.seed, f"btmlm hide {step}"))
        logits = logits_at(self.reader.made, batch.hidden(told, self.token), told)
        return torch.nn.functional.cross_entropy(logits.float(), batch.tokens[told])

    def tokens(self, step: int) -> int:
        """Tokens of the lines and of their translations, in the second stage."""
        src = self._ids(step)
        return joined(self.reader, src, self._blanks(src)).size

    def translations(self, src: list[list[int]]) -> list[list[int]]:
        """Tokens that the model finds likeliest behind some lines, all at once; marks are none."""
        import torch

        blanks = self._blanks(src)
        batch = joined(self.reader, src, blanks)
        told = batch.where(1)
        with torch.no_grad():
            logits = logits_at(self.reader.made, batch, told, seen=across(batch, told))
        logits[:, self.reader.made.tokenizer.all_special_ids] = -torch.inf
        found = logits.argmax(dim=1).tolist()
        out, at = [], 0
        for row in blanks:
            out.append(found[at : at + len(row)])
            at += len(row)
        return out

    def _ids(self, step: int) -> list[list[int]]:
        return [x for x, _ in self.reader.placed(self.lines.texts(step), room=self.room)]

    def _blanks(self, src: list[list[int]]) -> list[list[int]]:
        return [[self.token] * max(1, min(self.room, round(len(x) * self.method.ratio))) for x in src]
