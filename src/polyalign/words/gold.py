"""Links drawn by hand that a method is to learn from, with the sentence pairs they belong to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import I32, I64
from polyalign.core.links import Links
from polyalign.words.pharaoh import read_links

#: What to do about links of words that are not there.
ADVICE = "links count words from 0, and the text must be split into words as they have them"


def read_gold(gold: str, gold_text: str, bitext: Bitext) -> tuple[Bitext, Links]:
    """Gold links and their sentence pairs.

    Args:
        gold: File of Pharaoh links, from 0, a line a sentence pair.
        gold_text: File of the sentence pairs they belong to, ``source ||| target`` or source, tab, target, words between
            spaces; empty if they are the first ones of the bitext.
        bitext: What is to be aligned.

    Returns:
        As many sentence pairs as there are lines of links, and the links.

    Raises:
        DataError: A file cannot be read, has other pairs than links, or a link's word is not there.
    """
    links = read_links(gold)
    pairs, of = (bitext, "the bitext") if not gold_text else (_read_pairs(gold_text), gold_text)
    if len(links) > len(pairs) or (gold_text and len(links) < len(pairs)):
        raise DataError(
            f"{gold}: found {len(links):,} lines, but {of} has {len(pairs):,} sentence pairs; give a line of links for "
            + ("each" if gold_text else "each of the first ones, or name their own sentence pairs as gold_text")
        )
    pairs = Bitext(pairs.table.slice(0, len(links)))
    check_links(links, word_counts(pairs), gold)
    return pairs, links


def word_counts(bitext: Bitext) -> list[I64]:
    """How many source and how many target words each sentence pair has."""
    return [np.array([len(w) for w in bitext.tokens(side)], np.int64) for side in ("src", "tgt")]


def check_links(links: Links, lengths: Sequence[I32 | I64], where: str, advice: str = ADVICE) -> None:
    """Refuse links of words that are not there.

    Args:
        links: Of n sentence pairs.
        lengths: Source and target words of each.
        where: The file's name.
        advice: What to do then.

    Raises:
        DataError: There is such a link.
    """
    owner = np.repeat(np.arange(len(links)), np.diff(links.offsets))
    outside = np.flatnonzero((links.src >= lengths[0][owner]) | (links.tgt >= lengths[1][owner]))
    if len(outside):
        x = outside[0]
        line = owner[x]
        raise DataError(
            f"{where} line {line + 1}: found {links.src[x]}-{links.tgt[x]} (from 0) in a sentence pair of {lengths[0][line]} "
            f"and {lengths[1][line]} words; {advice}"
        )


def _read_pairs(path: str) -> Bitext:
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        src, mark, tgt = line.partition("\t") if "\t" in line else line.partition(" ||| ")
        if not mark or "\t" in tgt:
            raise DataError(
                f"{path} line {number}: found {line[:40]!r}, expected source ||| target, or one tab between them"
            )
        rows.append((src, tgt))
    return Bitext.build([r[0] for r in rows], [r[1] for r in rows])
