"""The errors a user can meet. Each says *where: what was found, what was expected; what to do*.

The command line prints the message as one line and exits with status 2; no traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PolyalignError(Exception):
    """Anything wrong with what the user gave: input, configuration or environment."""


class DataError(PolyalignError):
    """Input that is missing, unreadable or inconsistent."""


class ConfigError(PolyalignError):
    """A project file or parameters that cannot be run as written."""


class UnknownMethodError(ConfigError):
    """A method id that no row of the registry has."""


class MissingExtraError(PolyalignError):
    """A method whose optional dependencies are not installed."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the closest known word, else the empty string.

    Example:
        >>> did_you_mean("iteratoins", ["iterations", "seed"])
        "; did you mean 'iterations'?"
        >>> did_you_mean("q", ["iterations"])
        ''
    """
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
