"""Anchors: the heaviest rising chain of sentence pairs, to lay a band where the path is."""

from __future__ import annotations

import numpy as np

from polyalign.core.jit import F64, I32, I64, Mask, kernel


@kernel()
def rare_matches(
    src: I32,
    src_at: I64,
    tgt: I32,
    tgt_at: I64,
    match_at: I64,
    match_word: I32,
    match_ratio: F64,
    most: int,
    slot: I32,
    seen: I32,
) -> tuple[I64, F64]:
    """Sentence pairs of one document that share a match between words rare on both sides.

    Args:
        src: Words of the source side.
        src_at: Where each sentence's words start, shape (n + 1,).
        tgt: Words of the target side.
        tgt_at: Likewise, shape (m + 1,).
        match_at: Where each target word's matches start.
        match_word: Source words it matches.
        match_ratio: How much more probable they make it.
        most: Words that occur more often in a document are not rare.
        slot: Scratch, shape (width,), all -1; left so.
        seen: Scratch, shape (2, width), all 0; left so.

    Returns:
        Pairs as ``i * m + j`` and weights, one entry a match.
    """
    n, m = len(src_at) - 1, len(tgt_at) - 1
    base, total = src_at[0], src_at[n] - src_at[0]
    chain = np.full(total, -1, np.int32)  # occurrences of one word, linked
    sentence = np.empty(total, np.int32)
    for i in range(n):
        for x in range(src_at[i], src_at[i + 1]):
            sentence[x - base] = i
            chain[x - base], slot[src[x]] = slot[src[x]], x - base
            seen[0, src[x]] += 1
    for y in range(tgt_at[0], tgt_at[m]):
        seen[1, tgt[y]] += 1
    keys, weights = np.empty(1024, np.int64), np.empty(1024)
    k = 0
    for j in range(m):
        for y in range(tgt_at[j], tgt_at[j + 1]):
            if seen[1, tgt[y]] > most:
                continue
            for e in range(match_at[tgt[y]], match_at[tgt[y] + 1]):
                word = match_word[e]
                if slot[word] == -1 or seen[0, word] > most:
                    continue
                x = slot[word]
                while x != -1:
                    if k == len(keys):
                        keys = np.concatenate((keys, np.empty_like(keys)))
                        weights = np.concatenate((weights, np.empty_like(weights)))
                    keys[k] = np.int64(sentence[x]) * m + j
                    weights[k] = np.log(1.0 + match_ratio[e]) / max(seen[1, tgt[y]], seen[0, word])
                    k += 1
                    x = chain[x]
    for x in range(base, base + total):
        slot[src[x]], seen[0, src[x]] = -1, 0
    for y in range(tgt_at[0], tgt_at[m]):
        seen[1, tgt[y]] = 0
    return keys[:k].copy(), weights[:k].copy()


@kernel()
def heaviest_chain(src: I64, tgt: I64, weight: F64, m: int) -> Mask:
    """Choose pairs that rise on both sides with the greatest total weight.

    Args:
        src: Source sentence of each pair, rising; within one of them the targets fall.
        tgt: Target sentence of each pair.
        weight: Weight of each pair, positive.
        m: Target sentences.

    Returns:
        Which pairs are in the chain. O(pairs log m) by a Fenwick tree of maxima.
    """
    best, who = np.zeros(m + 1), np.full(m + 1, -1, np.int64)
    value, back = np.zeros(len(src)), np.full(len(src), -1, np.int64)
    for k in range(len(src)):
        at = tgt[k]  # maximum over targets before this one
        while at > 0:
            if best[at] > value[k]:
                value[k], back[k] = best[at], who[at]
            at -= at & -at
        value[k] += weight[k]
        at = tgt[k] + 1
        while at <= m:
            if value[k] > best[at]:
                best[at], who[at] = value[k], k
            at += at & -at
    chosen = np.zeros(len(src), np.bool_)
    k = int(value.argmax()) if len(src) else -1
    while k >= 0:
        chosen[k] = True
        k = int(back[k])
    return chosen
