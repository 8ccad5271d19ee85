"""``polyalign vocabulary extend``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.options import JsonType, MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import params, registry
from polyalign.core.errors import ConfigError
from polyalign.core.files import check_free, read_lines
from polyalign.core.jit import set_threads
from polyalign.core.progress import note

#: The method that is meant where none is named.
USUAL = "bpe"


def extend(
    method: Any,
    *,
    model: str,
    text: tuple[str, ...],
    out: str,
    rows: str,
    rows_with: dict[str, Any] | None,
    lexicon: str | None,
    vectors: tuple[str, str] | None,
    donor: str | None,
    kind: Any,
    threads: int,
    as_json: bool,
) -> None:
    """Extend the tokenizer of MODEL and give its new pieces rows."""
    from polyalign.models.language_model import read_model, read_tokenizer, with_rows, write_model
    from polyalign.models.vocabulary.change import Change
    from polyalign.models.vocabulary.pieces import pieces_of
    from polyalign.models.vocabulary.reachable import unreachable
    from polyalign.models.vocabulary.rows.evidence import Evidence, read_lexicon

    folder = Path(out)
    check_free(folder)
    if not text and not getattr(method, "tokens", ()):
        raise ConfigError("vocabulary extend: found no --text, expected one at least; new pieces are learnt from text")
    set_threads(threads)
    lines = [line for path in text for line in read_lines(path)]
    alone = tokenizer_alone(model)
    for_rows = {"--rows-with": rows_with, "--lexicon": lexicon, "--vectors": vectors, "--donor": donor}
    if alone and (given := [option for option, value in for_rows.items() if value]):
        raise ConfigError(
            f"{model}: found {given[0]} and a tokenizer without a model, expected a model whose pieces have rows; leave it out"
        )
    made = None if alone else read_model(model, kind=kind)
    old = read_tokenizer(model) if made is None else made.tokenizer
    new = method.fit(old, lines)
    change = Change.between(old, new)
    if made is None:
        new.save_pretrained(folder)
    else:
        evidence = Evidence(
            texts=lines,
            lexicon=() if lexicon is None else read_lexicon(lexicon),
            spaces=None if vectors is None else _spaces(*vectors),
            donor=None if donor is None else read_model(donor, kind=kind),
        )
        way = params.build(registry.find(rows, task="models.rows"), rows_with or {})
        write_model(with_rows(made, new, way.fit(made, change, evidence)), folder)
    dead = unreachable(pieces_of(new), change.new.tolist())
    before, after = (_tokens(t, lines) for t in (old, new))
    note(
        f"{folder}: {len(change.new):,} new pieces, {len(new):,} in all, {len(dead):,} of the new that no text could use"
    )
    if before:
        note(f"the text is {after:,} tokens, {before:,} before: {1 - after / before:.1%} fewer")
    if as_json:
        sizes = {
            "pieces": [len(old), len(new)],
            "new": len(change.new),
            "unreachable": len(dead),
            "tokens": [before, after],
        }
        print_json({"model": model, "out": out, "rows": None if alone else rows, **sizes})


def tokenizer_alone(model: str) -> bool:
    """Whether a folder has a tokenizer and no model.

    Raises:
        ConfigError: It is a tokenizer's own file.
    """
    path = Path(model)
    if path.suffix == ".json":
        raise ConfigError(f"{model}: is a file, expected the folder that it lies in, with tokenizer_config.json")
    return path.is_dir() and (path / "tokenizer.json").is_file() and not (path / "config.json").is_file()


def _tokens(tokenizer: Any, lines: list[str]) -> int:
    found = (
        tokenizer(lines, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
        if lines
        else []
    )
    return sum(map(len, found))


def _spaces(known: str, new: str) -> tuple[Any, Any]:
    from polyalign.encoders.write_vectors import read_space

    return read_space(known), read_space(new)


def _help() -> str:
    names = [row.name for row in registry.rows().values() if row.task == "models.extend"]
    return (
        "Give a model's tokenizer pieces of a new language, and the new pieces rows: "
        f"`polyalign vocabulary extend MODEL --text FILE -o OUT`. The method {USUAL} is meant where none "
        f"({', '.join(n for n in names if n != USUAL)}) is named. Of a folder with a tokenizer alone, that is extended."
    )


def _rows() -> str:
    return ", ".join(row.name for row in registry.rows().values() if row.task == "models.rows")


command = MethodGroup(
    usual=USUAL,
    task="models.extend",
    verb=extend,
    help=_help(),
    arguments=[
        click.Argument(["model"]),
        click.Option(["--text"], multiple=True, metavar="FILE", help="Text of the new language; several times for several files."),
        click.Option(["--out", "-o"], required=True, metavar="OUT", help="Folder for the extended model."),
        click.Option(["--rows"], default="constituents", show_default=True, metavar="NAME", help=f"How rows of new pieces begin: {_rows()}."),
        click.Option(["--rows-with"], type=JsonType(), metavar="JSON", help="Parameters of that, such as '{\"norm\": \"parts\"}'."),
        click.Option(["--lexicon"], metavar="FILE", help="Words of a known language and the new one, as `polyalign lexicon` writes them, for rows that ask for it."),
        click.Option(["--vectors"], nargs=2, metavar="KNOWN NEW", help="Word vectors of a known language and the new one in one space, for rows that ask for them."),
        click.Option(["--donor"], metavar="MODEL", help="Another model that has the pieces, for rows that ask for it."),
        click.Option(["--kind"], type=click.Choice(["causal", "masked"]), default="causal", show_default=True, help="Whether the model says what comes next, or what is masked."),
        click.Option(["--threads"], type=int, default=0, help="Threads; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)  # fmt: skip
