"""``polyalign balance``."""

from __future__ import annotations

from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json, print_table
from polyalign.core import langs
from polyalign.core.errors import ConfigError


def balance(
    method: Any,
    *,
    files: tuple[str, ...],
    out: str | None,
    by: str | None,
    unit: str,
    key: str,
    exact: bool,
    source_format: str | None,
    pair: str,
    as_json: bool,
) -> None:
    """Balance the groups of a corpus, or only say how."""
    from polyalign.corpus.balance.sample import EPOCHS, Sample
    from polyalign.corpus.balance.sizes import measure
    from polyalign.corpus.corpus_files import CorpusFiles, Spool, beside, write_rows

    if as_json and out == "-":
        raise ConfigError("balance: --json and the corpus cannot both go to standard output; name a file for --out")
    runs = CorpusFiles(files, source_format, langs.parse_pair(pair))
    usual: str = getattr(method, "by", "file" if len(files) > 1 else "lang")
    column = by or usual
    sizes = measure(runs, column, unit)  # type: ignore[arg-type]
    rates = method.rates(sizes)
    rows_in = sizes if unit == "rows" else measure(runs, column)
    rows_out: dict[str, float] = {}
    if out is not None:
        sample = Sample(by=column, key=key, exact=exact or getattr(method, "exact", False), unit=unit, seed=method.seed)  # type: ignore[arg-type]
        with beside(out) as folder, Spool(folder) as spool:
            for run in sample.take(runs, rates):
                table = getattr(run, "table", run)
                spool.add(table)
                for name, n in measure([table], column).items():
                    rows_out[name] = rows_out.get(name, 0.0) + n
            write_rows(spool.table(), out)
    groups = [
        {"group": name, "size": size, "rows": int(rows_in[name]), "rate": round(rates[name], 6)}
        | ({"rows_out": int(rows_out.get(name, 0))} if out is not None else {})
        for name, size in sizes.items()
    ]
    if as_json:
        print_json({"by": column, "unit": unit, "groups": groups, "out": out})
    elif out != "-":
        header = [
            "group",
            *([unit] if unit != "rows" else []),
            "rows",
            "epochs",
            *(["rows out"] if out is not None else []),
        ]
        cells = [
            [
                g["group"], *([f"{g['size']:,.0f}"] if unit != "rows" else []), f"{g['rows']:,}", f"{g['rate']:.3f}" + (" !" if g["rate"] > EPOCHS else ""),
                *([f"{g['rows_out']:,}"] if out is not None else []),
            ]
            for g in groups
        ]  # fmt: skip
        print_table(header, cells)


command = MethodGroup(
    task="corpus.balance",
    verb=balance,
    help="Balance the groups of a corpus: languages, sources, files, clusters of duplicates. METHOD says how often each "
    "group's rows are to be there: temperature, unimax, quota or rehydrate. Without --out the table of epochs is all.",
    arguments=[
        click.Argument(["files"], metavar="IN...", nargs=-1, required=True),
        click.Option(["-o", "--out"], metavar="OUT", help="The balanced corpus; its name tells the format."),
        click.Option(
            ["--by"], metavar="COLUMN", help="The column of groups; by default `file` of several files, else `lang`."
        ),
        click.Option(
            ["--unit"],
            type=click.Choice(["rows", "characters", "words"]),
            default="characters",
            help="What sizes are in.",
        ),
        click.Option(
            ["--key"], type=click.Choice(["content", "row"]), default="content", help="What a row's fate depends on."
        ),
        click.Option(["--exact"], is_flag=True, help="Meet each group's amount exactly, not on average."),
        click.Option(["--from", "source_format"], help="Format of IN, where its name does not tell."),
        click.Option(["--pair"], default="und-und", metavar="SRC-TGT", help="Languages of sentence pairs: de-rm."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
