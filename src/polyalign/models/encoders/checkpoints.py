"""What a run leaves: checkpoints, an error that says what to do, and at last the model."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

from polyalign.core.errors import ConfigError, DataError
from polyalign.encoders.tune import Model
from polyalign.models.encoders.method import Tuning

#: The last file that the Trainer writes of a checkpoint.
STATE = "trainer_state.json"
#: What torch and safetensors say when a disk is full.
_FULL = ("no space left", "file write failed", "failed writing", "disk quota", "unexpected pos")
_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that is whole; what was being written when a run was killed is not."""
    whole = [path for path in folder.glob("checkpoint-*") if _is_whole(path)]
    return max(whole, key=lambda p: int(p.name.rsplit("-", 1)[1]), default=None)


def _is_whole(path: Path) -> bool:
    try:
        return bool(json.loads((path / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def told(error: BaseException, method: Tuning, folder: Path | None) -> Exception:
    """An error of torch, safetensors or the system as ours."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    kept = None if folder is None else last_checkpoint(folder)
    goes_on = f"the same command goes on from {kept.name}" if kept is not None else "no step is kept"
    if isinstance(error, MemoryError) or any(x in str(error).lower() for x in _MEMORY):
        return ConfigError(
            f"tune: out of memory with batch = {method.batch} and max_tokens = {method.max_tokens}; lower one of them"
        )
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or any(x in str(error).lower() for x in _FULL):
        return DataError(f"{folder}: a checkpoint cannot be written, the disk is full; free space, {goes_on}")
    if isinstance(error, OSError):
        return DataError(f"{folder}: a checkpoint cannot be written or read ({said}); {goes_on}")
    return RuntimeError(f"tune: {said}; {goes_on}")


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
