"""Leave-out: a target word is linked to the source words without which it is harder to translate."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.jit import F32, F64, I64
from polyalign.encoders.torch_load import text_config
from polyalign.words.translation.model import ByTranslation, Head
from polyalign.words.translation.reading import Translator, Window


@dataclass(frozen=True, slots=True)
class LeaveOut(ByTranslation):
    """Align by how much less probable a translation's words become when a source word is left out.

    With d_ij = max(0, log p(t_j | s) - log p(t_j | s without s_i)), the words before t_j being given,

        forward_ij = (1 - e^-d_ij) d_ij / sum_i' d_i'j

    the share of the word's probability that goes with s_i, and of all that goes. Backward is the same of a reading from
    target to source, or of the same d with the sum over j.

    **Differs:** probabilities instead of raw scores, which is ours; the paper goes on to combine several scores with other
    features in a network.

    Args:
        substitute: What stands in place of a left out word; empty for nothing.

    Complexity: A pair is read 1 + n times, from both ends 2 + n + m times.

    References: zouhar2021leveraging
    """

    substitute: str = ""
    both_ways: bool = False

    def read(
        self, model: Translator, windows: Sequence[Window], heads: Sequence[Head]
    ) -> Iterator[tuple[Window, I64, F32]]:
        """How much log probability each target piece loses with each source word."""
        for window in windows:
            words = np.unique(window.src.word)
            without = [model.without(window, int(w), self.substitute) for w in words]
            score = dict(_scores(model, [window, *without]))
            whole = score[id(window)]
            yield window, words, np.maximum(whole - np.stack([score[id(w)] for w in without]), 0)

    def probability(self, value: F64, total: F64) -> F64:
        """The share of the losses, less where little is lost."""
        return np.asarray(-np.expm1(-value) * value / np.maximum(total, 1e-9), np.float64)


def _scores(model: Translator, windows: Sequence[Window]) -> Iterator[tuple[int, F32]]:
    """The log probability of each target piece of some windows, each under the window's `id`."""
    import torch

    size = int(text_config(model.model.config).vocab_size)
    numbers = (lambda n, m: m * size) if model.seq2seq else (lambda n, m: n * size)
    # Scores of all words of a vocabulary are needed where a target word comes next, and nowhere else.
    last = not model.seq2seq and "logits_to_keep" in inspect.signature(model.model.forward).parameters
    for some, inputs in model.batches(windows, numbers):
        keep: dict[str, Any] = {} if model.seq2seq else {"use_cache": False}
        skipped = 0
        if last:
            skipped = min(int(w.tgt.at[0]) for w in some) - 1
            keep["logits_to_keep"] = inputs["input_ids"].shape[1] - skipped
        with torch.inference_mode():
            logits = model.model(**inputs, **keep).logits
        for k, w in enumerate(some):
            at = torch.from_numpy(w.tgt.at if model.seq2seq else w.tgt.at - 1 - skipped)
            log_p = logits[k, at.to(logits.device)].float().log_softmax(dim=-1)
            ids = torch.from_numpy(w.tgt.ids[w.tgt.at]).to(logits.device)
            yield id(w), log_p.gather(1, ids[:, None])[:, 0].cpu().numpy()
