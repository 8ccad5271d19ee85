"""Recipes: project files that teach a model a language the way a paper does, on small data until one's own is put in."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent

#: What each does in a few words, in the order of what is done: vocabulary, training, alignment, scripts, and the real case.
RECIPES = {
    "focus": "rows by vectors of tokens",
    "wechsel": "rows by vectors of words and our own lexicon",
    "ofa": "factorised embeddings, rows by multilingual vectors",
    "cw2v": "rows learnt within the hull of the old ones",
    "trimming": "a vocabulary cut to some languages",
    "chocollama": "one language by LoRA",
    "sambalingo": "pieces added, all weights trained",
    "bailong": "zip-tie rows and LoRA",
    "bllossom": "pieces and bilingual text",
    "allam": "a second language without forgetting the first",
    "data-mixing": "single languages or sentence pairs as well",
    "interlinear": "text, then interlinear documents",
    "prealign": "words aligned first, then code-switched text",
    "align-after-pre-training": "translations drawn together in the first layer",
    "incline": "states moved by linear maps, nothing trained",
    "maft": "an encoder adapted to several languages at once",
    "translico": "scripts of an encoder brought together by a contrast",
    "ppa": "the same after pre-training, stronger",
    "romansetu": "another script in Latin letters",
    "maltese": "words in the script of their origin",
    "romansh": "the real case: SmolLM2 learns Romansh with German",
}


def file_of(name: str) -> Path:
    """The project file of a recipe."""
    return FOLDER / f"{name}.toml"
