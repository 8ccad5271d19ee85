"""Bits per byte of a language model, beside those of a compressor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.compressor import Compressor, compressed
from polyalign.evaluate.ratios import check_samples, ratio

if TYPE_CHECKING:
    from polyalign.encoders.likelihood import Likelihood

_BYTES, _NATS, _COMPRESSED = range(3)


@dataclass(frozen=True, slots=True)
class BitsPerByte:
    """Measure how well a language model predicts a text: bits for each of its bytes, on windows of a fixed size.

    ``BPB = sum -ln p(window) / (ln 2 * bytes)`` over windows that each stand alone behind the model's mark for a beginning.
    Lower is better; 8 is knowing nothing. Windows are the same whatever the tokenizer, so models with different ones
    compare, which perplexity by token does not. Across languages bytes do not hold equally much: compare those by
    information parity.

    Always beside it stands a compressor on the same windows, PPMd, alone and, where text to learn from is given, having seen
    that: a model that does not beat it has learnt less of the language than seconds on that text teach.

    Args:
        window: Bytes in a window at most. It ends before the last white space in its second half, else at the last whole
            character; together the windows are the text.
        windows: Most windows of a text, spread evenly over it; none for all.
        compressor: What stands beside; lzma, which predicts worse, is in the standard library.
        order: Bytes of context that PPMd looks at.
        samples: Resamples of the bootstrap over windows; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A window below 4 bytes, no windows, an order that PPMd does not have, or a negative number of samples.

    References: cleary1984data, mielke2019what, efron1979bootstrap

    Example:
        >>> metric = BitsPerByte(window=8, samples=0, compressor="lzma")
        >>> metric.cut("to be or not to be")
        ['to be or', ' not to', ' be']
        >>> metric.score(["abcd"], np.array([8 * np.log(2)])).value
        2.0
    """

    window: int = 600
    windows: int | None = None
    compressor: Compressor = "ppmd"
    order: int = 6
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.window < 4:
            raise ValueError(f"window must be at least 4 bytes, found {self.window}")
        if self.windows is not None and self.windows < 1:
            raise ValueError(f"windows must be at least 1, found {self.windows}")
        if not 2 <= self.order <= 64:
            raise ValueError(f"order must be between 2 and 64, found {self.order}")
        check_samples(self.samples)

    def cut(self, text: str) -> list[str]:
        """The windows of a text.

        Raises:
            DataError: There is nothing in the text.
        """
        if not text.strip():
            raise DataError("evaluate/bits-per-byte: found a text without a character, expected some to measure on")
        found, start = [], 0
        # At most as many characters as bytes; where one starts and ends in bytes, from there.
        while start < len(text):
            some = text[start : start + self.window]
            ends = np.cumsum([len(c.encode("utf-8", "replace")) for c in some])
            end = int(np.searchsorted(ends, self.window, side="right"))
            if start + end < len(text):
                half = int(np.searchsorted(ends, self.window / 2))
                end = next((k for k in range(end, half, -1) if text[start + k].isspace()), end)
            found.append(text[start : start + end])
            start += end
        if self.windows is None or len(found) <= self.windows:
            return found
        return [found[i] for i in np.arange(self.windows) * len(found) // self.windows]

    def measure(self, model: Likelihood, text: str, *, train: str = "") -> dict[str, Score]:
        """Cut a text, have the model read it, and score it; see `scores`."""
        windows = self.cut(text)
        return self.scores(windows, model.nats(windows), train=train)

    def score(self, windows: Sequence[str], nats: F64, *, train: str = "") -> Score:
        """The model's bits per byte, the compressor's among its parts; see `scores`."""
        return self.scores(windows, nats, train=train)["bits_per_byte"]

    def scores(self, windows: Sequence[str], nats: F64, *, train: str = "") -> dict[str, Score]:
        """Score what a model makes of windows.

        Args:
            windows: As `cut` makes them.
            nats: ``-ln p`` of each, shape (n,), as `Likelihood.nats` gives it.
            train: Text that the compressor learns from; what the model was trained on, say.

        Returns:
            ``bits_per_byte`` of the model, ``compressor``, and ``gain``, the compressor's less the model's with a paired
            interval: above 0 the model predicts better. If there is text to learn from, ``compressor`` has seen it, and
            ``untrained`` is it without. The parts of each are all of them, and the counts.

        Raises:
            DataError: No windows, windows without a byte, or another number of nats.
            MissingExtraError: The compressor is not installed.

        Complexity: O(windows * (train + window)) for the compressor.
        """
        if len(windows) != len(nats) or not any(windows):
            raise DataError(
                f"evaluate/bits-per-byte: found {len(windows)} windows and {len(nats)} numbers of the model, expected as many, "
                "and some text"
            )
        sizes = [len(w.encode("utf-8", "replace")) for w in windows]
        columns = [np.asarray(sizes, np.float64), nats / np.log(2)]
        columns.append(8 * compressed(windows, train, compressor=self.compressor, order=self.order))
        aggregates = {"bits_per_byte": ratio(_NATS, _BYTES), "compressor": ratio(_COMPRESSED, _BYTES), "gain": _gain}
        if train:
            columns.append(8 * compressed(windows, "", compressor=self.compressor, order=self.order))
            aggregates["untrained"] = ratio(_COMPRESSED + 1, _BYTES)
        items = np.stack(columns, axis=1)
        values = {name: float(of(items.sum(axis=0))) for name, of in aggregates.items()}
        made = signature(
            metric="bits-per-byte",
            window=self.window,
            compressor=f"{self.compressor}{self.order}" if self.compressor == "ppmd" else self.compressor,
            train_bytes=len(train.encode("utf-8", "replace")),
            samples=self.samples,
            seed=self.seed,
        )
        parts = values | {"bytes": int(sum(sizes)), "windows": len(windows)}
        return {
            name: Score.of(name.replace("_", " "), items, of, made, samples=self.samples, seed=self.seed, parts=parts)
            for name, of in aggregates.items()
        }


def _gain(sums: F64) -> F64:
    return np.asarray((sums[..., _COMPRESSED] - sums[..., _NATS]) / sums[..., _BYTES], np.float64)
