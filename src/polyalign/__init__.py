"""polyalign aligns languages: documents, sentences, words, vectors and models.

>>> import polyalign
>>> hmm = polyalign.method("words.align/hmm", iterations=4)
>>> bitext = polyalign.Bitext.build(["das Haus", "das Buch"], ["the house", "the book"])
>>> hmm.fit(bitext).align(bitext).to_pharaoh()
['0-0 1-1', '0-0 1-1']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from polyalign.core.beads import Beads
    from polyalign.core.bitext import Bitext
    from polyalign.core.document import Document
    from polyalign.core.links import Links
    from polyalign.core.score import Score

__version__ = "0.1.0"
__all__ = ["Beads", "Bitext", "Document", "Links", "Score", "method"]

_TYPES = {"Beads": "beads", "Bitext": "bitext", "Document": "document", "Links": "links", "Score": "score"}


def __getattr__(name: str) -> Any:
    if name in _TYPES:
        return getattr(importlib.import_module(f"polyalign.core.{_TYPES[name]}"), name)
    raise AttributeError(f"module 'polyalign' has no attribute {name!r}")


def method(id: str, /, **parameters: Any) -> Any:
    """Build a method by its id, with the parameters that differ from its defaults.

    Args:
        id: A registered id, such as ``words.align/hmm``; `polyalign methods` lists them.
        parameters: By name; ``preset`` starts from a named set.

    Raises:
        ConfigError: An unknown method or parameter, or a value of the wrong type.
        MissingExtraError: The method needs packages that are not installed.
    """
    from polyalign.core import params, registry

    return params.build(registry.find(id), parameters)
