"""What a run leaves at last: the tuned encoder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from polyalign.core.errors import DataError
from polyalign.encoders.tune import Model


def write(made: Model, out: Path, work: Path | None) -> None:
    """Write the tuned model, whole or not at all, and drop the checkpoints.

    Raises:
        DataError: It cannot be written.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        made.write(part)
        if out.is_dir():
            out.rmdir()
        os.replace(part, out)
    except Exception as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise DataError(
            f"{out}: the model cannot be written ({said}); free space or name an empty folder, the same command writes it "
            "from its last checkpoint"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if work is not None:
        shutil.rmtree(work, ignore_errors=True)
