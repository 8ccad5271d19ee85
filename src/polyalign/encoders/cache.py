"""Vectors kept on disk, found again by encoder and text.

One folder an encoder, in it segments, each a pair of files: sorted hashes of texts, and their vectors as float16. A
segment is written whole and then renamed, so several programs can share a cache and a killed one leaves it sound.
Segments of about one size are joined when there are many of them, as in a log-structured merge tree, so that each vector
is copied a few times at most however large the cache grows.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from polyalign.core.jit import I64, U64, Mask
from polyalign.core.progress import note

#: Segments of one tier beyond which they are joined into one.
MOST = 64
#: Rows copied at once when segments are joined.
BLOCK = 1 << 14
#: Seconds after which a file that belongs to no segment is what a killed program left.
STALE = 86_400
Rows = npt.NDArray[np.float16]
#: On disk, a hash is two big-endian words, which order as its bytes do.
_ON_DISK = np.dtype([("a", ">u8"), ("b", ">u8")])


def cache_folder() -> Path | None:
    """Where vectors are kept: the folder ``POLYALIGN_CACHE`` names, else the user's cache; None if it says ``off``."""
    named = os.environ.get("POLYALIGN_CACHE", "")
    if named == "off":
        return None
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or (
        Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    )
    return Path(base) / "polyalign"


def open_cache(key: str, dim: int) -> Cache | None:
    """The cache of an encoder, or None if there is to be none."""
    folder = cache_folder()
    if folder is None:
        return None
    name = hashlib.blake2b(f"{key} {dim}".encode(), digest_size=12).hexdigest()
    return Cache(folder / "vectors" / name, dim, key)


def hashes(texts: Sequence[str]) -> U64:
    """A hash of 128 bits for each text, as two words, shape (n, 2)."""
    out = np.empty((len(texts), 2), np.uint64)
    # In blocks: the bytes of one hash take three times its room.
    for start in range(0, len(texts), 1 << 16):
        some = texts[start : start + (1 << 16)]
        joined = b"".join(hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=16).digest() for t in some)
        out[start : start + len(some)] = np.frombuffer(joined, ">u8").reshape(-1, 2)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    path: Path
    keys: U64
    vectors: Rows

    def find(self, wanted: U64) -> tuple[Mask, I64]:
        """Which hashes are here, and in which rows."""
        first = self.keys[:, 0]
        at = np.searchsorted(first, wanted[:, 0])
        at[at == len(first)] = 0
        # Two texts whose first words are the same are found as one at most; the other is computed again.
        hit = (self.keys[at] == wanted).all(axis=1) if len(first) else np.zeros(len(wanted), np.bool_)
        return hit, at


class Cache:
    """Vectors of one encoder.

    Args:
        folder: Where; made when first written to.
        dim: Dimensions of a vector.
        key: The encoder, noted in ``encoder.txt`` for people.
    """

    def __init__(self, folder: Path, dim: int, key: str = "") -> None:
        self.folder, self.dim, self.key = folder, dim, key
        self._writes = True

    def find(self, keys: U64) -> Iterator[tuple[I64, Rows]]:
        """The vectors that are here, a block at a time.

        Args:
            keys: What `hashes` gave, shape (n, 2).

        Yields:
            Indices of hashes, each once in all, and their vectors.
        """
        # Sorted, a search goes through a segment once, and rows are read in the order they lie in on the disk.
        left = np.argsort(keys[:, 0], kind="stable")
        for segment in self._segments():
            hit, at = segment.find(keys[left])
            rows = at[hit]
            mine = left[hit]
            for start in range(0, len(rows), BLOCK):
                yield mine[start : start + BLOCK], segment.vectors[rows[start : start + BLOCK]]
            left = left[~hit]
            if not len(left):
                return

    def add(self, keys: U64, rows: Rows) -> None:
        """Keep vectors. A disk that is full or cannot be written to is told of once, and loses nothing but speed.

        Args:
            keys: What `hashes` gave for their texts, shape (n, 2).
            rows: The vectors, shape (n, d).
        """
        if not self._writes or not len(keys):
            return
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        try:
            self._write(keys[order], iter([rows[order]]))
            self._tidy()
        except OSError as error:
            self._writes = False
            note(f"{self.folder}: vectors cannot be kept ({error.strerror or error}); they will be computed again")

    def _write(self, keys: U64, blocks: Iterator[Rows]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        label = self.folder / "encoder.txt"
        if not label.exists():
            label.write_text(self.key + "\n", encoding="utf-8")
        name = uuid.uuid4().hex
        parts = {kind: self.folder / f"{name}.{kind}.part" for kind in ("vectors", "keys")}
        try:
            with open(parts["vectors"], "wb") as file:
                write_header(file, (len(keys), self.dim))
                for block in blocks:
                    file.write(np.ascontiguousarray(block, np.float16).data)
                _settle(file)
            with open(parts["keys"], "wb") as file:
                np.save(file, keys.astype(">u8").view(_ON_DISK)[:, 0])
                _settle(file)
            # The keys come last: a segment without them is not seen.
            for kind, part in parts.items():
                os.replace(part, self.folder / f"{name}.{kind}.npy")
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    def _segments(self) -> list[_Segment]:
        for _ in range(8):
            out, whole = [], True
            for path in sorted(self.folder.glob("*.keys.npy")):
                try:
                    out.append(self._open(path))
                except FileNotFoundError:
                    # Another program has joined it into a new one, which is there already.
                    whole = False
                except (OSError, ValueError, EOFError):
                    # Damaged: its texts are computed again.
                    continue
            if whole:
                break
        return out

    def _open(self, path: Path) -> _Segment:
        stored = np.load(path, allow_pickle=False)
        vectors = np.load(_vectors_of(path), mmap_mode="r", allow_pickle=False)
        if stored.dtype != _ON_DISK or vectors.dtype != np.float16 or vectors.shape != (len(stored), self.dim):
            raise ValueError("not a segment")
        return _Segment(path, stored.view(">u8").reshape(-1, 2).astype(np.uint64), vectors)

    def _tidy(self) -> None:
        tiers: dict[int, list[Path]] = {}
        for path in self.folder.glob("*.keys.npy"):
            with contextlib.suppress(OSError):
                # Tiers by powers of 64 in the number of rows: up to 31, to 2,047, to 131,071, to 8 million.
                tiers.setdefault((path.stat().st_size // 16).bit_length() // 6, []).append(path)
        for paths in tiers.values():
            if len(paths) > MOST:
                with contextlib.suppress(Timeout), FileLock(self.folder / "join.lock", timeout=0):
                    self._join(paths)
                    self._sweep()

    def _join(self, paths: list[Path]) -> None:
        segments = []
        for path in paths:
            with contextlib.suppress(OSError, ValueError, EOFError):
                segments.append(self._open(path))
        if len(segments) < 2:
            return
        keys = np.concatenate([s.keys for s in segments])
        part = np.repeat(np.arange(len(segments)), [len(s.keys) for s in segments])
        row = np.concatenate([np.arange(len(s.keys)) for s in segments])
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        keys = keys[order]
        fresh = np.ones(len(keys), np.bool_)
        fresh[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        keys, order = keys[fresh], order[fresh]

        def blocks() -> Iterator[Rows]:
            for start in range(0, len(order), BLOCK):
                some = order[start : start + BLOCK]
                out = np.empty((len(some), self.dim), np.float16)
                for i in np.unique(part[some]):
                    mine = part[some] == i
                    out[mine] = segments[i].vectors[row[some[mine]]]
                yield out

        self._write(keys, blocks())
        for segment in segments:
            segment.path.unlink(missing_ok=True)
            _vectors_of(segment.path).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what killed programs left."""
        for path in [*self.folder.glob("*.part"), *self.folder.glob("*.vectors.npy")]:
            orphan = path.suffix == ".part" or not _keys_of(path).exists()
            with contextlib.suppress(OSError):
                if orphan and time.time() - path.stat().st_mtime > STALE:
                    path.unlink()


def write_header(file: IO[bytes], shape: tuple[int, int]) -> None:
    """Begin a .npy file of float16, whose rows are then written as they come."""
    np.lib.format.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": shape})


def _settle(file: IO[bytes]) -> None:
    # Before the renaming, or a power cut may leave the name without the content.
    file.flush()
    os.fsync(file.fileno())


def _vectors_of(path: Path) -> Path:
    return path.with_name(path.name.replace(".keys.", ".vectors."))


def _keys_of(path: Path) -> Path:
    return path.with_name(path.name.replace(".vectors.", ".keys."))
