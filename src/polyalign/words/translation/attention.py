"""Attention: what a translation model looks at when it reads or writes a target word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError
from polyalign.core.files import PathText
from polyalign.core.jit import F32, F64, I64
from polyalign.encoders.torch_load import text_config
from polyalign.words.gold import read_gold
from polyalign.words.similarity.method import evenly
from polyalign.words.translation.model import ByTranslation, Head, by_word
from polyalign.words.translation.reading import Translator, Window


@dataclass(frozen=True, slots=True)
class Attention(ByTranslation):
    """Align by the attention of a translation model from target tokens to source tokens.

    Of a model with an encoder and a decoder that is its cross-attention, of a causal model its self-attention over a prompt
    with both texts. Attention is taken as a share of what goes to the source's words, averaged over some heads, added over
    the pieces of a source word and averaged over those of a target word. It may be read where a target word is written, or
    with `shift` one step later, where it is the input.

    Without `layer`, the heads are chosen over a sample: those whose best links forward agree most with the best links
    backward of some head, counted as links in common over the mean number of words; with `gold`, those whose best links
    have the highest F1.

    **Differs:** the paper chooses a layer and takes all its heads, `best = 0`; single heads are ours, for causal models
    where few of a layer look at the source at all.

    Args:
        layer: Layer that is read, from 1; none to choose.
        heads: Heads of the layer, from 1; none of them for all.
        best: How many heads are chosen where `layer` is none; 0 for a layer with all its heads.
        shift: Read a target word where it is the input.
        sample: Sentence pairs, taken evenly from the bitext, that the choice is made over.
        gold: File of links to choose by, of the first sentence pairs or those of gold_text; empty to choose by agreement.
        gold_text: File of the sentence pairs of the gold links; empty for the first of the bitext.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A pair is read twice, or once if not both_ways.

    References: chen2020accurate
    """

    layer: int | None = None
    heads: tuple[int, ...] = ()
    best: int = 4
    shift: bool = True
    sample: int = 50
    gold: PathText = ""
    gold_text: PathText = ""

    def __post_init__(self) -> None:
        ByTranslation.__post_init__(self)
        if (self.layer is not None and self.layer < 1) or any(h < 1 for h in self.heads):
            raise ValueError(f"layers and heads are counted from 1, got layer {self.layer} and heads {self.heads}")
        if self.heads and self.layer is None:
            raise ValueError("heads are those of a layer: give layer, too")
        if self.best < 0 or self.sample < 1:
            raise ValueError(f"best must not be negative and sample at least 1, got {self.best} and {self.sample}")

    def read(
        self, model: Translator, windows: Sequence[Window], heads: Sequence[Head]
    ) -> Iterator[tuple[Window, I64, F32]]:
        """The mean attention of some heads, as shares."""
        for window, maps in attentions(model, windows, heads, self.shift):
            words, rows = by_word(window, maps.mean(axis=0))
            yield window, words, rows * window.share

    def probability(self, value: F64, total: F64) -> F64:
        """The share of a word's total."""
        return np.asarray(value / np.maximum(total, 1e-9), np.float64)

    def learn(self, bitext: Bitext) -> tuple[tuple[Head, ...], tuple[Head, ...]]:
        """The heads of both directions: those that were asked for, or the best.

        Raises:
            ConfigError: The model has no such layer or head.
            DataError: The gold links cannot be read.
        """
        models = self.translators()
        if self.layer is not None:
            out = []
            for model in models:
                layers, heads = shape(model)
                if self.layer > layers or max(self.heads, default=0) > heads:
                    raise ConfigError(
                        f"layer = {self.layer}, heads = {self.heads}: the model has {layers} layers of {heads} heads"
                    )
                wanted = [h - 1 for h in self.heads] or range(heads)
                out.append(tuple((self.layer - 1, h) for h in wanted))
            return out[0], out[-1]
        right: list[set[tuple[int, int]]] = []
        if self.gold:
            some, links = read_gold(self.gold, self.gold_text, bitext)
            right = links.to_pairs()
        else:
            some = evenly(bitext, self.sample)
        forward = self._best_links(some)
        backward = self._best_links(some, swapped=True) if self.both_ways else self._best_links(some, columns=True)
        if right:
            quality = [_f1(links, right) for links in (forward, backward)]
        else:
            common = np.zeros((len(forward), len(backward)))
            for k in range(len(some)):
                if k in forward[0] and k in backward[0]:
                    one, two = ([links[k] for links in side] for side in (forward, backward))
                    words = max(len(x) for x in one) + max(len(x) for x in two)
                    common += np.array([[2 * len(a & b) / words for b in two] for a in one])
            # One reading of one head gives both directions.
            quality = [common.max(axis=1), common.max(axis=0)] if self.both_ways else [common.diagonal()] * 2
        return self._chosen(quality[0], models[0]), self._chosen(quality[1], models[-1])

    def _groups(self, model: Translator) -> list[tuple[Head, ...]]:
        layers, heads = shape(model)
        every = [[(layer, h) for h in range(heads)] for layer in range(layers)]
        return [(head,) for layer in every for head in layer] if self.best else [tuple(layer) for layer in every]

    def _chosen(self, quality: Any, model: Translator) -> tuple[Head, ...]:
        groups = self._groups(model)
        order = np.argsort(-np.asarray(quality), kind="stable")[: max(1, self.best)]
        return tuple(sorted(head for k in order for head in groups[k]))

    def _best_links(self, bitext: Bitext, *, swapped: bool = False, columns: bool = False) -> list[dict[int, Any]]:
        """Of each head, or layer, the best counterpart of every word of each sentence pair, as (source, target)."""
        model = self.translators()[-1 if swapped else 0]
        layers, heads = shape(model)
        every = [(layer, h) for layer in range(layers) for h in range(heads)]
        out: list[dict[int, Any]] = [{} for _ in self._groups(model)]
        for window, maps in attentions(model, self.windows(bitext, swapped=swapped), every, self.shift):
            if not self.best:
                maps = maps.reshape(layers, heads, *maps.shape[1:]).mean(axis=1)
            words, rows = by_word(window, maps)
            rows = rows * window.share * window.own
            targets, first = np.unique(window.tgt.word, return_index=True)
            rows = np.add.reduceat(rows, first, axis=2)
            for links, matrix in zip(out, rows, strict=True):
                if columns:
                    found = zip(words.tolist(), targets[matrix.argmax(axis=1)].tolist(), strict=True)
                else:
                    found = zip(words[matrix.argmax(axis=0)].tolist(), targets.tolist(), strict=True)
                links.setdefault(window.pair, set()).update({(j, i) if swapped else (i, j) for i, j in found})
        return out


def shape(model: Translator) -> tuple[int, int]:
    """How many layers look at the source, and the heads of each."""
    config = text_config(model.model.config)
    if model.seq2seq:
        layers = getattr(config, "decoder_layers", None) or getattr(config, "num_decoder_layers", None)
        heads = getattr(config, "decoder_attention_heads", None) or config.num_attention_heads
        return int(layers or config.num_hidden_layers), int(heads)
    return int(config.num_hidden_layers), int(config.num_attention_heads)


def attentions(
    model: Translator, windows: Sequence[Window], heads: Sequence[Head], shift: bool
) -> Iterator[tuple[Window, F32]]:
    """The attention of target to source pieces, as shares of what goes to source pieces: (heads, source, target)."""
    import torch

    layers, count = shape(model)
    cells = (lambda n, m: layers * count * (n + m) ** 2) if model.seq2seq else (lambda n, m: layers * count * n * n)
    # The head over the vocabulary is not needed.
    network = model.model if model.seq2seq else model.model.base_model
    layer, head = (torch.tensor([h[k] for h in heads]) for k in (0, 1))
    for some, inputs in model.batches(windows, cells):
        with torch.inference_mode():
            out = network(**inputs, output_attentions=True, use_cache=False)
        maps = out.cross_attentions if model.seq2seq else out.attentions
        for k, w in enumerate(some):
            # In a decoder of its own, a word is input one step after the one where it is written.
            row = w.tgt.at + (1 if shift else 0) - (0 if model.seq2seq else 1)
            rows, columns = torch.from_numpy(row)[:, None], torch.from_numpy(w.src.at)
            picked = [
                maps[x][k, h][rows, columns].float().cpu() for x, h in zip(layer.tolist(), head.tolist(), strict=True)
            ]
            a = torch.stack(picked).numpy().transpose(0, 2, 1)
            yield w, np.asarray(a / np.maximum(a.sum(axis=1, keepdims=True), 1e-9), np.float32)


def _f1(links: Sequence[dict[int, Any]], gold: Sequence[set[tuple[int, int]]]) -> Any:
    right = [sum(len(x & gold[k]) for k, x in one.items()) for one in links]
    size = [sum(len(x) for x in one.values()) for one in links]
    return 2 * np.array(right) / (np.array(size) + sum(map(len, gold)))
