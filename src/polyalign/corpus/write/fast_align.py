"""fast_align's format: ``src ||| tgt`` a line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Side
from polyalign.core.files import open_output
from polyalign.corpus.write.cells import (
    LINE_RULES,
    LeftOut,
    Pairs,
    Replaced,
    Runs,
    as_text,
    put_lines,
    with_links,
    words,
)


@dataclass(frozen=True, slots=True)
class FastAlign:
    r"""fast_align's format: ``src ||| tgt`` a line, and ``||| links`` if the bitext has that column.

    Line ends inside a text become spaces, ``|||`` inside one becomes ``|| |`` and NUL becomes U+FFFD; a note
    counts them and another names the columns that have no place here.

    **Differs:** fast_align itself refuses an empty side; drop such pairs with ``corpus.select`` first.

    Args:
        tokens: Whether tokenised sentences are written as their words between single spaces, as fast_align
            needs them, instead of as they are.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    References:
        dyer2013simple

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "x.fa"
        >>> from polyalign.core.bitext import Bitext
        >>> bitext = Bitext.build(["Haus."], ["house."]).with_spans("src", [[0, 4, 4, 5]])
        >>> FastAlign().write(bitext.with_spans("tgt", [[0, 5, 5, 6]]), path)
        >>> path.read_text(encoding="utf-8")
        'Haus . ||| house .\n'
    """

    suffix: ClassVar[str] = ".fa"
    tokens: bool = True

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to a file, packed as its suffix says; ``-`` is standard output.

        Raises:
            DataError: It cannot be written, or a word holds a space.
        """
        runs = Runs(pairs, path.name)
        sides = cast(tuple[Side, ...], ("src", "tgt"))
        columns = [*sides, *(["links"] if "links" in runs.schema.names else [])]
        spans = [f"{side}_spans" for side in sides] if self.tokens else []
        left = LeftOut([*columns, *spans], path.name)
        # Twice, for what is left of five bars and one space is three bars again.
        rules = [*LINE_RULES, *[(r"\|\|\|", "|| |")] * 2]
        clean = Replaced(rules, what="line end, NUL, |||", where=path.name)
        with open_output(path) as file:
            for number, chunk in enumerate(runs.chunks()):
                left.see(chunk)
                part = with_links(chunk, columns, path.name)
                fields = [
                    clean(words(part, c) if self.tokens and c in sides else as_text(part[c])).combine_chunks()
                    for c in columns
                ]
                lines = pc.binary_join_element_wise(*fields, pa.scalar(" ||| ", pa.large_string()))
                put_lines(file, lines, first=number == 0)
        left.tell()
        clean.tell()
