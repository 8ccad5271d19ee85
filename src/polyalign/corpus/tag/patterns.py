"""Tags read off the names that rows come with: a source, an address, a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import regex

from polyalign.core.errors import DataError

_DATE = regex.compile(r"(?<!\d)((?:19|20)\d\d)([-_/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
_MONTH = regex.compile(r"(?<!\d)((?:19|20)\d\d)[-_/.](0[1-9]|1[0-2])(?!\d)")
_YEAR = regex.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_HOST = regex.compile(
    r"(?:^|\s)(?:[a-z][a-z0-9+.-]*://)?(?:[^/\s@]*@)?((?:[\p{L}\p{N}-]+\.)+[\p{L}-]{2,})(?=[:/?#]|$)", regex.I
)


@dataclass(frozen=True, slots=True)
class Date:
    """The date in a row's source, address or document name: ``2021-03-05``, ``2021-03`` or ``2021``; null without one.

    Written as year, month and day with ``-``, ``/``, ``.``, ``_`` or nothing between, else year and month, else a year from 1900 to
    2099; the first column that has one counts, and in it the first full date.

    Args:
        columns: Where to look, in this order; columns that are not there are passed over.

    Raises:
        ValueError: No columns.

    Example:
        >>> Date().tags(pa.table({"doc": ["press/20210305_a", "vol-1998", "a"]})).to_pylist()
        ['2021-03-05', '1998', None]
    """

    columns: tuple[str, ...] = ("date", "source", "url", "doc")

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("columns must name at least one")

    def tags(self, table: pa.Table) -> pa.Array:
        """The tag of each row.

        Raises:
            DataError: None of the columns is there.
        """
        return _first(table, self.columns, _date)


@dataclass(frozen=True, slots=True)
class Domain:
    """The domain of a row by patterns of its source, address or document name; else the host of an address; else null.

    Args:
        patterns: A regular expression for each domain, tried in this order: ``law = "eur-lex|/law/"``.
        columns: Where to look, in this order; columns that are not there are passed over.

    Raises:
        ValueError: No columns, or an expression that is none.

    Example:
        >>> table = pa.table({"source": ["https://eur-lex.europa.eu/x", "https://www.gr.ch/rm", "law/12.txt"]})
        >>> Domain(patterns={"law": "eur-lex|^law/"}).tags(table).to_pylist()
        ['law', 'www.gr.ch', 'law']
    """

    patterns: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ("url", "source", "doc")

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("columns must name at least one")
        for name, pattern in self.patterns.items():
            try:
                regex.compile(pattern)
            except regex.error as error:
                raise ValueError(f"patterns: {name} = {pattern!r} is no regular expression ({error})") from None

    def tags(self, table: pa.Table) -> pa.Array:
        """The tag of each row.

        Raises:
            DataError: None of the columns is there.
        """
        rules = [(name, regex.compile(pattern, regex.I)) for name, pattern in self.patterns.items()]

        def domain(text: str) -> str | None:
            named = next((name for name, rule in rules if rule.search(text)), None)
            if named is not None:
                return named
            # A file's name has a dot too: only what has a scheme, or what has a path behind it, is an address.
            host = _HOST.search(text) if "://" in text or "/" in text.partition(".")[2] else None
            return host[1].lower() if host else None

        return _first(table, self.columns, domain)


def _first(table: pa.Table, columns: tuple[str, ...], tag: Callable[[str], str | None]) -> pa.Array:
    there = [name for name in columns if name in table.column_names]
    if not there:
        raise DataError(
            f"tags: found the columns {', '.join(table.column_names)}, expected one of {', '.join(columns)}; name them with columns"
        )
    known: dict[str, str | None] = {}

    def told(texts: Iterator[str]) -> str | None:
        for text in texts:
            if text not in known:
                known[text] = tag(text)
            if known[text] is not None:
                return known[text]
        return None

    rows = zip(*(table[name].cast(pa.string()).to_pylist() for name in there), strict=True)
    return pa.array([told(text for text in row if text) for row in rows], pa.string())


def _date(text: str) -> str | None:
    for match in _DATE.finditer(text):
        try:
            return date(int(match[1]), int(match[3]), int(match[4])).isoformat()
        except ValueError:
            continue
    month, year = _MONTH.search(text), _YEAR.search(text)
    return f"{month[1]}-{month[2]}" if month else year[1] if year else None
