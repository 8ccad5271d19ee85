"""``polyalign evaluate`` of tokenizers and language models, and what the other metrics of texts share with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines, read_text
from polyalign.core.progress import note
from polyalign.core.score import Score

HELP = {"help_option_names": ["-h", "--help"]}
samples_option = click.option("--samples", type=click.IntRange(min=0), default=1000, show_default=True, help="Bootstrap resamples of the intervals.")  # fmt: skip
seed_option = click.option("--seed", type=int, default=1, show_default=True, help="Of the resampling.")
device_option = click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True, help="Where the model runs.")  # fmt: skip
start_option = click.option("--start", default="", metavar="TOKEN", help="Token that a text begins with; by default the model's own mark for it.")  # fmt: skip
lang_option = click.option("--lang", default="", metavar="TAG", help="Language of the texts; by default what the file's name says.")  # fmt: skip


@click.command(context_settings=HELP)
@click.argument("model")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--pivot", metavar="FILE", help="Their translations in another language, line by line: what is the premium?"
)
@click.option("--words", default="whitespace", show_default=True, metavar="NAME", help="What a word is, as `polyalign methods text.tokenize` lists it.")  # fmt: skip
@click.option("--order", type=float, default=2.5, show_default=True, help="Of the Rényi entropy; 1 is Shannon's.")
@lang_option
@samples_option
@seed_option
@json_option
def tokenizer(model: str, files: tuple[str, ...], pivot: str | None, lang: str, as_json: bool, **settings: Any) -> None:
    """Fertility, premium, compression and kin of MODEL's tokenizer on texts of one sentence a line.

    MODEL is e5, a model's folder, its name on the Hugging Face hub, a .gguf file, a tokenizer.json, or a .model of SentencePiece.
    """
    from polyalign.evaluate.segmenter import named_segmenter

    metric = metric_of("evaluate/tokenizer", **settings)
    segmenter = named_segmenter(model)
    others = None if pivot is None else list(read_lines(pivot))
    found = {f: metric.scores(segmenter, list(read_lines(f)), lang=language(f, lang), pivot=others) for f in files}
    show_scores(found, as_json, parts=("compression", "renyi_efficiency"), by=f"tokenizer:{segmenter.name}")


@click.command("bits-per-byte", context_settings=HELP)
@click.argument("model")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--train", metavar="FILE", help="Text that the compressor learns from first; what the model was trained on, say."
)
@click.option("--window", type=int, default=600, show_default=True, help="Bytes in a window at most.")
@click.option("--windows", type=int, help="Most windows of a text, spread over it.  [dim](default: all)[/dim]")
@click.option("--compressor", type=click.Choice(["ppmd", "lzma"]), default="ppmd", show_default=True, help="What stands beside the model; lzma predicts worse and needs nothing installed.")  # fmt: skip
@start_option
@device_option
@samples_option
@seed_option
@json_option
def bits_per_byte(
    model: str,
    files: tuple[str, ...],
    train: str | None,
    start: str,
    device: Any,
    as_json: bool,
    **settings: Any,
) -> None:
    """Bits per byte of a causal language MODEL on texts, beside a compressor's."""
    from polyalign.encoders.likelihood import Likelihood

    metric = metric_of("evaluate/bits-per-byte", **settings)
    if train is not None and len(files) > 1:
        raise ConfigError(
            f"evaluate bits-per-byte: found --train and {len(files)} files, expected one; the compressor learns from text of the "
            "language it is measured on, so measure one language at a time"
        )
    texts = {f: _text(f) for f in files}
    learnt = "" if train is None else _text(train)
    reader = Likelihood(model, start=start, device=device)
    show_scores(
        {f: metric.measure(reader, text, train=learnt) for f, text in texts.items()}, as_json, by=f"model:{reader.key}"
    )


@click.command("information-parity", context_settings=HELP)
@click.argument("model")
@click.argument("pivot")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@start_option
@device_option
@samples_option
@seed_option
@json_option
def information_parity(
    model: str, pivot: str, files: tuple[str, ...], start: str, device: Any, as_json: bool, **settings: Any
) -> None:
    """How well a causal language MODEL foresees the sentences of each FILE, by how well those of PIVOT, line by line."""
    from polyalign.encoders.likelihood import Likelihood

    metric = metric_of("evaluate/information-parity", **settings)
    reader = Likelihood(model, start=start, device=device)
    texts = {f: _sentences(f) for f in (pivot, *files)}
    for f in files:
        same_length(pivot, texts[pivot], f, texts[f])
    nats = {f: reader.nats(lines, label=f"read {Path(f).name}") for f, lines in texts.items()}
    show_scores(
        {f: {"information_parity": metric.score(nats[f], nats[pivot])} for f in files},
        as_json,
        parts=("of_sums",),
        by=f"model:{reader.key}",
    )


def metric_of(method: str, **settings: Any) -> Any:
    """A metric by its id, with the settings that were given."""
    return params.build(registry.find(method), {k: v for k, v in settings.items() if v is not None})


def language(path: str, said: str) -> str:
    """The language of a file: what was said, else what its name says."""
    from polyalign.evaluate.model.parallel import language_of

    found = None if said else language_of(Path(path).name)
    return langs.normalise(said) if said else found[0] if found else langs.UNKNOWN


def _text(path: str) -> str:
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path}: is empty, expected a text")
    return text


def _sentences(path: str) -> list[str]:
    lines = list(read_lines(path))
    empty = next((i for i, line in enumerate(lines, 1) if not line.strip()), 0)
    if empty or not lines:
        raise DataError(f"{path} line {empty or 1}: is empty, expected a sentence; delete the line on both sides")
    return lines


def same_length(path: str, lines: list[str], other: str, others: list[str]) -> None:
    """Refuse files that are not parallel."""
    if len(lines) != len(others):
        raise DataError(
            f"{path} and {other}: found {len(lines)} and {len(others)} lines, expected as many; line i of one has to translate "
            "line i of the other"
        )


def show_scores(
    found: Mapping[str, Mapping[str, Score]], as_json: bool, parts: tuple[str, ...] = (), by: str = ""
) -> None:
    """Print scores by file and name, for a person or as JSON.

    Args:
        found: The scores.
        as_json: Whether as JSON.
        parts: What to show of their parts: values without an interval.
        by: What they were measured with, for their signatures.
    """
    if by:
        found = {
            f: {name: replace(score, signature=f"{score.signature}|{by}") for name, score in scores.items()}
            for f, scores in found.items()
        }
    if as_json:
        print_json({f: {name: score.to_json() for name, score in scores.items()} for f, scores in found.items()})
        return
    rows = []
    for f, scores in found.items():
        each = [(name, _number(s.value), f"{_number(s.ci[0])} to {_number(s.ci[1])}") for name, s in scores.items()]
        more = next(iter(scores.values())).parts
        each += [(name, _number(more[name]), "") for name in parts if name in more]
        rows += [(*((f,) if len(found) > 1 else ()), *row) for row in each]
    print_table((*(("file",) if len(found) > 1 else ()), "metric", "value", "95 % interval"), rows)
    for made in dict.fromkeys(s.signature for scores in found.values() for s in scores.values()):
        note(made)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4f}"
