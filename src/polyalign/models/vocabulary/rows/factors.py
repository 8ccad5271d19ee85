"""Embeddings of low rank: U P in place of E, in the model itself, saved and read as such."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64
from polyalign.encoders.torch_load import quiet
from polyalign.models.language_model import FACTORISED, LanguageModel, read_tokenizer, write_model

#: Rows of a matrix looked at at a time.
ROWS = 4096
#: The weights of a factorised model; not by the name that transformers looks for, which would fill in random embeddings.
WEIGHTS, SETTINGS = "factorised.safetensors", FACTORISED


def factors(matrix: F32, rank: int) -> tuple[F32, F32]:
    """The best approximation of a matrix by two thin ones: ``E ~ U P``, from the singular values.

    Args:
        matrix: Shape (v, d).
        rank: At most d.

    Returns:
        U of orthonormal columns, shape (v, rank), and P, shape (rank, d).

    Complexity: O(v d^2 + d^3).
    """
    rank = min(rank, *matrix.shape)
    _, directions = np.linalg.eigh(gram(matrix, 0.0))
    # The columns of U P have the span of the leading directions; U is what makes P's rows as long as the singular values.
    leading = directions[:, ::-1][:, :rank]
    u = np.concatenate([matrix[a : a + ROWS].astype(np.float64) @ leading for a in range(0, len(matrix), ROWS)])
    lengths = np.linalg.norm(u, axis=0)
    u = np.divide(u, lengths, out=np.zeros_like(u), where=lengths > 0)
    return np.asarray(u, np.float32), np.asarray(lengths[:, None] * leading.T, np.float32)


def gram(matrix: F32, mean: F64 | float) -> F64:
    """Products of the columns of a matrix, less a mean, in double precision without a copy of it: ``(E - m)'(E - m)``."""
    out = np.zeros((matrix.shape[1], matrix.shape[1]))
    for a in range(0, len(matrix), ROWS):
        rows = matrix[a : a + ROWS] - mean
        out += rows.T.astype(np.float64) @ rows
    return out


def factorised(made: LanguageModel, rank: int) -> LanguageModel:
    """The model with factors for weights in place of its embeddings, and of its head.

    The model itself is changed. It runs and trains as before, U and P being its weights; a tied head uses the very factors.

    Args:
        made: The model; `models.rows/ofa` gives it rows of a rank, so that the factors lose nothing more.
        rank: Numbers that a piece has of its own.

    Raises:
        ValueError: A rank that is not from 1 to the length of a row.
    """
    width = made.model.get_input_embeddings().weight.shape[1]
    if not 1 <= rank <= width:
        raise ValueError(f"rank must be from 1 to {width}, the length of a row, found {rank}")
    pairs = [factors(m, rank) for m in made.matrices()]
    _install(whole(made).model, pairs)
    return made


def is_factorised(model: Any) -> bool:
    """Whether a transformers model has factors in place of its embeddings."""
    return hasattr(model.get_input_embeddings(), "common")


def whole(made: LanguageModel) -> LanguageModel:
    """The model with ordinary embeddings again, the products of its factors; the model itself is changed."""
    import torch

    if not is_factorised(made.model):
        return made
    model = made.model
    before, head = model.get_input_embeddings(), model.get_output_embeddings()
    tied = head.table is before
    rows = [m.weight.detach().float().cpu().numpy() for m in ([before] if tied else [before, head.table])]
    model.set_input_embeddings(before.outer[0])
    model.set_output_embeddings(head.outer[0])
    for module, fresh in zip((before.outer[0], head.outer[0]), rows if not tied else rows * 2, strict=True):
        module.weight = torch.nn.Parameter(torch.from_numpy(fresh).to(before.own))
    if tied:
        model.tie_weights()
    return made


def write_factorised(made: LanguageModel, folder: Path) -> None:
    """Save a factorised model: its factors and all else but the embeddings, whole or not at all.

    Raises:
        DataError: The model has no factors; or as `write_model`.
    """
    if not is_factorised(made.model):
        raise DataError(f"{made.name}: found ordinary embeddings, expected a factorised model; call `factorised` first")
    write_model(made, folder)


def save_factors(model: Any, folder: Path) -> None:
    """Write the weights, the configurations and the settings of a factorised model to a folder, without its tokenizer."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    if getattr(model, "generation_config", None) is not None:
        model.generation_config.save_pretrained(folder)
    save_file(_distinct(model), str(folder / WEIGHTS))
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    settings = {"model": type(model).__name__, "rank": table.own.shape[1], "tied": head.table is table}
    (folder / SETTINGS).write_text(json.dumps(settings) + "\n", encoding="utf-8")


def read_factorised(folder: Path) -> LanguageModel:
    """Read what `write_factorised` wrote.

    Raises:
        DataError: It is no such folder, or damaged.
    """
    import transformers
    from safetensors.torch import load_file

    if not (folder / SETTINGS).is_file():
        raise DataError(f"{folder}: found no {SETTINGS}, expected a factorised model; is this an ordinary one?")
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        config = transformers.AutoConfig.from_pretrained(folder)
        state = load_file(str(folder / WEIGHTS))
        with quiet():
            model = getattr(transformers, settings["model"])(config)
        rows, width = model.get_input_embeddings().weight.shape
        thin = np.zeros((rows, settings["rank"]), np.float32), np.zeros((settings["rank"], width), np.float32)
        _install(model, [thin] * (1 if settings["tied"] else 2))
        # Of tied factors one name is saved.
        found = model.load_state_dict(state, strict=False)
        absent = set(found.missing_keys) - (set(model.state_dict()) - set(_distinct(model)))
        if absent or found.unexpected_keys:
            raise ValueError(f"other weights than the model has, such as {[*absent, *found.unexpected_keys][0]}")
    except Exception as error:  # safetensors has errors of its own.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{folder}: the model cannot be read ({reason}); the folder is damaged, save it again"
        ) from None
    generation = folder / "generation_config.json"
    if generation.is_file():
        model.generation_config = transformers.GenerationConfig.from_pretrained(folder)
    dtype = next(iter(state.values())).dtype
    return LanguageModel(model.to(dtype).eval(), read_tokenizer(str(folder)), str(folder), str(folder))


def _distinct(model: Any) -> dict[str, Any]:
    """The weights, each once."""
    seen: set[int] = set()
    out = {}
    for name, x in model.state_dict(keep_vars=True).items():
        if id(x) not in seen:
            out[name] = x.detach().contiguous()
        seen.add(id(x))
    return out


def _install(model: Any, pairs: list[tuple[F32, F32]]) -> None:
    import torch

    class Table(torch.nn.Module):
        """Embeddings as a product of factors; the module that they replace is kept for what else it knows."""

        def __init__(self, own: F32, common: F32, old: Any) -> None:
            super().__init__()
            of = {"dtype": old.weight.dtype, "device": old.weight.device}
            self.own = torch.nn.Parameter(torch.tensor(own, **of))
            self.common = torch.nn.Parameter(torch.tensor(common, **of))
            # In a tuple, so that it is no part of the model. Gemma's multiplies what it looks up.
            self.outer = (old,)
            self.scale = float(getattr(old, "scalar_embed_scale", 1.0))

        @property
        def weight(self) -> Any:
            """The whole matrix, made anew each time."""
            return self.own @ self.common

        def forward(self, ids: Any) -> Any:
            return torch.nn.functional.embedding(ids, self.own) @ self.common * self.scale

    class Head(torch.nn.Module):
        """Scores of pieces by factors."""

        def __init__(self, table: Any, old: Any) -> None:
            super().__init__()
            self.table = table
            self.outer = (old,)
            self.bias = getattr(old, "bias", None)

        @property
        def weight(self) -> Any:
            """The whole matrix, made anew each time."""
            return self.table.weight

        def forward(self, hidden: Any) -> Any:
            scores = hidden @ self.table.common.T @ self.table.own.T
            return scores if self.bias is None else scores + self.bias

    old, head = model.get_input_embeddings(), model.get_output_embeddings()
    table = Table(*pairs[0], old)
    model.set_input_embeddings(table)
    model.set_output_embeddings(Head(table if len(pairs) == 1 else Table(*pairs[1], head), head))
    for module in (old, head):
        module.weight = torch.nn.Parameter(torch.empty(0))
