"""Which format a file has, by name or suffix, so that one call reads or writes any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, did_you_mean
from polyalign.core.files import suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.core.params import build
from polyalign.core.registry import find
from polyalign.corpus.rejects import Rejected, Rejects
from polyalign.corpus.write.cells import LateColumnError, Pairs, filled
from polyalign.corpus.write.moses import side_paths

SUFFIXES = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".fa": "fast-align",
    ".tmx": "tmx",
    ".xlf": "xliff",
    ".xliff": "xliff",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".po": "po",
    ".pot": "po",
    ".json": "locale",
    ".arb": "locale",
    ".yaml": "locale",
    ".yml": "locale",
    ".properties": "locale",
}
#: What can be read and not written.
READ_ONLY = ("po", "locale")
#: What can be read and written and is a file, or two.
FORMATS = (*(f for f in dict.fromkeys(SUFFIXES.values()) if f not in READ_ONLY), "moses")
#: What can be read and written and is a folder.
FOLDERS = ("dataset",)
#: In a path: each of the two languages, for formats of two files that may also be one.
LANG = "{lang}"


def read_bitext(
    path: str | Path,
    *,
    format: str | None = None,
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN),
    options: Mapping[str, Any] = MappingProxyType({}),
    rejects: Callable[[Rejected], None] | None = None,
) -> Bitext:
    """Read sentence pairs from a file of any format.

    Args:
        path: The file; ``-`` is standard input; for ``moses`` what both files start with, as `write_bitext` names them;
            for ``locale`` and ``po`` with ``{lang}`` where the language stands; for ``dataset`` a folder, or a name such as
            ``owner/name`` on the Hugging Face hub.
        format: One of `FORMATS`, `FOLDERS` or `READ_ONLY`; by default the suffix says, and a folder is a dataset.
        pair: Source and target language tags.
        options: Further parameters of the format's reader.
        rejects: Takes the records that are no pair; by default a broken one is an error.

    Raises:
        ConfigError: The format or an option is not known.
        DataError: The file cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.csv.gz"
        >>> _ = write_bitext(Bitext.build(["Haus"], ["house"]), path)
        >>> read_bitext(path).src
        ['Haus']
    """
    bitext: Bitext = reader_of(path, format=format, pair=pair, options=options).read(pair, Rejects(rejects))
    return bitext


def reader_of(
    path: str | Path, *, format: str | None, pair: tuple[str, str], options: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """The reader of a file, as `read_bitext` and `stream_bitext` use it; arguments and errors as theirs."""
    name = format_of(path, format)
    where = {"path": str(path)}
    if name == "locale" or (name == "po" and LANG in str(path)):
        sides = (str(path).replace(LANG, "{src}"), str(path).replace(LANG, "{tgt}"))
        where = dict(zip(("src", "tgt") if name == "locale" else ("src_path", "path"), sides, strict=True))
    elif name == "moses":
        if str(path) == "-":
            raise DataError(
                "-: moses is two files, expected a path they start with; read fast-align or tsv from standard input"
            )
        sides = ("{src}", "{tgt}") if UNKNOWN not in pair and pair[0] != pair[1] else pair
        where = dict(zip(("src", "tgt"), map(str, side_paths(Path(path), sides)), strict=True))
    return build(find(name, task="corpus.bitext"), {**where, **options}, where=str(path))


def write_bitext(
    pairs: Pairs,
    path: str | Path,
    *,
    format: str | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Written:
    """Write sentence pairs to a file of any format.

    Runs are written as they come, in the memory of two of them. Where a later run has a column that the first has
    not and the format names its columns at the beginning, the file is begun anew with every column if the runs can
    be read again (a list, `stream.BitextFile`); of an iterator that is an error.

    Args:
        pairs: The pairs, or runs of them.
        path: The file; ``-`` is standard output; for ``moses`` what both files start with; for ``dataset`` a folder.
        format: One of `FORMATS` or `FOLDERS`; by default the suffix says.
        options: Parameters of the format's writer.

    Returns:
        How many pairs were written, and their languages.

    Raises:
        ConfigError: The format or an option is not known.
        DataError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> runs = [Bitext.build(["a"], ["b"]), Bitext.build(["c"], ["d"], ids=["1"])]
        >>> write_bitext(runs, Path(tempfile.mkdtemp()) / "x.tmx").pairs
        2
    """
    name = format_of(path, format)
    if name in READ_ONLY:
        raise ConfigError(f"{path}: {name} can be read and not written; known are {', '.join((*FORMATS, *FOLDERS))}")
    writer = build(find(name, task="corpus.write"), options, where=str(path))
    if isinstance(pairs, Bitext):
        writer.write(pairs, Path(path))
        return Written(len(pairs), pairs.langs)
    watched = _Watched(pairs)
    try:
        writer.write(watched, Path(path))
    except LateColumnError:
        if isinstance(pairs, Iterator) or str(path) == "-":
            raise
        for _ in watched:
            pass
        writer.write(_with_columns(pairs, watched.columns), Path(path))
    return Written(watched.pairs, watched.langs)


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_bitext` wrote.

    Args:
        pairs: How many pairs.
        langs: Their languages.
    """

    pairs: int
    langs: tuple[str, str]


class _Watched:
    """Runs that are counted as they go by, and every column of which is remembered."""

    def __init__(self, runs: Iterable[Bitext]) -> None:
        self.pairs, self.langs = 0, (UNKNOWN, UNKNOWN)
        self.columns: dict[str, pa.DataType] = {}
        self._runs = iter(runs)

    def __iter__(self) -> Iterator[Bitext]:
        return self

    def __next__(self) -> Bitext:
        run = next(self._runs)
        self.pairs, self.langs = self.pairs + len(run), run.langs
        for column in run.table.schema:
            if self.columns.get(column.name, pa.null()) == pa.null():
                self.columns[column.name] = column.type
        return run


def _with_columns(runs: Iterable[Bitext], columns: Mapping[str, pa.DataType]) -> Iterator[Bitext]:
    """The runs, the first of which has every column."""
    for number, run in enumerate(runs):
        for name in [c for c in columns if c not in run.table.column_names] if number == 0 else []:
            run = run.with_column(name, filled(run.table, name, columns[name]))
        yield run


def format_of(path: str | Path, format: str | None = None) -> str:
    """The format given, or the one the suffix says; a folder is a dataset.

    Raises:
        ConfigError: Neither names one that is known.

    Example:
        >>> format_of("a.tsv.zst"), format_of("-", "tmx")
        ('tsv', 'tmx')
    """
    if format is not None:
        known = (*FORMATS, *FOLDERS, *READ_ONLY)
        if format not in known:
            raise ConfigError(f"unknown format {format!r}{did_you_mean(format, known)}; known are {', '.join(known)}")
        return format
    if str(path) == "-":
        raise ConfigError(f"-: standard input and output have no suffix; name the format: {', '.join(FORMATS)}")
    if Path(path).is_dir():
        return "dataset"
    suffix = suffixes(path)[0]
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"{path}: found the suffix {suffix!r}, expected one of {', '.join(SUFFIXES)}; rename it or name the format: {', '.join(FORMATS)}"
        )
    return SUFFIXES[suffix]
