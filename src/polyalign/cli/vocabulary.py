"""``polyalign vocabulary``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.cli.vocabulary_extend import command as extend_command
from polyalign.cli.vocabulary_trim import command as trim_command
from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import check_free, read_lines
from polyalign.core.progress import note
from polyalign.core.score import Score

HELP = {"help_option_names": ["-h", "--help"]}
#: What is shown of a tokenizer's scores, and the heading.
COLUMNS = {
    "fertility": "fertility",
    "bytes_per_token": "bytes/token",
    "premium": "premium",
    "compression": "compression",
    "tokens": "tokens",
    "saved": "saved",
    "unchanged": "unchanged",
}


@click.group(context_settings=HELP)
def command() -> None:
    """Measure a model's vocabulary, extend it by a language, trim it to languages, or take it back."""


@command.command(context_settings=HELP)
@click.argument("models", metavar="TOKENIZER...", nargs=-1, required=True)
@click.option("--text", "texts", multiple=True, metavar="LANG=FILE", help="Text of a language, one sentence a line; several times for several.")  # fmt: skip
@click.option("--parallel", metavar="DIR", help="Folder with a text file a language, line by line translations of each other: adds the premium.")  # fmt: skip
@click.option("--pivot", default="eng_Latn", show_default=True, metavar="TAG", help="Of a folder, the language that the others are compared with.")  # fmt: skip
@click.option("--sentences", type=click.IntRange(min=0), default=0, help="Of a folder, the first so many lines of each file; 0 for all.")  # fmt: skip
@click.option("--words", default="whitespace", show_default=True, metavar="NAME", help="What a word is, as `polyalign methods text.tokenize` lists it.")  # fmt: skip
@json_option
def measure(
    models: tuple[str, ...],
    texts: tuple[str, ...],
    parallel: str | None,
    pivot: str,
    sentences: int,
    words: str,
    as_json: bool,
) -> None:
    """What languages cost under tokenizers: fertility, bytes per token, premium, compression, and pieces never used.

    Of several tokenizers the first is what the others are compared with: how many tokens they save of its, and how many of
    the sentences they leave segmented as it does. What a TOKENIZER can be: see `polyalign evaluate tokenizer --help`.
    """
    from polyalign.evaluate.segmenter import named_segmenter, tokens_of

    if bool(texts) == (parallel is not None):
        raise ConfigError("vocabulary measure: expected either --text LANG=FILE or --parallel DIR; give one of the two")
    found, pivots = _texts(texts) if parallel is None else _parallel(Path(parallel), pivot, sentences)
    metric = params.build(registry.find("evaluate/tokenizer"), {"words": words, "samples": 0})
    out: dict[str, Any] = {}
    spans: dict[str, Any] = {}
    for model in models:
        segmenter = named_segmenter(model)
        scores = {}
        for lang, lines in found.items():
            scores[lang] = _values(metric.scores(segmenter, lines, lang=lang, pivot=pivots.get(lang)))
            at = tokens_of(segmenter, lines)[1]
            if model == models[0]:
                spans[lang] = at
            else:
                scores[lang]["saved"] = 1 - scores[lang]["tokens"] / out[models[0]]["languages"][lang]["tokens"]
                if at is not None and spans[lang] is not None:
                    same = [np.array_equal(a, b) for a, b in zip(spans[lang], at, strict=True)]
                    scores[lang]["unchanged"] = float(np.mean(same))
        out[model] = {"vocabulary": segmenter.size, "unreachable": _unreachable(model), "languages": scores}
    if as_json:
        print_json(out)
        return
    for model, measured in out.items():
        dead = measured["unreachable"]
        note(
            f"{model}: {measured['vocabulary']:,} pieces"
            + ("" if dead is None else f", {dead:,} of them never used by any text")
        )
    _show(out, list(found))


@command.command(context_settings=HELP)
@click.argument("model")
@click.argument("other")
@click.option("-o", "--out", required=True, metavar="OUT", help="Folder for the model.")
@click.option("--kind", type=click.Choice(["causal", "masked"]), default="causal", show_default=True, help="Whether the model says what comes next, or what is masked.")  # fmt: skip
def swap(model: str, other: str, out: str, kind: Any) -> None:
    """Give MODEL the vocabulary of OTHER, with its own rows as trained for pieces that both have.

    An extended model gets its base's vocabulary back with the base as OTHER, and the extended one again the other way round.
    """
    from polyalign.models.language_model import read_model, write_model
    from polyalign.models.vocabulary.swap import swapped

    check_free(Path(out))
    made = swapped(read_model(model, kind=kind), read_model(other, kind=kind))
    write_model(made, Path(out))
    note(f"{out}: {model} with the {len(made.tokenizer):,} pieces of {other}")


def _texts(given: tuple[str, ...]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for each in given:
        tag, mark, path = each.partition("=")
        if not mark:
            raise ConfigError(f"--text {each}: expected LANG=FILE, such as roh_Latn=romansh.txt")
        lines = [line for line in read_lines(path) if line.strip()]
        if not lines:
            raise DataError(f"{path}: is empty, expected a text; name another")
        found.setdefault(langs.normalise(tag), []).extend(lines)
    return found, {}


def _parallel(folder: Path, pivot: str, sentences: int) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    from polyalign.evaluate.model.parallel import read_parallel

    read = read_parallel(folder, pivot=langs.normalise(pivot), sentences=sentences)
    main = read.texts[read.pivot]
    return read.texts, {lang: [main[i] for i in rows.tolist()] for lang, rows in read.rows.items()}


def _values(scores: Mapping[str, Score]) -> dict[str, float]:
    return dict(next(iter(scores.values())).parts)


def _unreachable(model: str) -> int | None:
    """How many of its pieces no text could use; None of what is no fast tokenizer of transformers."""
    from polyalign.core.errors import PolyalignError
    from polyalign.models.language_model import read_tokenizer
    from polyalign.models.vocabulary.pieces import pieces_of
    from polyalign.models.vocabulary.reachable import unreachable

    if Path(model).suffix == ".json" or not Path(model).exists():
        return None
    try:
        return len(unreachable(pieces_of(read_tokenizer(model))))
    except PolyalignError:
        return None


def _show(out: Mapping[str, Any], languages: list[str]) -> None:
    values = [v for measured in out.values() for v in measured["languages"].values()]
    columns = [name for name in COLUMNS if any(name in v for v in values)]
    rows = []
    for lang in languages:
        for model, measured in out.items():
            found = measured["languages"][lang]
            cells = ["" if name not in found else _cell(name, found[name]) for name in columns]
            rows.append((lang, *([model] if len(out) > 1 else []), *cells))
    print_table(("language", *(["tokenizer"] if len(out) > 1 else []), *(COLUMNS[c] for c in columns)), rows)


def _cell(name: str, value: float) -> str:
    if name == "tokens":
        return f"{value:,}"
    return f"{value:.1%}" if name in ("saved", "unchanged") else f"{value:.3f}"


command.add_command(extend_command, "extend")
command.add_command(trim_command, "trim")
