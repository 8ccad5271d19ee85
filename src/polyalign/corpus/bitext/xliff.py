"""Sentence pairs from XLIFF, the exchange format of localisation tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from polyalign.core.errors import DataError
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note
from polyalign.corpus.paths import locate
from polyalign.corpus.rejects import STRICT, Rejects
from polyalign.corpus.rows import Columns, FileReader, Source, batches, parsed
from polyalign.corpus.tags import canonical, means
from polyalign.corpus.xml_units import XML_LANG, elements, rejected, text_of

#: Inline elements that hold a format's own codes; `g`, `pc`, `mrk` and `sub` hold text, the others nothing.
_CODES = {"bpt", "ept", "ph", "it"}

Row = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Xliff(FileReader):
    """Sentence pairs from an XLIFF file, version 1.x or 2.x, read as a stream.

    In version 1 a pair is a ``trans-unit``, or each of its segments where source and target mark the same ones
    (``mrk`` with ``mtype="seg"``); in version 2 it is a ``segment``. A unit without a target is left out and counted
    in a note; an empty target is one. Inline codes are dropped (``x``, ``bx``, ``ex``, ``bpt``, ``ept``, ``ph``,
    ``it``; ``sc``, ``ec``, ``sm``, ``em``), the text of ``g``, ``pc``, ``mrk``, and of ``sub`` with spaces around, is
    kept; ``cp`` is the character it names. ``alt-trans`` and other proposals are no pairs.

    The row's id is the unit's, with ``/`` and the segment's where there are several; further columns are ``doc`` (the
    file's ``original``), ``note``, ``state`` and ``approved`` where there are any, and those that
    ``corpus.write/xliff`` put there. A file whose languages are the pair the other way round is read the other way
    round. Where the languages are not known, the file's are taken. What is asked of XML is as in ``corpus.bitext/tmx``.

    Complexity:
        O(bytes) time; memory for the bitext only.

    References:
        xliff12, xliff21

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.xlf"
        >>> _ = path.write_text('''<xliff version="1.2"><file source-language="en" target-language="rm" original="a.md"
        ...   datatype="plaintext"><body><trans-unit id="7"><source>The <g id="1">house</g></source>
        ...   <target state="final">La chasa</target></trans-unit></body></file></xliff>''', encoding="utf-8")
        >>> Xliff(str(path)).read(("eng_Latn", "roh_Latn")).table.drop_columns(["doc"]).to_pylist()
        [{'id': '7', 'src': 'The house', 'tgt': 'La chasa', 'state': 'final'}]
    """

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file is no XLIFF, broken XML, declares entities, or does not say which languages it has.
        """
        path = locate(self.path, pair)
        if UNKNOWN in pair and str(path) == "-":
            raise DataError("-: an XLIFF from standard input is read once; name the language pair")
        if UNKNOWN in pair:
            pair = _languages(path, pair)
        return Source(_chunks(path, pair, rejects), pair, str(path))


def _chunks(path: Path, pair: tuple[str, str], rejects: Rejects) -> Iterator[Columns]:
    for batch in batches(enumerate(_pairs(path, pair, rejects), 1)):
        numbers, rows = zip(*batch, strict=True)
        names = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
        columns = {name: [row.get(name) for row in rows] for name in ("src", "tgt", *names)}
        yield parsed(columns, str(path), numbers, rejects)


def _pairs(path: Path, pair: tuple[str, str], rejects: Rejects) -> Iterator[Row]:
    without = 0
    others: Counter[str] = Counter()
    for unit, tags, original in _units(path):
        turned = _turned(tags, pair)
        if turned is None:
            others["-".join(tag or "?" for tag in tags)] += 1
            reason = (
                f"found a unit in {' and '.join(tag or 'no language' for tag in tags)}, expected {' and '.join(pair)}"
            )
            if rejects.taken:
                rejects.left_out(rejected(unit, path, reason))
            continue
        try:
            rows, lacking = _unit(unit, path)
        except DataError as error:
            reason = str(error).removeprefix(f"{path} ").partition(": ")[2]
            rejects.broken(rejected(unit, path, reason))
            continue
        without += len(lacking)
        for name in lacking:
            if rejects.taken:
                rejects.left_out(rejected(unit, path, f"found no target in {name}, expected a translation"))
        for row in rows:
            row["doc"] = row.get("doc") or original or None
            if turned:
                row["src"], row["tgt"] = row["tgt"], row["src"]
            yield row
    if without:
        note(f"{path}: {without} units have no target and were left out")
    if others:
        there = ", ".join(f"{count} in {tags}" for tags, count in others.most_common(5))
        note(f"{path}: units in other languages than {' and '.join(pair)} were left out: {there}")


def _turned(tags: tuple[str, str], pair: tuple[str, str]) -> bool | None:
    """Whether the file's languages are the pair the other way round; None if they are others. What is missing fits."""
    for turned, (src, tgt) in ((False, pair), (True, pair[::-1])):
        if (not tags[0] or means(tags[0], src)) and (not tags[1] or means(tags[1], tgt)):
            return turned
    return None


def _units(path: Path) -> Generator[tuple[etree._Element, tuple[str, str], str | None], None, None]:
    """The units one after the other, with their languages as the file writes them and the file's own name."""
    tags, original = ("", ""), None
    events = elements(path, root="xliff", format="XLIFF", wanted=("trans-unit", "unit"), starts=("file",))
    for event, element in events:
        if event == "start":
            top = element.getroottree().getroot()
            tags = (
                element.get("source-language") or top.get("srcLang") or "",
                element.get("target-language") or top.get("trgLang") or "",
            )
            original = element.get("original")
            continue
        target = element.find("{*}target")
        said = target.get(XML_LANG) if target is not None else None
        yield element, (tags[0], tags[1] or said or ""), original


def _unit(unit: etree._Element, path: Path) -> tuple[list[Row], list[str]]:
    """A unit's pairs, and the names of those that lack a target."""
    parts: dict[str, list[etree._Element]] = {}
    for child in unit:
        if isinstance(child.tag, str):
            parts.setdefault(child.tag.rpartition("}")[2], []).append(child)
    about: Row = {}
    if unit.tag.rpartition("}")[2] == "trans-unit":
        about = {"note": _note(parts.get("note", [])), "approved": unit.get("approved")}
        for group in parts.get("context-group", []):
            if group.get("name") == "polyalign":
                about |= {c.get("context-type", "").removeprefix("x-"): c.text or "" for c in group}
        return _old_unit(unit.get("id") or "", parts, path, about)
    about["note"] = _note([note for notes in parts.get("notes", []) for note in notes])
    for group in (g for data in parts.get("metadata", []) for g in data):
        if group.get("category") == "polyalign":
            about |= {meta.get("type", ""): meta.text or "" for meta in group}
    segments = parts.get("segment", [])
    rows: list[Row] = []
    lacking: list[str] = []
    for number, segment in enumerate(segments, 1):
        source, target = segment.find("{*}source"), segment.find("{*}target")
        name = unit.get("id") or ""
        if len(segments) > 1:
            name = f"{name}/{segment.get('id') or number}"
        if source is None or target is None:
            lacking.append(name)
            continue
        state = (segment.get("subState") or segment.get("state") or "").removeprefix("polyalign:") or None
        sides = {"src": _text(source, path), "tgt": _text(target, path)}
        rows.append({**about, "id": about.get("id") or name, **sides, "state": state})
    return rows, lacking


def _note(notes: Sequence[etree._Element]) -> str | None:
    return "\n".join(note.text or "" for note in notes) or None


def _old_unit(name: str, parts: dict[str, list[etree._Element]], path: Path, about: Row) -> tuple[list[Row], list[str]]:
    if "source" not in parts or "target" not in parts:
        return [], [name]
    source, target = parts["source"][0], parts["target"][0]
    about["state"] = target.get("state")
    there = _segments(target)
    here = _segments(parts["seg-source"][0] if "seg-source" in parts else source) if there else {}
    if not here or list(here) != list(there):
        return [{**about, "id": name, "src": _text(source, path), "tgt": _text(target, path)}], []
    return [
        {
            **about,
            "id": f"{name}/{number}" if len(here) > 1 else name,
            "src": _text(here[number], path),
            "tgt": _text(there[number], path),
        }
        for number in here
    ], []


def _segments(side: etree._Element) -> dict[str, etree._Element]:
    """The marked segments of a side by their numbers, if each has one of its own."""
    if len(side) == 0:
        return {}
    marks: Sequence[etree._Element] = [m for m in side.iter("{*}mrk") if m.get("mtype") == "seg"]
    found = {m.get("mid", ""): m for m in marks}
    return found if len(found) == len(marks) else {}


def _text(side: etree._Element, path: Path) -> str:
    return text_of(side, path, _CODES, _character)


def _character(element: etree._Element) -> str:
    """What ``cp`` stands for, a character that XML cannot hold; nothing for other elements."""
    if etree.QName(element).localname != "cp":
        return ""
    code = element.get("hex", "")
    try:
        number = int(code, 16)
        return "\ufffd" if 0xD800 <= number < 0xE000 else chr(number)
    except (ValueError, OverflowError):
        return "\ufffd"


def _languages(path: Path, pair: tuple[str, str]) -> tuple[str, str]:
    """The pair with what is unknown filled in from the first unit that says."""
    units = _units(path)
    first = next(((canonical(a), canonical(b)) for _, (a, b), _ in units if canonical(a) and canonical(b)), None)
    units.close()
    if first is None:
        return pair
    if pair == (UNKNOWN, UNKNOWN):
        found = first
    else:
        known = next(tag for tag in pair if tag != UNKNOWN)
        rest = [tag for tag in first if tag != known]
        found = (known, rest[0]) if pair[0] == known else (rest[0], known)
    note(f"{path}: no language pair was given; taking {found[0]} and {found[1]}")
    return found
