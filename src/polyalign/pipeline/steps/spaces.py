"""Steps on vectors of words: train those of every language, and bring two languages into one space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from polyalign.core import langs, params, registry
from polyalign.core.errors import DataError
from polyalign.pipeline.artefacts import VECTORS
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.steps.given import languages_of, of_kind, texts_of

if TYPE_CHECKING:
    from polyalign.core.space import Space


def vectors(method: Any, job: Job) -> Counts:
    """Train vectors of the words of each language's documents, in lower case."""
    texts = texts_of(job.inputs)
    words = 0
    for lang, some in texts.items():
        space = method.fit(_Words(some, lang))
        space.save(job.out / VECTORS / lang)
        words += len(space.words)
    return {"in": sum(map(len, texts.values())), "out": words}


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of texts, line by line, as often as they are asked for."""

    texts: Sequence[str]
    lang: str

    def __iter__(self) -> Iterator[list[str]]:
        split = params.build(registry.find("words", task="text.tokenize"))
        for text in self.texts:
            for line in text.lower().split("\n"):
                if line.strip():
                    yield [line[a:b] for a, b in split(line, self.lang).tolist()]


def mapped(method: Any, job: Job) -> Counts:
    """Bring the vectors of the new language and of one that is known into one space, by their lexicon."""
    from polyalign.core.space import Space
    from polyalign.spaces.seeds import known

    found = [folder for folder in of_kind(job, "lexicon") if job.new in languages_of(folder)]
    if not found:
        raise DataError(f"found no lexicon of {langs.name(job.new)} and another language; name one in 'in'")
    pair = languages_of(found[0])
    src, tgt = (Space.load(job.inputs[0] / VECTORS / lang) for lang in pair)
    table = pq.read_table(found[0] / "lexicon.parquet", columns=["src", "tgt"])
    entries = zip(*([w.lower() for w in table[side].to_pylist()] for side in ("src", "tgt")), strict=True)
    seeds = np.asarray(known(src, tgt, entries), np.int32)
    brought = method.fit(src, tgt, seeds)(src, tgt)
    for lang, space in zip(pair, brought, strict=True):
        space.save(job.out / VECTORS / lang)
    return {"in": len(seeds), "out": sum(len(space.words) for space in brought)}


def spaces_of(folder: Path, new: str) -> tuple[Space, Space]:
    """The two spaces of a stored result, that of the known language first.

    Raises:
        DataError: There are not two, or none is of the new language.
    """
    from polyalign.core.space import Space

    tags = sorted(path.name for path in (folder / VECTORS).iterdir())
    if len(tags) != 2 or new not in tags:
        raise DataError(
            f"found vectors of {', '.join(tags)}, expected those of {langs.name(new)} and one other language in one space; "
            "bring them into one first (spaces.map)"
        )
    (known,) = (tag for tag in tags if tag != new)
    return Space.load(folder / VECTORS / known), Space.load(folder / VECTORS / new)
