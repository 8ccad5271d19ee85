"""TMX, the exchange format of translation memories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
from lxml import etree

from polyalign import __version__
from polyalign.core.files import open_output
from polyalign.core.langs import UNKNOWN, normalise, short
from polyalign.core.progress import note
from polyalign.corpus.write.cells import Pairs, Replaced, Runs, as_text

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
#: What XML 1.0 cannot hold, not even as a character reference.
INVALID = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{FFFE}\\x{FFFF}]"
#: Offsets of words, which mean nothing in a text that others may edit.
SPANS = ("src_spans", "tgt_spans")


@dataclass(frozen=True, slots=True)
class Tmx:
    """A TMX 1.4b file: one translation unit a pair, ids as ``tuid``.

    Every other column becomes a property of the unit (scores, the document, where either side comes from), save the
    offsets of tokens, which a note names; ``corpus.bitext/tmx`` makes columns of them again. Characters that XML
    cannot hold (most control characters) become U+FFFD; a note counts them.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    References:
        tmx14b

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.tmx"
        >>> from polyalign.core.bitext import Bitext
        >>> Tmx().write(Bitext.build(["Haus"], ["house"], langs=("deu_Latn", "eng_Latn")), path)
        >>> '<tuv xml:lang="de"><seg>Haus</seg></tuv>' in path.read_text(encoding="utf-8")
        True
    """

    suffix: ClassVar[str] = ".tmx"

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file, packed as its suffix says; ``-`` is standard output.

        Raises:
            DataError: It cannot be written.
        """
        runs = Runs(pairs, path.name)
        left: list[str] = []
        clean = Replaced([(INVALID, "\ufffd")], what="not allowed in XML", where=path.name)
        langs = [bcp47(tag) for tag in runs.langs]
        header = {
            "creationtool": "polyalign",
            "creationtoolversion": __version__,
            "segtype": "sentence",
            "o-tmf": "polyalign",
            "adminlang": "en",
            "srclang": langs[0],
            "datatype": "plaintext",
        }
        with open_output(path) as file:
            with etree.xmlfile(file, encoding="utf-8") as xml:
                xml.write_declaration()
                with xml.element("tmx", version="1.4"):
                    xml.write("\n", etree.Element("header", header), "\n")
                    with xml.element("body"):
                        xml.write("\n")
                        for part in runs.chunks():
                            props = [c for c in part.column_names if c not in ("id", "src", "tgt", *SPANS)]
                            left += [c for c in SPANS if c in part.column_names and c not in left]
                            for unit in _units(part, props, langs, clean):
                                xml.write(unit)
                    xml.write("\n")
            file.write(b"\n")
        if left:
            note(f"{path.name}: the format has no place for {', '.join(left)}; left out")
        clean.tell()


def bcp47(tag: str) -> str:
    """The tag as TMX wants it: the short code, with the script where it is not the usual one.

    Example:
        >>> bcp47("deu_Latn"), bcp47("cmn_Hant"), bcp47("und")
        ('de', 'zh-Hant', 'und')
    """
    if tag == UNKNOWN:
        return tag
    code, script = short(tag), tag.split("_")[-1]
    return code if normalise(code) == tag else f"{code}-{script}"


def _units(part: pa.Table, props: Sequence[str], langs: Sequence[str], clean: Replaced) -> Iterator[etree._Element]:
    columns: Mapping[str, list[str]] = {
        name: clean(as_text(part[name])).to_pylist() for name in ("id", "src", "tgt", *props)
    }
    for row, (name, *texts) in enumerate(zip(columns["id"], columns["src"], columns["tgt"], strict=True)):
        unit = etree.Element("tu", tuid=name)
        unit.tail = "\n"
        for prop in props:
            # A null (an empty cell) is no property.
            if columns[prop][row]:
                etree.SubElement(unit, "prop", type=prop).text = columns[prop][row]
        for lang, text in zip(langs, texts, strict=True):
            variant = etree.SubElement(unit, "tuv", {_XML_LANG: lang})
            etree.SubElement(variant, "seg").text = text
        yield unit
