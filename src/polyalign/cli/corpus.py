"""``polyalign corpus``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core import langs, params, registry
from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.files import suffixes
from polyalign.core.progress import console, note

Pair = tuple[str, str]
#: What a pair must score besides: not each side in the other's language, not a copy.
_SCORES = {
    "corpus.score/language-pair": ("score.language_pair", -0.2),
    "corpus.score/copy": ("score.copy", 0.05),
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", "-o", "outs", multiple=True, required=True, metavar="FILE", help="Where to write, as .tmx, .tsv, .parquet, ...; may be given several times.")  # fmt: skip
@click.option("--pair", "pairs", multiple=True, metavar="SRC-TGT", help="Only this language pair; may be given several times.")  # fmt: skip
@click.option("--pivot", metavar="LANG", help="Only pairs with this language, as source.")
@click.option("--encoder", default="e5", show_default=True, help="Encoder that sentences are aligned by.")
@click.option("--no-encoder", is_flag=True, help="Align by words and lengths, without an encoder.")
@click.option("--min-score", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Least probability of an aligned pair.")  # fmt: skip
@click.option("--max-length-ratio", type=click.FloatRange(min=1), default=5.0, show_default=True, help="How many times as long one side may be.")  # fmt: skip
@click.option("--work", type=click.Path(path_type=Path), metavar="DIR", help="Run folder; by default beside the output, named like it.")  # fmt: skip
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="The report; by default beside the output, ending in .html.")  # fmt: skip
@click.option("--no-report", is_flag=True, help="Leave the report out.")
@click.option("--reviewed", type=click.Path(path_type=Path), metavar="FILE", help="A filled-in review.tsv of the run folder: precision is counted, not estimated.")  # fmt: skip
@click.option("--identify", default="cld2", show_default=True, metavar="NAME", help="A method of text.identify.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of every random choice.")
@click.option("--threads", type=int, default=0, help="Threads; 0 is all. The result is the same for any number.")
@json_option
def command(
    folder: Path,
    outs: tuple[str, ...],
    pairs: tuple[str, ...],
    pivot: str | None,
    encoder: str,
    no_encoder: bool,
    min_score: float,
    max_length_ratio: float,
    work: Path | None,
    report: Path | None,
    no_report: bool,
    reviewed: Path | None,
    identify: str,
    seed: int,
    threads: int,
    as_json: bool,
) -> None:
    """Make a parallel corpus of the folder DIR: mixed files in any number of languages.

    Text, DOCX, ODT, PDF, EPUB, HTML and subtitles are read, their languages told, documents paired by name or content,
    sentences aligned and filtered; TMX, XLIFF and PO in the folder join them. Every pair says which file, paragraph and
    place in the text it is from. The same command goes on where it was stopped.
    """
    from polyalign.core.store import Store
    from polyalign.pipeline.compose import Recipe, documents_project, whole_project, write_project
    from polyalign.pipeline.gather import gather
    from polyalign.pipeline.project import read_project
    from polyalign.pipeline.run import run

    place = work or _beside(outs[0], ".corpus")
    _check(folder, [place, *map(Path, outs)], outs)
    wanted = [langs.parse_pair(text) for text in pairs]
    first = langs.normalise(pivot) if pivot else None
    chosen = _encoder("" if no_encoder else encoder)
    method = params.build(registry.find(identify, task="text.identify"))
    place.mkdir(parents=True, exist_ok=True)
    found = gather(folder, Store(place / "work"), _readers(folder), method)
    read = found.folder.relative_to(place).as_posix()
    told = [(f"{langs.name(tag)} ({tag})", f"{n:,}") for tag, n in found.languages.items()]
    console.print(f"{folder}: {_files(found.counts)}; documents: {', '.join(f'{n} {t}' for t, n in told) or 'none'}", markup=False, soft_wrap=True)  # fmt: skip
    languages, asked = _asked(found.languages, found.pairs, wanted, first, folder)
    there = [pair for pair in asked if found.pairs.get(pair)]
    scores = dict(_SCORES)
    recipe = Recipe(folder.resolve().name, languages, chosen, min_score, max_length_ratio, scores, seed, threads)
    with_documents = [tag for tag in languages if tag in found.languages]
    aligned: list[Pair] = []
    if len(with_documents) > 1:
        run(read_project(write_project(place, documents_project(recipe, read))))
        aligned = [pair for pair in asked if pair in _with_documents(place)]
    if not aligned and not there:
        raise DataError(_nothing(folder, found.languages, with_documents, place))
    run(read_project(write_project(place, whole_project(recipe, read, aligned, there))))
    made = _publish(place, [p for p in asked if p in aligned or p in there], outs)
    summary: dict[str, Any] = {"files": found.counts, "languages": found.languages, "work": str(place), **made}
    from polyalign.report.corpus import write_corpus_report
    from polyalign.report.quality import estimates, write_review

    write_review(place, seed)
    summary["pairs"] = {name: {**held, **estimates(place, name, reviewed)} for name, held in made["pairs"].items()}
    if not no_report:
        summary["report"] = str(
            write_corpus_report(place, found.files(), report or _beside(outs[0], ".html"), reviewed)
        )
    if as_json:
        print_json(summary)
    else:
        _show(summary)


def _check(folder: Path, places: Sequence[Path], outs: Sequence[str]) -> None:
    from polyalign.corpus.formats import READ_ONLY, format_of

    for out in outs:
        if out == "-" or format_of(out) in ("moses", *READ_ONLY):
            raise ConfigError(f"{out}: expected a file such as corpus.tmx, corpus.tsv or corpus.parquet")
    if not folder.is_dir():
        raise DataError(f"{folder}: found {'a file' if folder.exists() else 'nothing'}, expected a folder of files")
    for place in places:
        if place.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"{place}: lies inside {folder}, whose files are read; choose a place outside of it")


def _encoder(name: str) -> str:
    """The encoder if it can run, else nothing, with a note."""
    if not name:
        return ""
    row = registry.rows().get(f"encode/{name.split(':')[0]}")
    if row is not None and (lack := registry.missing(row)):
        note(f"{lack}; until then sentences are aligned by words and lengths")
        return ""
    return name


def _readers(folder: Path) -> Any:
    """Readers of all formats; files whose reader is not installed are told of and not read."""
    from polyalign.corpus.documents.files import Files
    from polyalign.corpus.documents.names import language, layout_of, tagged
    from polyalign.corpus.every_pair import every_pair, translation_suffixes
    from polyalign.pipeline.gather import Readers

    paths = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    layout = layout_of([p.relative_to(folder) for p in paths], ())
    every = Files(str(folder))
    lack: dict[str, str] = {}
    for ending, path in {suffixes(p)[0]: p for p in paths if every.takes(p)}.items():
        try:
            every.ready(path)
        except MissingExtraError as error:
            lack[ending] = str(error)

    class Ready(Files):
        __slots__ = ()

        def takes(self, path: Path) -> bool:
            return suffixes(path)[0] in self.endings and suffixes(path)[0] not in lack

    def says(path: Path) -> str | None:
        found = tagged(path, layout)
        return language(found[1]) if found else None

    bitexts = dict.fromkeys(translation_suffixes(), every_pair)
    key = f"{','.join(e for e in Files.endings if e not in lack)}; {','.join(bitexts)}"
    return Readers(Ready(str(folder)), bitexts, says, key, lack)


def _asked(
    documents: dict[str, int], bitexts: dict[Pair, int], wanted: list[Pair], pivot: str | None, folder: Path
) -> tuple[tuple[str, ...], list[Pair]]:
    """The languages in order and the pairs that are asked for; a bitext's own direction goes before ours."""
    languages = list(dict.fromkeys([*documents, *itertools.chain.from_iterable(bitexts)]))
    for tag in [*itertools.chain.from_iterable(wanted), *([pivot] if pivot else [])]:
        if tag not in languages:
            raise DataError(
                f"{folder}: found nothing in {langs.name(tag)} ({tag}), only in {', '.join(languages) or 'no language that can be told'}; check the languages asked for"
            )
    if len(languages) < 2:
        there = langs.name(languages[0]) if languages else "no language that can be told"
        raise DataError(f"{folder}: all of it is in {there}, expected two languages or more; add the translations")
    if wanted:
        order = list(dict.fromkeys(itertools.chain.from_iterable(wanted)))
        return tuple(order), list(dict.fromkeys(wanted))
    if pivot:
        order = [pivot, *(tag for tag in languages if tag != pivot)]
        return tuple(order), [(pivot, tag) for tag in order[1:]]
    pairs = [pair if pair[::-1] not in bitexts else pair[::-1] for pair in itertools.combinations(languages, 2)]
    return tuple(languages), pairs


def _with_documents(place: Path) -> set[Pair]:
    """The language pairs that some document has, in either direction."""
    import pyarrow.parquet as pq

    from polyalign.report.record import read_record

    unit = read_record(place).last("documents.align")
    assert unit is not None
    table = (
        pq.read_table(unit.path("sentences.parquet"), columns=["doc", "lang"]).group_by(["doc", "lang"]).aggregate([])
    )
    of: dict[str, set[str]] = {}
    for doc, lang in zip(table["doc"].to_pylist(), table["lang"].to_pylist(), strict=True):
        of.setdefault(doc, set()).add(lang)
    return {pair for tags in of.values() for pair in itertools.permutations(sorted(tags), 2)}


def _publish(place: Path, pairs: Sequence[Pair], outs: Sequence[str]) -> dict[str, Any]:
    """Write the corpus of every pair as it was asked for."""
    import pyarrow.parquet as pq

    from polyalign.core.bitext import Bitext
    from polyalign.corpus.formats import write_bitext

    made: dict[str, Any] = {"pairs": {}, "outputs": []}
    for pair in pairs:
        bitext = Bitext(pq.read_table(place / "bitext" / f"{'-'.join(pair)}.parquet"))
        made["pairs"]["-".join(pair)] = {"kept": len(bitext)}
        # Which sentence of its document it is tells nobody outside anything: the place in the text does.
        left_out = {"src_start", "src_end", "tgt_start", "tgt_end"}
        bitext = Bitext(bitext.table.select([c for c in bitext.table.column_names if c not in left_out]))
        for out in outs:
            path = Path(out)
            if len(pairs) > 1:
                name = "-".join(map(langs.short, pair))
                ending = "".join(suffixes(out))
                path = path.with_name(f"{path.name[: len(path.name) - len(ending)]}.{name}{ending}")
            write_bitext(bitext, path)
            made["outputs"].append(str(path))
    return made


def _beside(out: str, ending: str) -> Path:
    path = Path(out)
    return path.with_name(path.name[: len(path.name) - len("".join(suffixes(out)))] + ending)


def _files(counts: dict[str, int]) -> str:
    told = {
        "document": "document{} read",
        "bitext": "bitext{} read",
        "rejected": "file{} that cannot be used",
        "unknown": "file{} of other formats",
    }
    return ", ".join(f"{n:,} {told[k].format('s' if n != 1 else '')}" for k in told if (n := counts.get(k)))


def _nothing(folder: Path, documents: dict[str, int], asked: Sequence[str], place: Path) -> str:
    there = ", ".join(f"{n} in {langs.name(tag)}" for tag, n in documents.items() if tag in asked)
    return (
        f"{folder}: found no document that goes with another in the languages asked for ({there or 'no documents'}); "
        f"name versions alike (a.de.docx, a.en.docx), or see {place}/work/paired for what was tried"
    )


def _show(summary: dict[str, Any]) -> None:
    rows = []
    for name, held in summary["pairs"].items():
        low, high = held["interval"]
        precision = "–" if held["precision"] is None else f"{held['precision']:.1%} ({100 * low:.1f}–{100 * high:.1f})"
        named = " → ".join(langs.name(tag) for tag in langs.parse_pair(name))
        rows.append((named, str(held["documents"]), f"{held['kept']:,}", f"{held['dropped']:,}", precision))
    by = "reviewed" if any(held["by"] == "review" for held in summary["pairs"].values()) else "estimated"
    print_table(("languages", "documents", "pairs kept", "left out", f"precision, {by}"), rows)
    for path in summary["outputs"]:
        console.print(path, markup=False, soft_wrap=True)
    if "report" in summary:
        console.print(f"The report: {summary['report']}", markup=False, soft_wrap=True)
    console.print(f"The project, to keep or change: {summary['work']}/project.toml", markup=False, soft_wrap=True)
