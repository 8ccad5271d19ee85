"""Where a file's name or folder says which document it is, and in which language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from polyalign.core.errors import ConfigError
from polyalign.core.files import COMPRESSIONS, suffixes
from polyalign.core.langs import normalise

Layout = Literal["suffix", "folders"]


def layout_of(files: Iterable[Path], langs: tuple[str, ...]) -> Layout:
    """The layout that finds more documents in the languages, or in any: "sub" alone is a language too.

    Args:
        files: Paths relative to the folder.
        langs: The languages asked for; empty for any.

    Example:
        >>> layout_of([Path("de/a.txt"), Path("rm/a.txt")], ("roh_Latn",))
        'folders'
    """
    files = list(files)

    def count(layout: Layout) -> tuple[int, int]:
        places = [place for path in files if (place := place_of(path, layout))]
        return sum(lang in langs for _, lang in places), len(places)

    return "folders" if count("folders") > count("suffix") else "suffix"


def place_of(path: Path, layout: Layout) -> tuple[str, str] | None:
    """A file's document and language, or None where no language can be made out.

    Example:
        >>> place_of(Path("law/12_de.html"), "suffix"), place_of(Path("de/law/12.html"), "folders")
        (('law/12', 'deu_Latn'), ('law/12', 'deu_Latn'))
    """
    found = tagged(path, layout)
    return (found[0], language(found[1]) or "") if found else None


def tagged(path: Path, layout: Layout) -> tuple[str, str] | None:
    """As `place_of`, but the language's tag as it is written."""
    stem = stem_of(path)
    if layout == "folders":
        if len(path.parts) > 1 and language(path.parts[0]):
            return "/".join((*path.parts[1:-1], stem)), path.parts[0]
        return None
    for name, tag in _splits(stem):
        if name and language(tag):
            return (path.parent / name).as_posix(), tag
    return None


def stem_of(path: Path) -> str:
    """A file's name without the suffix of its format and its compression.

    Example:
        >>> stem_of(Path("law/12.de.HTML.gz"))
        '12.de'
    """
    stem = path.name
    for ending in (*COMPRESSIONS, suffixes(path)[0]):
        stem = stem[: len(stem) - len(ending)] if stem.lower().endswith(ending) else stem
    return stem


def language(tag: str) -> str | None:
    """The canonical tag of what may be a language, or None."""
    try:
        return normalise(tag)
    except ConfigError:
        return None


def hidden(path: Path) -> bool:
    """Whether a file or a folder it is in is one that systems hide."""
    return any(part.startswith(".") for part in path.parts)


def some(names: list[str]) -> str:
    """Three names and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more files" if len(names) > 3 else "")


def _splits(stem: str) -> Iterator[tuple[str, str]]:
    """Where a name may end and its tag begin; ``a_deu_Latn`` has its tag behind the last but one underscore."""
    name, _, tag = stem.rpartition(".")
    yield name, tag
    parts = stem.rsplit("_", 2)
    if len(parts) == 3:
        yield parts[0], "_".join(parts[1:])
    name, _, tag = stem.rpartition("_")
    yield name, tag
