"""``polyalign dedup``."""

from __future__ import annotations

from typing import Any

import numpy as np
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json, print_table
from polyalign.core import langs
from polyalign.core.errors import ConfigError
from polyalign.core.jit import set_threads


def dedup(
    method: Any,
    *,
    files: tuple[str, ...],
    out: str,
    rejects: str | None,
    mark: bool,
    source_format: str | None,
    pair: str,
    threads: int,
    as_json: bool,
) -> None:
    """Find the duplicates of some files and write the corpus without them."""
    from polyalign.corpus.corpus_files import CorpusFiles, Spool, beside, write_rows
    from polyalign.corpus.dedup.exact import Exact
    from polyalign.corpus.dedup.rejects import divide, with_reasons

    if as_json and out == "-":
        raise ConfigError("dedup: --json and the corpus cannot both go to standard output; name a file for --out")
    if mark and rejects:
        raise ConfigError("dedup: --mark keeps every row, so there are no --rejects; leave one of them out")
    set_threads(threads)
    runs = CorpusFiles(files, source_format, langs.parse_pair(pair))
    clusters = method.clusters(runs)
    word = "duplicate" if isinstance(method, Exact) else "near-duplicate"
    with beside(out) as folder, Spool(folder, "kept") as kept, Spool(folder, "rejected") as rejected:
        if mark:
            for run in clusters.add_to(runs):
                kept.add(getattr(run, "table", run))
            write_rows(kept.table(), out)
        else:
            divide(runs, clusters, kept=kept, rejected=rejected)
            write_rows(kept.table(), out)
            if rejects:
                write_rows(with_reasons(rejected.table(), kept.table(), clusters, word), rejects)
    counts = clusters.counts()
    sizes, number = np.unique(
        _bucket(clusters.cluster_size[clusters.cluster == np.arange(len(clusters))]), return_counts=True
    )
    by_size = dict(zip((BUCKETS[s] for s in sizes.tolist()), number.tolist(), strict=True))
    if as_json:
        print_json({**counts, "kept": counts["rows"] - counts["duplicates"], "clusters_by_size": by_size, "out": out})
    elif out != "-":
        table = [
            ("rows", counts["rows"]),
            (f"{word}s", counts["duplicates"]),
            ("kept", counts["rows"] - counts["duplicates"]),
        ]
        table += [(f"clusters of {name}", n) for name, n in by_size.items()]
        print_table(("what", "how many"), [(name, f"{n:,}") for name, n in table])


#: Cluster sizes as they are counted for people, and where each begins.
BUCKETS = ("1 row", "2 rows", "3 rows", "4 rows", "5-99 rows", "100-999 rows", "1000 rows or more")
_STARTS = np.asarray([1, 2, 3, 4, 5, 100, 1000])


def _bucket(sizes: Any) -> Any:
    return np.searchsorted(_STARTS, sizes, side="right") - 1


command = MethodGroup(
    task="corpus.dedup",
    verb=dedup,
    help="Leave out duplicate rows of a corpus: sentence pairs or documents, in one file or several. METHOD is exact, minhash "
    "(near-duplicates of documents, as FineWeb2 finds them) or fuzzy (near-duplicates of sentences). Of each cluster one row "
    "is kept, the first unless --keep says otherwise; the output has the columns `cluster` and `cluster_size`.",
    arguments=[
        click.Argument(["files"], metavar="IN...", nargs=-1, required=True),
        click.Option(
            ["-o", "--out"],
            required=True,
            metavar="OUT",
            help="The corpus without duplicates; its name tells the format.",
        ),
        click.Option(
            ["--rejects"], metavar="FILE", help="The duplicates, each with the `reason`: duplicate of which id."
        ),
        click.Option(["--mark"], is_flag=True, help="Keep every row, and only add the columns."),
        click.Option(["--from", "source_format"], help="Format of IN, where its name does not tell."),
        click.Option(["--pair"], default="und-und", metavar="SRC-TGT", help="Languages of sentence pairs: de-rm."),
        click.Option(["--threads"], type=int, default=0, help="Threads of the compiled kernels; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
