"""Where training keeps its arrays: in memory, or in a folder, from which it goes on after an interruption."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import open_output, read_text, write_text

#: Bytes of a file that is not worth mapping.
_SMALL = 1 << 16


class Work:
    """Named arrays and the steps that are done.

    In a folder every array is a file that is written whole or not at all and mapped while it is used, so that memory
    holds what is being worked on. A step that was committed is not done again.

    Args:
        folder: Where to keep them; None for memory.
        of: What is worked on, for a folder; another one's folder is refused.

    Raises:
        ConfigError: The folder holds the work on something else, or something that is no work.
    """

    def __init__(self, folder: Path | None = None, of: str = "") -> None:
        self.folder = folder
        self._held: dict[str, npt.NDArray[Any]] = {}
        self._done: list[str] = []
        if folder is None:
            return
        manifest = folder / "work.json"
        if manifest.exists():
            try:
                found = json.loads(read_text(manifest))
                self._done, before = list(found["done"]), found["of"]
            except (ValueError, KeyError, TypeError):
                raise DataError(
                    f"{manifest}: cannot be read, expected the state of a training; delete {folder}"
                ) from None
            if before != of:
                raise ConfigError(
                    f"{folder}: found work on {before}, expected on {of}; name another folder, or delete this one"
                )
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            found = "other files there" if folder.is_dir() else "a file"
            raise ConfigError(f"{folder}: found {found}, expected an empty folder or one with work to go on with")
        self._of = of
        if not manifest.exists():
            # At once, so that a folder in which no step was ever done is known as work.
            folder.mkdir(parents=True, exist_ok=True)
            self._note()

    def done(self, step: str) -> bool:
        """Whether a step was committed."""
        return step in self._done

    def commit(self, step: str) -> None:
        """Note that a step is done; all it has to leave has been set before."""
        self._done.append(step)
        self._note()

    def _note(self) -> None:
        if self.folder is not None:
            write_text(self.folder / "work.json", json.dumps({"of": self._of, "done": self._done}, indent=1) + "\n")

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """An array; what is written to it is lost, in a folder, unless it is set again."""
        if self.folder is None:
            return self._held[name]
        path = self.folder / f"{name}.npy"
        try:
            # A plain view of the map: kernels are compiled for arrays, not again for maps. Small files are just read.
            return np.asarray(np.load(path, mmap_mode="c" if path.stat().st_size > _SMALL else None))
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"{path}: cannot be read ({error}); delete {self.folder} and train again") from None

    def __contains__(self, name: str) -> bool:
        return name in self._held if self.folder is None else (self.folder / f"{name}.npy").exists()

    def __setitem__(self, name: str, array: npt.NDArray[Any]) -> None:
        if self.folder is None:
            self._held[name] = array
            return
        path = self.folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_output(path) as file:
            np.save(file, array)

    def drop(self, names: Iterable[str]) -> None:
        """Forget arrays, those that are there."""
        for name in names:
            if self.folder is None:
                self._held.pop(name, None)
            else:
                (self.folder / f"{name}.npy").unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._done = []
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
