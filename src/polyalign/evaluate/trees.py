"""Dependency trees, from CoNLL-U."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from polyalign.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Tree:
    """A sentence's dependency tree.

    Args:
        labels: Universal part of speech of each word.
        relations: Relation of each word to its head.
        heads: Each word's head, counted from 0; -1 for the root.
    """

    labels: tuple[str, ...]
    relations: tuple[str, ...]
    heads: tuple[int, ...]


def read_trees(lines: Iterable[str], where: str) -> Iterator[Tree]:
    r"""The trees of a CoNLL-U file; multi-word tokens and empty nodes are no words of a tree.

    Args:
        lines: The file's.
        where: Its name, for errors.

    Raises:
        DataError: A line without ten columns, a number that is none, or a head outside its sentence.

    Example:
        >>> text = "# x\n1\tDas\t_\tDET\t_\t_\t2\tdet\t_\t_\n2\tHaus\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
        >>> next(read_trees(text.split("\n"), "x.conllu"))
        Tree(labels=('DET', 'NOUN'), relations=('det', 'root'), heads=(1, -1))
    """
    words: list[tuple[str, str, int]] = []
    begun = 1
    for number, line in enumerate(lines, 1):
        if not line.strip():
            if words:
                yield _tree(words, where, begun)
            words, begun = [], number + 1
            continue
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) != 10:
            raise DataError(
                f"{where} line {number}: found {len(columns)} columns, expected the 10 of CoNLL-U, between tabs; parse the text "
                "with a parser that writes it"
            )
        index, head = columns[0], columns[6]
        if not index.isdecimal():
            continue
        if not head.isdecimal() or int(index) != len(words) + 1:
            raise DataError(
                f"{where} line {number}: found word {index} with head {head!r}, expected word {len(words) + 1} with the number of "
                "its head; the file is damaged or not parsed"
            )
        words.append((columns[3], columns[7], int(head) - 1))
    if words:
        yield _tree(words, where, begun)


def _tree(words: list[tuple[str, str, int]], where: str, line: int) -> Tree:
    labels, relations, heads = zip(*words, strict=True)
    if max(heads) >= len(words):
        raise DataError(
            f"{where}: sentence from line {line}: found head {max(heads) + 1}, expected a word of its {len(words)}; the file is damaged"
        )
    return Tree(labels, relations, heads)
