"""What a document says in words and numbers, as sparse matrices that both languages share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import regex
from anyascii import anyascii
from scipy import sparse

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import F64, I64
from polyalign.core.ragged import offsets
from polyalign.documents.candidates import Candidates
from polyalign.kernels.hypergeometric import log_tail

#: Scripts written without spaces: their runs become character bigrams.
_DENSE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
#: Web and mail addresses, numbers with marks inside (420'000, 103,9, 11.12.1997), words.
_TERM = regex.compile(
    r"https?://[^\s<>\"')]+|[\w.+-]+@[\w-]+\.[\w.]+|\d+(?:[.,:/'\u2019\u00a0\u202f-]?\d+)*|[\p{L}\p{M}]+"
)
#: Letters of a word that its cognates share.
LETTERS = 5
#: Words of one language that are no more than so many translations of a word of the other.
_TRANSLATIONS = 3
#: Documents that teach a lexicon; more teach little more.
_TEACHERS = 2000
#: Similarities in memory at a time, as rows of a block.
_ROWS = 512


def terms(text: str) -> list[str]:
    """The words and numbers of a text, casefolded; numbers without the marks inside, addresses whole.

    Example:
        >>> terms("Am 11.12.1997 420'000 Franken: https://gr.ch/a"), terms("\u8d77\u521d\u795e")
        (['am', '11121997', '420000', 'franken', 'https://gr.ch/a'], ['\u8d77\u521d', '\u521d\u795e'])
    """
    out: list[str] = []
    for word in _TERM.findall(text.casefold()):
        if word[0].isdigit() and "@" not in word:
            out.append("".join(str(int(c)) for c in word if c.isdecimal()))
        elif _DENSE.fullmatch(word):
            out.extend(word[k : k + 2] for k in range(max(1, len(word) - 1)))
        else:
            out.append(word)
    return out


@lru_cache(maxsize=1 << 18)
def shared(term: str) -> str:
    """What a term has in common with its like in another language: a number, an address, or the first letters in ASCII.

    Example:
        >>> shared("1997"), shared("regierung"), shared("\u041c\u043e\u0441\u043a\u0432\u0430"), shared("am")
        ('1997', 'regie', 'moskv', '')
    """
    if term[0].isdigit() or "@" in term or "://" in term:
        return "" if term.isdigit() and len(term) < 2 else term
    plain = anyascii(term).lower()[:LETTERS]
    return plain if len(plain) >= LETTERS - 1 else ""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The terms of one collection.

    Args:
        words: Its different terms.
        counts: Their occurrences, a row a document.
    """

    words: list[str]
    counts: Any

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]]) -> Terms:
        """Count the terms of texts, each given as its sentences."""
        ids: dict[str, int] = {}
        found = [[ids.setdefault(w, len(ids)) for s in text for w in terms(s)] for text in texts]
        columns = np.fromiter((w for row in found for w in row), np.int64)
        matrix = sparse.csr_array(
            (np.ones(len(columns)), columns, offsets([len(r) for r in found])), shape=(len(texts), len(ids))
        )
        matrix.sum_duplicates()
        return cls(list(ids), matrix)


def project(side: Terms, ids: Mapping[str, int]) -> Any:
    """Counts of what the terms share with the other language, a row a document, columns by `ids`."""
    rows, columns = [], []
    for k, word in enumerate(side.words):
        at = ids.get(shared(word))
        if at is not None:
            rows.append(k)
            columns.append(at)
    return side.counts @ sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(side.words), len(ids)))


def shared_counts(src: Terms, tgt: Terms, *, words: bool = True) -> tuple[Any, Any]:
    """Both sides' counts over what they share: numbers, addresses and, unless left out, cognates."""
    known = [
        {s for w in side.words if (s := shared(w)) and (words or w[0].isdigit() or "@" in w or "://" in w)}
        for side in (src, tgt)
    ]
    ids = {s: k for k, s in enumerate(sorted(known[0] & known[1]))}
    return project(src, ids), project(tgt, ids)


def weighted(src: Any, tgt: Any, most: int) -> tuple[Any, Any]:
    """TF-IDF over columns both sides have: ``ln(1 + tf) sqrt(idf_src idf_tgt)``, ``idf = ln(1 + N / (1 + df))``.

    Args:
        src: Counts, shape (n, v).
        tgt: Counts, shape (m, v).
        most: Documents of a side beyond which a term counts for nothing.
    """
    sides = [sparse.csr_array(x) for x in (src, tgt)]
    df = [np.bincount(x.indices[x.data > 0], minlength=x.shape[1]) for x in sides]
    good = (df[0] > 0) & (df[1] > 0) & (df[0] <= most) & (df[1] <= most)
    idf = [np.log1p(x.shape[0] / (1 + d)) for x, d in zip(sides, df, strict=True)]
    scale = np.where(good, np.sqrt(idf[0] * idf[1]), 0.0)
    out = []
    for x in sides:
        y = x.copy()
        y.data = np.log1p(y.data)
        y = sparse.csr_array(y @ sparse.diags_array(scale))
        y.eliminate_zeros()
        out.append(y)
    return out[0], out[1]


def unit_rows(x: Any) -> Any:
    """Rows scaled to length 1; rows of zeros stay."""
    norm = np.sqrt(np.asarray(x.multiply(x).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.where(norm == 0, 1, norm)) @ x)


def similar_both(src: Any, tgt: Any, k: int) -> Candidates:
    """The k most similar of each row of both sides by inner product over an inverted index, blocks of rows at a time."""
    pairs: list[list[F64 | I64]] = [[], [], []]
    for flip, (a, b) in enumerate(((src, tgt), (tgt, src))):
        inverted = sparse.csr_array(b.T)
        for start in range(0, a.shape[0], _ROWS):
            block = sparse.csr_array(a[start : start + _ROWS] @ inverted)
            row = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
            order = np.lexsort((block.indices, -block.data, row))
            row, column, value = row[order], block.indices[order], block.data[order]
            first = np.arange(len(row)) - block.indptr[row] < k
            ends = (row[first] + start, column[first].astype(np.int64))
            for part, values in zip(pairs, (*(ends[::-1] if flip else ends), value[first]), strict=True):
                part.append(values)
    rows, columns, values = (np.concatenate([np.zeros(0), *part]) for part in pairs)
    return Candidates.build(rows.astype(np.int64), columns.astype(np.int64), (src.shape[0], tgt.shape[0]), values)


def inner(src: Any, tgt: Any, candidates: Candidates) -> F64:
    """The inner product of the rows of each candidate pair."""
    out = np.empty(len(candidates))
    for start in range(0, len(candidates), _ROWS * 32):
        part = slice(start, start + _ROWS * 32)
        out[part] = np.asarray(src[candidates.src[part]].multiply(tgt[candidates.tgt[part]]).sum(axis=1)).ravel()
    return out


def learn(src: Sequence[Document], tgt: Sequence[Document], pairs: Candidates, left: Terms, right: Terms) -> Any:
    """A lexicon from pairs of documents: p(target word | source word), shape (v_src, v_tgt).

    A document is cut into parts at the same relative places on both sides, about eight sentences long. Words that are in
    the same parts more often than chance would have them (hypergeometric tail below 1 / parts) and in two documents at
    least translate each other; of each source word the three with the best Dice coefficient are kept.
    """
    best = np.sort(np.argsort(-pairs.value, kind="stable")[:_TEACHERS])
    parts: tuple[list[list[str]], list[list[str]]] = ([], [])
    owner: list[int] = []
    for i, j in zip(pairs.src[best].tolist(), pairs.tgt[best].tolist(), strict=True):
        n = max(1, min(len(src[i]), len(tgt[j])) // 8)
        owner += [i] * n
        for side, document in zip(parts, (src[i], tgt[j]), strict=True):
            cuts = np.linspace(0, len(document), n + 1).round().astype(int).tolist()
            side += [list(document.sentences[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    total = len(owner)
    matrices = []
    for texts, vocabulary in zip(parts, (left, right), strict=True):
        ids = {w: k for k, w in enumerate(vocabulary.words)}
        seen = [{ids[w] for s in text for w in terms(s) if w in ids} for text in texts]
        columns = np.fromiter((w for row in seen for w in sorted(row)), np.int64)
        x = sparse.csr_array((np.ones(len(columns)), columns, offsets([len(r) for r in seen])), shape=(total, len(ids)))
        number = np.unique(owner, return_inverse=True)[1]
        documents = sparse.csr_array((np.ones(total), (number, np.arange(total)))) @ x
        spread = np.bincount(documents.indices, minlength=len(ids))
        frequency = np.bincount(x.indices, minlength=len(ids))
        x = sparse.csr_array(x @ sparse.diags_array(((spread > 1) & (frequency <= max(4, total // 4))).astype(float)))
        x.eliminate_zeros()
        matrices.append(x)
    of = [np.bincount(x.indices, minlength=x.shape[1]) for x in matrices]
    both = sparse.coo_array(matrices[0].T @ matrices[1])
    frequent = both.data > 1
    s, t, n = both.row[frequent].astype(np.int64), both.col[frequent].astype(np.int64), both.data[frequent]
    tail = log_tail(n.astype(np.int64), of[0][s], of[1][t], total)
    keep = tail < -np.log(max(2, total)) * 1.5
    s, t, n = s[keep], t[keep], n[keep]
    dice = 2 * n / (of[0][s] + of[1][t])
    order = np.lexsort((t, -dice, s))
    s, t, dice, n = s[order], t[order], dice[order], n[order]
    starts = np.flatnonzero(np.diff(s, prepend=-1))
    rank = np.arange(len(s)) - np.repeat(starts, np.diff(np.append(starts, len(s))))
    s, t, dice = (x[rank < _TRANSLATIONS] for x in (s, t, dice))
    return _distribution(s, t, dice, (len(left.words), len(right.words)))


def read_dictionary(path: str, left: Terms, right: Terms) -> Any:
    """A lexicon from a file of ``source<TAB>target`` lines or hunalign's ``target @ source``, as `learn` returns it.

    Raises:
        DataError: It is not readable, or a line of it is not an entry.
    """
    ids = [{w: k for k, w in enumerate(side.words)} for side in (left, right)]
    found: list[tuple[int, int]] = []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        entry = line.split("\t")[:2] if "\t" in line else line.split(" @ ")[::-1]
        if len(entry) != 2:
            raise DataError(
                f"{path} line {number}: found {line[:60]!r}, expected 'source<TAB>target' or 'target @ source'"
            )
        words = [[i[w] for w in terms(text) if w in i] for i, text in zip(ids, entry, strict=True)]
        found += [(s, t) for s in words[0] for t in words[1]]
    pairs = np.unique(np.asarray(found, np.int64).reshape(-1, 2), axis=0)
    return _distribution(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), (len(left.words), len(right.words)))


def _distribution(s: I64, t: I64, weight: F64, shape: tuple[int, int]) -> Any:
    sums = np.bincount(s, weight, shape[0])
    return sparse.csr_array((weight / sums[s], (s, t)), shape=shape)
