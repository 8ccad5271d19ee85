"""Sentence pairs from TMX, the exchange format of translation memories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note
from polyalign.corpus.paths import locate
from polyalign.corpus.rejects import STRICT, Rejects
from polyalign.corpus.rows import Columns, FileReader, Source, batches, parsed
from polyalign.corpus.tags import canonical
from polyalign.corpus.xml_units import XML_LANG, elements, rejected, text_of

#: Inline elements that hold a format's own codes; `hi` and `sub` hold text.
_CODES = {"bpt", "ept", "ph", "it", "ut"}
#: Properties of a unit that are columns whoever wrote the file.
_COLUMNS = re.compile(
    r"score\..+|doc|links|source|(src|tgt)_(doc|source|paragraph|start|end|from|to|mark)|paragraph|start|end"
)


@dataclass(frozen=True, slots=True)
class Tmx(FileReader):
    """Sentence pairs from a TMX file of any version, read as a stream.

    From every translation unit the first variant in either language is taken; a unit that lacks one
    is left out and counted in a note, as are units with several variants in a language. A variant's
    language matches by its canonical tag whatever the region (``de-CH`` is ``deu_Latn``); a bare code
    matches in any script (``sr`` is both ``srp_Cyrl`` and ``srp_Latn``). Inside a segment the codes in
    ``bpt``, ``ept``, ``it``, ``ph`` and ``ut`` are dropped; the text of ``hi``, and of ``sub`` with spaces around,
    is kept. Unit properties become columns: those named ``score.*``, ``doc``, ``links`` or for where a text comes from
    (``source``, ``src_start``, ``tgt_paragraph``), and all of a file written here; ``tuid`` is the row's id.

    Where the languages are not known, the file's source language and the first other one are taken.

    A file that declares entities of its own is refused, and nothing outside the file is ever read.

    Complexity:
        O(bytes) time; memory for the bitext only.

    References:
        tmx14b

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.tmx"
        >>> _ = path.write_text('''<tmx version="1.4"><header srclang="de"/><body><tu>
        ...   <tuv xml:lang="de-CH"><seg>Das <bpt i="1">&lt;b></bpt>Haus<ept i="1">&lt;/b></ept></seg></tuv>
        ...   <tuv xml:lang="rm"><seg>La chasa</seg></tuv></tu></body></tmx>''', encoding="utf-8")
        >>> Tmx(str(path)).read(("deu_Latn", "roh_Latn")).src
        ['Das Haus']
    """

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file is no TMX, broken XML, declares entities, or does not say which languages to take.
        """
        path = locate(self.path, pair)
        if UNKNOWN in pair and str(path) != "-":
            pair = _languages(path, pair)
        elif UNKNOWN in pair:
            raise DataError("-: a TMX from standard input may hold many languages; name the language pair")
        return Source(_chunks(path, pair, rejects), pair, str(path))


def _chunks(path: Path, pair: tuple[str, str], rejects: Rejects) -> Iterator[Columns]:
    for batch in batches(_pairs(path, pair, rejects)):
        numbers, rows = zip(*batch, strict=True)
        names = dict.fromkeys(name for row in rows for name in row)
        yield parsed({name: [row.get(name) for row in rows] for name in names}, str(path), numbers, rejects)


def _pairs(path: Path, pair: tuple[str, str], rejects: Rejects) -> Iterator[tuple[int, dict[str, str | None]]]:
    lacking = several = count = 0
    seen: Counter[str] = Counter()
    for unit in _units(path):
        variants = [v for v in unit.iterchildren("{*}tuv") if v.find("{*}seg") is not None]
        sources = _in_language(variants, pair[0])
        targets = [v for v in _in_language(variants, pair[1]) if not sources or v is not sources[0]]
        if not (sources and targets):
            lacking += 1
            seen.update({_tag(v) for v in variants})
            if rejects.taken:
                there = ", ".join(map(repr, dict.fromkeys(map(_tag, variants)))) or "nothing"
                reason = f"found a unit with {there}, expected {pair[0]} and {pair[1]}"
                rejects.left_out(rejected(unit, path, reason))
            continue
        several += len({id(v) for v in sources + targets}) > 2
        count += 1
        try:
            row: dict[str, str | None] = {"src": _segment(sources[0], path), "tgt": _segment(targets[0], path)}
        except DataError as error:
            reason = str(error).removeprefix(f"{path} ").partition(": ")[2]
            rejects.broken(rejected(unit, path, reason))
            continue
        row["id"] = unit.get("tuid")
        own = _is_own(unit)
        for prop in unit.iterchildren("{*}prop"):
            name = prop.get("type", "")
            if name not in row and name and (own or _COLUMNS.fullmatch(name)):
                row[name] = prop.text or ""
        yield count, row
    if lacking:
        there = ", ".join(repr(tag) for tag, _ in seen.most_common(5))
        note(
            f"{path}: {lacking} units without both {pair[0]} and {pair[1]} were left out (they have: {there or 'nothing'})"
        )
    if several:
        note(f"{path}: {several} units hold several variants in one language; the first was taken")


def _units(path: Path) -> Generator[etree._Element, None, None]:
    """The translation units one after the other, each forgotten once the next is asked for."""
    for _, unit in elements(path, root="tmx", format="TMX", wanted=("tu",)):
        yield unit


def _header(unit: etree._Element) -> etree._Element | None:
    return unit.getroottree().getroot().find("{*}header")


def _is_own(unit: etree._Element) -> bool:
    """Whether the file was written here, where every property is a column."""
    header = _header(unit)
    return header is not None and header.get("o-tmf") == "polyalign"


def _languages(path: Path, pair: tuple[str, str]) -> tuple[str, str]:
    """The pair with what is unknown filled in: the header's source language first, then the first other."""
    found: list[str] = []
    need, count = pair.count(UNKNOWN), 0
    units = _units(path)
    for count, unit in enumerate(units, 1):  # noqa: B007 (the count is wanted after the loop)
        header = _header(unit)
        main = canonical(header.get("srclang", "")) if header is not None else ""
        tags = [canonical(_tag(v)) for v in unit.iterchildren("{*}tuv")]
        ordered = ([main] if main in tags else []) + tags
        found += [t for t in dict.fromkeys(ordered) if t and t not in (*found, *pair)]
        if len(found) >= need:
            break
    units.close()
    if count and len(found) < need:
        raise DataError(
            f"{path}: found no two languages ({', '.join(found) or 'none'}), expected a pair; name the language pair"
        )
    filled = iter(found)
    src, tgt = (next(filled, UNKNOWN) if tag == UNKNOWN else tag for tag in pair)
    if found:
        note(f"{path}: no language pair was given; taking {src} and {tgt}")
    return src, tgt


def _tag(variant: etree._Element) -> str:
    return variant.get(XML_LANG) or variant.get("lang") or ""


def _in_language(variants: list[etree._Element], wanted: str) -> list[etree._Element]:
    """The variants in a language: those whose tag is exactly it, else those that name it without a script."""
    exact = [v for v in variants if canonical(_tag(v)) == wanted]
    language = wanted.split("_")[0]
    return exact or [v for v in variants if _tag(v).isalpha() and canonical(_tag(v)).split("_")[0] == language]


def _segment(variant: etree._Element, path: Path) -> str:
    return text_of(variant.find("{*}seg"), path, _CODES, lambda element: "")
