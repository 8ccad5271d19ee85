"""Language tags as files write them."""

from __future__ import annotations

from functools import lru_cache

from polyalign.core.errors import ConfigError
from polyalign.core.langs import normalise


@lru_cache(maxsize=4096)
def canonical(tag: str) -> str:
    """The canonical tag, or nothing where it names no language.

    Example:
        >>> canonical("de-CH"), canonical("q!")
        ('deu_Latn', '')
    """
    try:
        return normalise(tag)
    except ConfigError:
        return ""


def means(tag: str, wanted: str) -> bool:
    """Whether a tag names a language: exactly it whatever the region, or it in any script if it names none.

    Example:
        >>> means("de-CH", "deu_Latn"), means("sr", "srp_Latn"), means("sr-Cyrl", "srp_Latn")
        (True, True, False)
    """
    return canonical(tag) == wanted or (tag.isalpha() and canonical(tag).split("_")[0] == wanted.split("_")[0])
