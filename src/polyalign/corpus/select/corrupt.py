"""Clean rows spoiled on purpose: what a classifier learns bad rows from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.rng import generator

#: Kinds of bad pairs, and of bad documents.
PAIRS = ("shuffled", "neighbour", "truncated", "replaced", "swapped", "copied", "mojibake", "repeated")
DOCUMENTS = ("mojibake", "repeated", "scrambled", "listed")


def corrupt_pairs(bitext: Bitext, kind: str, *, seed: int) -> Bitext:
    """Every pair of a bitext spoiled in one way.

    ``shuffled``: the target of another pair, anywhere; ``neighbour``: that of the next pair; ``truncated``: one side without
    its last third to two thirds; ``replaced``: a third to two thirds of one side's words are those of other sentences;
    ``swapped``: the sides changed; ``copied``: one side twice; ``mojibake``: one side's UTF-8 read as Windows-1252;
    ``repeated``: three of one side's words three times more. Rows to which a kind does nothing (one word cannot be cut) are
    left out.

    Args:
        bitext: Clean pairs.
        kind: One of `PAIRS`.
        seed: Of the random choices.

    Example:
        >>> corrupt_pairs(Bitext.build(["a b", "c d"], ["A B", "C D"]), "neighbour", seed=1).tgt
        ['C D', 'A B']
    """
    random = generator(seed, f"corrupt {kind}")
    src, tgt = bitext.src, bitext.tgt
    if kind == "shuffled":
        tgt = [tgt[i] for i in random.permutation(len(tgt))]
    elif kind == "neighbour":
        tgt = [*tgt[1:], *tgt[:1]]
    elif kind == "swapped":
        src, tgt = tgt, src
    else:
        change = _PAIR_CHANGES[kind]
        words = [[w for text in side for w in text.split()] or [""] for side in (src, tgt)]
        first = random.random(len(src)) < 0.5
        pairs = [
            (change(s, t, words[0], random), t) if left else (s, change(t, s, words[1], random))
            for s, t, left in zip(src, tgt, first.tolist(), strict=True)
        ]
        src, tgt = [s for s, _ in pairs], [t for _, t in pairs]
    same = [a == b for a, b in zip(zip(src, tgt, strict=True), zip(bitext.src, bitext.tgt, strict=True), strict=True)]
    return _rows(Bitext.build(src, tgt, langs=bitext.langs), [not x for x in same])


def _rows(bitext: Bitext, keep: Sequence[bool]) -> Bitext:
    return bitext.select(np.array(keep, np.bool_))


def _copied(text: str, other: str, words: Sequence[str], random: np.random.Generator) -> str:
    return other


def _truncated(text: str, other: str, words: Sequence[str], random: np.random.Generator) -> str:
    parts = text.split()
    if len(parts) > 1:
        return " ".join(parts[: max(1, round(len(parts) * (1 - random.uniform(1 / 3, 2 / 3))))])
    # Without spaces, as in Chinese, by characters.
    return text[: max(1, round(len(text) * (1 - random.uniform(1 / 3, 2 / 3))))]


def _replaced(text: str, other: str, words: Sequence[str], random: np.random.Generator) -> str:
    parts = text.split()
    if parts:
        count = max(1, round(len(parts) * random.uniform(1 / 3, 2 / 3)))
        for at in random.choice(len(parts), min(count, len(parts)), replace=False):
            parts[at] = words[int(random.integers(len(words)))]
    return " ".join(parts)


def _misread(text: str, other: str, words: Sequence[str], random: np.random.Generator) -> str:
    return mojibake(text)


def _again(text: str, other: str, words: Sequence[str], random: np.random.Generator) -> str:
    parts = text.split()
    at = int(random.integers(max(1, len(parts) - 2)))
    return " ".join(parts[: at + 3] + parts[at : at + 3] * 3 + parts[at + 3 :])


_PAIR_CHANGES = {
    "copied": _copied, "truncated": _truncated, "replaced": _replaced, "mojibake": _misread, "repeated": _again,
}  # fmt: skip


def corrupt_documents(table: pa.Table, kind: str, *, seed: int) -> pa.Table:
    """Every document of a table spoiled in one way.

    ``mojibake``: its UTF-8 read as Windows-1252; ``repeated``: its first 8 words put in after each 20 words; ``scrambled``: the letters of
    each word in any order; ``listed``: its words in any order, three a line, each line with a bullet. Rows to which a kind
    does nothing are left out.

    Args:
        table: Clean documents.
        kind: One of `DOCUMENTS`.
        seed: Of the random choices.

    Example:
        >>> corrupt_documents(pa.table({"text": ["schön", "gut"]}), "mojibake", seed=1)["text"].to_pylist()
        ['schÃ¶n']
    """
    random = generator(seed, f"corrupt {kind}")
    change = {"mojibake": _mojibake, "repeated": _repeated, "scrambled": _scrambled, "listed": _listed}[kind]
    texts = [text or "" for text in table["text"].to_pylist()]
    bad = [change(text, random) for text in texts]
    table = table.set_column(table.column_names.index("text"), "text", pa.array(bad, pa.large_string()))
    return table.filter(pa.array([a != b for a, b in zip(texts, bad, strict=True)]))


Change = Callable[[str, np.random.Generator], str]


def mojibake(text: str) -> str:
    """The text's UTF-8 read as Windows-1252, the bytes that this has not as control characters, as browsers do.

    Example:
        >>> mojibake("schön")
        'schÃ¶n'
    """
    return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in text.encode())


def _mojibake(text: str, random: np.random.Generator) -> str:
    return mojibake(text)


def _repeated(text: str, random: np.random.Generator) -> str:
    words = text.split()
    parts = [words[at : at + 20] + words[:8] for at in range(0, len(words), 20)]
    return " ".join(w for part in parts for w in part)


def _scrambled(text: str, random: np.random.Generator) -> str:
    return " ".join("".join(random.permutation(list(word))) for word in text.split())


def _listed(text: str, random: np.random.Generator) -> str:
    words = text.split()
    words = [words[i] for i in random.permutation(len(words))]
    return "\n".join("- " + " ".join(words[at : at + 3]) for at in range(0, len(words), 3))
