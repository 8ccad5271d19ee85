"""A tokenizer and a model with some of their pieces only."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from polyalign.core.errors import ConfigError
from polyalign.core.jit import I32, Mask
from polyalign.models.language_model import LanguageModel, with_rows
from polyalign.models.vocabulary.pieces import Pieces, parts, rebuilt


def cut_tokenizer(pieces: Pieces, kept: Mask) -> Any:
    """The tokenizer with the kept pieces only, in their order, numbered from 0.

    Merges stay, in their order, if both parts and what they make do. The kept pieces have to be all that `needed` says.
    """
    # The vocabulary and the merges, which are large, are made anew below.
    content = {name: copy.deepcopy(part) for name, part in pieces.content.items() if name != "model"}
    model = content["model"] = dict(pieces.content["model"])
    number = {piece: new for new, piece in enumerate(np.flatnonzero(kept).tolist())}
    if pieces.model == "Unigram":
        model["vocab"] = [entry for piece, entry in enumerate(model["vocab"]) if piece in number]
        if model.get("unk_id") is not None:
            model["unk_id"] = number[model["unk_id"]]
    else:
        model["vocab"] = {text: number[piece] for text, piece in model["vocab"].items() if piece in number}
    if pieces.model == "BPE":
        prefix, vocabulary = model.get("continuing_subword_prefix") or "", model["vocab"]
        model["merges"] = [
            m for m in model["merges"]
            if m[0] in vocabulary and m[1] in vocabulary and m[0] + m[1].removeprefix(prefix) in vocabulary
        ]  # fmt: skip
    content["added_tokens"] = [{**t, "id": number[t["id"]]} for t in content["added_tokens"] if t["id"] in number]
    for step in parts(content["post_processor"]):
        for token in step.get("special_tokens", {}).values():
            token["ids"] = [number[i] for i in token["ids"]]
        for end in ("sep", "cls"):
            if end in step:
                step[end] = [step[end][0], number[step[end][1]]]
    if content.get("padding"):
        content["padding"]["pad_id"] = number[content["padding"]["pad_id"]]
    return rebuilt(pieces.tokenizer, content)


def cut(made: LanguageModel, tokenizer: Any, kept: I32) -> LanguageModel:
    """The model with the rows of the kept pieces only, head, its bias and configurations included.

    Args:
        made: The model, which is changed.
        tokenizer: As `cut_tokenizer` makes it.
        kept: Old id of each of its pieces, shape (v',).

    Raises:
        ConfigError: The model has a table of its vocabulary beside the embeddings and the head.
    """
    _no_other_table(made)
    return with_rows(made, tokenizer, [m[kept] for m in made.matrices()])


def _no_other_table(made: LanguageModel) -> None:
    embeddings, head = made.model.get_input_embeddings(), made.model.get_output_embeddings()
    known = {id(p) for module in (embeddings, head) if module is not None for p in module.parameters()}
    size = embeddings.weight.shape[0]
    for name, parameter in made.model.named_parameters():
        # A bias is one number a piece.
        if id(parameter) not in known and parameter.dim() > 1 and parameter.shape[0] == size:
            raise ConfigError(
                f"{made.name}: found {name} with {size:,} rows, one for each piece, expected only embeddings and a head to have "
                "them; a model of this kind cannot be trimmed"
            )
