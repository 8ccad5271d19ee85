"""An encoder by its name: one of the house's, a model's folder or file, or a name on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast, get_args

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError, did_you_mean
from polyalign.core.files import suffixes
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.model_files import locate, read_json

#: Settings come last, and a drive's letter is followed by no name and ``=``.
_SETTINGS = re.compile(r"(?P<name>.+?):(?P<settings>\w+=[^,]*(?:,\w+=[^,]*)*)", re.S)
_HUB = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*")
_VECTORS = (".vec", ".txt", ".bin")


def named_encoder(name: str) -> Encoder:
    """The encoder a name stands for.

    Args:
        name: ``e5`` or another ``encode`` method that needs no more; a folder of a model of the Hugging Face kind, of
            model2vec, or of a saved space; a .gguf file; a file of word vectors (.vec, .txt, .bin); or a name on the
            Hugging Face hub, ``organisation/name``. With settings behind a colon if they are not to be the defaults:
            ``e5:layer=7``, ``models/labse:pooling=mean,device=cpu``.

    Raises:
        ConfigError: No such encoder, or settings it does not take.
        DataError: A model's folder is broken.
        MissingExtraError: What it needs is not installed.
    """
    match = _SETTINGS.fullmatch(name)
    base, text = (match["name"], match["settings"]) if match else (name, "")
    row = registry.rows().get(f"encode/{base}")
    settings: dict[str, Any] = {}
    if row is None:
        row = _row(_kind(base, name), name)
        settings["model"] = base
    words = {p.name for p in params.params_of(registry.load(row)) if "none" in get_args(p.type)}
    for key, value in (s.split("=", 1) for s in text.split(",") if s):
        settings[key] = value if key in words else _value(value)
    return cast(Encoder, params.build(row, settings, where=f"encoder {name!r}"))


def _row(kind: str, name: str) -> registry.Row:
    row = registry.rows().get(f"encode/{kind}")
    if row is None:
        raise ConfigError(f"encoder {name!r}: needs encode/{kind}, which is not registered")
    return row


def _kind(model: str, name: str) -> str:
    """Which method reads a model."""
    path = Path(model).expanduser()
    if path.is_file():
        return _kind_of_file(path, name)
    if path.is_dir():
        return _kind_of_folder(path, name)
    own = [row.name for row in registry.rows().values() if row.task == "encode"]
    hint = did_you_mean(model, own)
    if hint or not _HUB.fullmatch(model) or suffixes(path)[0] in (".gguf", ".npy", *_VECTORS):
        before, colon, after = model.rpartition(":")
        if colon and f"encode/{before}" in registry.rows():
            raise ConfigError(
                f"encoder {name!r}: found {after!r} behind the colon, expected settings such as layer=7,prefix=query"
            )
        raise ConfigError(
            f"encoder {name!r}: neither an encoder ({', '.join(own)}), nor a file or folder here, nor a name on the "
            f"Hugging Face hub{hint or '; check the name or the path'}"
        )
    # What it is, only its files say.
    try:
        return _kind_of_folder(locate(model), name)
    except ConfigError as error:
        raise ConfigError(f"encoder {name!r}: none of {', '.join(own)}; {error}") from None


def _kind_of_file(path: Path, name: str) -> str:
    if path.suffix.lower() == ".gguf":
        return "causal"
    if suffixes(path)[0] in _VECTORS:
        return "static"
    raise ConfigError(
        f"encoder {name!r}: {path.name} is a file of no known kind, expected .gguf or word vectors ({', '.join(_VECTORS)}); "
        "of a model of the Hugging Face kind, name its folder"
    )


def _kind_of_folder(path: Path, name: str) -> str:
    if (path / "head.json").is_file():
        return "tuned"
    if (path / "words.txt").is_file() and (path / "vectors.npy").is_file():
        return "static"
    if (path / "0_StaticEmbedding").is_dir():
        return "static"
    config = read_json(path / "config.json") if (path / "config.json").is_file() else {}
    if config.get("model_type") == "model2vec" or "StaticModel" in (config.get("architectures") or []):
        return "static"
    if (path / "modules.json").is_file():
        first = str(read_json(path / "modules.json"))
        return "static" if "StaticEmbedding" in first else "transformer"
    if not config:
        files = sorted(p.name for p in path.glob("*.gguf"))
        more = f"; name the file: {path / files[0]}" if files else "; name a folder that has a whole model"
        raise ConfigError(
            f"encoder {name!r}: the folder has no config.json, modules.json or words.txt and vectors.npy, expected a model{more}"
        )
    causal = any(str(a).endswith(("ForCausalLM", "LMHeadModel")) for a in config.get("architectures") or [])
    return "causal" if causal else "transformer"


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text, text)
