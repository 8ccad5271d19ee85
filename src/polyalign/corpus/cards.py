"""Hugging Face dataset folders: which of their files are which split, from a folder or from the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from polyalign.core.errors import DataError, MissingExtraError
from polyalign.core.files import suffixes

#: What a data file may be, by suffix, and the reader of sentence pairs for it.
KINDS = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "eval"),
}
_META = {"dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json", "config.json"}


@dataclass(frozen=True, slots=True)
class Split:
    """The files of one split, all of one kind.

    Args:
        name: The split.
        files: The files in the order of their names.
        kind: What they are: parquet, arrow, jsonl, csv or tsv.
    """

    name: str
    files: tuple[Path, ...]
    kind: str


def dataset_folder(path: str, *, revision: str = "") -> Path:
    """The folder of a dataset: itself, or a copy of the one of that name on the hub.

    Args:
        path: A folder, or ``owner/name`` on the Hugging Face hub.
        revision: Branch, tag or commit of a dataset on the hub; empty is its main branch.

    Raises:
        DataError: There is no such folder, or the hub cannot be reached or has no such dataset.
        MissingExtraError: A name, and huggingface_hub is not installed.
    """
    if Path(path).is_dir():
        return Path(path)
    if Path(path).exists():
        raise DataError(f"{path}: found a file, expected the folder of a dataset; name its format instead")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", path) or ".." in path:
        raise DataError(f"{path}: no such folder, and no name of a dataset such as owner/name; check the path")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError(
            f"{path}: datasets by name need huggingface_hub; install with: pip install 'polyalign[formats]'"
        ) from None
    patterns = ["README.md", "*.json", *(f"*{suffix}*" for suffix in KINDS)]
    try:
        folder = snapshot_download(path, repo_type="dataset", revision=revision or None, allow_patterns=patterns)
    except Exception as error:  # its errors are of many kinds: of the hub, of the network, of the disk
        said = str(error).strip().split("\n")[0]
        raise DataError(
            f"{path}: found no folder of that name, and the dataset cannot be had from the hub ({type(error).__name__}: "
            f"{said}); check the name, your connection and, if it is not public, your login, or give a folder"
        ) from None
    return Path(folder)


def find_split(folder: Path, *, name: str, config: str = "") -> Split:
    """The files of a split: as the card says, else by their names.

    Args:
        folder: The dataset's folder.
        name: The split.
        config: The configuration of a dataset that has several; empty is its default or only one.

    Raises:
        DataError: There is no such split or configuration, the card cannot be read or names files outside of the
            folder, or the split has files of several kinds.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and _is_data(p.relative_to(folder)))
    splits = _by_card(folder, files, config)
    if splits is None:
        if config:
            raise DataError(f"{folder}: found no card with configurations, expected {config!r}; leave config out")
        splits = {}
        for path in files:
            splits.setdefault(_split_of(path.relative_to(folder)), []).append(path)
    if name not in splits or not splits[name]:
        there = ", ".join(f"{split} ({len(found)} files)" for split, found in splits.items()) or "no data file"
        raise DataError(f"{folder}: found {there}, expected a split {name!r}; name one with split")
    kinds = {KINDS[suffixes(path)[0]] for path in splits[name]}
    if len(kinds) > 1:
        raise DataError(
            f"{folder}: found files of several kinds in split {name!r} ({', '.join(sorted(kinds))}), expected one"
        )
    return Split(name, tuple(splits[name]), kinds.pop())


def _is_data(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and suffixes(path)[0] in KINDS and path.name not in _META


def _split_of(path: Path) -> str:
    """The split that a file's folders or name say, the outermost first; train where they say nothing."""
    for part in (*path.parts[:-1], path.name):
        words = set(re.split(r"[^a-z]+", part.lower()))
        for split, names in _SPLITS.items():
            if words & set(names):
                return split
    return "train"


def card_header(folder: Path) -> dict[str, Any]:
    """What the YAML between the dashes at the top of README.md says; nothing where there is none.

    Raises:
        DataError: It is broken.
        MissingExtraError: It lists data files, and yaml is not installed.
    """
    path = folder / "README.md"
    if not path.is_file():
        return {}
    with open(path, "rb") as file:
        text = file.read(1 << 20).decode("utf-8-sig", "replace").replace("\r\n", "\n")
    header = re.match(r"---\n(.*?)\n---(?:\n|\Z)", text, re.S)
    if header is None or not re.search(r"^configs:", header[1], re.M):
        return {}
    try:
        import yaml
    except ImportError:
        raise MissingExtraError(f"{path}: YAML needs yaml; install with: pip install 'polyalign[formats]'") from None
    if re.search(r"[:\s]\*[\w-]", header[1]):
        raise DataError(f"{path}: found aliases in the YAML of the card, expected none; write them out")
    try:
        # As text throughout: a split may be called "no".
        said = yaml.load(header[1], Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DataError(f"{path}: found broken YAML in the card ({' '.join(str(error).split())}); correct it") from None
    return said if isinstance(said, dict) else {}


def _by_card(folder: Path, files: Sequence[Path], config: str) -> dict[str, list[Path]] | None:
    configs = card_header(folder).get("configs")
    if not isinstance(configs, list) or not all(isinstance(c, dict) for c in configs) or not configs:
        return None
    named = {str(c.get("config_name", "default")): c for c in configs}
    default = next((n for n, c in named.items() if c.get("default") == "true"), "default")
    wanted = config or (default if default in named else next(iter(named)) if len(named) == 1 else "")
    if wanted not in named:
        raise DataError(
            f"{folder}: found the configurations {', '.join(named)}, expected {config or 'one'!r}; name one with config"
        )
    patterns = named[wanted].get("data_files")
    if patterns is None:
        return None
    base = str(named[wanted].get("data_dir", "")).strip("/")
    splits: dict[str, list[Path]] = {}
    for split, pattern in _patterns(patterns, folder):
        full = f"{base}/{pattern}" if base else pattern
        if full.startswith("/") or ".." in full.split("/"):
            raise DataError(f"{folder}: found the data file {pattern!r} in the card, expected files inside the folder")
        splits.setdefault(split, []).extend(p for p in files if _matches(p.relative_to(folder).as_posix(), full))
    return splits


def _patterns(said: Any, folder: Path) -> list[tuple[str, str]]:
    """Splits and patterns, of the several ways to write them."""
    if isinstance(said, str):
        return [("train", said)]
    if isinstance(said, dict):
        said = [{"split": split, "path": path} for split, path in said.items()]
    out: list[tuple[str, str]] = []
    for item in said:
        entry = {"split": "train", "path": item} if isinstance(item, str) else item
        if not isinstance(entry, dict) or "path" not in entry:
            raise DataError(f"{folder}: found {json.dumps(item)} among data_files of the card, expected split and path")
        paths = entry["path"] if isinstance(entry["path"], list) else [entry["path"]]
        out += [(str(entry.get("split", "train")), str(path)) for path in paths]
    return out


def _matches(path: str, pattern: str) -> bool:
    pattern = pattern.removeprefix("./")
    return fnmatch(path, pattern) or ("**/" in pattern and fnmatch(path, pattern.replace("**/", "")))
