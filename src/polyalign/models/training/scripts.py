"""Lines of documents and the same lines in another script, for any step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from polyalign.core import params, registry
from polyalign.core.errors import ConfigError
from polyalign.models.training.lines import Lines
from polyalign.models.training.objective import Data

#: A step to its texts on either side.
Sides = Callable[[int], tuple[list[str], list[str]]]


def check_script(script: Mapping[str, Any]) -> None:
    """Raises a ValueError if the table of a script method does not say which."""
    if "use" not in script:
        raise ValueError("script must say what to use, such as {use = 'romanise'}")


def both_scripts(script: Mapping[str, Any], data: Data, *, batch: int, seed: int, name: str) -> Sides:
    """Lines of documents of the new language, or of all if it has none, and what a script method makes of them.

    Args:
        script: Table of the method: ``use`` names one of `models.script`, the rest are its parameters.
        data: With documents.
        batch: Lines of a step.
        seed: Of what is drawn.
        name: The objective's, for messages and for chance.

    Raises:
        ConfigError: No such method, or one that does not write a text by itself.
        DataError: No text.
        MissingExtraError: What transliterates is not installed.
    """
    lines, write = Lines.read(data, batch=batch, seed=seed, name=name), _method(script)

    def texts(step: int) -> tuple[list[str], list[str]]:
        found = lines.texts(step)
        return found, [write(x) for x in found]

    return texts


def _method(script: Mapping[str, Any]) -> Callable[[str], str]:
    """What writes a text in the other script."""
    given, name = dict(script), str(script["use"])
    del given["use"]
    method: Any = params.build(registry.find(name, task="models.script"), given, where="script")
    # What learns from files of its own has learnt before it writes.
    made: Any = method if callable(method) or not _learns_alone(method) else method.fit()
    if not callable(made):
        raise ConfigError(
            f"script: {name} does not write one text as another by itself, expected a method that does, such as romanise"
        )
    write: Callable[[str], str] = made
    return write


def _learns_alone(method: Any) -> bool:
    try:
        inspect.signature(method.fit).bind()
    except (TypeError, AttributeError):
        return False
    return True
