"""A full-text index of a bitext: which pairs have a word or a phrase, in any language, in a hundredth of a second.

Words of scripts without spaces are their letters, so that a phrase of them is found wherever it stands. The texts themselves
are not in the index; they stay where they are.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import regex

from polyalign.core.bitext import Side
from polyalign.core.errors import DataError
from polyalign.core.progress import track
from polyalign.core.scripts import SPACELESS

#: Raised when an index of an earlier version would not be found the same things in.
VERSION = 1
_ALONE = "".join(rf"\p{{Script={s}}}" for s in sorted(SPACELESS))
#: Pairs that are counted; more of them are said to be more.
MOST = 100_000
_GATHERED = 64 << 20
#: A word: a letter of a script without spaces with its marks, or a run of letters, digits and marks.
_WORD = regex.compile(
    rf"[{_ALONE}]\p{{M}}*|[\p{{L}}\p{{N}}\p{{Co}}--[{_ALONE}]][\p{{L}}\p{{N}}\p{{Co}}\p{{M}}--[{_ALONE}]]*", regex.V1
)
#: Texts of letters that SQLite tells from other characters as we do, none of them a word alone or a mark that could begin one:
#: Latin, Cyrillic, and general punctuation.
_PLAIN = re.compile(r"[\x01-\u02AF\u0400-\u0481\u048A-\u0523\u2010-\u2060\u20AC]*")
_PLAIN_WORD = re.compile(r"[^\W_]+")
_TOKENIZE = "unicode61 remove_diacritics 0 categories 'L* N* Co Mn Mc Me'"


def words_of(text: str) -> list[tuple[int, int]]:
    """Where the words are that the index knows, in code points.

    Example:
        >>> [("don't 你好"[a:b]) for a, b in words_of("don't 你好")]
        ['don', 't', '你', '好']
    """
    return [m.span() for m in (_PLAIN_WORD if _PLAIN.fullmatch(text) else _WORD).finditer(text)]


def places(text: str, phrase: str) -> list[tuple[int, int]]:
    """Where a phrase stands in a text, as the index finds it: upper and lower case alike; its last word may end in ``*``.

    Example:
        >>> places("Der Hund, der Hund!", "der hund"), places("Hunde", "hund*"), places("x", "...")
        ([(0, 8), (10, 18)], [(0, 5)], [])
    """
    wanted, begins = _words(phrase)
    if not wanted:
        return []
    spans = words_of(text)
    words = [text[a:b].casefold() for a, b in spans]
    n = len(wanted)
    found = []
    for k in range(len(words) - n + 1):
        last = words[k + n - 1]
        if words[k : k + n - 1] == wanted[:-1] and (last.startswith(wanted[-1]) if begins else last == wanted[-1]):
            found.append((spans[k][0], spans[k + n - 1][1]))
    return found


def _words(phrase: str) -> tuple[list[str], bool]:
    text = phrase.strip()
    return [text[a:b].casefold() for a, b in words_of(text)], text.endswith("*")


@dataclass(frozen=True, slots=True)
class Index:
    """An index on disk; made by `build`.

    Args:
        path: The SQLite file.
    """

    path: Path

    @classmethod
    def build(
        cls, path: Path, pairs: Iterable[tuple[Sequence[str], Sequence[str]]], *, total: int | None = None
    ) -> Index:
        """Index a bitext that comes in runs; whole or not at all.

        Args:
            path: The file, which is replaced.
            pairs: Runs of source and target texts; row k of all together is pair k.
            total: How many pairs there are, if it is known, for the progress bar.

        Raises:
            DataError: The file cannot be written; what was there stays.
        """
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            with closing(sqlite3.connect(part, isolation_level=None)) as base:
                # A file that is renamed when it is whole needs no journal.
                for setting in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN"):
                    base.execute(setting)
                base.execute(
                    f'CREATE VIRTUAL TABLE pairs USING fts5(src, tgt, content="", columnsize=0, tokenize="{_TOKENIZE}")'
                )
                # What is gathered before it is written: fewer and larger parts to merge.
                base.execute("INSERT INTO pairs (pairs, rank) VALUES ('hashsize', ?)", (_GATHERED,))
                with track("index", total=total, unit="pairs") as progress:
                    at = 0
                    for src, tgt in pairs:
                        rows = zip(range(at, at + len(src)), map(_spaced, src), map(_spaced, tgt), strict=True)
                        base.executemany("INSERT INTO pairs (rowid, src, tgt) VALUES (?, ?, ?)", rows)
                        at += len(src)
                        progress.advance(len(src))
                base.execute("INSERT INTO pairs (pairs) VALUES ('optimize')")
                base.execute(f"PRAGMA user_version = {VERSION}")
                base.execute("COMMIT")
            os.replace(part, path)
        except (OSError, sqlite3.Error) as error:
            raise DataError(
                f"{path}: the index cannot be written ({error}); free space or name another cache folder"
            ) from error
        finally:
            with suppress(OSError):
                part.unlink()
        return cls(path)

    @property
    def whole(self) -> bool:
        """Whether the file is there and of this version."""
        try:
            with self._open() as base:
                return bool(base.execute("PRAGMA user_version").fetchone()[0] == VERSION)
        except sqlite3.Error:
            return False

    def find(
        self, phrase: str, *, side: Side | None = None, limit: int = 100, offset: int = 0
    ) -> tuple[int, list[int]]:
        """The pairs that have a phrase.

        Args:
            phrase: Words that follow each other, upper and lower case alike; ``*`` behind the last stands for any ending.
            side: Of which language; none for either.
            limit: Most pairs given, of the first `MOST`.
            offset: How many are passed over.

        Returns:
            How many pairs have it, ``MOST + 1`` for more than `MOST`, and the rows of some of them in order. None of a
            phrase without words.

        Raises:
            DataError: The index is damaged.
        """
        wanted, begins = _words(phrase)
        if not wanted:
            return 0, []
        # A phrase in quotation marks has no operators; words have no quotation marks in them.
        query = f'"{" ".join(wanted)}"' + (" *" if begins else "")
        if side is not None:
            query = f"{side} : {query}"
        try:
            with self._open() as base:
                # Asked once for all: that words begin alike takes long to find out, and not to read.
                found = base.execute(
                    "SELECT rowid FROM pairs WHERE pairs MATCH ? ORDER BY rowid LIMIT ?", (query, MOST + 1)
                ).fetchall()
        except sqlite3.Error as error:
            raise DataError(f"{self.path}: the index is damaged ({error}); delete it, and it is made anew") from error
        return len(found), [row for (row,) in found[offset : min(offset + limit, MOST)]]

    def _open(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True))


def _spaced(text: str) -> str:
    """A text in which SQLite's own tokenizer finds our words: as it is, or its words with spaces between them."""
    return text.casefold() if _PLAIN.fullmatch(text) else " ".join(_each(text))


def _each(text: str) -> Iterator[str]:
    # As in `places`; SQLite folds fewer letters than Python. What UTF-8 has no bytes for is no letter.
    return (m[0].casefold() for m in _WORD.finditer(text))
