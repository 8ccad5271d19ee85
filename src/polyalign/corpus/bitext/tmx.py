"""Sentence pairs from TMX, the exchange format of translation memories."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lxml import etree

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import open_binary
from polyalign.core.langs import UNKNOWN, normalise
from polyalign.core.progress import note
from polyalign.corpus.paths import locate
from polyalign.corpus.rows import Columns, FileReader, Source, batches, parsed

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
#: Inline elements that hold a format's own codes; `hi` and `sub` hold text.
_CODES = {"bpt", "ept", "ph", "it", "ut"}
_RUN = re.compile(" {2,}")


@dataclass(frozen=True, slots=True)
class Tmx(FileReader):
    """Sentence pairs from a TMX file of any version, read as a stream.

    From every translation unit the first variant in either language is taken; a unit that lacks one
    is left out and counted in a note, as are units with several variants in a language. A variant's
    language matches by its canonical tag whatever the region (``de-CH`` is ``deu_Latn``); a bare code
    matches in any script (``sr`` is both ``srp_Cyrl`` and ``srp_Latn``). Inside a segment the codes in
    ``bpt``, ``ept``, ``it``, ``ph`` and ``ut`` are dropped; the text of ``hi``, and of ``sub`` with spaces around,
    is kept. Unit properties named ``score.*``, ``doc`` or ``links`` become columns, ``tuid`` the row's id.

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

    def source(self, pair: tuple[str, str]) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file is no TMX, broken XML, declares entities, or does not say which languages to take.
        """
        path = locate(self.path, pair)
        if UNKNOWN in pair and str(path) != "-":
            pair = _languages(path, pair)
        elif UNKNOWN in pair:
            raise DataError("-: a TMX from standard input may hold many languages; name the language pair")
        return Source(_chunks(path, pair), pair, str(path))


def _chunks(path: Path, pair: tuple[str, str]) -> Iterator[Columns]:
    done = 0
    for batch in batches(_pairs(path, pair)):
        names = dict.fromkeys(name for row in batch for name in row)
        columns = {name: [row.get(name) for row in batch] for name in names}
        yield {name: parsed(name, cells, str(path), done + 1) for name, cells in columns.items()}
        done += len(batch)


def _pairs(path: Path, pair: tuple[str, str]) -> Iterator[dict[str, str | None]]:
    lacking = several = 0
    seen: Counter[str] = Counter()
    for unit in _units(path):
        variants = [v for v in unit.iterchildren("{*}tuv") if v.find("{*}seg") is not None]
        sources = _in_language(variants, pair[0])
        targets = [v for v in _in_language(variants, pair[1]) if not sources or v is not sources[0]]
        if not (sources and targets):
            lacking += 1
            seen.update({_tag(v) for v in variants})
            continue
        several += len({id(v) for v in sources + targets}) > 2
        row: dict[str, str | None] = {"src": _segment(sources[0], path), "tgt": _segment(targets[0], path)}
        row["id"] = unit.get("tuid")
        for prop in unit.iterchildren("{*}prop"):
            name = prop.get("type", "")
            if name in ("doc", "links") or name.startswith("score."):
                row[name] = prop.text or ""
        yield row
    if lacking:
        there = ", ".join(repr(tag) for tag, _ in seen.most_common(5))
        note(
            f"{path}: {lacking} units without both {pair[0]} and {pair[1]} were left out (they have: {there or 'nothing'})"
        )
    if several:
        note(f"{path}: {several} units hold several variants in one language; the first was taken")


def _units(path: Path) -> Generator[etree._Element, None, None]:
    """The translation units one after the other, each forgotten once the next is asked for."""
    with open_binary(path) as file:
        context = etree.iterparse(
            file,
            events=("start", "end"),
            tag=("{*}tmx", "{*}tu"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        started = False
        try:
            for event, element in context:
                if not started:
                    _check_root(element, path)
                    started = True
                if event == "end" and etree.QName(element).localname == "tu":
                    yield element
                    element.clear()
                    parent = element.getparent()
                    while parent is not None and element.getprevious() is not None:
                        del parent[0]
        except etree.XMLSyntaxError as error:
            # What is raised may be a mere consequence ("no element found"); the log has the cause.
            log = list(context.error_log)
            message, line = (log[0].message, log[0].line) if log else (error.msg, error.lineno)
            raise DataError(
                f"{path} line {line or 1}: found broken XML ({message}), expected TMX; the file is cut off, damaged or not XML"
            ) from None
        if not started:
            raise DataError(f"{path}: found XML whose root is not <tmx>, expected a TMX file; check its format")


def _check_root(element: etree._Element, path: Path) -> None:
    tree = element.getroottree()
    root = tree.getroot()
    if etree.QName(root).localname != "tmx":
        raise DataError(
            f"{path}: found XML whose root is <{etree.QName(root).localname}>, expected <tmx>; check its format"
        )
    declared = tree.docinfo.internalDTD
    if declared is not None and list(declared.iterentities()):  # type: ignore[attr-defined]
        raise DataError(
            f"{path}: found XML entities declared in the file, expected none (they can be made to fill the memory or "
            "to read other files); write the characters themselves and remove the declarations"
        )


def _languages(path: Path, pair: tuple[str, str]) -> tuple[str, str]:
    """The pair with what is unknown filled in: the header's source language first, then the first other."""
    found: list[str] = []
    need, count = pair.count(UNKNOWN), 0
    units = _units(path)
    for count, unit in enumerate(units, 1):  # noqa: B007 (the count is wanted after the loop)
        header = unit.getroottree().getroot().find("{*}header")
        main = _canonical(header.get("srclang", "")) if header is not None else ""
        tags = [_canonical(_tag(v)) for v in unit.iterchildren("{*}tuv")]
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
    return variant.get(_XML_LANG) or variant.get("lang") or ""


@lru_cache(maxsize=4096)
def _canonical(tag: str) -> str:
    try:
        return normalise(tag)
    except ConfigError:
        return ""


def _in_language(variants: list[etree._Element], wanted: str) -> list[etree._Element]:
    """The variants in a language: those whose tag is exactly it, else those that name it without a script."""
    exact = [v for v in variants if _canonical(_tag(v)) == wanted]
    language = wanted.split("_")[0]
    return exact or [v for v in variants if _tag(v).isalpha() and _canonical(_tag(v)).split("_")[0] == language]


def _segment(variant: etree._Element, path: Path) -> str:
    segment = variant.find("{*}seg")
    if segment is None or len(segment) == 0:
        return (segment.text or "") if segment is not None else ""
    text = _inline(segment, path, code=False)
    return _RUN.sub(" ", text).strip() if segment.find(".//{*}sub") is not None else text


def _inline(node: etree._Element, path: Path, *, code: bool) -> str:
    """A node's text without codes; inside a code only sub-flows are text."""
    parts = ["" if code else node.text or ""]
    for child in node:
        if not isinstance(child.tag, str):
            raise DataError(
                f"{path} line {child.sourceline or 1}: found {child.text!r}, an entity that the file does not declare; "
                "write the character itself"
            )
        name = etree.QName(child).localname
        inner = _inline(child, path, code=name in _CODES or (code and name != "sub"))
        parts += [" ", inner, " "] if name == "sub" else [inner]
        parts.append("" if code else child.tail or "")
    return "".join(parts)
