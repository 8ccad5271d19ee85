"""The project of a folder: documents to an aligned, filtered bitext, as a file that a person can keep and change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polyalign.pipeline.plan import Pair, unit_name


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to a folder.

    Args:
        name: What the report is headed with.
        languages: Canonical tags; documents of the others are paired with those of the first first.
        encoder: The encoder to align by; nothing for words and lengths alone.
        min_score: The least probability of a bead.
        max_length_ratio: How many times as long as the shorter side the longer may be.
        score: Scores to select by, with the least value of each, by the method's id and the column.
        seed: Of every random choice.
        threads: Threads of parallel kernels; 0 is all.
    """

    name: str
    languages: tuple[str, ...]
    encoder: str = "e5"
    min_score: float = 0.3
    max_length_ratio: float = 5.0
    score: dict[str, tuple[str, float]] = field(default_factory=dict)
    seed: int = 1
    threads: int = 0


def documents_project(recipe: Recipe, read: str) -> str:
    """The first part of the project: which document goes with which.

    Args:
        recipe: What is to be done.
        read: The folder with what was read, from that of the project.
    """
    return "\n".join([*_head(recipe, ()), *_documents(recipe, read)]) + "\n"


def _head(recipe: Recipe, pairs: Sequence[Pair]) -> list[str]:
    return [
        "# Made by `polyalign corpus`. Change what you like and run it: polyalign run project.toml",
        "",
        "[project]",
        f"name = {_value(recipe.name)}",
        f"languages = {_value(list(recipe.languages))}",
        f"pairs = {_value([unit_name(pair) for pair in pairs] or 'all')}",
        'output = "."',
        f"seed = {recipe.seed}",
        f"threads = {recipe.threads}",
    ]


def _documents(recipe: Recipe, read: str) -> list[str]:
    lines = _step("documents", "corpus.documents/parquet", path=f"{read}/documents.parquet")
    lines += _step("sentences", "text.split/sentencex")
    if recipe.encoder:
        return lines + _step("paired", "documents.align/auto", encoder=recipe.encoder)
    return lines + _step("paired", "documents.align/auto", vectors="never")


def whole_project(recipe: Recipe, read: str, aligned: Sequence[Pair], there: Sequence[Pair]) -> str:
    """The whole project.

    Args:
        recipe: What is to be done.
        read: The folder with what was read, from that of the project.
        aligned: Language pairs with documents that go together.
        there: Language pairs of which there are bitexts.
    """
    lines = _head(recipe, list(dict.fromkeys([*aligned, *there])))
    if aligned:
        lines += _documents(recipe, read)
        if recipe.encoder:
            lines += _step("beads", "sentences.align/beads", pairs=aligned, encoder=recipe.encoder)
        else:
            lines += _step("beads", "sentences.align/lexical", pairs=aligned)
        # What has no counterpart, or hardly any, goes to dropped.parquet with the reason.
        lines += _step(
            "sure", "corpus.select/threshold", inputs="beads", pairs=aligned, minimum={"score.align": recipe.min_score}
        )
    if there:
        lines += _step("memory", "corpus.bitext/parquet", pairs=there, path=f"{read}/bitext/{{src}}-{{tgt}}.parquet")
    both = [pair for pair in aligned if pair in there]
    if both:
        lines += _step("joined", "corpus.select/threshold", inputs=["sure", "memory"], pairs=both)
    ends = {
        "sure": [p for p in aligned if p not in both],
        "joined": both,
        "memory": [p for p in there if p not in both],
    }
    for start, pairs in ends.items():
        if not pairs:
            continue
        last, mark = start, "" if start == "sure" else f"-{start}"
        for method in recipe.score:
            id = f"{method.rpartition('/')[2]}{mark}"
            lines += _step(id, method, inputs=last, pairs=pairs)
            last = id
        least = dict(recipe.score.values())
        lines += _step(
            f"kept{mark}", "corpus.select/threshold", inputs=last, pairs=pairs,
            **({"minimum": least, "missing": True} if least else {}), max_length_ratio=recipe.max_length_ratio, distinct=True,
        )  # fmt: skip
    return "\n".join(lines) + "\n"


def _step(id: str, use: str, *, inputs: object = None, pairs: Sequence[Pair] = (), **parameters: object) -> list[str]:
    lines = ["", "[[step]]", f"id = {_value(id)}", f"use = {_value(use)}"]
    if inputs is not None:
        lines.append(f"in = {_value(inputs)}")
    if pairs:
        lines.append(f"pairs = {_value([unit_name(pair) for pair in pairs])}")
    return lines + [f"{name} = {_value(value)}" for name, value in parameters.items()]


def _value(value: object) -> str:
    """A TOML value; JSON's strings, numbers and lists are TOML's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {_value(v)}" for k, v in value.items()) + " }"
    # TOML has no escape for what is outside of the basic plane but the character itself.
    return json.dumps(value, ensure_ascii=False)


def write_project(folder: Path, text: str) -> Path:
    """Write the project file of a run folder, unless it is there and the same."""
    from polyalign.core.files import write_text

    path = folder / "project.toml"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path
