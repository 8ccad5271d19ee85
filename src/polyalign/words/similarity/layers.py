"""Which of an encoder's layers tells words apart best."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import ConfigError
from polyalign.core.jit import F32
from polyalign.core.links import Links
from polyalign.encoders.encoder import Encoder
from polyalign.words.gold import read_gold
from polyalign.words.posteriors import cell_keys
from polyalign.words.similarity.method import BySimilarity, SimilarModel, evenly
from polyalign.words.similarity.neutral import mutual
from polyalign.words.similarity.vectors import Vectors, word_vectors

#: Sentence pairs whose vectors of all layers are in memory in single precision.
RUN = 32
#: A jump that is as wrong as any further one.
FAR = 5
#: Greatest number of half precision.
MOST = 65504


def best_layer(method: BySimilarity, encoder: Encoder, bitext: Bitext) -> int:
    """The layer with the lowest alignment error rate on gold links, or without any the greatest `coherence`.

    Args:
        method: What aligns; its `gold` and `gold_text` name the gold links.
        encoder: One with layers.
        bitext: What is to be aligned.

    Raises:
        ConfigError: The encoder has no layers.
        DataError: The gold links cannot be read, or are no links of their sentence pairs.
    """
    if not encoder.depth:
        raise ConfigError(f"encoder {method.encoder!r}: has no layers to choose from; leave auto_layer and gold out")
    pairs, gold = read_gold(method.gold, method.gold_text, bitext) if method.gold else (bitext, None)
    rows = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), method.sample)).astype(np.int64))
    pairs = evenly(pairs, method.sample)
    layers = list(range(1, encoder.depth + 1))
    if not len(pairs):
        return layers[-1] if method.layer is None else method.layer
    score = []
    for layer, src, tgt in zip(
        layers, *(_in_layers(method, encoder, pairs, s, layers) for s in ("src", "tgt")), strict=True
    ):
        src, tgt = (replace(v, rows=v.rows.astype(np.float32)) for v in (src, tgt))
        model = SimilarModel.of_vectors(method, replace(encoder, layer=layer), src, tgt)  # type: ignore[type-var]
        if gold is None:
            score.append(coherence(*model.compared(src, tgt), src, tgt))
        else:
            score.append(-error_rate(model.link(src, tgt).links("posterior", 0.0), gold.take(rows)))
    # Of equal ones the lowest, which is the cheapest.
    return layers[int(np.argmax(score))]


def coherence(x: F32, y: F32, src: Vectors, tgt: Vectors) -> float:
    r"""How many words have a counterpart, over how far counterparts of neighbouring words are from each other.

    Counterparts are each other's most similar. With u the share of words that have one (of ``sum min(n, m)``) and for
    neighbours (i, j) and (i', j') among them the jump ``min(|(j' - j) - (i' - i)|, 5)``, it is
    ``u / (1 + mean jump)``: right links run in parallel wherever two languages order a phrase alike, wrong ones jump.

    Args:
        x: Source vectors of length 1, shape (s, d).
        y: Target vectors.
        src: Where the sentences are among them.
        tgt: Likewise.
    """
    linked = possible = jumps = steps = 0
    for k in range(len(src)):
        a, b = (slice(*v.offsets[k : k + 2].tolist()) for v in (src, tgt))
        i, j = mutual(x[a] @ y[b].T)
        jumps += int(np.minimum(abs(np.diff(j) - np.diff(i)), FAR).sum())
        steps += max(0, len(i) - 1)
        linked += len(i)
        possible += min(a.stop - a.start, b.stop - b.start)
    return linked / max(1, possible) / (1 + jumps / max(1, steps))


def error_rate(links: Links, gold: Links) -> float:
    """AER of links of the same sentence pairs, ``1 - (|A & S| + |A & P|) / (|A| + |S|)``."""
    key, gold_key = cell_keys(links), cell_keys(gold)
    sure = gold_key if gold.sure is None else gold_key[gold.sure]
    right = int(np.isin(key, gold_key).sum()) + int(np.isin(key, sure).sum())
    return 1 - right / max(1, len(key) + len(sure))


def _in_layers(method: BySimilarity, encoder: Encoder, pairs: Bitext, side: Side, layers: list[int]) -> list[Vectors]:
    """One side's vectors in all layers, in half precision: of 500 pairs and a large model they would be gigabytes."""
    runs: list[list[Vectors]] = []
    for start in range(0, len(pairs), RUN):
        run = word_vectors(encoder, Bitext(pairs.table.slice(start, RUN)), side, method.level, layers)
        runs.append([replace(v, rows=np.clip(v.rows, -MOST, MOST).astype(np.float16)) for v in run])
    return [_joined([run[k] for run in runs]) for k in range(len(layers))]


def _joined(parts: list[Vectors]) -> Vectors:
    def together(name: str) -> Any:
        return np.concatenate([getattr(v, name) for v in parts])

    starts = np.cumsum([0, *(len(v.rows) for v in parts)])
    bounds = np.concatenate([v.offsets[:-1] + s for v, s in zip(parts, starts[:-1], strict=True)] + [starts[-1:]])
    return Vectors(together("rows"), bounds, together("word"), together("words"))
