"""``polyalign thresholds``."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json, print_table
from polyalign.core.errors import ConfigError, DataError


def thresholds(method: Any, *, reference: str, base: str | None, out: str, as_json: bool) -> None:
    """Learn the thresholds of each language of a reference and save them."""
    from polyalign.corpus.corpus_files import CorpusFiles
    from polyalign.corpus.reference.words import Words

    needs_base = "base" in signature(method.learn).parameters
    if needs_base != (base is not None):
        raise ConfigError(
            "thresholds: this rule carries thresholds over from another language; give its scored text with --base"
            if needs_base
            else "thresholds: --base is for rules that carry thresholds over; this one needs only the reference"
        )
    parts = (
        _by_language(CorpusFiles((reference,)), isinstance(method, Words))
        if "{lang}" in out
        else {"": CorpusFiles((reference,))}
    )
    told: list[dict[str, Any]] = []
    for lang, runs in parts.items():
        found = method.learn(runs, CorpusFiles((base,))) if base is not None else method.learn(runs)
        path = Path(out.replace("{lang}", lang))
        path.parent.mkdir(parents=True, exist_ok=True)
        found.save(path)
        told.append({"lang": lang or "all", "file": str(path), "thresholds": getattr(found, "minimum", {})})
    if as_json:
        print_json(told)
        return
    names = list(dict.fromkeys(name for row in told for name in row["thresholds"]))
    cells = [
        [row["lang"], *(f"{row['thresholds'].get(n, float('nan')):.3g}" for n in names), row["file"]] for row in told
    ]
    print_table(("language", *names, "file"), cells)


def _by_language(corpus: Any, texts: bool) -> dict[str, list[pa.Table]]:
    """The rows of each language, read once; without their texts, unless these are what is learned from."""
    found: dict[str, list[pa.Table]] = {}
    for run in corpus:
        if not isinstance(run, pa.Table) or "lang" not in run.column_names:
            raise DataError(
                "thresholds: found rows without a column lang, expected documents of named languages; write {lang} out"
            )
        rows = run if texts else run.drop_columns(["text"])
        for lang in run["lang"].drop_null().unique().to_pylist():
            found.setdefault(lang, []).append(rows.filter(pc.equal(run["lang"], lang)))
    return dict(sorted(found.items()))


command = MethodGroup(
    task="corpus.thresholds",
    verb=thresholds,
    help="Learn from a language's own text how its scores should be: REFERENCE is text that is known to be good, with columns of "
    "scores (`polyalign clean` adds them). METHOD is the rule: tail cuts the worst tenth and needs nothing else; quantile, "
    "mean-std and median-ratio carry known thresholds over from another language; confidence is for language "
    "identification; words learns stop words and lengths of words.",
    arguments=[
        click.Argument(["reference"], metavar="REFERENCE"),
        click.Option(["--base"], metavar="FILE", help="Scored text of the language whose thresholds are known."),
        click.Option(
            ["-o", "--out"],
            required=True,
            metavar="OUT",
            help="The file of thresholds, .toml or .json; with {lang} in its name, one for each language.",
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
