"""The documents of DERMIT, and its aligned sentences, for the benchmarks that teach a model Romansh."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pyarrow.parquet as pq

DATA = Path("../shared/data")
RUN = Path("runs/bench-dermit")
CODES = {"roh_Latn": "rm", "deu_Latn": "de", "ita_Latn": "it"}


def documents(lang: str, first: int = 1997, last: int = 2020, data: Path = DATA) -> list[str]:
    """The documents of some years in a language, in order of their dates."""
    file = next((data / "doc-dermit").glob("*.xz"))
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    kept = [r for r in rows if r[CODES[lang]] and first <= int(str(r["date"])[:4]) <= last]
    return [r[CODES[lang]] for r in sorted(kept, key=lambda r: (str(r["date"]), str(r["id"])))]


def english(data: Path = DATA) -> list[str]:
    """English sentences: the pivot side of Tatoeba's sets, each once."""
    found: dict[str, None] = {}
    for file in sorted((data / "ps-tatoeba").glob("*.eng")):
        found |= dict.fromkeys(file.read_text(encoding="utf-8").splitlines())
    return list(found)


def pairs(first: int = 1997, last: int = 2020, run: Path = RUN) -> tuple[list[str], list[str]]:
    """German and Romansh sentences of some years that our aligner paired, by `benchmarks/dermit.py`."""
    table = pq.read_table(run / "bitext" / "deu_Latn-roh_Latn.parquet")
    kept = [k for k, doc in enumerate(table["doc"].to_pylist()) if first <= int(str(doc)[:4]) <= last]
    table = table.take(kept)
    return table["src"].to_pylist(), table["tgt"].to_pylist()
