"""Sentence pairs whose links are known, and how to compare what aligners make of them."""

from __future__ import annotations

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.words.gibbs.decode import ARRAYS
from polyalign.words.posteriors import Posteriors

WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst"]


def planted(n=400, seed=0, *, vocabulary=60, reorder=0.1):
    """Sentence pairs translated word by word with a known dictionary, some neighbours exchanged."""
    random = np.random.default_rng(seed)
    src, tgt, gold = [], [], []
    for _ in range(n):
        words = random.integers(0, vocabulary, random.integers(3, 12))
        order = np.arange(len(words))
        for k in range(len(words) - 1):
            if random.random() < reorder:
                order[[k, k + 1]] = order[[k + 1, k]]
        src.append(" ".join(WORDS[w] for w in words))
        tgt.append(" ".join(WORDS[w][::-1].upper() for w in words[order]))
        gold.append({(int(i), j) for j, i in enumerate(order)})
    return Bitext.build(src, tgt), gold


def f1(links, gold):
    found, right = len(links.src), sum(len(set(links.pairs(k)) & g) for k, g in enumerate(gold))
    return 2 * right / (found + sum(map(len, gold)))


def same(one, two):
    """Whether two sets of links are the same, byte for byte."""
    return all(
        getattr(one, name).tobytes() == getattr(two, name).tobytes() for name in ("offsets", "src", "tgt", "prob")
    )


def content(model, parts):
    """All that training leaves, as bytes: vocabularies, counts, and the posteriors of all parts together."""
    keys, posteriors = zip(*parts, strict=True)
    whole = Posteriors.concat(posteriors)
    names = ("src_lengths", "tgt_lengths", "cells", "src", "tgt", "p")
    out = {f"posteriors {name}": getattr(whole, name).tobytes() for name in names}
    out |= {"one": whole.one, "keys": np.concatenate(keys).tobytes(), "threshold": model.threshold}
    out |= {"src": model.src_vocab.words, "tgt": model.tgt_vocab.words}
    out |= {"frequency": (model.src_frequency.tobytes(), model.tgt_frequency.tobytes())}
    for g in model.grains:
        out |= {f"{g.granularity} {name}": getattr(g, name).tobytes() for name in ARRAYS}
        out[f"{g.granularity} tokenizers"] = g.tokenizers
    return out


def cut(bitext, size):
    """Runs of so many sentence pairs."""
    return [bitext.select(np.arange(len(bitext)) // size == k) for k in range(-(-len(bitext) // size))]
