"""``polyalign tune-encoder``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.bitext import Bitext
from polyalign.core.document import Document
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import check_free, read_lines
from polyalign.core.jit import set_threads
from polyalign.core.progress import note

#: Options of the data by what a method takes; those that are not named mean nothing to it.
_OPTIONS = {
    "bitext": ("earlier",),
    "links": ("links", "earlier", "earlier_links"),
    "documents": (),
    "judgements": ("rated",),
}
#: Arguments of a method's `fit` after the encoder, by place and by name.
Read = tuple[tuple[Any, ...], dict[str, Any]]
_NEEDED = {"links": "links", "judgements": "rated"}


def tune_encoder(
    method: Any,
    *,
    encoder: str,
    data: tuple[str, ...],
    out: str,
    pair: str,
    format: str | None,
    links: str | None,
    earlier: str | None,
    earlier_links: str | None,
    rated: str | None,
    threads: int,
    as_json: bool,
) -> None:
    """Tune ENCODER on DATA and write it to OUT."""
    from polyalign.encoders.named import named_encoder
    from polyalign.models.encoders.checkpoints import write

    given = {"links": links, "earlier": earlier, "earlier_links": earlier_links, "rated": rated}
    _check(method, given)
    folder = Path(out)
    check_free(folder)
    set_threads(threads)
    tags = langs.parse_pair(pair)

    def bitext(path: str) -> Bitext:
        from polyalign.corpus.formats import read_bitext

        return read_bitext(path, format=format, pair=tags)

    read: dict[str, Callable[[], Read]] = {
        "bitext": lambda: _bitext(method, data, bitext, earlier),
        "links": lambda: _linked(data, bitext, given),
        "documents": lambda: ((_documents(data),), {}),
        "judgements": lambda: _judged(data, str(rated), method),
    }
    arguments, named = read[method.takes]()
    work = folder.with_name(f".{folder.name}.tuning")
    made = method.fit(named_encoder(encoder), *arguments, **named, work=work)
    # Of several processes, one for each device, one writes.
    if int(os.environ.get("RANK", "0")):
        return
    write(made, folder, work)
    name = f"{out}:prefix={made.prefix}" if made.prefix else out
    note(f"{folder}: {encoder}, tuned in {method.steps:,} steps; as an encoder its name is {name!r}")
    if as_json:
        print_json({"encoder": encoder, "steps": method.steps, "out": out, "name": name})


def _check(method: Any, given: dict[str, str | None]) -> None:
    takes = method.takes
    allowed = _OPTIONS[takes] if hasattr(method, "replay") else [x for x in _OPTIONS[takes] if "earlier" not in x]
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if value is not None and name not in allowed:
            raise ConfigError(f"tune-encoder: {flag} means nothing to this method; leave it out")
        if value is None and _NEEDED.get(takes) == name:
            raise ConfigError(f"tune-encoder: this method needs {flag}; name the file")
    if takes == "links" and (given["earlier"] is None) != (given["earlier_links"] is None):
        raise ConfigError("tune-encoder: found one of --earlier and --earlier-links, expected both or neither")


def _bitext(method: Any, data: tuple[str, ...], bitext: Callable[[str], Bitext], earlier: str | None) -> Read:
    parts = [bitext(path) for path in data]
    joined = Bitext.build([t for p in parts for t in p.src], [t for p in parts for t in p.tgt])
    return (joined,), {} if earlier is None else {"earlier": bitext(earlier)}


def _linked(data: tuple[str, ...], bitext: Callable[[str], Bitext], given: dict[str, str | None]) -> Read:
    from polyalign.core.links import Links

    if len(data) != 1:
        raise ConfigError(f"tune-encoder: found {len(data)} files of --data, expected one, whose links --links has")

    def pair(path: str, links: str) -> tuple[Bitext, Links]:
        return bitext(path), Links.from_pharaoh(read_lines(links), where=links)

    earlier = None if given["earlier"] is None else pair(given["earlier"], str(given["earlier_links"]))
    return pair(data[0], str(given["links"])), {"earlier": earlier}


def _judged(data: tuple[str, ...], rated: str, method: Any) -> Read:
    from polyalign.models.encoders.indic_sbert import read_rated, read_triples

    return ([t for path in data for t in read_triples(path, seed=method.seed)], read_rated(rated)), {}


def _documents(data: tuple[str, ...]) -> dict[str, list[Document]]:
    """``LANG=PATH``: a folder of a document a file, or a file of documents with empty lines between them."""
    out: dict[str, list[Document]] = {}
    for entry in data:
        lang, _, name = entry.partition("=")
        path = Path(name)
        if not name or not path.exists():
            raise DataError(
                f"--data {entry}: found no such file or folder, expected LANG=PATH, a folder of a document a file or a file "
                "with empty lines between documents; correct it"
            )
        documents = out.setdefault(langs.normalise(lang), [])
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
            documents += [Document.from_lines(list(read_lines(p)), id=p.name) for p in files]
            continue
        lines: list[str] = []
        for line in [*read_lines(path), ""]:
            if line.strip():
                lines.append(line)
            elif lines:
                documents.append(Document.from_lines(lines, id=f"{name} {len(documents)}"))
                lines = []
    return out


command = MethodGroup(
    task="models.encoder",
    verb=tune_encoder,
    help="Tune an encoder so that what means the same in two languages has the same vector; the folder OUT can be named "
    "wherever an encoder can. The same command goes on from the last checkpoint of a run that was stopped.",
    arguments=[
        click.Option(
            ["--encoder"], default="e5", show_default=True, help="e5, or a transformer's folder or name on the hub."
        ),
        click.Option(
            ["--data"],
            multiple=True,
            required=True,
            metavar="FILE",
            help="Bitext of any format, several times for several; for lexical pairs of words; for ccp LANG=PATH, a folder of "
            "a document a file, or a file with empty lines between documents; for indic-sbert premise, hypothesis and label "
            "(entailment, neutral, contradiction) between tabs.",
        ),
        click.Option(["--out", "-o"], required=True, metavar="OUT", help="Folder for the tuned model."),
        click.Option(
            ["--pair"], default="und-und", metavar="SRC-TGT", help="Languages, needed to pick them out of a TMX: de-rm."
        ),
        click.Option(["--format"], help="Format of the bitexts, where their names do not tell."),
        click.Option(["--links"], metavar="FILE", help="For adjustment: links of DATA, Pharaoh, a line a pair."),
        click.Option(["--earlier"], metavar="FILE", help="Bitext of other languages that are to stay as good."),
        click.Option(["--earlier-links"], metavar="FILE", help="For adjustment: its links."),
        click.Option(
            ["--rated"], metavar="FILE", help="For indic-sbert: two texts and a rating from 0 to 5 between tabs."
        ),
        click.Option(["--threads"], type=int, default=0, help="Threads; 0 is all."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
