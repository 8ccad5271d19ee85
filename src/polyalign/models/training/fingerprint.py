"""What tells models and data from others, so that a run does not go on from another's checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from polyalign.encoders.adapters.artefact import attached_to
from polyalign.models.language_model import LanguageModel
from polyalign.models.training.objective import Data

#: Weights of each matrix that are looked at, besides its sums.
SAMPLE = 4096


def of_model(made: LanguageModel) -> str:
    """Of a model's weights, of the adapters on it, and of its tokenizer: the sums of each matrix and some weights spread over it."""
    seen = hashlib.blake2b(digest_size=16)
    for state in (made.model.state_dict(), *(x.state() for x in attached_to(made.model))):
        for name, p in state.items():
            flat = p.detach().reshape(-1)
            some = flat[:: max(1, flat.numel() // SAMPLE)].float().cpu().numpy()
            sums = np.array([float(flat.float().sum()), float(flat.float().abs().sum())])
            seen.update(f"{name} {tuple(p.shape)} {p.dtype}".encode() + some.tobytes() + sums.tobytes())
    seen.update(made.tokenizer.backend_tokenizer.to_str().encode())
    return seen.hexdigest()


def of_data(data: Data) -> str:
    """Of all documents, pairs with the documents they are of, and links."""
    seen = hashlib.blake2b(digest_size=16)

    def texts(some: Iterable[str]) -> None:
        for text in some:
            seen.update(text.encode("utf-8", "surrogatepass") + b"\0")
        seen.update(b"\1")

    for name, documents in data.documents.items():
        texts([name])
        texts(documents)
    for pair in data.parallel:
        texts([pair.src_lang, pair.tgt_lang])
        texts(pair.bitext.src)
        texts(pair.bitext.tgt)
        if "doc" in pair.bitext.table.column_names:
            texts(map(str, pair.bitext.column("doc")))
        if pair.links is not None:
            for array in (pair.links.offsets, pair.links.src, pair.links.tgt):
                seen.update(array.tobytes())
    seen.update(data.lang.encode())
    return seen.hexdigest()
