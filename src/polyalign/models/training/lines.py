"""Lines of documents, drawn for any step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.rng import generator
from polyalign.models.training.objective import Data


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Lines with text, each of a document drawn by chance; only the documents of a step are looked at.

    Args:
        documents: Of one or several languages.
        batch: Lines of a step.
        seed: Of what is drawn.
        name: The objective's, for messages and for chance.
    """

    documents: Sequence[Sequence[str]]
    batch: int
    seed: int
    name: str

    @classmethod
    def read(cls, data: Data, *, batch: int, seed: int, name: str) -> Lines:
        """Those of the language that is new to the model, or of all if it has no documents.

        Raises:
            DataError: No document has text.
        """
        # A source is a language, or a language and a name.
        own = [some for source, some in data.documents.items() if source.split("/")[0] == data.lang]
        every = own or list(data.documents.values())
        if not any(text.strip() for some in every for text in some):
            raise DataError(
                f"{name}: found {sum(map(len, every))} documents without text, expected some of {data.lang} at least; give "
                "documents"
            )
        return cls(every, batch, seed, name)

    def texts(self, step: int) -> list[str]:
        """The lines of a step."""
        random = generator(self.seed, f"{self.name} lines {step}")
        counts = np.array([len(some) for some in self.documents])
        out: list[str] = []
        while len(out) < self.batch:
            k = int(random.integers(counts.sum()))
            which = int(np.searchsorted(np.cumsum(counts), k, side="right"))
            document = self.documents[which][k - int(counts[:which].sum())]
            if lines := [line for line in document.splitlines() if line.strip()]:
                out.append(lines[int(random.integers(len(lines)))].strip())
        return out
