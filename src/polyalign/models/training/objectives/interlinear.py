"""Predict documents in which each sentence is followed by its translation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data, Loss, Parallel, Takes
from polyalign.models.training.objectives.bilingual import packed_pairs
from polyalign.models.training.objectives.rows import causal_only


@dataclass(frozen=True, slots=True)
class Interlinear:
    """Predict documents whose lines take turns: a sentence, its translation, the next sentence, its translation.

    The documents are those of the bitext: neighbouring pairs with one ``doc``. A bitext without is one document.

    Args:
        direction: Which language has the first line: the bitext's source, its target, or either in turns of documents.

    References: guo2024novel
    """

    takes: ClassVar[Takes] = "bitext"

    direction: Literal["both", "forward", "backward"] = "both"

    def fit(self, made: LanguageModel, data: Data, *, batch: int, length: int, seed: int) -> Loss:
        """Write the documents and pack them.

        Raises:
            ConfigError: The model is no causal one.
            DataError: No pairs.
        """
        causal_only(made, "interlinear")
        documents = {f"{p.src_lang}-{p.tgt_lang}/{k}": self.written(p) for k, p in enumerate(data.parallel)}
        return packed_pairs(made, data, documents, "interlinear", batch=batch, length=length, seed=seed)

    def written(self, some: Parallel) -> list[str]:
        r"""The documents of a bitext, with lines that take turns.

        Example:
            >>> from polyalign.core.bitext import Bitext
            >>> bitext = Bitext.build(["a", "b"], ["x", "y"], columns={"doc": ["1", "1"]})
            >>> Interlinear().written(Parallel("deu_Latn", "roh_Latn", bitext))
            ['a\nx\nb\ny']
        """
        bitext = some.bitext
        docs = bitext.column("doc") if "doc" in bitext.table.column_names else [None] * len(bitext)
        out: list[list[str]] = []
        last: object = out
        for doc, src, tgt in zip(docs, bitext.src, bitext.tgt, strict=True):
            if not src.strip() or not tgt.strip():
                continue
            if doc != last:
                out.append([])
                last = doc
            turned = self.direction == "backward" or (self.direction == "both" and len(out) % 2 == 0)
            out[-1] += [tgt, src] if turned else [src, tgt]
        return ["\n".join(lines) for lines in out]
