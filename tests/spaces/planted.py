"""A language that is made up, and one that is the same with other words."""

from __future__ import annotations

import numpy as np


def corpus(seed, *, words=250, sentences=6000, length=12):
    """Sentences of a language in which every word has its own taste in neighbours; the language is always the same."""
    language = np.random.default_rng(0)
    meaning = language.standard_t(4, size=(words, 12))
    taste = 1.2 * meaning @ language.normal(size=(12, 12)) @ meaning.T / 12
    chance = np.exp(np.clip(taste, -4, 4)) / np.arange(3, words + 3)
    ladder = np.cumsum(chance / chance.sum(axis=1, keepdims=True), axis=1)
    random = np.random.default_rng(seed)
    at = random.integers(0, words, sentences)
    text = [at]
    for _ in range(length - 1):
        at = np.minimum((ladder[at] < random.random((sentences, 1))).sum(axis=1), words - 1)
        text.append(at)
    return [[f"w{k}" for k in row] for row in np.stack(text, axis=1).tolist()]


def renamed(sentences):
    """The same in words of which none is a word of the other."""
    return [[f"{w[1:]}v" for w in s] for s in sentences]


def translations(src, tgt):
    """Rows of words and of their clones."""
    rows = {w: k for k, w in enumerate(tgt.words)}
    return np.array([[k, rows[f"{w[1:]}v"]] for k, w in enumerate(src.words) if f"{w[1:]}v" in rows], np.int32)
