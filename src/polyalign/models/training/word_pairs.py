"""Words and their translations: from a lexicon, or from the links of bitexts."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

from polyalign.core.errors import DataError
from polyalign.models.training.objective import Data
from polyalign.models.training.pairs import check_links

#: What a lexicon's file has to say of a pair of words.
COLUMNS = ("src", "tgt", "count")
_ENDS = re.compile(r"^\W+|\W+$")


def plain(word: str) -> str:
    """A word in lower case, without the marks around it that a split at spaces leaves.

    Example:
        >>> plain("«L'Haus,")
        "l'haus"
    """
    return _ENDS.sub("", word).lower()


def counted(data: Data, *, name: str) -> Counter[tuple[str, str]]:
    """How often two words are linked, over all bitexts; words in lower case, without marks around them.

    Raises:
        DataError: A bitext without links, or links of other sentences.
    """
    found: Counter[tuple[str, str]] = Counter()
    for parallel in data.parallel:
        check_links(parallel, name)
        sides = (parallel.bitext.tokens("src"), parallel.bitext.tokens("tgt"))
        for src, tgt, some in zip(*sides, parallel.links or (), strict=True):
            found.update((plain(src[i]), plain(tgt[j])) for i, j in some)
    return found


def listed(path: str) -> Counter[tuple[str, str]]:
    """The pairs of a lexicon as `polyalign lexicon` writes it: tab-separated, with columns src, tgt and count.

    Raises:
        DataError: The file cannot be read, or lacks a column.
    """
    found: Counter[tuple[str, str]] = Counter()
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if lack := [c for c in COLUMNS if c not in (rows.fieldnames or [])]:
                raise DataError(
                    f"{path}: found no column {', '.join(lack)}, expected a lexicon with src, tgt and count; write one with "
                    "polyalign lexicon"
                )
            for number, row in enumerate(rows, 2):
                try:
                    found[plain(row["src"]), plain(row["tgt"])] += int(row["count"])
                except (ValueError, TypeError, AttributeError):
                    raise DataError(
                        f"{path} line {number}: found count {row['count']!r}, expected a number; write the lexicon anew"
                    ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: the lexicon cannot be read ({error}); check the path") from None
    return found


def best(found: Counter[tuple[str, str]], *, min_count: int, identical: bool) -> list[tuple[str, str]]:
    """Pairs of words that are each other's most frequent partner, most frequent first.

    Args:
        found: How often two words are linked.
        min_count: Links that a pair needs.
        identical: Whether words that are spelled alike count.

    Example:
        >>> found = Counter({("haus", "chasa"): 3, ("haus", "la"): 1, ("die", "la"): 5, ("so", "so"): 9})
        >>> best(found, min_count=2, identical=False)
        [('die', 'la'), ('haus', 'chasa')]
    """
    top: tuple[dict[str, str], dict[str, str]] = {}, {}
    order = sorted(found.items(), key=lambda x: (-x[1], x[0]))
    for (a, b), _ in order:
        top[0].setdefault(a, b)
        top[1].setdefault(b, a)
    return [
        (a, b)
        for (a, b), count in order
        if count >= min_count
        and top[0][a] == b
        and top[1][b] == a
        and (identical or a != b)
        # Marks and numbers are no words.
        and all(any(c.isalpha() for c in word) for word in (a, b))
    ]
