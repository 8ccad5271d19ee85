"""Line-aligned files, one a language, as Moses has them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from polyalign.core.bitext import Side
from polyalign.core.errors import DataError
from polyalign.core.files import open_output, suffixes
from polyalign.core.langs import UNKNOWN
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
class Moses:
    """Two files whose lines correspond, one a language: ``PATH.deu_Latn`` and ``PATH.eng_Latn``.

    Where a language is not known, or both are the same, they are ``PATH.src`` and ``PATH.tgt``; a packing
    suffix moves to the end (``train.gz`` gives ``train.deu_Latn.gz``). The column ``links`` goes to ``PATH.links``;
    a note names the other columns, which have no place here. Line ends inside a text become spaces and
    NUL becomes U+FFFD; a note counts them.

    Args:
        tokens: Whether tokenised sentences are written as their words between single spaces, as tools that
            split at spaces need them, instead of as they are.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> from polyalign.core.bitext import Bitext
        >>> Moses().write(Bitext.build(["Haus"], ["house"], langs=("deu_Latn", "eng_Latn")), folder / "x")
        >>> sorted(p.name for p in folder.iterdir())
        ['x.deu_Latn', 'x.eng_Latn']
    """

    suffix: ClassVar[str] = ""
    tokens: bool = False

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, to two files (three with links).

        Raises:
            DataError: A file cannot be written, PATH is standard output, or a word holds a space.
        """
        if str(path) == "-":
            raise DataError(
                "-: moses writes two files, expected a path they start with; write fast-align or tsv to standard output"
            )
        runs = Runs(pairs, path.name)
        sides = cast(tuple[Side, ...], ("src", "tgt"))
        columns = [*sides, *(["links"] if "links" in runs.schema.names else [])]
        spans = [f"{side}_spans" for side in sides] if self.tokens else []
        left = LeftOut([*columns, *spans], path.name)
        paths = dict(zip(sides, side_paths(path, runs.langs), strict=True))
        clean = Replaced(LINE_RULES, what="line end, NUL", where=path.name)
        with ExitStack() as stack:
            files = {c: stack.enter_context(open_output(paths.get(cast(Side, c)) or _beside(path, c))) for c in columns}
            for number, chunk in enumerate(runs.chunks()):
                left.see(chunk)
                part = with_links(chunk, columns, path.name)
                for column, file in files.items():
                    is_side = self.tokens and column in sides
                    lines = words(part, cast(Side, column)) if is_side else as_text(part[column])
                    put_lines(file, clean(lines), first=number == 0)
        left.tell()
        clean.tell()


def side_paths(path: Path, langs: tuple[str, str]) -> tuple[Path, Path]:
    """The two files that a path stands for.

    Example:
        >>> [p.name for p in side_paths(Path("train.gz"), ("deu_Latn", "eng_Latn"))]
        ['train.deu_Latn.gz', 'train.eng_Latn.gz']
    """
    src, tgt = ("src", "tgt") if UNKNOWN in langs or langs[0] == langs[1] else langs
    return _beside(path, src), _beside(path, tgt)


def _beside(path: Path, ending: str) -> Path:
    packed = suffixes(path)[1]
    return path.with_name(f"{path.name[: len(path.name) - len(packed)]}.{ending}{packed}")
