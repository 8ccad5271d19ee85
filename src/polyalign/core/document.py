"""Document: one text in one language, split into sentences that remember where they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from polyalign.core.jit import I32, frozen

#: Raw documents: one row a text. `doc` is shared by the versions of one document.
DOCUMENTS = pa.schema(
    [("doc", pa.string()), ("lang", pa.string()), ("text", pa.large_string()), ("source", pa.string())]
)

#: Sentences: one row each, `start` and `end` in code points of the raw text, so nothing is lost.
SENTENCES = pa.schema(
    [
        ("doc", pa.string()),
        ("lang", pa.string()),
        ("paragraph", pa.int32()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.large_string()),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A document as the sentence aligners see it.

    Args:
        id: Its name; the other language's version has the same one.
        sentences: Its sentences in order, n of them.
        paragraphs: The paragraph each sentence belongs to, rising, shape (n,).

    Raises:
        ValueError: Paragraph numbers that are not one a sentence, or fall.
    """

    id: str
    sentences: tuple[str, ...]
    paragraphs: I32

    def __post_init__(self) -> None:
        object.__setattr__(self, "paragraphs", frozen(self.paragraphs, np.int32))
        if len(self.paragraphs) != len(self.sentences) or bool((np.diff(self.paragraphs) < 0).any()):
            raise ValueError(
                f"Document {self.id}: expected one rising paragraph number for each of {len(self.sentences)} sentences"
            )

    @classmethod
    def from_lines(cls, lines: Sequence[str], *, id: str = "") -> Document:
        """A document of one sentence a line; empty lines and ``<p>`` start a new paragraph.

        Example:
            >>> d = Document.from_lines(["A.", "", "B.", "C."])
            >>> d.sentences, d.paragraphs.tolist()
            (('A.', 'B.', 'C.'), [0, 1, 1])
        """
        sentences: list[str] = []
        paragraphs: list[int] = []
        paragraph, fresh = 0, True
        for line in lines:
            text = line.strip()
            if text in ("", "<p>"):
                paragraph, fresh = (paragraph if fresh else paragraph + 1), True
                continue
            sentences.append(text)
            paragraphs.append(paragraph)
            fresh = False
        return cls(id, tuple(sentences), np.asarray(paragraphs, np.int32))

    def __len__(self) -> int:
        return len(self.sentences)
