"""A model that was trained before and saved, as a method: it aligns a bitext without learning from it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText
from polyalign.words.model import WordModel, load_model
from polyalign.words.symmetrize import Symmetrization, check_threshold


@dataclass(frozen=True, slots=True)
class Saved:
    """Align words by a model that was trained before: nothing is learned from the bitext.

    The model is what `save` of any word aligner wrote. The same bitext gets the same links whatever other text it is
    aligned with, so a corpus may be aligned in pieces.

    Args:
        model: Folder of the saved model.
        symmetrize: How both directions are joined; none for the model's own way.
        threshold: For symmetrize = posterior or product, in [0, 1), higher for fewer and surer links; none for the
            model's own.
        update: Train the model further on the bitext first, going on from the counts it has; it stays as it is on disk.

    Raises:
        ValueError: A threshold out of range.

    Example:
        >>> import tempfile
        >>> from polyalign.words.ibm1 import IBM1
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> folder = Path(tempfile.mkdtemp()) / "model"
        >>> IBM1().fit(bitext).save(folder)
        >>> Saved(str(folder)).fit(bitext).align(bitext).to_pharaoh()
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    model: PathText
    symmetrize: Symmetrization | None = None
    threshold: float | None = None
    update: bool = False

    def __post_init__(self) -> None:
        check_threshold(self.threshold)

    def fit(self, bitext: Bitext) -> WordModel:
        """Read the model; with `update`, train it further.

        Args:
            bitext: Sentence pairs; without `update` they teach nothing.

        Returns:
            The model, deciding as `symmetrize` and `threshold` say.

        Raises:
            DataError: The folder has no model, or a file of it is missing or damaged.
            ConfigError: The model cannot be trained further, a threshold is given where links are joined without, or the model
                decides in its own way.
        """
        folder = Path(self.model)
        if not (folder / "manifest.json").is_file():
            found = "no manifest.json in it" if folder.is_dir() else "no such folder"
            raise DataError(f"{folder}: {found}, expected a saved word aligner; align-words --save-model writes one")
        model: Any = load_model(folder)
        own = {"symmetrize": self.symmetrize, "threshold": self.threshold}
        given = {name: value for name, value in own.items() if value is not None}
        if unknown := sorted(set(given) - {f.name for f in fields(model.method)}):
            raise ConfigError(
                f"words.align/saved: {unknown[0]} means nothing to the model in {folder}, which decides in its own way; leave it out"
            )
        if given:
            model = replace(model, method=replace(model.method, **given))
        if self.threshold is not None and model.symmetrize not in ("posterior", "product"):
            raise ConfigError(
                f"words.align/saved: threshold = {self.threshold} means nothing where {model.symmetrize} joins the "
                "directions; leave it out, or give symmetrize = posterior or product"
            )
        if self.update:
            if not hasattr(model, "update"):
                raise ConfigError(
                    f"words.align/saved: update = true, but the model in {folder} cannot be trained further; leave update "
                    "out, or train a model of words.align/gibbs"
                )
            model = model.update(bitext)
        trained: WordModel = model
        return trained
