"""A language model that is there already, to begin with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from polyalign.encoders.causal import readable
from polyalign.encoders.model_files import identity, locate, read_json
from polyalign.models.language_model import Kind, LanguageModel, read_model

_HUB = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*")


@dataclass(frozen=True, slots=True)
class Pretrained:
    """Begin with a language model that is there already: a folder, a name on the Hugging Face hub, or a GGUF file.

    Whether its head says what comes next or what is masked, its configuration says.

    Args:
        model: Folder of the model, its name on the Hugging Face hub, or a .gguf file, whose weights are turned back into floats.
    """

    model: str

    def there(self) -> str:
        """What tells the model from others, without looking for it on the hub; empty for a name on the hub.

        Raises:
            ConfigError: It can only be a file or folder, and there is none.
        """
        if not Path(self.model).expanduser().exists() and _HUB.fullmatch(self.model):
            return ""
        locate(self.model)
        return identity(self.model)

    def read(self) -> LanguageModel:
        """Load it.

        Raises:
            ConfigError: No such model, or its tokenizer is not a fast one.
            DataError: It is damaged.
            MissingExtraError: What reads it is not installed.
        """
        return read_model(self.model, kind=kind_of(self.model))


def kind_of(name: str) -> Kind:
    """Whether a model says what is masked, or what comes next.

    Raises:
        ConfigError: No such model.
        DataError: Its configuration is damaged.
    """
    path = readable(name)
    if path.is_file():
        return "causal"
    architectures = read_json(path / "config.json").get("architectures") or []
    return "masked" if any(str(x).endswith("ForMaskedLM") for x in architectures) else "causal"
