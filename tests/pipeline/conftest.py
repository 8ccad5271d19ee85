"""A small project on real methods, and ways to change its file."""

from __future__ import annotations

from pathlib import Path

import pytest

TEXTS = {
    "one": {
        "en": "The old house\n\nThe house is old. It stands by the river. Nobody lives in it.\n\nThe river is cold.\n",
        "de": "Das alte Haus\n\nDas Haus ist alt. Es steht am Fluss. Niemand wohnt darin.\n\nDer Fluss ist kalt.\n",
        "fr": "La vieille maison\n\nLa maison est vieille. Elle est au bord de la rivière. Personne n'y habite.\n\nLa rivière est froide.\n",
    },
    "two": {
        "en": "The bridge\n\nThe bridge is new. It crosses the river. The house is near the bridge.\n",
        "de": "Die Brücke\n\nDie Brücke ist neu. Sie führt über den Fluss. Das Haus ist bei der Brücke.\n",
    },
}

PROJECT = """
[project]
name = "Toy"
languages = ["en", "de", "fr"]
pairs = ["en-de", "en-fr"]

[[step]]
id = "documents"
use = "corpus.documents/folder"
path = "texts"

[[step]]
id = "sentences"
use = "text.split/sentencex"

[[step]]
id = "beads"
use = "sentences.align/gale-church"

[[step]]
id = "kept"
use = "corpus.select/threshold"

[[step]]
id = "tokens"
use = "text.tokenize/words"

[[step]]
id = "links"
use = "words.align/ibm1"

[[step]]
id = "lexicon"
use = "words.lexicon/relative-frequency"

[[step]]
id = "tmx"
use = "corpus.write/tmx"
in = "kept"
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The project file, its texts beside it."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for doc, versions in TEXTS.items():
        for lang, text in versions.items():
            (folder / f"{doc}.{lang}.txt").write_text(text, encoding="utf-8")
    file = tmp_path / "toy.toml"
    file.write_text(PROJECT, encoding="utf-8")
    return file
