"""INCLINE: states of one language moved towards those of another while a model reads."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import whole_folder
from polyalign.core.jit import F32, F64
from polyalign.core.rng import generator
from polyalign.core.space import unit
from polyalign.encoders.model_files import read_json, read_tensors
from polyalign.encoders.torch_load import text_config
from polyalign.models.interventions.hooks import Position, Visit, fingerprint, layers_of, read_states, visited
from polyalign.models.interventions.sides import sides_of
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Parallel

#: The files of maps.
SETTINGS, TENSORS = "incline.json", "incline.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """A linear map for each layer of a model.

    Args:
        matrices: Of each layer, shape (layers, d, d).
        alpha: How much of what a map gives is added.
        position: Which positions are changed.
        key: Of the model that they are of.
    """

    matrices: F32
    alpha: float
    position: Position
    key: str

    def __post_init__(self) -> None:
        layers, rows, columns = self.matrices.shape
        if rows != columns or not np.isfinite(self.matrices).all() or not np.isfinite(self.alpha):
            raise DataError(
                f"maps: found {layers} of {rows} by {columns} and alpha = {self.alpha}, expected square ones and numbers; fit them anew"
            )

    def with_alpha(self, alpha: float) -> Maps:
        """The same maps, more or less of which is added."""
        return replace(self, alpha=alpha)

    @contextlib.contextmanager
    def applied(self, model: Any) -> Iterator[None]:
        """Change a model's states as long as the block runs.

        Args:
            model: The transformers model, with or without its head.

        Raises:
            ConfigError: It is another model than the maps were fitted for.
        """
        shape = (len(layers_of(model)), int(text_config(model.config).hidden_size))
        if shape != self.matrices.shape[:2]:
            raise ConfigError(
                f"maps: found {self.matrices.shape[0]} of {self.matrices.shape[1]} dimensions, expected {shape[0]} of {shape[1]} as the "
                "model has; name the model that they were fitted for"
            )
        if fingerprint(model) != self.key:
            raise ConfigError(
                "maps: fitted for a model with other weights, expected the same; name that model, or fit the maps anew"
            )
        with visited(model, self.position, self.change()):
            yield

    def change(self) -> Visit:
        """The function from states to changed ones, for `hooks.visited`."""
        import torch

        # Where the model is, and of its type, once.
        there: dict[int, Any] = {}

        def visit(layer: int, hidden: Any, at: Any) -> Any:
            rows = hidden[at]
            if layer not in there:
                there[layer] = torch.from_numpy(self.matrices[layer]).to(rows)
            out = hidden.clone()
            out[at] = rows + self.alpha * (rows @ there[layer])
            return out

        return visit

    def save(self, folder: Path) -> None:
        """Write them to a folder, whole or not at all.

        Raises:
            DataError: The folder is there already and not empty, or cannot be written.
        """
        from safetensors.numpy import save_file

        settings = {"alpha": self.alpha, "position": self.position, "key": self.key}
        with whole_folder(folder, "the maps") as part:
            save_file({"matrices": np.ascontiguousarray(self.matrices)}, part / TENSORS)
            (part / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Maps:
        """Read them from a folder.

        Raises:
            DataError: They are not there or damaged.
        """
        settings, tensors = read_json(folder / SETTINGS), read_tensors(folder / TENSORS)
        try:
            return cls(tensors["matrices"], float(settings["alpha"]), settings["position"], settings["key"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{folder}: found no {error} in it, expected maps as INCLINE writes them; fit them anew"
            ) from None


@dataclass(frozen=True, slots=True)
class INCLINE:
    """Fit a linear map for each layer, from parallel sentences, by which a model reads one language more as another.

    With ``h`` a layer's output for a sentence's last token, ``W = argmin sum |h_src W - h_tgt|^2`` over sentence pairs.
    While the model reads a prompt in the source language, the last token's state of every layer becomes ``h + alpha h W``.
    Nothing is trained, the weights stay as they are.

    **Differs:** from the published script, which takes outputs of the feed-forward blocks and reads both sentences of a pair
    one after the other as well: here states are those of the residual stream, of sentences read alone, as the paper has it.
    ``ridge``, ``layers`` and ``position="all"``, whose maps are of means over positions, are additions of ours.

    Args:
        lang: The language that is read more as the other, ``roh_Latn``; by default the source side's.
        sentences: Most sentence pairs that maps are fitted to.
        alpha: How much of what a map gives is added; none for the one of ``alphas`` that is best on held-out pairs.
        alphas: Those that are tried; a change is passed on to the next layer, which adds its own, so small ones do much.
        held_out: Sentence pairs that alphas are tried on.
        ridge: Times the mean square of the states' singular values, added to their squares: with fewer pairs than
            dimensions maps fit the pairs exactly, which ridge holds back; 0 is the paper's least squares.
        position: Which positions are changed: the last of a prompt, or all but the first and attention sinks.
        layers: After which layers, 1 being the lowest, states are changed; none for all, as in the paper.
        seed: Of the choice of pairs.

    Raises:
        ValueError: A number is out of range.

    References: wang2025bridging
    """

    lang: str = ""
    sentences: int = 500
    alpha: float | None = None
    alphas: tuple[float, ...] = (-1.0, -0.5, -0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
    held_out: int = 50
    ridge: float = 0.0
    position: Literal["last", "all"] = "last"
    layers: tuple[int, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        if self.sentences < 2 or self.held_out < 2:
            raise ValueError(
                f"sentences and held_out must be at least 2, got {self.sentences} and {self.held_out}; fewer show nothing"
            )
        if not 0 <= self.ridge < np.inf:
            raise ValueError(f"ridge must be at least 0 and a number, got {self.ridge}")
        if any(layer < 1 for layer in self.layers):
            raise ValueError(f"layers count from 1, got {min(self.layers)}")
        if not self.alphas or not all(-1 <= a <= 1 for a in (*self.alphas, self.alpha or 0)):
            raise ValueError(f"alpha and alphas must be from -1 to 1, got {self.alpha} and {self.alphas}")

    def fit(self, made: LanguageModel, parallel: Parallel, *, score: Callable[[Maps], float] | None = None) -> Maps:
        """Fit maps from one language of a bitext to the other.

        Args:
            made: The model; it stays as it is.
            parallel: Sentence pairs; those with an empty side are left out.
            score: How good maps are, the higher the better, on what they are to be used for; by default how many of the
                held-out source sentences find their translation, and the other way round, by centred cosine, mean over layers.

        Returns:
            The maps; of alphas as good as each other the nearest to 0.

        Raises:
            ConfigError: The bitext is of other languages than ``lang``, or the model has fewer layers.
            DataError: Too few pairs, or as `hooks.read_states`.

        Complexity: O(layers n d min(n, d)), and a pass over the held-out pairs for each alpha.
        """
        own = self.alpha is None and score is None
        src, tgt = self._pairs(parallel, self.held_out if own else 0)
        n = len(src) - (self.held_out if own else 0)
        here, there = (read_states(made, side, self.position, label="states") for side in (src, tgt))
        if self.layers and max(self.layers) > len(here):
            raise ConfigError(f"incline: layers = {list(self.layers)}: the model has {len(here)}; name some of those")
        chosen = {layer - 1 for layer in self.layers} or set(range(len(here)))
        # A map of nothing changes nothing.
        matrices = np.stack(
            [
                least_squares(x[:n], y[:n], self.ridge) if k in chosen else np.zeros((x.shape[1],) * 2, np.float32)
                for k, (x, y) in enumerate(zip(here, there, strict=True))
            ]
        )
        maps = Maps(matrices, 0.0 if self.alpha is None else self.alpha, self.position, fingerprint(made.model))
        if self.alpha is not None:
            return maps

        def found(maps: Maps) -> float:
            moved = read_states(made, src[n:], self.position, change=maps.change(), label=f"alpha {maps.alpha:g}")
            return float(np.mean([_found(x, y[n:]) for x, y in zip(moved, there, strict=True)]))

        return max((maps.with_alpha(a) for a in sorted(self.alphas, key=abs)), key=score or found)

    def _pairs(self, parallel: Parallel, more: int) -> tuple[list[str], list[str]]:
        """Sentences of the language and their translations, ``more`` than maps are fitted to."""
        src, tgt = sides_of(parallel, self.lang, "incline")
        if len(src) < more + 2:
            raise DataError(
                f"incline: found {len(src)} sentence pairs with text on both sides, expected at least {more + 2}; give more, or lower "
                "held_out"
            )
        some = generator(self.seed, "incline").permutation(len(src))[: self.sentences + more]
        return [src[k] for k in some], [tgt[k] for k in some]


def least_squares(x: F32, y: F32, ridge: float) -> F32:
    """The shortest W of those that minimise ``|x W - y|^2 + ridge s^2 |W|^2``, s^2 the mean square of x's singular values.

    Args:
        x: Shape (n, d).
        y: Shape (n, d).
        ridge: At least 0.

    Returns:
        Shape (d, d).
    """
    left, s, right = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    kept = s > s[0] * max(x.shape) * np.finfo(np.float32).eps
    inverse: F64 = np.where(kept, s / (s * s + ridge * float(np.mean(s * s)) + (~kept)), 0.0)
    return np.asarray((right.T * inverse) @ (left.T @ y.astype(np.float64)), np.float32)


def _found(x: F32, y: F32) -> float:
    """The share of rows nearest to their partner by centred cosine, mean of both directions."""
    sides = [unit(unit(z) - unit(z).mean(axis=0)) for z in (x, y)]
    cosine = sides[0] @ sides[1].T
    own = np.arange(len(x))
    return float(((cosine.argmax(axis=1) == own).mean() + (cosine.argmax(axis=0) == own).mean()) / 2)
