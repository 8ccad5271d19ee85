"""What a document says in words and numbers, as sparse matrices that both languages share."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import regex
from anyascii import anyascii
from scipy import sparse

from polyalign.core.document import Document
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import F64, I32, I64
from polyalign.core.ragged import gather, offsets
from polyalign.documents.candidates import Candidates
from polyalign.kernels.hypergeometric import log_tail
from polyalign.kernels.inverted import inner, most_similar

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


def shared(term: str) -> str:
    """What a term has in common with its like in another language: a number, an address, or the first letters in ASCII.

    Example:
        >>> shared("1997"), shared("regierung"), shared("\u041c\u043e\u0441\u043a\u0432\u0430"), shared("am")
        ('1997', 'regie', 'moskv', '')
    """
    if _is_number(term):
        return "" if term.isdigit() and len(term) < 2 else term
    plain = anyascii(term).lower()[:LETTERS]
    return plain if len(plain) >= LETTERS - 1 else ""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The documents of one collection and their terms.

    Args:
        documents: The documents.
        words: All different terms, some of which these documents may not have.
        common: What each of them shares with its like in another language.
        ids: The terms of all sentences end to end.
        sentences: First term of each sentence.
        first: First sentence of each document.
    """

    documents: Sequence[Document]
    words: list[str]
    common: list[str]
    ids: I32
    sentences: I64
    first: I64

    @classmethod
    def of(cls, documents: Sequence[Document]) -> Terms:
        """Find the terms of all documents."""
        known: dict[str, int] = {}
        ids, lengths = array("i"), array("q")
        for document in documents:
            for sentence in document.sentences:
                found = terms(sentence)
                ids.extend([known.setdefault(term, len(known)) for term in found])
                lengths.append(len(found))
        return cls(
            documents,
            list(known),
            [shared(term) for term in known],
            np.asarray(ids, np.int32),
            offsets(np.asarray(lengths, np.int64)),
            offsets([len(d) for d in documents]),
        )

    def __len__(self) -> int:
        return len(self.documents)

    def at(self, rows: I64) -> Terms:
        """Some of the documents."""
        sentences, first = gather(self.first, rows)
        at, begin = gather(self.sentences, sentences)
        return replace(
            self, documents=[self.documents[i] for i in rows.tolist()], ids=self.ids[at], sentences=begin, first=first
        )

    def counts(self) -> Any:
        """How often each term is in each document, shape (n, words)."""
        return self.table(self.ids, self.sentences[self.first])

    def counts_first(self) -> Any:
        """How often each term is in each document's first sentence, shape (n, words)."""
        some = np.flatnonzero(np.diff(self.first))
        at, begin = gather(self.sentences, self.first[some])
        lengths = np.zeros(len(self), np.int64)
        lengths[some] = np.diff(begin)
        return self.table(self.ids[at], offsets(lengths))

    def table(self, ids: I32, starts: I64) -> Any:
        """Counts of terms, given as runs of their numbers."""
        # A copy, for duplicates are summed in place.
        out = sparse.csr_array((np.ones(len(ids)), ids.copy(), starts), shape=(len(starts) - 1, len(self.words)))
        out.sum_duplicates()
        return out


def shared_counts(src: Terms, tgt: Terms, counts: tuple[Any, Any], *, words: bool = True) -> tuple[Any, Any]:
    """Both sides' counts over what they share: numbers, addresses and, unless left out, cognates.

    Args:
        src: The source documents.
        tgt: The target documents.
        counts: Counts of their terms.
        words: Whether cognates count.
    """
    known = [
        {c for c, w in zip(side.common, side.words, strict=True) if c and (words or _is_number(w))}
        for side in (src, tgt)
    ]
    ids = {c: k for k, c in enumerate(sorted(known[0] & known[1]))}
    out = []
    for side, x in zip((src, tgt), counts, strict=True):
        column = np.asarray([ids.get(c, -1) for c in side.common], np.int64)
        rows = np.flatnonzero(column >= 0)
        merge = sparse.csr_array((np.ones(len(rows)), (rows, column[rows])), shape=(len(column), len(ids)))
        out.append(x @ merge)
    return out[0], out[1]


def _is_number(term: str) -> bool:
    return term[0].isdigit() or "@" in term or "://" in term


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
        y.data = np.log1p(y.data) * scale[y.indices]
        y.eliminate_zeros()
        out.append(y)
    return out[0], out[1]


def unit_rows(x: Any) -> Any:
    """Rows scaled to length 1; rows of zeros stay."""
    norm = np.sqrt(np.asarray(x.multiply(x).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.where(norm == 0, 1, norm)) @ x)


def similar_both(src: Any, tgt: Any, k: int) -> Candidates:
    """The k most similar of each row of both sides by inner product, over an inverted index."""
    ends: list[tuple[I64, I64, F64]] = []
    for a, b in ((src, tgt), (tgt, src)):
        value, row = most_similar(*_items(a), *_items(b.T), b.shape[0], min(k, max(1, b.shape[0])))
        at = np.nonzero(row >= 0)
        ends.append((at[0].astype(np.int64), row[at].astype(np.int64), value[at]))
    (i, j, value), (back, front, other) = ends
    both = np.concatenate([i, front]), np.concatenate([j, back])
    return Candidates.build(*both, (src.shape[0], tgt.shape[0]), np.concatenate([value, other]))


def cosines(rows: tuple[Any, Any], candidates: Candidates) -> F64:
    """The inner product of the rows of each candidate pair."""
    return inner(*_items(rows[0]), *_items(rows[1]), candidates.src, candidates.tgt)


def _items(x: Any) -> tuple[I64, I32, F64]:
    x = sparse.csr_array(x)
    x.sort_indices()
    return x.indptr.astype(np.int64), x.indices.astype(np.int32), x.data.astype(np.float64)


def learn(src: Terms, tgt: Terms, pairs: Candidates) -> Any:
    """A lexicon from pairs of documents: p(target word | source word), shape (v_src, v_tgt).

    A document is cut into parts at the same relative places on both sides, about eight sentences long. Words that are in
    the same parts more often than chance would have them (hypergeometric tail below 1 / parts) and in two documents at
    least translate each other; of each source word the three with the best Dice coefficient are kept.
    """
    best = np.sort(np.argsort(-pairs.value, kind="stable")[:_TEACHERS])
    sides = src.at(pairs.src[best]), tgt.at(pairs.tgt[best])
    lengths = [np.diff(side.first) for side in sides]
    parts = np.maximum(1, np.minimum(*lengths) // 8)
    owner = np.repeat(np.arange(len(best)), parts)
    total = len(owner)
    place = np.arange(total) - np.repeat(offsets(parts)[:-1], parts)
    documents = sparse.csr_array((np.ones(total), (owner, np.arange(total))))
    matrices = []
    for side, length in zip(sides, lengths, strict=True):
        cuts = side.first[owner] + np.rint(place * (length / parts)[owner]).astype(np.int64)
        x = side.table(side.ids, side.sentences[np.append(cuts, side.first[-1])])
        spread = np.bincount((documents @ x).indices, minlength=x.shape[1])
        frequency = np.bincount(x.indices, minlength=x.shape[1])
        x.data = ((spread > 1) & (frequency <= max(4, total // 4)))[x.indices].astype(np.float64)
        x.eliminate_zeros()
        matrices.append(x)
    of = [np.bincount(x.indices, minlength=x.shape[1]) for x in matrices]
    both = sparse.coo_array(matrices[0].T @ matrices[1])
    frequent = both.data > 1
    s, t, n = both.row[frequent].astype(np.int64), both.col[frequent].astype(np.int64), both.data[frequent]
    tail = log_tail(n.astype(np.int64), of[0][s], of[1][t], total)
    keep = tail < -np.log(max(2, total)) * 1.5
    s, t = s[keep], t[keep]
    dice = 2 * n[keep] / (of[0][s] + of[1][t])
    order = np.lexsort((t, -dice, s))
    s, t, dice = s[order], t[order], dice[order]
    starts = np.flatnonzero(np.diff(s, prepend=-1))
    rank = np.arange(len(s)) - np.repeat(starts, np.diff(np.append(starts, len(s))))
    s, t, dice = (x[rank < _TRANSLATIONS] for x in (s, t, dice))
    return _distribution(s, t, dice, (len(src.words), len(tgt.words)))


def read_dictionary(path: str, src: Terms, tgt: Terms) -> Any:
    """A lexicon from a file of ``source<TAB>target`` lines or hunalign's ``target @ source``, as `learn` returns it.

    Raises:
        DataError: It is not readable, or a line of it is not an entry.
    """
    ids = [{w: k for k, w in enumerate(side.words)} for side in (src, tgt)]
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
    return _distribution(pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), (len(src.words), len(tgt.words)))


def _distribution(s: I64, t: I64, weight: F64, shape: tuple[int, int]) -> Any:
    sums = np.bincount(s, weight, shape[0])
    return sparse.csr_array((weight / sums[s], (s, t)), shape=shape)
