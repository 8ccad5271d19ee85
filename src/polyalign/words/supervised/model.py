"""What learning from gold links gives: a model that asks one question a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.files import open_output
from polyalign.core.jit import F32
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.torch_load import limit_threads
from polyalign.words.model import WordModel, in_runs, method_of, reading_model, settings_of, write_manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.matrix import posteriors_of
from polyalign.words.similarity.method import encoder_at
from polyalign.words.similarity.neutral import Neutral
from polyalign.words.supervised.questions import Reading, Window
from polyalign.words.supervised.reader import Reader

if TYPE_CHECKING:
    from polyalign.words.supervised.method import FromGold

#: Sentence pairs read at a time.
RUN = 128
#: Pieces of one forward pass, padding included.
BATCH = 2048
#: Sum of both directions' probabilities below which a cell is not kept.
LEAST = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class SupervisedModel(WordModel):
    """An encoder, a reader trained on top of it, and how answers become links.

    Args:
        method: How.
        encoder: At the layer that the reader begins from.
        reader: What answers.
        neutral: What is taken out of source and target vectors before they are compared; None for no prior.
    """

    kind: ClassVar[str] = "supervised"
    called: ClassVar[str] = "an aligner that learned from gold links"
    method: FromGold
    encoder: Encoder
    reader: Reader
    neutral: Neutral | None

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time.

        Complexity:
            A question a word, I + J forward passes through the reader's layers for a pair of I and J words.
        """
        for run in in_runs(bitext, RUN, label):
            yield self.answer(Reading.of(self.encoder, run, self.neutral, self.method.temperature))

    def answer(self, reading: Reading) -> Posteriors:
        """The posteriors of sentence pairs that the encoder has read."""
        src, tgt = reading.sides
        size = min(self.method.max_tokens, self.reader.window)
        waiting: list[Window] = []
        found: dict[int, list[tuple[int, int, F32]]] = {k: [] for k in range(len(reading))}
        for k in range(len(reading)):
            waiting += reading.windows(k, size, self.method.context)
            # Of long pairs a few at a time: the logits of all their windows are in memory.
            if len(waiting) >= 16 * RUN or k == len(reading) - 1:
                for window, p in self._answers(reading, waiting):
                    found[window.pair].append((window.side, window.word, p))
                waiting = []
        cells, ps = [], []
        for k in range(len(reading)):
            p = np.zeros((2, int(src.words[k]), int(tgt.words[k])), np.float32)
            there = [np.unique(reading.words(k, side)) for side in (0, 1)]
            for side, word, row in found.pop(k):
                # The target word chooses in the forward direction.
                if side == 0:
                    p[1, word, there[1]] = row
                else:
                    p[0, there[0], word] = row
            i, j = np.nonzero(p.sum(axis=0) >= LEAST)
            cells.append((i, j))
            ps.append(np.clip(p[:, i, j], 0, 1))
        return posteriors_of(src.words, tgt.words, cells, ps)

    def _answers(self, reading: Reading, windows: list[Window]) -> Iterator[tuple[Window, F32]]:
        """Each question with the probabilities of the other side's words that have pieces."""
        import torch

        limit_threads()
        priors = {k: reading.prior(k) for k in {w.pair for w in windows}}
        pieces: dict[int, F32] = {}
        none: dict[int, F32] = {}
        order = sorted(range(len(windows)), key=lambda i: -windows[i].size)
        start = 0
        while start < len(order):
            some = order[start : start + max(1, BATCH // windows[order[start]].size)]
            with torch.inference_mode():
                z, no = self.reader.logits(reading.batch([windows[i] for i in some], priors))
            for i, row, of_none in zip(some, z.float().cpu().numpy(), no.float().cpu().numpy(), strict=True):
                pieces[i], none[i] = row[: len(windows[i].mine)][windows[i].mine].copy(), of_none
            start += len(some)
        first = 0
        while first < len(windows):
            w, last = windows[first], first + 1
            while last < len(windows) and _same(windows[last], w):
                last += 1
            parts = range(first, last)
            words = reading.words(w.pair, 1 - w.side)
            yield (
                w,
                self.method.decide(
                    np.concatenate([pieces[i] for i in parts]), np.stack([none[i] for i in parts]), words
                ),
            )
            first = last

    def save(self, folder: Path) -> None:
        """Write the model to a folder, the encoder by its name only; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = self.reader.weights()
        if self.neutral is not None:
            arrays["neutral"] = self.neutral.array
        with open_output(folder / "weights.npz") as file:
            np.savez(file, **arrays)
        write_manifest(folder, self.kind, **settings_of(self.method))

    @classmethod
    def load(cls, folder: Path) -> SupervisedModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        with reading_model(folder) as settings:
            method: FromGold = method_of(settings)
            with np.load(folder / "weights.npz", allow_pickle=False) as held:
                weights = dict(held)
            rows = weights.pop("neutral", None)
            encoder = encoder_at(method.encoder, method.shared)
            reader = Reader.build(
                method.encoder, method.shared, method.layers, method.outputs, encoder.dim, method.seed
            )
            reader.set_weights(weights)
        return cls(method, encoder, reader, None if rows is None else Neutral.of_array(rows))


def _same(a: Window, b: Window) -> bool:
    return (a.pair, a.side, a.word) == (b.pair, b.side, b.word)
