"""Tuples of translations, grown from pairs of sentences taken best first."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import I32, U8, U64, kernel


@kernel()
def _root(parent: I32, x: int) -> int:
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@kernel()
def _overlap(languages: U64, a: int, b: int) -> bool:
    for word in range(languages.shape[1]):
        if languages[a, word] & languages[b, word]:
            return True
    return False


@kernel()
def grow_tuples(ends: I32, lang_of: I32, langs: int, admit: bool, merge: bool, max_size: int) -> tuple[I32, I32, U8]:
    """Join the sentences of pairs, in the order given.

    Args:
        ends: The two sentences of each pair, best pair first, shape (n, 2).
        lang_of: Language of each sentence, shape (s,).
        langs: How many languages there are.
        admit: Whether a tuple takes further sentences of a language it has.
        merge: Whether a pair joins two tuples without a common language.
        max_size: Sentences in a tuple at most.

    Returns:
        Tuple of each sentence, -1 for none, shape (s,); the number of the pair that brought it there, shape (s,); what became of
        each pair: 0 joined, 1 same tuple, 2 tuples apart, 3 language occupied, 4 tuple full, shape (n,).
    """
    sentences = len(lang_of)
    tuple_of, joined = np.full(sentences, -1, np.int32), np.full(sentences, -1, np.int32)
    fate = np.zeros(len(ends), np.uint8)
    # Every tuple beyond the first n/2 would need two sentences that are in none yet.
    room = sentences // 2 + 1
    parent, size = np.arange(room).astype(np.int32), np.zeros(room, np.int32)
    languages = np.zeros((room, (langs + 63) // 64), np.uint64)
    one, count = np.uint64(1), 0
    for k in range(len(ends)):
        a, b = ends[k, 0], ends[k, 1]
        if tuple_of[a] >= 0 and tuple_of[b] >= 0:
            x, y = _root(parent, tuple_of[a]), _root(parent, tuple_of[b])
            if x == y:
                fate[k] = 1
            elif not merge:
                fate[k] = 2
            elif _overlap(languages, x, y) and not admit:
                fate[k] = 3
            elif size[x] + size[y] > max_size:
                fate[k] = 4
            else:
                x, y = min(x, y), max(x, y)
                parent[y] = x
                size[x] += size[y]
                languages[x] |= languages[y]
            continue
        if tuple_of[a] < 0 and tuple_of[b] < 0:
            x, count = count, count + 1
        else:
            x = _root(parent, max(tuple_of[a], tuple_of[b]))
        for s in (a, b):
            if tuple_of[s] >= 0:
                continue
            word, bit = lang_of[s] // 64, one << np.uint64(lang_of[s] % 64)
            if languages[x, word] & bit and not admit:
                fate[k] = 3
            elif size[x] >= max_size:
                fate[k] = 4
            else:
                tuple_of[s], joined[s] = x, k
                size[x] += 1
                languages[x, word] |= bit
    for s in range(sentences):
        if tuple_of[s] >= 0:
            tuple_of[s] = _root(parent, tuple_of[s])
    return tuple_of, joined, fate
