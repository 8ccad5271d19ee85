"""Sentence pairs from fast_align's format: ``src ||| tgt`` a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyalign.corpus.paths import locate
from polyalign.corpus.rejects import STRICT, Rejected, Rejects, numbered_lines
from polyalign.corpus.rows import Columns, FileReader, Source, batches


@dataclass(frozen=True, slots=True)
class FastAlign(FileReader):
    r"""Sentence pairs from fast_align's format: ``src ||| tgt`` a line, words between spaces.

    A third field, if every line has one, is kept as gold links in the column ``links``. Spaces and
    TABs around a side are not part of it.

    **Differs:** from fast_align in that a side may be empty; such pairs are for ``corpus.select`` to drop. An empty
    line is a pair of two empty sides, so that links written a line a pair stay on their lines.

    Complexity:
        O(bytes) time; memory for the bitext only.

    References:
        dyer2013simple

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.fa"
        >>> _ = path.write_text("das Haus ||| the house\n", encoding="utf-8")
        >>> FastAlign(str(path)).read().tokens("tgt")
        [['the', 'house']]
    """

    def source(self, pair: tuple[str, str], rejects: Rejects = STRICT) -> Source:
        """The pairs before they are read, for `read` and for reading in runs.

        Raises:
            DataError: The file cannot be read, or a line has another number of fields.
        """
        path = locate(self.path, pair)
        return Source(_chunks(path, rejects), pair, str(path))


def _chunks(path: Path, rejects: Rejects) -> Iterator[Columns]:
    for batch in batches(_rows(path, rejects)):
        columns = list(zip(*batch, strict=True))
        yield dict(zip(("src", "tgt", "links")[: len(columns)], columns, strict=True))


def _rows(path: Path, rejects: Rejects) -> Iterator[list[str]]:
    width, first, waiting = 0, 0, 0
    for number, line in numbered_lines(path, rejects):
        fields = [field.strip(" \t") for field in line.split("|||")]
        if fields == [""]:
            # A pair without words: it keeps its line, so that links stay on theirs.
            if width:
                yield [""] * width
            else:
                waiting += 1
            continue
        if not width and len(fields) in (2, 3):
            width, first = len(fields), number
            yield from ([""] * width for _ in range(waiting))
        if len(fields) != width:
            expected = f"{width} as in line {first}" if width else "src ||| tgt, with links as a third if there are any"
            reason = f"found {len(fields)} fields between '|||', expected {expected}; correct that line"
            rejects.broken(Rejected(str(path), f"line {number}", reason, line))
            continue
        yield fields
    if not width:
        yield from (["", ""] for _ in range(waiting))
