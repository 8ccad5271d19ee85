"""What fitting a word aligner gives: a frozen model that links the words of any bitext."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from zipfile import BadZipFile

import pyarrow as pa

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import read_text, write_text
from polyalign.core.jit import F32
from polyalign.core.links import Links
from polyalign.core.progress import track
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
    #: What it is called where it is asked for counts and has none.
    called: ClassVar[str] = "this aligner"
    #: How it was trained and how it aligns.
    method: Any

    @property
    def symmetrize(self) -> Symmetrization:
        """How `align` joins both directions."""
        way: Symmetrization = self.method.symmetrize
        return way

    @property
    def threshold(self) -> float | None:
        """The joint posterior that a link has to exceed; None for the learned one."""
        least: float | None = self.method.threshold
        return least

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

    def priors(self) -> pa.Table:
        """What was counted, as a table of priors to train another model with (see `polyalign.words.priors`).

        Raises:
            ConfigError: Nothing was.
        """
        raise ConfigError(
            f"export priors: {self.called} counts nothing; align by it, and take priors from a model of "
            "words.align/gibbs or hmm"
        )

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


def in_runs(bitext: Bitext, runs: int | Iterable[tuple[int, int]], label: str) -> Iterator[Bitext]:
    """A bitext, one run of sentence pairs after the other; how far that has come is shown.

    Args:
        bitext: Sentence pairs.
        runs: How many pairs a run has, or where each run begins and ends.
        label: What to call the work.
    """
    bounds = ((a, a + runs) for a in range(0, len(bitext), runs)) if isinstance(runs, int) else runs
    with track(label, total=len(bitext), unit="pairs") as progress:
        for start, end in bounds:
            run = Bitext(bitext.table.slice(start, end - start))
            yield run
            progress.advance(len(run))


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
    with reading_model(folder) as settings:
        return settings


@contextmanager
def reading_model(folder: Path, *also: type[Exception]) -> Iterator[dict[str, Any]]:
    """The settings of a saved model, to read it by; what its missing or damaged files raise becomes a DataError.

    Args:
        folder: The model.
        also: What else becomes a DataError.
    """
    text = read_text(folder / "manifest.json")
    try:
        settings = json.loads(text)
        if settings["format"] != FORMAT:
            raise ValueError(f"format {settings['format']} where {FORMAT} is known")
        yield settings
    except (
        OSError,
        ValueError,
        EOFError,
        LookupError,
        TypeError,
        AttributeError,
        BadZipFile,
        pa.ArrowException,
        *also,
    ) as error:
        raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None


def write_manifest(folder: Path, kind: str, **settings: Any) -> None:
    """Write the settings of a model, which `manifest` reads."""
    write_text(folder / "manifest.json", json.dumps({"format": FORMAT, "kind": kind, **settings}, indent=1) + "\n")


def settings_of(method: Any) -> dict[str, Any]:
    """What a manifest says of a method: its class and its parameters."""
    return {"class": f"{type(method).__module__}:{type(method).__qualname__}", "method": asdict(method)}


def method_of(settings: dict[str, Any]) -> Any:
    """The method of which a manifest says this.

    Raises:
        KeyError: No method has that class.
        TypeError: A parameter is unknown.
        ValueError: A parameter is out of range.
    """
    row = {row.target: row for row in registry.rows().values()}[settings["class"]]
    # JSON knows no tuples, and no parameter is a list.
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in settings["method"].items()}
    return registry.load(row)(**given)


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
