"""Which format a file has, by name or suffix, so that one call reads or writes any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError, did_you_mean
from polyalign.core.files import suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.core.params import build
from polyalign.core.registry import find
from polyalign.corpus.write.moses import side_paths

SUFFIXES = {
    ".tsv": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".fa": "fast-align",
    ".tmx": "tmx",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
FORMATS = (*dict.fromkeys(SUFFIXES.values()), "moses")


def read_bitext(
    path: str | Path,
    *,
    format: str | None = None,
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN),
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Bitext:
    """Read sentence pairs from a file of any format.

    Args:
        path: The file; ``-`` is standard input; for ``moses`` what both files start with, as `write_bitext` names them.
        format: One of `FORMATS`; by default the suffix says.
        pair: Source and target language tags.
        options: Further parameters of the format's reader.

    Raises:
        ConfigError: The format or an option is not known.
        DataError: The file cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.csv.gz"
        >>> write_bitext(Bitext.build(["Haus"], ["house"]), path)
        >>> read_bitext(path).src
        ['Haus']
    """
    bitext: Bitext = reader_of(path, format=format, pair=pair, options=options).read(pair)
    return bitext


def reader_of(
    path: str | Path, *, format: str | None, pair: tuple[str, str], options: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    """The reader of a file, as `read_bitext` and `stream_bitext` use it; arguments and errors as theirs."""
    name = format_of(path, format)
    where = {"path": str(path)}
    if name == "moses":
        if str(path) == "-":
            raise DataError(
                "-: moses is two files, expected a path they start with; read fast-align or tsv from standard input"
            )
        sides = ("{src}", "{tgt}") if UNKNOWN not in pair and pair[0] != pair[1] else pair
        where = dict(zip(("src", "tgt"), map(str, side_paths(Path(path), sides)), strict=True))
    return build(find(name, task="corpus.bitext"), {**where, **options}, where=str(path))


def write_bitext(
    bitext: Bitext,
    path: str | Path,
    *,
    format: str | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write sentence pairs to a file of any format.

    Args:
        bitext: The pairs.
        path: The file; ``-`` is standard output; for ``moses`` what both files start with.
        format: One of `FORMATS`; by default the suffix says.
        options: Parameters of the format's writer.

    Raises:
        ConfigError: The format or an option is not known.
        DataError: The file cannot be written.
    """
    build(find(format_of(path, format), task="corpus.write"), options, where=str(path)).write(bitext, Path(path))


def format_of(path: str | Path, format: str | None = None) -> str:
    """The format given, or the one the suffix says.

    Raises:
        ConfigError: Neither names one that is known.

    Example:
        >>> format_of("a.tsv.zst"), format_of("-", "tmx")
        ('tsv', 'tmx')
    """
    if format is not None:
        if format not in FORMATS:
            raise ConfigError(
                f"unknown format {format!r}{did_you_mean(format, FORMATS)}; known are {', '.join(FORMATS)}"
            )
        return format
    if str(path) == "-":
        raise ConfigError(f"-: standard input and output have no suffix; name the format: {', '.join(FORMATS)}")
    suffix = suffixes(path)[0]
    if suffix not in SUFFIXES:
        raise ConfigError(
            f"{path}: found the suffix {suffix!r}, expected one of {', '.join(SUFFIXES)}; rename it or name the format: {', '.join(FORMATS)}"
        )
    return SUFFIXES[suffix]
