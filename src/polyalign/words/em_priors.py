"""What the aligners by expectation-maximisation know before they see the text, as pseudo-counts of their entries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from polyalign.core.jit import F32, I32, I64
from polyalign.core.ragged import Ragged
from polyalign.words.em import EM
from polyalign.words.known import SPACE_PAIRS, from_files, from_spaces
from polyalign.words.priors import hints
from polyalign.words.spelling import spelling_prior
from polyalign.words.units import Units


def pseudo_counts(
    method: EM,
    texts: Sequence[Ragged],
    words: Sequence[Sequence[str]],
    src: Units,
    tgt: Units,
    starts: I64,
    entries: I32,
) -> tuple[F32, F32, F32]:
    """The pseudo-count of every entry, and of NULL with every source and every target type.

    A prior of two types that never occur together has no effect; nor have those of jumps and fertilities.

    Args:
        method: Whose parameters say what is known.
        texts: Source and target sentences.
        words: The words in them.
        src: Source units.
        tgt: Target units.
        starts: Where each source type's entries begin, and the end.
        entries: Target type of each entry, sorted for each source type.
    """
    owner = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))
    if method.spelling > 0:
        out = spelling_prior(src.names, tgt.names, owner, entries, method.spelling)
    else:
        out = np.zeros(len(entries), np.float32)
    text = (texts[0], texts[1]) if len(texts[0]) <= SPACE_PAIRS else None
    known = hints([*from_files(method), *from_spaces(method, words[0], words[1], text)], method.granularity, src, tgt)
    if len(known.weight) and len(entries):
        width = len(tgt.names)
        keys = owner.astype(np.int64) * width + entries
        wanted = known.src.astype(np.int64) * width + known.tgt
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        met = keys[at] == wanted
        out[at[met]] += known.weight[met]
    return out, np.asarray(known.src_null, np.float32), np.asarray(known.tgt_null, np.float32)
