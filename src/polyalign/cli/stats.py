"""``polyalign stats``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core import langs, params, registry


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("corpora", metavar="IN...", nargs=-1, required=True)
@click.option("--format", "-f", help="tsv, tmx, moses, ..., documents or lines, where the name does not tell.")
@click.option("--pair", default="und-und", metavar="SRC-TGT", help="Languages of a bitext: de-rm.")
@click.option("--lang", default="und", metavar="LANG", help="Language of lines, and of documents that name none.")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write the profile as one page.")
@click.option(
    "--sample", type=click.IntRange(min=1), default=10_000, show_default=True, help="Rows to look at closely."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the choice of these rows.")
@click.option("--identify", default="cld2", metavar="NAME", help="A method of text.identify, or none.")
@json_option
def command(
    corpora: tuple[str, ...],
    format: str | None,
    pair: str,
    lang: str,
    html: Path | None,
    sample: int,
    seed: int,
    identify: str,
    as_json: bool,
) -> None:
    """Profile a corpus: languages, lengths, duplicates, noise, vocabulary, sources, samples.

    IN is a bitext of any format, a folder or file of documents, or a text file of one text a line; several count as one
    corpus of several sources. It is read once, in bounded memory.
    """
    from polyalign.core.scripts import script_of
    from polyalign.corpus.profile.read import profile_of
    from polyalign.report.profile import write_profile
    from polyalign.report.profile_tables import show_profile

    method = None if identify == "none" else params.build(registry.find(identify, task="text.identify"))
    profile = profile_of(
        list(corpora), format=format, pair=langs.parse_pair(pair), lang=langs.normalise(lang), sample=sample, seed=seed
    )
    told = {"corpora": list(corpora), **profile.told(method, script_of)}
    if html is not None:
        write_profile(told, html)
    if as_json:
        print_json(told)
    else:
        show_profile(told, html)
