"""Keys of rows, band by band: in memory, or sorted on disk and merged, for more rows than memory holds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import I64, U64

#: Keys that are sorted in memory at once when they come from disk, and rows that wait to be written.
MOST, WAIT = 1 << 24, 1 << 20


class Bands:
    """The keys of all rows in each of some bands, to be looked through bucket by bucket.

    Args:
        folder: Where sorted keys are written, or none to hold them: 8 bytes a row and band.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._rows: list[I64] = []
        self._keys: list[U64] = []
        self._waiting = self._written = self._total = 0

    def __len__(self) -> int:
        return self._total

    def add(self, rows: I64, keys: U64) -> None:
        """Take some rows and their keys, shape (n, bands)."""
        if not len(rows):
            return
        self._rows.append(rows)
        self._keys.append(np.ascontiguousarray(keys.T))
        self._waiting += len(rows)
        self._total += len(rows)
        if self._folder is not None and self._waiting >= WAIT:
            self._write()

    def sorted(self, band: int) -> Iterator[tuple[U64, I64]]:
        """A band's keys in rising order and the row of each, in parts; equal keys are in one part, their rows rising."""
        if self._folder is None:
            parts = [(keys[band], rows) for keys, rows in zip(self._keys, self._rows, strict=True)]
            if parts:
                yield _sorted(np.concatenate([k for k, _ in parts]), np.concatenate([r for _, r in parts]))
            return
        if self._waiting:
            self._write()
        files = [(np.load(k, mmap_mode="r"), np.load(r, mmap_mode="r")) for k, r in self._files(band)]
        total = sum(len(keys) for keys, _ in files)
        pieces = -(-total // MOST)
        # Keys are hashes: equal ranges of them hold about equally many.
        cuts = np.asarray([(p << 64) // pieces for p in range(1, pieces)], np.uint64)
        ends = [[0, *np.searchsorted(keys, cuts).tolist(), len(keys)] for keys, _ in files]
        for p in range(pieces):
            spans = [slice(end[p], end[p + 1]) for end in ends]
            yield _sorted(
                np.concatenate([k[s] for (k, _), s in zip(files, spans, strict=True)]),
                np.concatenate([r[s] for (_, r), s in zip(files, spans, strict=True)]),
            )

    def _files(self, band: int) -> list[tuple[Path, Path]]:
        assert self._folder is not None
        stems = [self._folder / f"{number:05d}.{band:03d}" for number in range(self._written)]
        return [(Path(f"{stem}.keys.npy"), Path(f"{stem}.rows.npy")) for stem in stems]

    def _write(self) -> None:
        assert self._folder is not None
        rows, keys = np.concatenate(self._rows), np.concatenate(self._keys, axis=1)
        self._rows, self._keys, self._waiting = [], [], 0
        self._written += 1
        for band in range(len(keys)):
            try:
                for path, array in zip(self._files(band)[-1], _sorted(keys[band], rows), strict=True):
                    np.save(path, array)
            except OSError as error:
                raise DataError(
                    f"{self._folder}: cannot be written ({error.strerror or error}); free space, "
                    "16 bytes a row and band are needed, or choose another folder"
                ) from None


def _sorted(keys: U64, rows: I64) -> tuple[U64, I64]:
    # Rows come in rising order, so a stable sort leaves those of one key rising.
    order = np.argsort(keys, kind="stable")
    return keys[order], rows[order]


@contextmanager
def bands(work: str | None) -> Iterator[Bands]:
    """Bands that live as long as the block; with `work` they are in a folder there that is then deleted.

    Raises:
        DataError: The folder cannot be written.
    """
    if work is None:
        yield Bands()
        return
    try:
        Path(work).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="bands-", dir=work) as folder:
            yield Bands(Path(folder))
    except OSError as error:
        raise DataError(
            f"{work}: cannot be written ({error.strerror or error}); choose another folder for work"
        ) from None
