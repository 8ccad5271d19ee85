"""What training leaves as it was: random numbers, and what transformers may say."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def generators_as_they_were() -> Iterator[None]:
    """Seed whatever generators inside; outside torch's, NumPy's and Python's go on as if nothing had been."""
    import torch

    theirs, own = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        with torch.random.fork_rng():
            yield
    finally:
        np.random.set_state(theirs)  # noqa: NPY002
        random.setstate(own)


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Have transformers say only what is wrong."""
    import transformers

    log: Any = transformers.utils.logging
    level = log.get_verbosity()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make modules whose weights depend on the seed alone."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def computed_twice(model: Any, wanted: bool) -> Iterator[None]:
    """Have a model compute its layers' states again for the gradients instead of keeping them, if that is wanted."""
    if not wanted:
        yield
        return
    kept = {"use_reentrant": False}
    # The newer name is of transformers 5.
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=kept)
        undo = model.activation_checkpointing_disable
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=kept)
        undo = model.gradient_checkpointing_disable
    try:
        yield
    finally:
        undo()
        # What transformers adds for another kind of checkpointing, and leaves there.
        if hasattr(model, "_require_grads_hook"):
            model.disable_input_require_grads()
