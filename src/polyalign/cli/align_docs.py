"""``polyalign align-docs``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs, params, registry
from polyalign.core.document import Document
from polyalign.core.documentpairs import DocumentPairs
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import COMPRESSIONS, read_text, suffixes, write_lines, write_text
from polyalign.core.jit import set_threads
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note, track

#: A document before it is split: its name and its text.
Text = tuple[str, str]


def align_docs(
    method: Any,
    *,
    src: str | None,
    tgt: str | None,
    out: str | None,
    mixed: str | None,
    pair: str,
    split: str,
    copy: str | None,
    threads: int,
    as_json: bool,
) -> None:
    """Pair the documents of SRC and TGT and write OUT."""
    tags = langs.parse_pair(pair)
    if mixed is not None:
        # With --mixed there is one place to read from, so the first argument is OUT.
        if tgt is not None or out is not None:
            raise ConfigError(
                "align-docs: with --mixed the documents are in one folder; give OUT only, not SRC and TGT"
            )
        src, out = None, src
    if out is None or (mixed is None and (src is None or tgt is None)):
        raise ConfigError("align-docs: expected SRC TGT OUT, or --mixed DIR --pair SRC-TGT OUT")
    if as_json and out == "-":
        raise ConfigError("align-docs: --json and the pairs cannot both go to standard output; name a file for OUT")
    if copy is not None and Path(copy).exists() and (not Path(copy).is_dir() or any(Path(copy).iterdir())):
        raise DataError(f"{copy}: is there already, expected an empty folder or a new one; choose another name")
    set_threads(threads)
    foreign: list[tuple[str, str]] = []
    if mixed is not None:
        sides, foreign = _told_apart(_texts(mixed), tags, mixed)
    else:
        sides = _texts(str(src)), _texts(str(tgt))
        tags = (_identified(str(src), sides[0], tags[0]), _identified(str(tgt), sides[1], tags[1]))
    if copy is not None and UNKNOWN in tags:
        raise ConfigError(
            "align-docs: --copy writes names such as law.de.txt and cannot tell the languages; give --pair"
        )
    documents = [_documents(texts, tag, split) for texts, tag in zip(sides, tags, strict=True)]
    pairs: DocumentPairs = method.align(documents[0], documents[1], tags)
    write_lines(out, _rows(pairs, sides, foreign))
    if copy is not None:
        _copy(pairs, sides, tags, Path(copy))
    if as_json:
        counts = {"pairs": len(pairs), "src_alone": len(pairs.src_alone), "tgt_alone": len(pairs.tgt_alone)}
        print_json({"langs": list(tags), **counts, "other_languages": len(foreign), "out": out})


def _texts(place: str) -> list[Text]:
    """The texts of a folder, or of a file of JSON lines with the fields id and text."""
    from polyalign.corpus.records import get, kind, records

    path = Path(place)
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and not _hidden(p.relative_to(path))]
        chosen = [p for p in files if suffixes(p)[0] in (".txt", "")]
        if len(chosen) < len(files):
            note(f"{place}: {len(files) - len(chosen)} files left out, not .txt")
        if not chosen:
            raise DataError(f"{place}: found no text file, expected one .txt file a document; check the path")
        out: list[Text] = []
        with track(f"reading {place}", total=len(chosen), unit="documents") as progress:
            for file in chosen:
                out.append((file.relative_to(path).as_posix(), read_text(file)))
                progress.advance()
        return out
    if path.exists() and suffixes(path)[0] not in (".jsonl", ".json", ".ndjson"):
        raise DataError(f"{place}: found a file, expected a folder of text files or a .jsonl file with id and text")
    rows: list[Text] = []
    seen: set[str] = set()
    for number, record in records(path):
        fields = {name: get(record, name) for name in ("id", "text")}
        for name, value in fields.items():
            if not isinstance(value, str) and not (name == "id" and isinstance(value, int)):
                raise DataError(
                    f"{place} line {number}: found {kind(value)} in field {name!r}, expected text; "
                    "each line is an object with id and text"
                )
        if str(fields["id"]) in seen:
            raise DataError(
                f"{place} line {number}: found the id {fields['id']!r} again, expected each once; rename one"
            )
        seen.add(str(fields["id"]))
        rows.append((str(fields["id"]), str(fields["text"])))
    return rows


def _told_apart(
    texts: Sequence[Text], tags: tuple[str, str], place: str
) -> tuple[tuple[list[Text], list[Text]], list[tuple[str, str]]]:
    """The texts of either language, and the names of the others with what language they are in."""
    if UNKNOWN in tags or tags[0] == tags[1]:
        raise ConfigError("align-docs: --mixed needs the two languages to look for; give --pair, such as --pair de-rm")
    sides: tuple[list[Text], list[Text]] = ([], [])
    others: list[tuple[str, str]] = []
    for text, lang in zip(texts, _languages(texts), strict=True):
        if lang in tags:
            sides[tags.index(lang)].append(text)
        else:
            others.append((text[0], f"its language is {langs.name(lang)} ({lang})"))
    if not (sides[0] and sides[1]):
        lacking = tags[0] if not sides[0] else tags[1]
        raise DataError(
            f"{place}: found no document in {lacking} among {len(texts)}; check --pair, or give SRC and TGT"
        )
    return sides, others


def _identified(place: str, texts: Sequence[Text], tag: str) -> str:
    """The language of a side; if it was not given, that of most of its first documents."""
    if tag != UNKNOWN:
        return tag
    found = [lang for lang in _languages(texts[:50]) if lang != UNKNOWN]
    tag = max(sorted(set(found)), key=found.count, default=UNKNOWN)
    note(f"{place}: taken to be in {langs.name(tag)} ({tag}); say --pair if it is not")
    return tag


def _languages(texts: Sequence[Text]) -> list[str]:
    identify = params.build(registry.find("cld2", task="text.identify"))
    return [found.lang for found in identify([text for _, text in texts])]


def _documents(texts: Sequence[Text], tag: str, name: str) -> list[Document]:
    split = params.build(registry.find(name, task="text.split"))
    out = []
    for id, text in texts:
        found = split(text, tag)
        sentences = tuple(" ".join(s.split()) for s in found.texts(text))
        out.append(Document(id, sentences, found.paragraphs))
    return out


def _rows(pairs: DocumentPairs, sides: tuple[list[Text], list[Text]], foreign: Iterable[tuple[str, str]]) -> list[str]:
    names = [[_cell(name) for name, _ in side] for side in sides]
    rows = ["src\ttgt\tscore\treason"]
    for i, j, score in zip(pairs.src.tolist(), pairs.tgt.tolist(), pairs.score.tolist(), strict=True):
        rows.append(f"{names[0][i]}\t{names[1][j]}\t{score:.4f}\t")
    rows += [f"{names[0][a.document]}\t\t\t{_cell(a.reason)}" for a in pairs.src_alone]
    rows += [f"\t{names[1][a.document]}\t\t{_cell(a.reason)}" for a in pairs.tgt_alone]
    return rows + [f"{_cell(name)}\t\t\t{reason}" for name, reason in foreign]


def _cell(text: str) -> str:
    return " ".join(text.split())


def _copy(pairs: DocumentPairs, sides: tuple[list[Text], list[Text]], tags: tuple[str, str], folder: Path) -> None:
    """Write each pair's texts under one name, the source's without its ending and language."""
    from polyalign.documents.names import spellings

    languages = spellings(tags[0], tags[1]) | {tags[0].casefold()}
    used: set[str] = set()
    for i, j in zip(pairs.src.tolist(), pairs.tgt.tolist(), strict=True):
        name = _stem(sides[0][i][0], languages)
        unique, number = name, 1
        while unique.casefold() in used:
            number += 1
            unique = f"{name}-{number}"
        used.add(unique.casefold())
        for (_, text), tag in zip((sides[0][i], sides[1][j]), tags, strict=True):
            file = folder / f"{unique}.{tag}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, text)


def _stem(name: str, languages: frozenset[str]) -> str:
    """A document's name as a file's: no ending, no language at either end, nothing that leads out of the folder."""
    for ending in (*COMPRESSIONS, ".txt"):
        name = name.removesuffix(ending)
    parts = [p for p in name.replace("\\", "/").replace(":", "-").split("/") if p not in ("", ".", "..")]
    if len(parts) > 1 and parts[0].casefold() in languages:
        parts = parts[1:]
    last = parts[-1] if parts else ""
    for mark in (".", "_", "-"):
        head, _, tail = last.rpartition(mark)
        if head and tail.casefold() in languages:
            last = head
    return "/".join([*parts[:-1], last]) or "document"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


command = MethodGroup(
    task="documents.align",
    verb=align_docs,
    help="Find which document goes with which: SRC and TGT are folders of text files, one a document, or .jsonl files with "
    "`id` and `text`. OUT gets `src<TAB>tgt<TAB>score<TAB>reason`: the pairs with their probability, then the documents "
    "that go with none, each with the reason.",
    arguments=[
        click.Argument(["src"], required=False),
        click.Argument(["tgt"], required=False),
        click.Argument(["out"], required=False),
        click.Option(
            ["--pair"],
            default="und-und",
            metavar="SRC-TGT",
            help="Languages, such as de-rm; those not given are identified from the text.",
        ),
        click.Option(
            ["--mixed"],
            metavar="DIR",
            help="Take the documents of both languages from one place and tell them apart by their text: "
            "`align-docs auto --mixed DIR --pair de-rm OUT`.",
        ),
        click.Option(["--split"], default="sentencex", metavar="NAME", help="A method of text.split."),
        click.Option(
            ["--copy"],
            metavar="DIR",
            help="Write the pairs to DIR as name.deu_Latn.txt, which a project's folder reader reads.",
        ),
        click.Option(
            ["--threads"], type=int, default=0, help="Threads; 0 is all. The result is the same for any number."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
