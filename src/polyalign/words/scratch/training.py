"""What the neural aligners trained from scratch have in common: their parameters, and how they are trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import MissingExtraError
from polyalign.core.jit import I64
from polyalign.core.ragged import Ragged
from polyalign.core.rng import generator
from polyalign.encoders.descent import batches, descend
from polyalign.encoders.torch_load import Device, limit_threads, place
from polyalign.words.symmetrize import Symmetrization, check_threshold
from polyalign.words.text import Reading, encode
from polyalign.words.units import check_granularity

if TYPE_CHECKING:
    from polyalign.words.scratch.model import ScratchModel

#: Cells of a matrix that are in memory at a time.
CELLS = 1 << 22
#: Batches that are sorted by length together.
POOL = 50
SIDES: tuple[Side, Side] = ("src", "tgt")


@dataclass(frozen=True, slots=True)
class Scratch(ABC):
    """What the aligners trained from scratch have in common.

    Args:
        granularity: Words whole (full), cut short (prefix-N, suffix-N), or in pieces (bpe-N, unigram-N), whose links
            become those of their words.
        lowercase: Lower-case the words first.
        dim: Numbers in a word's vector.
        epochs: How often training sees each sentence pair, more often where that is fewer than `steps` batches.
        steps: Least number of batches.
        batch: Sentence pairs in a batch.
        learning_rate: Highest rate.
        longest: Units of a sentence up to which its pair is learned from; longer ones are aligned all the same.
        seed: Of the first weights and the batches.
        device: Where to train; auto is a GPU where there is one.
        symmetrize: How both directions are joined; product is their geometric mean.
        threshold: For symmetrize = posterior or product, in [0, 1), higher for fewer and surer links; none for the one
            with the highest expected F1.

    Raises:
        ValueError: A parameter out of range.
    """

    granularity: str = "prefix-5"
    lowercase: bool = True
    dim: int = 64
    epochs: int = 8
    steps: int = 300
    batch: int = 64
    learning_rate: float = 2e-2
    longest: int = 100
    seed: int = 1
    device: Device = "auto"
    symmetrize: Symmetrization = "product"
    threshold: float | None = 0.2

    def __post_init__(self) -> None:
        check_granularity(self.granularity)
        check_threshold(self.threshold)
        for name in ("dim", "batch", "longest"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.epochs < 0 or self.steps < 0:
            raise ValueError(f"epochs and steps must not be negative, got {self.epochs} and {self.steps}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")

    @abstractmethod
    def weights(self, units: tuple[int, int], random: Any) -> dict[str, Any]:
        """The first weights, as torch tensors.

        Args:
            units: How many units either side has; the first is padding, the last stands for unknown ones.
            random: A torch generator.
        """

    @abstractmethod
    def loss(self, p: dict[str, Any], src: Any, tgt: Any) -> Any:
        """What training makes small, of a batch of units of shapes (b, n) and (b, m), 0 being padding."""

    @abstractmethod
    def blocks(self, p: dict[str, Any], src: Any, tgt: Any) -> Iterator[tuple[int, int, Any]]:
        """The probabilities of links of a batch, some rows at a time.

        Yields:
            0 for forward, where a row is a target unit and a column a source unit, or 1 for backward, where it is the
            other way round; the number of the first row; the probabilities, of shape (b, rows, columns).
        """

    def finish(self, p: dict[str, Any], src: Ragged, tgt: Ragged) -> dict[str, Any]:
        """The trained weights, with what is made of them once at the end.

        Args:
            p: Trained weights.
            src: Source units of all sentences, some at least.
            tgt: Target units.
        """
        return p

    def fit(self, bitext: Bitext) -> ScratchModel:
        """Train on a bitext.

        Args:
            bitext: Sentence pairs; those with an empty side teach nothing, nor do those longer than `longest`.

        Returns:
            The trained model.

        Raises:
            DataError: A sentence has more than 65,535 words.
            MissingExtraError: Torch is not installed, or tokenizers where words are seen in pieces.
        """
        from polyalign.words.scratch.model import ScratchModel, Vocabulary

        need_torch()
        vocabularies, texts = [], []
        for side in SIDES:
            text, words = encode(bitext, side, Reading(self.lowercase), known={"": 0})
            frequency = np.bincount(text.values, minlength=len(words) + 1)
            vocabularies.append(Vocabulary.build(("", *words), frequency, self.granularity))
            texts.append(vocabularies[-1].units.see(text).text)
        src, tgt = vocabularies
        return ScratchModel(self, (src, tgt), trained(self, (src.size, tgt.size), texts[0], texts[1]))


def need_torch() -> None:
    """Say how to install what is missing.

    Raises:
        MissingExtraError: Torch is not there.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"words.align: neural aligners need torch ({error}); install with: pip install 'polyalign[neural]'"
        ) from error
    limit_threads()


def trained(method: Scratch, units: tuple[int, int], src: Ragged, tgt: Ragged) -> dict[str, Any]:
    """The weights after training on sentences in units; the first ones if there is nothing to learn from.

    The optimiser is Adam, its rate rising over the first twentieth of the batches and falling to 0 in a line.
    """
    import torch

    device = place(method.device)
    p = {k: x.to(device) for k, x in method.weights(units, torch.Generator().manual_seed(method.seed)).items()}
    n, m = src.lengths, tgt.lengths
    taught = np.flatnonzero((n > 0) & (m > 0) & (n <= method.longest) & (m <= method.longest))
    if not len(taught):
        return p
    random = generator(method.seed, "scratch")
    an_epoch = -(-len(taught) // method.batch)
    epochs = max(method.epochs, -(-method.steps // an_epoch))
    steps, lengths = epochs * an_epoch, (n + m)[taught]
    drawn = (taught[some] for _ in range(epochs) for some in batches(lengths, method.batch, POOL, random))

    def loss() -> Any:
        some = next(drawn)
        return method.loss(p, padded(src, some, device), padded(tgt, some, device))

    descend(
        loss,
        [*p.values()],
        steps=steps,
        learning_rate=method.learning_rate,
        label="train",
        rising=steps // 20,
        betas=(0.9, 0.98),
        decay=0,
    )
    with torch.no_grad():
        return method.finish(p, src, tgt)


def padded(text: Ragged, rows: I64, device: str) -> Any:
    """Sentences as a tensor, 0 behind those that are shorter."""
    import torch

    lengths = text.lengths[rows]
    out = np.zeros((len(rows), int(lengths.max())), np.int64)
    mask = np.arange(out.shape[1]) < lengths[:, None]
    out[mask] = np.concatenate([text[int(k)] for k in rows])
    return torch.from_numpy(out).to(device)


def rows_at_a_time(batch: int, columns: int) -> int:
    """How many rows of matrices of so many columns are in memory at a time."""
    return max(1, CELLS // max(1, batch * columns))
