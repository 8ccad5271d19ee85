"""Every language pair that a file of translations holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from polyalign.core.bitext import Bitext
from polyalign.core.cld2 import detect, tag_of
from polyalign.core.errors import DataError
from polyalign.core.files import suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.core.scripts import script_of
from polyalign.corpus.bitext.tmx import Tmx
from polyalign.corpus.formats import SUFFIXES, read_bitext
from polyalign.corpus.tags import canonical
from polyalign.corpus.xml_units import XML_LANG, elements

#: Formats of translations that name their languages.
TRANSLATIONS = ("tmx", "xliff", "po")
_SIDES = ("src", "tgt")
#: Of the texts of a side in one language, if that is to be told by them.
_SHARE = 0.5


def translation_suffixes() -> tuple[str, ...]:
    """The endings of files of translations that can be read."""
    return tuple(suffix for suffix, name in SUFFIXES.items() if name in TRANSLATIONS)


def every_pair(path: Path) -> Iterator[Bitext]:
    """Read a file of translations: a bitext for each language pair in it, the file's own source language first.

    Raises:
        DataError: The file cannot be read, holds no pair, or does not name its languages.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.tmx"
        >>> unit = "".join(f"<tuv xml:lang='{lang}'><seg>{lang}</seg></tuv>" for lang in ("de", "en", "fr"))
        >>> _ = path.write_text(f"<tmx version='1.4'><header srclang='en'/><body><tu>{unit}</tu></body></tmx>")
        >>> ["-".join(bitext.langs) for bitext in every_pair(path)]
        ['eng_Latn-deu_Latn', 'eng_Latn-fra_Latn', 'deu_Latn-fra_Latn']
    """
    if SUFFIXES.get(suffixes(path)[0]) != "tmx":
        bitext = read_bitext(path)
        src, tgt = (
            _look(bitext, side) if tag == UNKNOWN else tag for side, tag in zip(_SIDES, bitext.langs, strict=True)
        )
        # What programs write in their messages themselves is English, unless it looks otherwise.
        src = "eng_Latn" if src == UNKNOWN and SUFFIXES.get(suffixes(path)[0]) == "po" else src
        if UNKNOWN in (src, tgt) or src == tgt:
            raise DataError(f"{path}: found the languages {src} and {tgt}, expected two; name them in the file")
        if len(bitext):
            yield Bitext(bitext.table.replace_schema_metadata({"src_lang": src, "tgt_lang": tgt}))
        return
    pairs = _pairs(path)
    if not pairs:
        raise DataError(f"{path}: found no unit in two known languages")
    for pair in pairs:
        yield Tmx(str(path)).read(pair)


def _look(bitext: Bitext, side: str) -> str:
    """The language that the texts of a side look like."""
    text = " ".join(bitext.table[side].slice(0, 1000).to_pylist())[:20_000]
    code, share, _ = detect(text)
    return tag_of(code, script_of(text)) if code and share >= _SHARE else UNKNOWN


def _pairs(path: Path) -> list[tuple[str, str]]:
    """The language pairs of a TMX, most units first; languages in the order of their first variants."""
    order: dict[str, None] = {}
    counts: Counter[frozenset[str]] = Counter()
    for _, unit in elements(path, root="tmx", format="TMX", wanted=("tu",)):
        header = unit.getroottree().getroot().find("{*}header")
        main = canonical(header.get("srclang", "")) if header is not None else ""
        variants = unit.iterchildren("{*}tuv")
        tags = list(dict.fromkeys(canonical(v.get(XML_LANG) or v.get("lang") or "") for v in variants))
        tags = [tag for tag in tags if tag and tag != UNKNOWN]
        order |= dict.fromkeys(([main] if main in tags else []) + tags)
        counts.update(frozenset(pair) for pair in combinations(tags, 2))
    at = {tag: n for n, tag in enumerate(order)}
    found = [tuple(sorted(pair, key=at.__getitem__)) for pair in counts]
    return sorted(((a, b) for a, b in found), key=lambda p: (-counts[frozenset(p)], at[p[0]], at[p[1]]))
