"""What fitting a word aligner gives: a frozen model that links the words of any bitext."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import read_text
from polyalign.core.jit import F32
from polyalign.core.links import Links
from polyalign.words.posteriors import Posteriors
from polyalign.words.priors import write_priors
from polyalign.words.symmetrize import Symmetrization


class WordModel(ABC):
    """A trained word aligner.

    A model gives the posteriors of any bitext, run by run; links, scores and words without a counterpart all
    follow from those.
    """

    __slots__ = ()
    #: What a saved model calls itself in its manifest.
    kind: ClassVar[str]

    @property
    @abstractmethod
    def symmetrize(self) -> Symmetrization:
        """How `align` joins both directions."""

    @property
    @abstractmethod
    def threshold(self) -> float | None:
        """The joint posterior that a link has to exceed; None for the learned one."""

    @abstractmethod
    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time.

        Args:
            bitext: Sentence pairs; one with an empty side has no cells.
            label: What to call the work where progress is shown.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model to a folder; `load_model` reads it."""

    @abstractmethod
    def priors(self) -> pa.Table:
        """What was counted, as a table of priors to train another model with (see `polyalign.words.priors`)."""

    def export_priors(self, path: str | Path) -> None:
        """Write `priors` to a file, Parquet or TSV as its suffix says, for the parameter `priors` of a method."""
        write_priors(self.priors(), path)

    def posteriors(self, bitext: Bitext) -> Posteriors:
        """The probability of every link that is worth mentioning."""
        return Posteriors.concat([part.pruned() for part in self.parts(bitext)])

    def align(self, bitext: Bitext) -> Links:
        """Link the words of each sentence pair, both directions joined.

        Args:
            bitext: Sentence pairs; those with an empty side get no links.

        Returns:
            Links with `prob`, the joint posterior of both directions.
        """
        return self.align_once(bitext)[0]

    def align_once(self, bitext: Bitext) -> tuple[Links, Posteriors]:
        """What `align` and `posteriors` give, computed together."""
        if self.symmetrize in ("posterior", "product"):
            posteriors = self.posteriors(bitext)
            return posteriors.links(self.symmetrize, self.threshold), posteriors
        links, kept = [], []
        for part in self.parts(bitext):
            links.append(part.links(self.symmetrize))
            kept.append(part.pruned())
        return Links.concat(links), Posteriors.concat(kept)

    def forward(self, bitext: Bitext) -> Links:
        """The best source word of each target word, where it beats NULL; `prob` is its posterior."""
        return Links.concat([part.directions()[0] for part in self.parts(bitext, "align words forward")])

    def backward(self, bitext: Bitext) -> Links:
        """The best target word of each source word, where it beats NULL; `prob` is its posterior."""
        return Links.concat([part.directions()[1] for part in self.parts(bitext, "align words backward")])

    def score(self, bitext: Bitext) -> F32:
        """How well the words of each sentence pair correspond, higher is better, shape (n,).

        The mean, over all words of both sides, of the log posterior of the word's best link; log 0.01 for a
        word without any, and for a pair with an empty side.
        """
        return self.posteriors(bitext).score()


def load_model(folder: Path) -> WordModel:
    """Read a model that any word aligner saved.

    Raises:
        DataError: The folder has no model, or a file of it is missing or damaged.
    """
    kind = manifest(folder).get("kind")
    if kind not in KINDS:
        raise DataError(f"{folder}: found a model of kind {kind!r}, expected one of {', '.join(KINDS)}")
    module, name = KINDS[kind].split(":")
    model: WordModel = getattr(import_module(module), name).load(folder)
    return model


def manifest(folder: Path) -> dict[str, Any]:
    """The settings of a saved model.

    Raises:
        DataError: There are none, or of a later version.
    """
    text = read_text(folder / "manifest.json")
    try:
        settings: dict[str, Any] = json.loads(text)
        if settings["format"] != FORMAT:
            raise ValueError(f"format {settings['format']} where {FORMAT} is known")
        return settings
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None


#: What reads a model of each kind.
KINDS = {
    "em": "polyalign.words.em:EMModel",
    "gibbs": "polyalign.words.gibbs.model:GibbsModel",
    "joined": "polyalign.words.joined.model:JoinedModel",
    "supervised": "polyalign.words.supervised.model:SupervisedModel",
    "scratch": "polyalign.words.scratch.model:ScratchModel",
    "translation": "polyalign.words.translation.model:TranslationModel",
    "tuned": "polyalign.words.tuned.method:TunedModel",
    "similar": "polyalign.words.similarity.method:SimilarModel",
}
#: Version of what is saved.
FORMAT = 2
