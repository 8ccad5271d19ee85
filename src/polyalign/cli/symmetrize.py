"""``polyalign symmetrize``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.jit import set_threads
from polyalign.core.links import Links


def symmetrize(
    method: Any,
    *,
    forward: str,
    backward: str,
    out: str,
    reverse: bool,
    one_based: bool,
    probabilities: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Join FORWARD and BACKWARD, Pharaoh links of the same sentence pairs, and write them to OUT."""
    from polyalign.words.pharaoh import link_runs, write_links

    if forward == backward == "-":
        raise ConfigError(
            "symmetrize: only one of FORWARD and BACKWARD can be standard input; name a file for the other"
        )
    if as_json and out == "-":
        raise ConfigError("symmetrize: --json and the links cannot both go to standard output; name a file for OUT")
    set_threads(threads)
    counts = {"pairs": 0, "links": 0}
    two = link_runs(forward, one_based=one_based), link_runs(backward, one_based=one_based, reverse=reverse)
    runs = _in_step(forward, backward, *two)
    if getattr(method, "threshold", 0) is None:
        # A learned threshold is learned from all there is.
        sides = list(runs)
        runs = iter([(Links.concat([f for f, _ in sides]), Links.concat([b for _, b in sides]))])

    def joined() -> Iterator[Links]:
        for f, b in runs:
            links = method(f, b)
            if probabilities and links.prob is None and len(links.src):
                raise DataError(
                    f"{forward}, {backward}: found links without a probability, expected i-j:p everywhere; "
                    "leave --probabilities out"
                )
            counts["pairs"] += len(links)
            counts["links"] += len(links.src)
            yield links

    write_links(out, joined(), probabilities=probabilities)
    if as_json:
        print_json({**counts, "out": out})


def _in_step(forward: str, backward: str, f: Iterator[Links], b: Iterator[Links]) -> Iterator[tuple[Links, Links]]:
    """Runs of the same lines of both files."""
    done = 0
    for one, two in zip_longest(f, b):
        counts = [0 if run is None else len(run) for run in (one, two)]
        if counts[0] != counts[1]:
            totals = [done + n + sum(map(len, rest)) for n, rest in zip(counts, (f, b), strict=True)]
            raise DataError(
                f"{forward}: found {totals[0]:,} lines, and {totals[1]:,} in {backward}, expected as many; a line stands "
                "for a sentence pair, also where there are no links"
            )
        done += counts[0]
        yield one, two


command = MethodGroup(
    task="words.symmetrize",
    verb=symmetrize,
    help="Join two directional word alignments: FORWARD and BACKWARD are Pharaoh files (`i-j`, both source-target, as "
    "`fast_align` and `fast_align -r` print them), OUT gets Pharaoh links counted from 0; `-` is standard input or output.",
    arguments=[
        click.Argument(["forward"]),
        click.Argument(["backward"]),
        click.Argument(["out"]),
        click.Option(
            ["--reversed", "reverse"],
            is_flag=True,
            help="BACKWARD is target-source (`j-i`): its languages were exchanged.",
        ),
        click.Option(["--one-based"], is_flag=True, help="FORWARD and BACKWARD count words from 1."),
        click.Option(
            ["--probabilities"],
            is_flag=True,
            help="Write links as `i-j:p`, the mean of both, where the files have `i-j:p`.",
        ),
        click.Option(
            ["--threads"], type=int, default=0, help="Threads; 0 is all. The result is the same for any number."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
