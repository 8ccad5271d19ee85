"""``polyalign clean``."""

from __future__ import annotations

from typing import Any

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import langs
from polyalign.core.errors import ConfigError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="IN")
@click.option("-o", "--out", required=True, metavar="OUT", help="The clean corpus; its name tells the format.")
@click.option("--preset", "presets", multiple=True, metavar="NAME", help="opusfilter, web, subtitles, press, theses or parliament. May be repeated.")  # fmt: skip
@click.option("--score", "scores", multiple=True, metavar="[AS=]NAME[:param=value]", help="A method of corpus.score or corpus.tag to add as a column.")  # fmt: skip
@click.option("--min", "minima", multiple=True, metavar="SCORE=VALUE", help="The least value to keep, on both sides of a pair.")  # fmt: skip
@click.option("--keep", "shares", multiple=True, metavar="SCORE=SHARE", help="Keep that best share of the rows by a score.")  # fmt: skip
@click.option("--rejects", metavar="FILE", help="The rows that go, each with its reason.")
@click.option("--reference", metavar="FILE", help="Clean text for scores that learn; without it they learn from the beginning of IN.")  # fmt: skip
@click.option("--train", metavar="FILE", help="Clean rows to train a classifier on; adds score.clean.")
@click.option("--save-model", metavar="FILE", help="Where to save the classifier.")
@click.option("--model", metavar="FILE", help="A saved classifier; adds score.clean.")
@click.option("--mask", "masks", multiple=True, metavar="NAME[:param=value]", help="Put a sign for what pii or word-list finds.")  # fmt: skip
@click.option("--missing/--no-missing", default=True, help="Keep rows whose score cannot be told (default: keep).")
@click.option("--distinct", is_flag=True, help="Of equal rows of one run of 16,384 keep the first; see dedup.")
@click.option("--scores/--no-scores", "with_scores", default=True, help="Write the columns of scores (default: yes).")
@click.option("--from", "format", help="Format of IN, where its name does not tell.")
@click.option("--pair", default="und-und", metavar="SRC-TGT", help="Languages of sentence pairs: de-rm.")
@click.option("--lang", default="und", metavar="LANG", help="Language of documents that name none.")
@click.option("--threads", type=int, default=0, help="0 is all.")
@json_option
def command(source: str, out: str, rejects: str | None, as_json: bool, threads: int, **asked: Any) -> None:
    """Score a corpus and keep what is clean: sentence pairs of any format, or texts of one language.

    Without --preset, --score and --min, the preset is web. IN is read once, in bounded memory.
    """
    from polyalign.core.jit import set_threads
    from polyalign.core.memory import give_back
    from polyalign.corpus.select.cleaning import Cleaning

    if as_json and out == "-":
        raise ConfigError("clean: --json and the corpus cannot both go to standard output; name a file for --out")
    give_back()
    set_threads(threads)
    asked |= {"pair": langs.parse_pair(asked["pair"]), "lang": langs.normalise(asked["lang"])}
    tally, model = Cleaning(**asked).run(source, out, rejects)
    if as_json:
        accuracy = {"classifier": dict(model.measured)} if model else {}
        print_json({"rows": tally.rows, "kept": tally.kept, "reasons": tally.told(), "out": out, **accuracy})
    elif out != "-":
        rows = [("(kept)", tally.kept, ""), *((r["reason"], r["rows"], r["sample"]) for r in tally.told())]
        shown = [(name, f"{n:,}", f"{n / max(1, tally.rows):.2%}", sample) for name, n, sample in rows]
        print_table(("reason", "rows", "share", "sample"), shown)
