"""Sentence pairs from the locale files of programs: JSON, YAML, Java .properties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import note
from polyalign.corpus.keyed import Key, keyed_texts
from polyalign.corpus.paths import locate, spellings
from polyalign.corpus.rejects import STRICT, Rejected, Rejects
from polyalign.corpus.rows import Columns, Source, batches, collect
from polyalign.corpus.tags import means


@dataclass(frozen=True, slots=True)
class Locale:
    r"""Sentence pairs from the locale files of a program, texts with the same key a pair.

    JSON (also ``.arb``), YAML and Java ``.properties``, by the suffix. Nested keys and places in lists are joined by
    dots and are the row's id. A file whose only outermost key is its language, as Rails has it, is read from within;
    where `src` and `tgt` are one file, its outermost keys are the languages. Placeholders (``{count, plural, ...}``,
    ``%{name}``, ``{{x}}``) stay as they are.

    Keys that one side lacks are left out and counted in a note, as are values that are no text. A key with two
    different texts is an error. YAML's ``yes`` and ``no`` are words; its aliases may make a file ten times as long,
    no more.

    Args:
        src: The source file, such as ``locales/{src}.json``; ``{src}`` and ``{tgt}`` stand for the languages.
        tgt: The target file.

    Complexity:
        O(bytes) time and memory; files of up to 64 MiB.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (path / "en.json").write_text('{"menu": {"open": "Open {name}", "new": "New"}}', encoding="utf-8")
        >>> _ = (path / "rm.json").write_text('{"menu": {"open": "Avrir {name}"}}', encoding="utf-8")
        >>> reader = Locale(f"{path}/{{src}}.json", f"{path}/{{tgt}}.json")
        >>> reader.read(("eng_Latn", "roh_Latn")).table.to_pylist()
        [{'id': 'menu.open', 'src': 'Open {name}', 'tgt': 'Avrir {name}'}]
    """

    src: PathText
    tgt: PathText

    def inputs(self, pair: tuple[str, str]) -> list[Path]:
        """The files that `read` would read.

        Raises:
            DataError: One does not exist.
        """
        return list(dict.fromkeys((locate(self.src, pair), locate(self.tgt, pair))))

    def read(self, pair: tuple[str, str] = (UNKNOWN, UNKNOWN), rejects: Rejects = STRICT) -> Bitext:
        """Read the pairs; `pair` names the languages. Raises as `source`."""
        return collect(self.source(pair, rejects))

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: A file cannot be read or parsed, or a key has two texts.
            MissingExtraError: YAML, and the extra for it is not installed.
        """
        paths = locate(self.src, pair), locate(self.tgt, pair)
        return Source(_chunks(paths, pair, rejects), pair, str(paths[0]))


def _chunks(paths: tuple[Path, Path], pair: tuple[str, str], rejects: Rejects) -> Iterator[Columns]:
    first = keyed_texts(paths[0], rejects)
    if paths[0] == paths[1]:
        src, tgt = (_within(first, tag, paths[0]) for tag in pair)
    else:
        src, tgt = (_unwrapped(t, tag) for t, tag in zip((first, keyed_texts(paths[1], rejects)), pair, strict=True))
    for batch in batches(key for key in src if key in tgt):
        yield {"id": list(map(".".join, batch)), "src": [src[k] for k in batch], "tgt": [tgt[k] for k in batch]}
    lone = [(paths[0], "target", key, src[key]) for key in src if key not in tgt]
    more = [(paths[1], "source", key, tgt[key]) for key in tgt if key not in src]
    for path, side, key, text in (*lone, *more):
        name = ".".join(key)
        rejects.left_out(Rejected(str(path), f"key {name}", f"found no {side} text of that key, expected one", text))
    if lone or more:
        note(
            f"{paths[0]}: {len(lone)} keys are not in the target, {len(more)} of the target not in the source; left out"
        )


def _unwrapped(texts: dict[Key, str], tag: str) -> dict[Key, str]:
    """The texts without an outermost key that is the only one and names the language."""
    outermost = {key[0] for key in texts}
    if len(outermost) == 1 and tag != UNKNOWN and means(next(iter(outermost)).replace("_", "-"), tag):
        return {key[1:]: text for key, text in texts.items() if len(key) > 1} or texts
    return texts


def _within(texts: dict[Key, str], tag: str, path: Path) -> dict[Key, str]:
    """The texts of one language in a file of several."""
    outermost = dict.fromkeys(key[0] for key in texts)
    names = [name for name in outermost if tag != UNKNOWN and means(name.replace("_", "-"), tag)]
    if len(names) != 1:
        found = ", ".join(list(outermost)[:8]) or "none"
        expected = " or ".join(spellings(tag)) or "the languages, which are not given"
        raise DataError(
            f"{path}: found the outermost keys {found}, expected {expected} in a file that is source and target at once; "
            "for a file a language put {lang} where it stands in the path"
        )
    return {key[1:]: text for key, text in texts.items() if key[0] == names[0]}
