"""Predict sentences and their translations, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from polyalign.core.errors import DataError
from polyalign.core.rng import generator
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.mix import Mix, Stream, mix_of
from polyalign.models.training.objective import Data, Loss, Parallel, Takes
from polyalign.models.training.objectives.rows import Rows, causal_only
from polyalign.models.training.packing import Packs


@dataclass(frozen=True, slots=True)
class Bilingual:
    """Predict sentence pairs, each written out as a small document, by causal language modelling.

    Args:
        template: How a pair is written: ``{src}`` and ``{tgt}`` are its sentences, ``{src_lang}`` and ``{tgt_lang}`` the tags of
            their languages.
        direction: Which sentence is ``{src}``: the bitext's source or target, or either by chance.

    Raises:
        ValueError: A template that lacks a sentence or names something else.

    References: li2025rethinking
    """

    takes: ClassVar[Takes] = "bitext"

    template: str = "{src}\n{tgt}"
    direction: Literal["both", "forward", "backward"] = "both"

    def __post_init__(self) -> None:
        try:
            shown = self.template.format(src="\0", tgt="\1", src_lang="", tgt_lang="")
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            shown = ""
        if "\0" not in shown or "\1" not in shown:
            raise ValueError(
                f"template must have {{src}} and {{tgt}}, and may have {{src_lang}} and {{tgt_lang}}, got {self.template!r}"
            )

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Write the pairs out and pack them.

        Raises:
            ConfigError: The model is no causal one.
            DataError: No pairs.
        """
        causal_only(made, "bilingual")
        documents = {}
        for k, some in enumerate(data.parallel):
            documents[f"{some.src_lang}-{some.tgt_lang}/{k}"] = self._written(some, seed)
        return packed_pairs(made, data, documents, "bilingual", batch=batch, length=length, seed=seed)

    def _written(self, some: Parallel, seed: int) -> list[str]:
        forward = {"both": 0.5, "forward": 1.0, "backward": 0.0}[self.direction]
        chance = generator(seed, f"bilingual {some.src_lang} {some.tgt_lang}").random(len(some.bitext))
        out = []
        for x, y, drawn in zip(some.bitext.src, some.bitext.tgt, chance, strict=True):
            if not x.strip() or not y.strip():
                continue
            a, b = (some.src_lang, x), (some.tgt_lang, y)
            (src_lang, src), (tgt_lang, tgt) = (a, b) if drawn < forward else (b, a)
            out.append(self.template.format(src=src, tgt=tgt, src_lang=src_lang, tgt_lang=tgt_lang))
        return out


def packed_pairs(
    made: LanguageModel,
    data: Data,
    documents: Mapping[str, Sequence[str]],
    name: str,
    *,
    batch: int,
    length: int,
    seed: int,
) -> Loss:
    """The loss of documents that bitexts were made into, all of which are taken alike: none is replay.

    Raises:
        DataError: There are none.
    """
    if not any(documents.values()):
        raise DataError(f"{name}: found no pair with text on both sides, expected some; give a bitext")
    mix = mix_of(data, seed=seed)
    alone = Mix(mix.steps, smoothing=mix.smoothing, mark=mix.mark, seed=seed)
    # Of one group all have their shares by size.
    shared = {f"{data.lang}/{source}": some for source, some in documents.items()}
    return Rows(
        made, Packs.read(made, Stream(shared, (), data.lang, alone), batch=batch, length=length, seed=seed).rows
    )
