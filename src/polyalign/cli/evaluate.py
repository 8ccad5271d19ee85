"""``polyalign evaluate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.evaluate_bli import command as bli_command
from polyalign.cli.evaluate_model import command as model_command
from polyalign.cli.evaluate_text import VERBS
from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import params, registry
from polyalign.core.beads import IndexBead, parse_vecalign
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.links import Links
from polyalign.core.progress import note
from polyalign.core.score import Score

samples_option = click.option(
    "--samples", type=int, default=1000, show_default=True, help="Bootstrap resamples of the confidence interval."
)
seed_option = click.option("--seed", type=int, default=1, show_default=True, help="Of the resampling.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Score alignments, encoders, language models and texts, with confidence intervals and signatures."""


@command.command()
@click.argument("hyp")
@click.argument("gold")
@click.option(
    "--gold-base",
    type=click.Choice(["0", "1"]),
    default="0",
    show_default=True,
    help="Whether GOLD counts words from 0 or 1.",
)
@click.option(
    "--hyp-base",
    type=click.Choice(["0", "1"]),
    default="0",
    show_default=True,
    help="Whether HYP counts words from 0 or 1.",
)
@samples_option
@seed_option
@json_option
def aer(hyp: str, gold: str, gold_base: str, hyp_base: str, samples: int, seed: int, as_json: bool) -> None:
    """Alignment error rate, precision, recall and F1 of Pharaoh links HYP against GOLD (`i-j` sure, `ipj` possible)."""
    reference = Links.from_pharaoh(read_lines(gold), where=gold, one_based=gold_base == "1")
    links = Links.from_pharaoh(read_lines(hyp), where=hyp, one_based=hyp_base == "1")
    for name, read, base in ((gold, reference, gold_base), (hyp, links, hyp_base)):
        if base == "0" and len(read.src) > 100 and read.src.min() > 0 and read.tgt.min() > 0:
            note(
                f"{name}: no word 0 on either side; if words are counted from 1, say --{'gold' if name == gold else 'hyp'}-base 1"
            )
    show(_metric("evaluate/aer", samples, seed).score(links, reference), as_json)


@command.command()
@click.argument("hyp")
@click.argument("gold")
@samples_option
@seed_option
@json_option
def sentences(hyp: str, gold: str, samples: int, seed: int, as_json: bool) -> None:
    """Strict and lax F1 of sentence beads HYP against GOLD, files of vecalign's format or two folders of them."""
    pairs = _files(Path(hyp), Path(gold))
    read = [[parse_vecalign(read_lines(f), str(f)) for f in side] for side in zip(*pairs, strict=True)]
    hyps: list[list[IndexBead]] = read[0]
    show(_metric("evaluate/sentences", samples, seed).score(hyps, read[1]), as_json)


@command.command()
@click.argument("src")
@click.argument("tgt")
@click.option("--encoder", default="e5", show_default=True, help="Encoder, as `polyalign methods encode` lists them.")
@click.option(
    "--margin",
    type=click.Choice(["distance", "ratio", "absolute"]),
    default="distance",
    show_default=True,
    help="What a cosine is measured by; absolute is the cosine itself.",
)
@click.option("--neighbours", type=int, default=4, show_default=True, help="Neighbours that a margin looks at.")
@click.option("--centre/--no-centre", default=True, show_default=True, help="Subtract each language's mean vector.")
@samples_option
@seed_option
@json_option
def retrieval(
    src: str, tgt: str, encoder: str, margin: str, neighbours: int, centre: bool, samples: int, seed: int, as_json: bool
) -> None:
    """Similarity search (xsim): how often a line of SRC and its translation, the same line of TGT, find each other."""
    from polyalign.encoders.named import named_encoder

    texts = [[line.strip() for line in read_lines(side)] for side in (src, tgt)]
    for side, lines, others in ((src, texts[0], texts[1]), (tgt, texts[1], texts[0])):
        if len(lines) != len(others):
            raise DataError(
                f"{src} and {tgt}: found {len(texts[0])} and {len(texts[1])} lines, expected as many; line i of one has to translate line i of the other"
            )
        if "" in lines:
            raise DataError(
                f"{side} line {lines.index('') + 1}: is empty, expected a sentence; delete the line on both sides"
            )
    model = named_encoder(encoder)
    vectors = [model.encode(lines, label=f"encode {side}") for side, lines in (("SRC", texts[0]), ("TGT", texts[1]))]
    metric = _metric("evaluate/retrieval", samples, seed, margin=margin, neighbours=neighbours, centre=centre)
    score = metric.score(*vectors)
    show(replace(score, signature=f"{score.signature}|encoder:{model.key}"), as_json)


@command.command()
@click.argument("hyp")
@click.argument("gold")
@click.option("--dev", nargs=2, metavar="HYP GOLD", help="Other mined and gold pairs, to choose the threshold on.")
@click.option("--threshold", type=float, help="Least score of a pair; by default all count.")
@click.option("--score", "column", default="score.margin", show_default=True, help="Column of HYP with the scores.")
@samples_option
@seed_option
@json_option
def mining(
    hyp: str,
    gold: str,
    dev: tuple[str, str] | None,
    threshold: float | None,
    column: str,
    samples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Precision, recall and F1 of mined pairs HYP against the true pairs GOLD, both bitexts of any format (BUCC)."""
    given = {} if threshold is None else {"threshold": threshold}
    metric = _metric("evaluate/mining", samples, seed, **given)
    tuning = None if dev is None else (_scored(dev[0], column), _pairs(dev[1]))
    show(metric.score(_scored(hyp, column), _pairs(gold), dev=tuning), as_json)


def _scored(path: str, column: str) -> Any:
    from polyalign.corpus.formats import read_bitext
    from polyalign.evaluate.mining import Scored

    bitext = read_bitext(path)
    if column not in bitext.table.column_names:
        raise DataError(
            f"{path}: no column {column!r}; found {', '.join(bitext.table.column_names)}; name the one with the scores with --score"
        )
    return Scored(list(zip(bitext.src, bitext.tgt, strict=True)), bitext.column(column))


def _pairs(path: str) -> list[tuple[str, str]]:
    from polyalign.corpus.formats import read_bitext

    bitext = read_bitext(path)
    return list(zip(bitext.src, bitext.tgt, strict=True))


def _files(hyp: Path, gold: Path) -> list[tuple[Path, Path]]:
    if not (hyp.is_dir() or gold.is_dir()):
        return [(hyp, gold)]
    if not (hyp.is_dir() and gold.is_dir()):
        raise DataError(
            f"{hyp} and {gold}: one is a folder and one is not; give two files or two folders with the same file names"
        )
    wanted = sorted(f.name for f in gold.iterdir() if f.is_file())
    absent = [name for name in wanted if not (hyp / name).is_file()]
    if absent or not wanted:
        raise DataError(f"{hyp}: {', '.join(absent[:3]) or 'nothing'} missing of the {len(wanted)} files in {gold}")
    return [(hyp / name, gold / name) for name in wanted]


def _metric(method: str, samples: int, seed: int, **settings: Any) -> Any:
    return params.build(registry.find(method), {"samples": samples, "seed": seed, **settings})


def show(score: Score, as_json: bool) -> None:
    """Print a score for a person, or as the one JSON object that scripts rely on."""
    if as_json:
        print_json(score.to_json())
        return
    rows = [(score.name, f"{score.value:.4f}", f"{score.ci[0]:.4f} to {score.ci[1]:.4f}")]
    rows += [
        (name, f"{value:.4f}" if isinstance(value, float) else str(value), "")
        for name, value in score.parts.items()
        if name != score.name
    ]
    print_table(("metric", "value", "95 % interval"), rows)
    note(score.signature)


command.add_command(bli_command)
command.add_command(model_command)
for verb in VERBS:
    command.add_command(verb)
