"""What steps that work on several kinds are given: which results are of which kind, and the documents by language."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa

from polyalign.core.jit import I64
from polyalign.core.store import MANIFEST
from polyalign.pipeline.artefacts import ELSEWHERE, MAPS, MODEL, TOKENIZER, VECTORS, Runs, stored
from polyalign.pipeline.job import Job


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Sequence[str]):
    """The documents of one language, each read when it is asked for.

    Args:
        runs: The stored runs that have some.
        rows: Which of each run they are.
        ends: How many there are up to the end of each run.
    """

    runs: tuple[tuple[Path, int], ...]
    rows: tuple[I64, ...]
    ends: tuple[int, ...]

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> list[str]: ...

    def __getitem__(self, number: int | slice) -> str | list[str]:
        """A document."""
        if isinstance(number, slice):
            return [self[k] for k in range(len(self))[number]]
        at = range(len(self))[number]
        run = int(np.searchsorted(self.ends, at, side="right"))
        row = self.rows[run][at - (self.ends[run - 1] if run else 0)]
        return str(_column(*self.runs[run])[int(row)].as_py())


@lru_cache(maxsize=4)
def _column(path: Path, number: int) -> pa.ChunkedArray:
    return Runs.of(path, columns=("text",))[number]["text"]


def texts_of(folders: Sequence[Path]) -> dict[str, Texts]:
    """The documents of stored results by language, in order; those without a character are left out."""
    found: dict[str, list[tuple[tuple[Path, int], I64]]] = {}
    for folder in folders:
        path = stored(folder).path
        for number, run in enumerate(Runs.of(path, columns=("lang", "text"))):
            tags = np.asarray(run["lang"].to_pylist(), object)
            said = np.asarray([bool(text.strip()) for text in run["text"].to_pylist()], np.bool_)
            for lang in dict.fromkeys(tags.tolist()):
                rows = np.flatnonzero((tags == lang) & said)
                if len(rows):
                    found.setdefault(lang, []).append(((path, number), rows))
    return {
        lang: Texts(
            tuple(place for place, _ in parts),
            tuple(rows for _, rows in parts),
            tuple(accumulate(len(rows) for _, rows in parts)),
        )
        for lang, parts in found.items()
    }


def is_kind(folder: Path, kind: str) -> bool:
    """Whether a stored result is documents, a bitext (links are more than that), links, a lexicon, a model or maps."""
    files = {"maps": MAPS, "tokenizer": TOKENIZER, "vectors": VECTORS}
    if kind == "model":
        return not is_kind(folder, "maps") and ((folder / MODEL).is_dir() or (folder / ELSEWHERE).is_file())
    if kind == "bitext":
        return (folder / "bitext.parquet").is_file() and not is_kind(folder, "links")
    return (folder / files.get(kind, f"{kind}.parquet")).exists()


def of_kind(job: Job, *kinds: str) -> list[Path]:
    """The inputs of some kinds, in order."""
    return [folder for folder in job.inputs if any(is_kind(folder, kind) for kind in kinds)]


def step_of(folder: Path) -> str:
    """The step that a stored result is of."""
    return folder.parent.name


def languages_of(folder: Path) -> tuple[str, str]:
    """The two languages of a result of a pair."""
    src, tgt = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["recipe"]["languages"]
    return str(src), str(tgt)
