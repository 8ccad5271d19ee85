"""Corrections as gold standards: Pharaoh lines, vecalign's beads, TMX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import write_lines
from polyalign.core.links import Links, Pair
from polyalign.view.changes import words
from polyalign.view.edits import Corrected

_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class Gold:
    """What one author has finished of one language pair.

    Args:
        pairs: Their sentence pairs marked done.
        bad: Those marked as no translations.
        documents: Their documents marked done.
        unfinished: How many items they changed and did not mark; they are not part of the gold standard.
    """

    pairs: tuple[Corrected, ...]
    bad: tuple[Corrected, ...]
    documents: tuple[Corrected, ...]
    unfinished: int

    @classmethod
    def of(cls, corrections: Iterable[Corrected], unit: str, author: str) -> Gold:
        """Sort an author's corrections of a language pair by what they were marked with, in the order of the corpus."""
        own = sorted(
            (c for c in corrections if c.item.unit == unit and c.author == author and c.value is not None),
            key=lambda c: c.row,
        )

        def having(kind: str, mark: str) -> tuple[Corrected, ...]:
            return tuple(c for c in own if c.item.kind == kind and c.value is not None and c.value["mark"] == mark)

        unfinished = len(having("pair", "")) + len(having("document", ""))
        return cls(having("pair", "done"), having("pair", "bad"), having("document", "done"), unfinished)

    def links(self) -> Links:
        """The links of the pairs, sure and possible."""
        sure, possible = ([_links(c, kind) for c in self.pairs] for kind in ("sure", "possible"))
        return Links.from_pairs(sure, possible)

    def bitext(self, langs: tuple[str, str]) -> Bitext:
        """The pairs' texts as corrected, with their words' spans and their links as a column."""
        values = [c.value or {} for c in self.pairs]
        bitext = Bitext.build(
            [v["src"] for v in values],
            [v["tgt"] for v in values],
            langs=langs,
            ids=[c.item.id for c in self.pairs],
            columns={"links": self.links().to_pharaoh()},
        )
        for side in ("src", "tgt"):
            bitext = bitext.with_spans(side, [[x for span in v[f"{side}_spans"] for x in span] for v in values])
        return bitext


def write_gold(gold: Gold, folder: Path, *, unit: str) -> list[Path]:
    """Write a gold standard into a folder.

    ``<unit>.pharaoh`` has a line a sentence pair, ``0-0`` sure and ``1p2`` possible; ``<unit>.tokens`` the words that
    it counts, ``src ||| tgt``; ``<unit>.ids`` the pairs' ids; ``<unit>.bad.ids`` those of the pairs that are no
    translations; ``<unit>.tmx`` the texts; ``beads/<document>.beads`` the documents' beads in vecalign's format. What
    there is nothing of is not written.

    Args:
        gold: What is written.
        folder: Where to; made if it is not there.
        unit: The language pair.

    Returns:
        The files.

    Raises:
        DataError: It cannot be written, or a word has a space in it, which the ``.tokens`` file cannot say.
    """
    from polyalign.corpus.formats import write_bitext

    folder.mkdir(parents=True, exist_ok=True)
    src, _, tgt = unit.partition("-")
    made: list[Path] = []

    def lines(name: str, content: list[str]) -> None:
        if content:
            (folder / name).parent.mkdir(exist_ok=True)
            write_lines(folder / name, content)
            made.append(folder / name)

    lines(f"{unit}.pharaoh", gold.links().to_pharaoh() if gold.pairs else [])
    lines(f"{unit}.tokens", [f"{_line(c, 'src')} ||| {_line(c, 'tgt')}" for c in gold.pairs])
    lines(f"{unit}.ids", [c.item.id for c in gold.pairs])
    lines(f"{unit}.bad.ids", [c.item.id for c in gold.bad])
    if gold.pairs:
        write_bitext(gold.bitext((src, tgt)), folder / f"{unit}.tmx")
        made.append(folder / f"{unit}.tmx")
    for name, corrected in zip(_names([c.item.id for c in gold.documents]), gold.documents, strict=True):
        beads = (corrected.value or {})["beads"]
        lines(f"beads/{name}.beads", [f"{s}:{t}" for s, t in beads])
    return made


def _links(corrected: Corrected, kind: str) -> list[Pair]:
    links: dict[str, str] = (corrected.value or {})["links"]
    pairs = [name.split("-") for name, found in links.items() if found == kind]
    return [(int(i), int(j)) for i, j in pairs]


def _line(corrected: Corrected, side: str) -> str:
    said = words(corrected.value or {}, side)
    bad = next((w for w in said if not w or w.split() != [w]), None)
    if bad is not None or "|||" in said:
        raise DataError(
            f"pair {corrected.item.id}: found the word {bad if bad is not None else '|||'!r}, expected words without spaces and other than '|||', "
            "which a line of tokens cannot say; take the texts from the TMX file"
        )
    return " ".join(said)


def _names(ids: Sequence[str]) -> list[str]:
    """Names of files for documents: letters, digits, dots and hyphens stay; none twice.

    Example:
        >>> _names(["a/b", "a b", "..", "x"])
        ['a_b', 'a_b-2', '_', 'x']
    """
    out: list[str] = []
    for id in ids:
        plain = _UNSAFE.sub("_", id).strip(".") or "_"
        name, n = plain, 1
        while name in out:
            n += 1
            name = f"{plain}-{n}"
        out.append(name)
    return out
