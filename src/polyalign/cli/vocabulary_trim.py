"""``polyalign vocabulary trim``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import registry
from polyalign.core.files import check_free, read_lines
from polyalign.core.jit import set_threads
from polyalign.core.progress import note

#: The method that is meant where none is named.
USUAL = "corpus"


def trim(method: Any, *, model: str, text: tuple[str, ...], out: str, kind: str, threads: int, as_json: bool) -> None:
    """Trim MODEL to the languages of some text and write it to OUT."""
    folder = Path(out)
    check_free(folder)
    set_threads(threads)
    lines = [line for path in text for line in read_lines(Path(path))]
    proof = _encoder(method, model, lines, folder) if kind == "encoder" else _model(method, model, lines, folder, kind)
    pieces, parameters, tokens = proof.pieces, proof.parameters, proof.tokens
    note(f"{folder}: {pieces[1]:,} of {pieces[0]:,} pieces, {parameters[1]:,} of {parameters[0]:,} parameters")
    if proof.same == proof.lines:
        note(f"all {proof.lines:,} lines are segmented exactly as before, {tokens[0]:,} tokens")
    else:
        note(
            f"{len(proof.changed):,} of {proof.lines:,} lines are segmented otherwise, the first of them line {proof.changed[0] + 1}; "
            f"{tokens[0]:,} tokens before, {tokens[1]:,} after"
        )
    if as_json:
        counts = {"lines": proof.lines, "same": proof.same, "changed": (proof.changed + 1).tolist()}
        sizes = {"pieces": list(pieces), "parameters": list(parameters), "tokens": list(tokens)}
        print_json({"model": model, "out": out, **counts, **sizes})


def _model(method: Any, name: str, lines: list[str], folder: Path, kind: Any) -> Any:
    from polyalign.models.language_model import read_model, write_model

    made, proof = method.fit(read_model(name, kind=kind), lines)
    write_model(made, folder)
    return proof


def _encoder(method: Any, name: str, lines: list[str], folder: Path) -> Any:
    from polyalign.encoders.e5_torch import PROMPTS
    from polyalign.encoders.named import named_encoder
    from polyalign.encoders.tune import model_of
    from polyalign.models.encoders.checkpoints import write
    from polyalign.models.language_model import LanguageModel

    encoder = model_of(named_encoder(name))
    network = encoder.network
    # What is put before a text is to stay as it is too.
    before = {encoder.prefix, *(PROMPTS.values() if encoder.folder is None else ())}
    text = [encoder.prefix + line for line in lines] + sorted(before - {"", encoder.prefix})
    made, proof = method.fit(LanguageModel(network.model, network.tokenizer, name, name), text)
    write(replace(encoder, network=replace(network, model=made.model, tokenizer=made.tokenizer)), folder, None)
    if encoder.folder is not None:
        for path in sorted(folder.rglob("tokenizer.json")):
            made.tokenizer.save_pretrained(path.parent)
    said = f"{folder}:prefix={encoder.prefix}" if encoder.prefix else str(folder)
    note(f"as an encoder its name is {said!r}")
    return proof


def _help() -> str:
    names = [row.name for row in registry.rows().values() if row.task == "models.trim"]
    others = " or ".join(n for n in names if n != USUAL)
    return (
        "Cut a model's vocabulary to the languages of some text, and prove that the text is segmented as before: "
        f"`polyalign vocabulary trim MODEL --text FILE -o OUT`. The method {USUAL} is meant where none ({others}) is named."
    )


command = MethodGroup(
    usual=USUAL,
    task="models.trim",
    verb=trim,
    help=_help(),
    arguments=[
        click.Argument(["model"]),
        click.Option(
            ["--text"],
            multiple=True,
            required=True,
            metavar="FILE",
            help="Text in the languages to keep, lines or documents; several times for several files.",
        ),
        click.Option(["--out", "-o"], required=True, metavar="OUT", help="Folder for the trimmed model."),
        click.Option(
            ["--kind"],
            type=click.Choice(["causal", "masked", "encoder"]),
            default="causal",
            show_default=True,
            help="Whether the model says what comes next, what is masked, or only encodes (e5, or a folder).",
        ),
        click.Option(["--threads"], type=int, default=0, help="Threads; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
