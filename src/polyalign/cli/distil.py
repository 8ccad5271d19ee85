"""``polyalign distil``."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import set_threads


@click.command()
@click.argument("encoder")
@click.argument("out")
@click.option("--sif", type=float, default=1e-4, show_default=True, help="The smaller, the less frequent tokens weigh.")
@click.option(
    "--whitening",
    type=float,
    default=0.5,
    show_default=True,
    help="How far the directions that all vectors share are evened out, from 0 to 1.",
)
@click.option("--threads", type=int, default=0, help="Threads; 0 is all.")
@json_option
def command(encoder: str, out: str, sif: float, whitening: float, threads: int, as_json: bool) -> None:
    """Make ENCODER static: a vector for each token of its vocabulary, in the folder OUT.

    ENCODER is e5 or a transformer's folder or name on the hub. OUT can be named wherever an encoder can, needs
    no transformer any more, and encodes thousands of sentences a second; model2vec reads it too. e5 has 250,000 tokens,
    which takes about twenty minutes of a core for e5. Tokens are kept in the cache, so a run that was stopped goes on.
    """
    from polyalign.encoders.distil import distil
    from polyalign.encoders.distilled import Distilled

    if Path(out).exists() and not Path(out).is_dir():
        raise DataError(f"{out}: is a file, expected a folder, or a name that is free")
    try:
        Distilled(encoder, sif, whitening)
    except ValueError as error:
        raise ConfigError(f"distil: {error}") from None
    set_threads(threads)
    told = distil(encoder, out, sif, whitening)
    if as_json:
        print_json(told)
