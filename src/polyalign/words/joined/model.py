"""The statistics of a bitext and the vectors of an encoder, joined into one probability for each link."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.files import open_output
from polyalign.words.gibbs.method import digest
from polyalign.words.gibbs.model import GibbsModel
from polyalign.words.joined.judge import Judge
from polyalign.words.joined.similar import Similar, Words
from polyalign.words.model import WordModel, in_runs, load_model, reading_model, write_manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.method import encoder_at, runs
from polyalign.words.similarity.neutral import Neutral

if TYPE_CHECKING:
    from polyalign.words.auto import Auto


@dataclass(frozen=True, slots=True, eq=False)
class JoinedModel(WordModel):
    """A statistical model, an encoder, and what joins them.

    Args:
        method: How it was trained.
        statistical: The sampler's model, taught by the encoder.
        similar: The encoder; None if it does not know the languages.
        judge: What was learned from gold links; None for the mean of both.
        alone: With a judge, the sampler's model that was not taught.
        learned: Threshold with the highest expected F1 on the sample.
        of: The text it was trained on, if that was read by the encoder as a whole; empty otherwise.
        own: Joint posteriors of that text.
    """

    kind: ClassVar[str] = "joined"
    method: Auto
    statistical: GibbsModel
    similar: Similar | None
    judge: Judge | None = None
    alone: GibbsModel | None = None
    learned: float = 0.5
    of: str = ""
    own: Posteriors = field(default_factory=lambda: Posteriors.concat([]))

    @property
    def threshold(self) -> float:
        """The joint probability that a link has to exceed."""
        return self.learned if self.method.threshold is None else self.method.threshold

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time."""
        if self.similar is None or not self.method.compares(len(bitext)):
            yield from self.statistical.parts(bitext, label)
            return
        if self.of and self.of == digest(bitext):
            yield self.own
            return
        for run in in_runs(bitext, runs(bitext), label):
            yield self.join(run, self.similar.words(run))

    def join(self, bitext: Bitext, words: Words) -> Posteriors:
        """The joint posteriors of sentence pairs whose words' vectors are there."""
        statistics = [m.posteriors(bitext) for m in (self.statistical, self.alone) if m is not None]
        if self.judge is None:
            return pooled(statistics[0], words.posteriors(), self.method.weight)
        return self.judge.posteriors(bitext, statistics, words)

    def save(self, folder: Path) -> None:
        """Write the model to a folder, the encoder by its name only; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.statistical.save(folder / "statistical")
        if self.alone is not None:
            self.alone.save(folder / "alone")
        arrays: dict[str, Any] = {}
        for k, neutral in enumerate(() if self.similar is None else self.similar.neutral):
            arrays[f"neutral-{k}"] = neutral.array
        if self.judge is not None:
            arrays |= {"evidence": self.judge.evidence, "right": self.judge.right}
        for name, array in arrays.items():
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        write_manifest(
            folder,
            self.kind,
            method=asdict(self.method),
            layers=None if self.similar is None else self.similar.layers,
            judge=self.judge is not None,
            learned=self.learned,
        )

    @classmethod
    def load(cls, folder: Path) -> JoinedModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        from polyalign.words.auto import Auto

        def array(name: str) -> Any:
            return np.load(folder / f"{name}.npy")

        with reading_model(folder) as settings:
            method = Auto(**{**settings["method"], "layers": tuple(settings["method"]["layers"])})
            similar = None
            if settings["layers"] is not None:
                layers = tuple(settings["layers"])
                neutral = tuple(Neutral.of_array(array(f"neutral-{k}")) for k in range(max(1, len(layers))))
                similar = Similar(encoder_at(method.encoder, None), layers, neutral)
            judge = Judge(array("evidence"), array("right")) if settings["judge"] else None
            learned = float(settings["learned"])
        statistical: Any = load_model(folder / "statistical")
        alone: Any = load_model(folder / "alone") if judge is not None else None
        return cls(method, statistical, similar, judge, alone, learned)

    def priors(self) -> pa.Table:
        """What the statistical model counted."""
        return self.statistical.priors()


def pooled(statistics: Posteriors, similar: Posteriors, weight: float) -> Posteriors:
    """The mean of both in either direction, the statistics weighing `weight`, the similarities the rest."""
    one = 65535
    scaled = np.rint(statistics.probabilities * np.float32(weight * one)).astype(np.uint16)
    added = np.rint(similar.probabilities * np.float32((1 - weight) * one)).astype(np.uint16)
    return replace(statistics, p=scaled, one=one).plus(similar.cells, similar.src, similar.tgt, added).pruned()
