"""Where a model's files are: a folder or file on disk, or what the Hugging Face hub has under a name."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyalign.core.errors import ConfigError, DataError

#: Files of a model on the hub that are read, besides its weights.
_KINDS = (".json", ".txt", ".model", ".spm", ".bpe", ".vocab")
#: Copies of the weights for other programs.
_ELSEWHERE = ("onnx/", "openvino/", "coreml/", "flax", "tf_", "original/", ".git")

#: Endings of files; no model on the hub is named so.
_FILES = (".gguf", ".vec", ".txt", ".bin", ".npy", ".gz", ".xz", ".zst", ".bz2")


def locate(model: str) -> Path:
    """The folder or file of a model, fetched from the hub if it is not on disk and has a name of the hub.

    Args:
        model: A folder, a file, or ``organisation/name``.

    Raises:
        ConfigError: Nothing is there, or the hub cannot be reached and has not been before.
    """
    path = Path(model).expanduser()
    if path.exists():
        return path
    if model.count("/") > 1 or model.startswith((".", "/", "~")) or "\\" in model or path.suffix in _FILES:
        raise ConfigError(
            f"model {model!r}: no such file or folder (looked in {path.absolute().parent}); check the path"
        )
    return _from_hub(model)


@lru_cache(maxsize=32)
def _from_hub(name: str) -> Path:
    if find_spec("huggingface_hub") is None:
        raise ConfigError(
            f"model {name!r}: no file or folder here ({Path.cwd()}); to look for it on the Hugging Face hub, install: "
            "pip install 'polyalign[neural]'"
        )
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    advice = "give the folder of a copy on disk, or run once where the hub can be reached"
    try:
        info = HfApi().model_info(name, timeout=10)
        files = [s.rfilename for s in info.siblings or []]
        wanted = [f for f in files if f.endswith(_KINDS) and not f.startswith(_ELSEWHERE)]
        weights = [f for f in files if f.endswith(".safetensors") and not f.startswith(_ELSEWHERE)]
        # A Dense module may have .bin weights only although the model has both.
        wanted += weights + [
            f for f in files if f.endswith(".bin") and not f.startswith(_ELSEWHERE) and not _beside(f, weights)
        ]
        return Path(snapshot_download(name, revision=info.sha, allow_patterns=wanted))
    except GatedRepoError:
        raise ConfigError(
            f"model {name!r}: the hub gives it only to those who accepted its terms; accept them there and log in with: hf auth login"
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ConfigError(
            f"model {name!r}: neither a folder or file here ({Path.cwd()}) nor a model on the Hugging Face hub; check the name"
        ) from None
    except Exception as error:
        # Whatever library the hub's client uses for requests has errors of its own.
        try:
            folder = Path(snapshot_download(name, local_files_only=True))
        except (LocalEntryNotFoundError, OSError):
            folder = None
        if folder is None or not (folder / "config.json").exists():
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ConfigError(
                f"model {name!r}: neither a folder or file here ({Path.cwd()}), nor in the hub's cache ({constants.HF_HUB_CACHE}), "
                f"and the Hugging Face hub cannot be reached ({reason}); {advice}"
            ) from None
        return folder


def _beside(file: str, weights: list[str]) -> bool:
    return any(Path(w).parent == Path(file).parent for w in weights)


def identity(model: str) -> str:
    """What tells a model from another, and from itself with other weights: its place, its files' sizes and times."""
    path = locate(model)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    listed = [(p.name, s.st_size, s.st_mtime_ns) for p in files for s in [p.stat()]]
    # A folder of the hub's cache is named by the commit, and only its links have times of their own.
    known = path.parent.name == "snapshots"
    content = path.name if known else repr((str(path.resolve()), listed))
    return f"{Path(model).name} {hashlib.blake2b(content.encode(), digest_size=12).hexdigest()}"


def read_json(path: Path) -> Any:
    """A JSON file of a model.

    Raises:
        DataError: It is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; the folder is not a whole model") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); fetch the model again") from None


def read_tensors(path: Path) -> dict[str, Any]:
    """The numpy arrays of a ``.safetensors`` file, by name.

    Raises:
        DataError: It is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as safetensors ({error}); fetch the model again") from None
