"""A folder of parallel texts: a file a language whose lines translate each other, or two files a pair of languages."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import COMPRESSIONS, read_lines
from polyalign.core.jit import I32
from polyalign.core.progress import note

#: Sentences below which some metrics are not defined.
FEWEST = 10
#: Files that are about texts rather than texts.
_ABOUT = (".json", ".tsv", ".csv", ".md", ".html", ".yaml", ".yml", ".toml", ".xml")
_WHOLE_TAG = re.compile(r"(?<![A-Za-z])[a-z]{3}_[A-Z][a-z]{3}(?![A-Za-z])")


@dataclass(frozen=True, slots=True, eq=False)
class Parallel:
    """Sentences of several languages, each the translation of one of the pivot's.

    Args:
        pivot: Tag of the language that the others are compared with.
        texts: Sentences of each language, the pivot's first.
        rows: For each language but the pivot, which of the pivot's sentences each of its own translates.
        multiway: Whether line i of every language translates line i of every other.
        rest: Further sentences of each language, not among those measured; of the pivot only if multiway.
    """

    pivot: str
    texts: dict[str, list[str]]
    rows: dict[str, I32]
    multiway: bool
    rest: dict[str, list[str]] = field(default_factory=dict)

    @property
    def languages(self) -> list[str]:
        """All but the pivot."""
        return list(self.rows)


def read_parallel(
    folder: Path, *, pivot: str = "eng_Latn", languages: Collection[str] = (), sentences: int = 100
) -> Parallel:
    """Read a folder of parallel texts.

    A file's language is taken from its name: ``deu_Latn.txt``, ``de.txt``, ``newstest2019-ref.deu.txt``,
    ``deu_Latn.devtest``. If names also say a pair (``tatoeba.deu-eng.deu`` and ``tatoeba.deu-eng.eng``), the two files of
    each pair are parallel to each other only. Files may be compressed; CR LF and a BOM do no harm.

    Args:
        folder: The folder; what lies deeper is not read.
        pivot: The language that the others are compared with.
        languages: Only these besides the pivot; empty for all.
        sentences: Of each file the first so many lines; 0 for all.

    Returns:
        The texts.

    Raises:
        DataError: No such folder; a file whose language is not known, is there twice, or has another number of lines; an
            empty line; a language that is not there; fewer than two languages, or than ten sentences.
        ConfigError: Fewer than ten sentences are asked for.
    """
    if sentences and sentences < FEWEST:
        raise ConfigError(f"sentences = {sentences}: expected {FEWEST} at least, or 0 for all; raise --sentences")
    if not folder.is_dir():
        raise DataError(
            f"{folder}: {'is a file' if folder.exists() else 'no such folder'}, expected a folder with a text file a language"
        )
    wanted = set(languages) | {pivot} if languages else set()
    files = _files(folder, wanted)
    if any(pair for _, pair, _ in files):
        return _pairs(folder, files, pivot, wanted, sentences)
    paths: dict[str, Path] = {}
    for lang, _, path in files:
        if lang in paths:
            raise DataError(
                f"{folder}: {paths[lang].name} and {path.name} are both {lang}, expected one file a language; move one away"
            )
        paths[lang] = path
    _expect(folder, list(paths), pivot, wanted)
    order = [pivot, *sorted(set(paths) - {pivot})]
    texts, rest = _lines([paths[lang] for lang in order], sentences)
    every = np.arange(len(texts[0]), dtype=np.int32)
    return Parallel(
        pivot,
        dict(zip(order, texts, strict=True)),
        {lang: every for lang in order[1:]},
        multiway=True,
        rest=dict(zip(order, rest, strict=True)),
    )


def language_of(name: str) -> tuple[str, tuple[str, str] | None] | None:
    """The language that a file's name says, and the pair that it belongs to if it says one.

    Example:
        >>> language_of("newstest2019-ref.zho-CN.txt"), language_of("tatoeba.deu-eng.deu")
        (('cmn_Hans', None), ('deu_Latn', ('deu_Latn', 'eng_Latn')))
        >>> language_of("deu_Latn.devtest"), language_of("notes.txt")
        (('deu_Latn', None), None)
    """
    stem = name
    for ending in (*COMPRESSIONS, ".txt"):
        stem = stem.removesuffix(ending)
    if len(whole := set(_WHOLE_TAG.findall(stem))) == 1 and (tag := _tag(whole.pop())):
        return tag, None
    for before, _, last in (("", "", stem), *(stem.rpartition(mark) for mark in "._-")):
        if tag := _tag(last):
            return tag, _pair(re.split(r"[._]", before)[-1], tag)
    return None


def _tag(text: str) -> str | None:
    try:
        tag = langs.normalise(text)
    except ConfigError:
        return None
    return None if tag == langs.UNKNOWN else tag


def _pair(text: str, tag: str) -> tuple[str, str] | None:
    try:
        pair = langs.parse_pair(text)
    except ConfigError:
        return None
    return pair if tag in pair else None


def _files(folder: Path, wanted: Collection[str]) -> list[tuple[str, tuple[str, str] | None, Path]]:
    """Language, pair and path of each file; of the wanted languages only, if any are named."""
    out, skipped = [], []
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.startswith("."):
            continue
        found = None if path.name.lower().endswith(_ABOUT) else language_of(path.name)
        if found is None and not path.name.lower().endswith(_ABOUT) and not wanted:
            raise DataError(
                f"{path}: no language in its name, expected one such as deu_Latn.txt or news.de.txt; rename it, move it "
                "away, or name the languages to be read with --languages"
            )
        if found is None:
            skipped.append(path.name)
        elif not wanted or found[0] in wanted:
            out.append((found[0], found[1], path))
    if skipped:
        note(f"{folder}: not read, as no texts: {', '.join(skipped[:5])}{' ...' if len(skipped) > 5 else ''}")
    return out


def _pairs(
    folder: Path,
    files: Sequence[tuple[str, tuple[str, str] | None, Path]],
    pivot: str,
    wanted: Collection[str],
    sentences: int,
) -> Parallel:
    sides: dict[str, dict[str, Path]] = {}
    for lang, pair, path in files:
        if pair is None:
            raise DataError(
                f"{path}: names a language and no pair, beside files that name pairs; keep the two kinds in two folders"
            )
        if pivot not in pair:
            continue
        other = pair[0] if pair[1] == pivot else pair[1]
        if wanted and other not in wanted:
            continue
        if (first := sides.setdefault(other, {}).setdefault(lang, path)) != path:
            raise DataError(f"{folder}: {first.name} and {path.name} are the same side of a pair; move one away")
    _expect(folder, [pivot, *sides] if sides else [], pivot, wanted)
    texts: dict[str, list[str]] = {pivot: []}
    rows: dict[str, I32] = {}
    rest: dict[str, list[str]] = {}
    place: dict[str, int] = {}
    for other, paths in sorted(sides.items()):
        if len(paths) < 2:
            only = next(iter(paths.values()))
            raise DataError(f"{only}: the other file of its pair is missing, expected both sides of {other}-{pivot}")
        (texts[other], against), (rest[other], _) = _lines([paths[other], paths[pivot]], sentences)
        # A sentence of the pivot that is in several pairs is read by the model once.
        rows[other] = np.array([place.setdefault(text, len(place)) for text in against], np.int32)
    texts[pivot] = list(place)
    return Parallel(pivot, texts, rows, multiway=False, rest=rest)


def _expect(folder: Path, found: Sequence[str], pivot: str, wanted: Collection[str]) -> None:
    if not found:
        raise DataError(f"{folder}: found no text of {pivot} and another language; expected files such as deu_Latn.txt")
    for lang in (pivot, *sorted(wanted)):
        if lang not in found:
            hint = "; choose another pivot with --pivot" if lang == pivot else "; check --languages"
            raise DataError(f"{folder}: no text in {lang}, found {', '.join(sorted(found))}{hint}")
    if len(found) < 2:
        raise DataError(f"{folder}: one language only, {found[0]}; add its translation into another")


def _lines(paths: Sequence[Path], sentences: int) -> tuple[list[list[str]], list[list[str]]]:
    """The first lines of files that are as long as each other, and the others."""
    sides = [[line.strip() for line in read_lines(path)] for path in paths]
    for path, lines in zip(paths, sides, strict=True):
        if len(lines) != len(sides[0]):
            raise DataError(
                f"{paths[0].name} and {path.name}: found {len(sides[0])} and {len(lines)} lines, expected as many; line i of "
                "one has to translate line i of the other"
            )
        if len(lines) < FEWEST:
            raise DataError(
                f"{path}: found {len(lines)} sentence{'s' * (len(lines) != 1)}, expected {FEWEST} at least; give more lines"
            )
    rest = [lines[sentences:] if sentences else [] for lines in sides]
    sides = [lines[: sentences or None] for lines in sides]
    for path, lines in zip(paths, sides, strict=True):
        if "" in lines:
            raise DataError(
                f"{path} line {lines.index('') + 1}: is empty, expected a sentence; delete the line in every language"
            )
    return sides, rest
