"""What a run leaves: checkpoints that it goes on from, and an error that says what to do."""

from __future__ import annotations

import errno
import json
from pathlib import Path

from polyalign.core.errors import ConfigError, DataError

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


def told(error: BaseException, name: str, folder: Path | None, smaller: str) -> Exception:
    """An error of torch, safetensors or the system as ours.

    Args:
        error: What was raised.
        name: What the message begins with.
        folder: Where the checkpoints are.
        smaller: What memory was short with, and what to do about it.
    """
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    kept = None if folder is None else last_checkpoint(folder)
    goes_on = f"the same command goes on from {kept.name}" if kept is not None else "no step is kept"
    if isinstance(error, MemoryError) or any(x in str(error).lower() for x in _MEMORY):
        return ConfigError(f"{name}: out of memory with {smaller}")
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or any(x in str(error).lower() for x in _FULL):
        return DataError(f"{folder}: a checkpoint cannot be written, the disk is full; free space, {goes_on}")
    if isinstance(error, OSError):
        return DataError(f"{folder}: a checkpoint cannot be written or read ({said}); {goes_on}")
    return RuntimeError(f"{name}: {said}; {goes_on}")
