"""The store of a run: results found again by what they were made from, never by their name.

A result lives in ``work/<step>/<unit>-<key>/`` where the key hashes method, version, parameters
and the content of its inputs. It is written to a ``.part`` folder and renamed when complete, so a
killed run leaves nothing that looks finished.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core.errors import DataError
from polyalign.core.files import digest

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Artefact:
    """A stored result.

    Args:
        folder: Where its files are.
        recipe: What it was made from.
        counts: What its maker counted (rows in and out, reasons for drops).
        digest: Hash of its files' content.
    """

    folder: Path
    recipe: Mapping[str, Any]
    counts: Mapping[str, Any]
    digest: str


def key_of(recipe: Mapping[str, Any]) -> str:
    """The content key of a recipe: equal recipes, equal keys, whatever the order of their entries."""
    text = json.dumps({"format": FORMAT, **recipe}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Store:
    """The results under one folder.

    Args:
        root: The folder; made when first written to.
    """

    root: Path

    def folder(self, step: str, unit: str, key: str) -> Path:
        """Where a result with that key is or would be."""
        return self.root / step / f"{unit}-{key[:12]}"

    def find(self, step: str, unit: str, recipe: Mapping[str, Any]) -> Artefact | None:
        """The stored result of a recipe, if it is there and its files are what they were.

        A result whose files were changed or damaged is treated as absent.
        """
        folder = self.folder(step, unit, key_of(recipe))
        manifest = _read_manifest(folder)
        if manifest is None or _content(folder) != manifest["digest"]:
            return None
        return Artefact(folder, manifest["recipe"], manifest["counts"], manifest["digest"])

    def why_missing(self, step: str, unit: str, recipe: Mapping[str, Any]) -> str:
        """What differs from the results stored for that step and unit, in a few words."""
        if self.folder(step, unit, key_of(recipe)).is_dir():
            return "the stored files were changed or damaged"
        parent = self.root / step
        manifests = [_read_manifest(f) for f in sorted(parent.glob(f"{unit}-*"))] if parent.is_dir() else []
        reasons = [_difference(m["recipe"], recipe) for m in manifests if m is not None]
        return min(reasons, key=len) if reasons else "nothing stored yet"

    @contextmanager
    def create(self, step: str, unit: str, recipe: Mapping[str, Any], counts: dict[str, Any]) -> Iterator[Path]:
        """A folder to write a result's files into; kept under its key when the block ends well.

        Args:
            step: The step's name.
            unit: The language pair, or ``all``.
            recipe: What the result is made from.
            counts: Filled by the caller inside the block; stored in the manifest.

        Raises:
            DataError: The disk is full or the folder not writable.
        """
        final = self.folder(step, unit, key_of(recipe))
        part = final.with_name(final.name + ".part")
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            manifest = {"recipe": recipe, "counts": counts, "digest": _content(part)}
            with open(part / MANIFEST, "w", encoding="utf-8") as file:
                json.dump(manifest, file, indent=1, sort_keys=True, ensure_ascii=False)
            for path in part.rglob("*"):
                if path.is_file():
                    _sync(path)
            shutil.rmtree(final, ignore_errors=True)
            os.replace(part, final)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM):
                raise DataError(
                    f"{final.parent}: cannot be written ({error.strerror}); free space or choose another output "
                    "folder and run the same command again, finished steps are kept"
                ) from None
            raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def load(self, step: str, unit: str, recipe: Mapping[str, Any]) -> Artefact:
        """As `find`, for a result that was just made."""
        found = self.find(step, unit, recipe)
        if found is None:
            raise DataError(
                f"{self.root / step}: the result of {unit} vanished after it was written; is another program using the folder?"
            )
        return found


def _content(folder: Path) -> str:
    entries = [
        (p.relative_to(folder).as_posix(), digest(p))
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != MANIFEST
    ]
    return hashlib.blake2b(repr(entries).encode(), digest_size=16).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    if folder.suffix == ".part":
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and {"recipe", "counts", "digest"} <= manifest.keys() else None


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if old["method"] != new["method"]:
        return f"method {old['method']} -> {new['method']}"
    if old["version"] != new["version"]:
        return f"version {old['version']} -> {new['version']}"
    before, after = old["params"], new["params"]
    changed = [
        f"{k} {before.get(k)!r} -> {after.get(k)!r}" for k in {**before, **after} if before.get(k) != after.get(k)
    ]
    if changed:
        return ", ".join(changed)
    names = [k for k in {**old["inputs"], **new["inputs"]} if old["inputs"].get(k) != new["inputs"].get(k)]
    return "changed input: " + ", ".join(names) if names else "other languages"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
