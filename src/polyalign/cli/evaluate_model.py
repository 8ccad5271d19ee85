"""``polyalign evaluate model``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError
from polyalign.core.progress import note


@click.command("model", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--parallel", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder with a text file a language, line by line translations of each other: deu_Latn.txt, news.de.txt.")  # fmt: skip
@click.option("--languages", default="", metavar="TAGS", help="Only these: de,hi,swh_Latn. By default all files are read.")  # fmt: skip
@click.option("--pivot", default="eng_Latn", show_default=True, metavar="TAG", help="The language that all others are compared with.")  # fmt: skip
@click.option("--sentences", type=click.IntRange(min=0), default=100, show_default=True, help="The first so many lines of each file; 0 for all.")  # fmt: skip
@click.option("--metrics", default="", metavar="NAMES", help="Only these, of mexa, retrieval, anc, cka, svcca, lareqa, language_probe, neutrality, premium, fertility, bytes_per_token, information_parity, bits_per_byte, compressor. By default all but svcca that a model can have.")  # fmt: skip
@click.option("--pooling", type=click.Choice(["auto", "weighted", "mean", "last"]), default="auto", metavar="NAME", help="What is made of a sentence's tokens: weighted, mean, last; auto is weighted for causal models, mean for encoders.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write all of it as one page, FILE.html.")  # fmt: skip
@click.option("--samples", type=click.IntRange(min=0), default=1000, show_default=True, help="Bootstrap resamples of the intervals.")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Of the resampling.")
@click.option("--threads", type=int, default=0, help="Threads; 0 is all.")
@json_option
def command(
    models: tuple[str, ...],
    parallel: Path,
    languages: str,
    pivot: str,
    sentences: int,
    metrics: str,
    pooling: str,
    out: Path | None,
    samples: int,
    seed: int,
    threads: int,
    as_json: bool,
) -> None:
    """Measure how well models know languages and align them, over a folder of parallel texts.

    MODEL is an encoder (`e5`), a model's folder, its name on the Hugging Face hub, or a .gguf file; several are compared.
    A causal language model is also measured by its tokenizer and by how probable it finds the texts. What a model was
    once read for is kept, so the same command with other metrics is fast, and one that was stopped goes on.
    """
    from polyalign.core.jit import set_threads
    from polyalign.evaluate.model.parallel import read_parallel
    from polyalign.evaluate.model.profile import ModelProfile
    from polyalign.report.model import write_model_page
    from polyalign.report.model_table import show_models

    try:
        method = ModelProfile(tuple(_names(metrics)), pooling, samples, seed)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f"evaluate model: {error}") from None
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{out}: expected a page such as model.html; for numbers, redirect --json to a file")
    set_threads(threads)
    wanted = [langs.normalise(tag) for tag in _names(languages)]
    texts = read_parallel(parallel, pivot=langs.normalise(pivot), languages=wanted, sentences=sentences)
    told = method.profile(models, texts, folder=parallel.resolve().name)
    if out is not None:
        write_model_page(told, out)
        note(f"{out}: written")
    if as_json:
        print_json(told)
    else:
        show_models(told)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
