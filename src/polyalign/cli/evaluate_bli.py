"""``polyalign evaluate bli``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import rich_click as click

from polyalign.cli.output import json_option
from polyalign.cli.translate_words import load_pair, map_option, retrieval, retrieve_option
from polyalign.core import params, registry
from polyalign.core.progress import note


@click.command(name="bli")
@click.argument("src")
@click.argument("tgt")
@click.argument("gold")
@map_option
@retrieve_option
@click.option(
    "--identical",
    type=click.Choice(["apart", "count"]),
    default="apart",
    show_default=True,
    help="Whether entries whose translation is the word itself are told apart or count as all others.",
)
@click.option("--samples", type=int, default=1000, show_default=True, help="Bootstrap resamples of the interval.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the resampling.")
@json_option
def command(
    src: str,
    tgt: str,
    gold: str,
    folder: str | None,
    retrieve: str,
    identical: str,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Bilingual lexicon induction: how many words of GOLD (source word, tab, target word) find a translation in TGT."""
    from polyalign.cli.evaluate import show
    from polyalign.spaces.seeds import read_lexicon

    entries: dict[str, set[str]] = defaultdict(set)
    for word, translation in read_lexicon(gold):
        entries[word].add(translation)
    settings = {"identical": identical, "samples": samples, "seed": seed}
    metric: Any = params.build(registry.find("evaluate/bli"), settings)
    method = retrieval(retrieve)
    spaces = load_pair(src, tgt, folder)
    rows = metric.questions(spaces[0].words, spaces[1].words, entries)
    answers = method.retrieve(spaces[0].vectors, spaces[1].vectors, 10, rows=rows)[1]
    score = metric.score(spaces[0].words, spaces[1].words, entries, answers)
    if folder is None and not as_json:
        note("bli: no --map, so the two spaces are compared as they are")
    show(replace(score, signature=f"{score.signature}|retrieve:{retrieve}"), as_json)
