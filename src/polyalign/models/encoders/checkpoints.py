"""What a run leaves at last: the tuned encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

from polyalign.core.files import whole_folder
from polyalign.encoders.tune import Model


def write(made: Model, out: Path, work: Path | None) -> None:
    """Write the tuned model, whole or not at all, and drop the checkpoints.

    Raises:
        DataError: It cannot be written.
    """
    advice = "free space or name an empty folder, the same command writes it from its last checkpoint"
    with whole_folder(out, "the model", advice=advice) as part:
        made.write(part)
    if work is not None:
        shutil.rmtree(work, ignore_errors=True)
