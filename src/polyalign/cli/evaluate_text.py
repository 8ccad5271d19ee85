"""``polyalign evaluate`` of translations, naturalness and correlations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import rich_click as click

from polyalign.cli.evaluate_lm import (
    HELP,
    bits_per_byte,
    information_parity,
    lang_option,
    language,
    metric_of,
    same_length,
    samples_option,
    seed_option,
    show_scores,
    tokenizer,
)
from polyalign.cli.output import json_option
from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_lines, suffixes
from polyalign.core.progress import note


@click.command(context_settings=HELP)
@click.argument("hyp")
@click.argument("references", metavar="REFERENCE...", nargs=-1, required=True)
@click.option("--metric", "metrics", multiple=True, type=click.Choice(["bleu", "chrf", "chrf++", "ter"]), metavar="NAME", help="bleu, chrf, chrf++ or ter; may be repeated.  [dim](default: all)[/dim]")  # fmt: skip
@click.option(
    "--tokenize", default="", metavar="NAME", help="How BLEU splits words; by default as sacrebleu does, 13a."
)
@click.option("--lowercase/--no-lowercase", default=False, help="Whether upper and lower case are one.")
@samples_option
@seed_option
@json_option
def translation(
    hyp: str, references: tuple[str, ...], metrics: tuple[str, ...], tokenize: str, as_json: bool, **settings: Any
) -> None:
    """BLEU, chrF, chrF++ and TER of translations HYP against one or more REFERENCEs, by sacrebleu."""
    texts = {f: list(read_lines(f)) for f in (hyp, *references)}
    for f in references:
        same_length(hyp, texts[hyp], f, texts[f])
    if tokenize and metrics and "bleu" not in metrics:
        raise ConfigError(f"evaluate translation: --tokenize {tokenize}: only bleu takes it; add --metric bleu")
    found = {}
    for name in metrics or ("bleu", "chrf", "chrf++", "ter"):
        given = {"tokenize": tokenize} if name == "bleu" else {}
        score = metric_of("evaluate/translation", metric=name, **given, **settings).score(
            texts[hyp], [texts[f] for f in references]
        )
        found[score.name] = score
    show_scores({hyp: found}, as_json)


@click.command("segment-alignment", context_settings=HELP)
@click.argument("src")
@click.argument("hyp")
@click.option("--langs", "pair", default="und-und", metavar="PAIR", help="Languages of SRC and HYP, such as de-rm; they decide what a word is.")  # fmt: skip
@click.option("--aligner", default="auto", show_default=True, metavar="NAME", help="Word aligner, as `polyalign methods words.align` lists them.")  # fmt: skip
@click.option("--min-probability", type=float, default=0.0, show_default=True, help="Least probability of a link.")
@click.option("--threshold", type=float, default=0.3, show_default=True, help="F below which a segment is left behind.")
@samples_option
@seed_option
@json_option
def segment_alignment(src: str, hyp: str, pair: str, aligner: str, as_json: bool, **settings: Any) -> None:
    """How much of translations HYP and of SRC, source or reference, a word aligner links to each other, line by line."""
    from polyalign.core.bitext import Bitext

    metric = metric_of("evaluate/segment-alignment", **settings)
    texts = [list(read_lines(f)) for f in (src, hyp)]
    same_length(src, texts[0], hyp, texts[1])
    split: Any = params.build(registry.find("text.tokenize/words"))

    def words_of(src: list[str], tgt: list[str]) -> Bitext:
        bitext = Bitext.build(src, tgt, langs=langs.parse_pair(pair))
        bitext = bitext.with_spans("src", [split(line, bitext.langs[0]) for line in src])
        return bitext.with_spans("tgt", [split(line, bitext.langs[1]) for line in tgt])

    bitext = words_of(*texts)
    method: Any = params.build(registry.find(aligner, task="words.align"))
    model = method.fit(bitext)
    score = metric.score(bitext.tokens("src"), bitext.tokens("tgt"), model.align(bitext))
    if len(bitext) > 1:
        # What the aligner links where there is nothing to link: each line with the translation of the next.
        wrong = words_of(texts[0], texts[1][1:] + texts[1][:1])
        chance = metric.score(wrong.tokens("src"), wrong.tokens("tgt"), model.align(wrong)).value
        score = replace(score, parts={**score.parts, "chance": chance})
    parts = ("chance", "precision", "recall", "left_behind")
    show_scores({hyp: {"segment_alignment": score}}, as_json, parts=parts, by=f"aligner:{aligner}")


@click.command(context_settings=HELP)
@click.argument("text")
@click.argument("native")
@click.option("--permutations", type=click.IntRange(min=0), default=100, show_default=True, help="How often sentences are dealt to the two sides anew, to see what chance gives.")  # fmt: skip
@click.option("--iterations", type=int, default=3, show_default=True, help="Of the kernel on trees.")
@click.option("--relations/--no-relations", default=False, help="Whether relations count beside parts of speech.")
@lang_option
@samples_option
@seed_option
@json_option
def naturalness(
    text: str, native: str, iterations: int, relations: bool, lang: str, as_json: bool, **settings: Any
) -> None:
    """How far TEXT is from NATIVE text: of words, for files of a sentence a line; of syntax, for .conllu files."""
    parsed = [suffixes(f)[0] == ".conllu" for f in (text, native)]
    if parsed[0] != parsed[1]:
        raise DataError(f"{text} and {native}: one is CoNLL-U and one is not, expected two texts or two parsed texts")
    if parsed[0]:
        from polyalign.evaluate.trees import read_trees

        trees = [list(read_trees(read_lines(f), f)) for f in (text, native)]
        metric = metric_of("evaluate/syntactic-naturalness", iterations=iterations, relations=relations, **settings)
        found = {"syntactic": metric.score(*trees)}
    else:
        metric = metric_of("evaluate/lexical-naturalness", **settings)
        lines = [list(read_lines(f)) for f in (text, native)]
        found = {"lexical": metric.score(*lines, lang=language(text, lang))}
    show_scores({text: found}, as_json, parts=("chance", "p_value"))


@click.command(context_settings=HELP)
@click.argument("features")
@click.argument("values")
@click.option("--metric", default="", metavar="NAME", help="Of VALUES, where it has several.")
@click.option("--model", default="", metavar="NAME", help="Of VALUES, where it has several.")
@click.option("--kernel", type=click.Choice(["linear", "rbf"]), default="linear", show_default=True, help="rbf for features whose effects are not straight.")  # fmt: skip
@click.option("--strength", type=float, help="Of the ridge.  [dim](default: chosen)[/dim]")
@samples_option
@seed_option
@json_option
def transfer(features: str, values: str, metric: str, model: str, as_json: bool, **settings: Any) -> None:
    """How well FEATURES of languages foretell VALUES in them, each language from all others.

    FEATURES has a line for each language: its tag and numbers, between tabs. VALUES is such a file too, or the JSON of a metric.
    """
    from polyalign.evaluate.values import in_common, read_features, read_values

    method = metric_of("evaluate/transfer", **settings)
    table, truth = read_features(features)[1], read_values(values, metric=metric, model=model)
    _tell_left_out(in_common(truth, table)[1])
    show_scores({values: method.scores(table, truth)}, as_json, parts=("mean_error", "languages"))


@click.command(context_settings=HELP)
@click.argument("x")
@click.argument("y")
@click.option("--x-metric", default="", metavar="NAME", help="Metric or column of X, where it has several.")
@click.option("--y-metric", default="", metavar="NAME", help="Of Y.")
@click.option("--x-model", default="", metavar="NAME", help="Model of X, where it has several.")
@click.option("--y-model", default="", metavar="NAME", help="Of Y.")
@click.option("--control", metavar="FILE", help="Numbers to hold constant: a partial correlation.")
@samples_option
@seed_option
@json_option
def correlation(
    x: str,
    y: str,
    x_metric: str,
    y_metric: str,
    x_model: str,
    y_model: str,
    control: str | None,
    as_json: bool,
    **settings: Any,
) -> None:
    """Pearson, Spearman and Kendall of X and Y over languages: lines of a tag and a number, or the JSON of a metric."""
    import numpy as np

    from polyalign.evaluate.values import in_common, read_features, read_values

    method = metric_of("evaluate/correlation", **settings)
    tables: list[Mapping[str, Any]] = [
        read_values(x, metric=x_metric, model=x_model),
        read_values(y, metric=y_metric, model=y_model),
    ]
    tables += [read_features(control)[1]] if control is not None else []
    both, rest = in_common(*tables)
    _tell_left_out(rest)
    columns = [np.array([table[lang] for lang in both], np.float64) for table in tables]
    show_scores({f"{x} {y}": method.scores(columns[0], columns[1], control=columns[2] if control else None)}, as_json)


def _tell_left_out(rest: list[str]) -> None:
    if rest:
        note(f"left out, not in all files: {', '.join(rest)}")


#: What `polyalign evaluate` has besides.
VERBS = (
    tokenizer,
    bits_per_byte,
    information_parity,
    translation,
    segment_alignment,
    naturalness,
    transfer,
    correlation,
)
