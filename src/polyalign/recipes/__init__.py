"""Recipes: project files that teach a model a language the way a paper does, on small data until one's own is put in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a recipe is.

    Args:
        about: In a few words.
        papers: Keys of the papers that it follows, in ``references.bib``.
    """

    about: str
    papers: tuple[str, ...]


#: By name, in the order of what is done: vocabulary, training, alignment, scripts, and the real case.
RECIPES: dict[str, Recipe] = {
    "focus": Recipe("rows by vectors of tokens", ("dobler2023focus",)),
    "wechsel": Recipe("rows by vectors of words and our own lexicon", ("minixhofer2022wechsel",)),
    "ofa": Recipe("factorised embeddings, rows by multilingual vectors", ("liu2024ofa",)),
    "cw2v": Recipe("rows learnt within the hull of the old ones", ("mundra2024empirical",)),
    "trimming": Recipe("a vocabulary cut to some languages", ("ushio2023efficient",)),
    "chocollama": Recipe("one language by LoRA", ("meeus2024chocollama", "hu2022lora")),
    "sambalingo": Recipe("pieces added, all weights trained", ("csaki2024sambalingo",)),
    "bailong": Recipe("zip-tie rows and LoRA", ("chen2024bailong", "hu2022lora")),
    "bllossom": Recipe("pieces and bilingual text", ("choi2024optimizing",)),
    "allam": Recipe("a second language without forgetting the first", ("bari2024allam",)),
    "data-mixing": Recipe("single languages or sentence pairs as well", ("li2025rethinking",)),
    "interlinear": Recipe("text, then interlinear documents", ("guo2024novel",)),
    "prealign": Recipe("words aligned first, then code-switched text", ("li2024prealign",)),
    "align-after-pre-training": Recipe("translations drawn together in the first layer", ("li2024improving",)),
    "incline": Recipe("states moved by linear maps, nothing trained", ("wang2025bridging",)),
    "maft": Recipe("an encoder adapted to several languages at once", ("alabi2022adapting",)),
    "translico": Recipe("scripts of an encoder brought together by a contrast", ("liu2024translico",)),
    "ppa": Recipe("the same after pre-training, stronger", ("xhelili2024breaking",)),
    "romansetu": Recipe("another script in Latin letters", ("husain2024romansetu", "hermjakob2018out")),
    "maltese": Recipe("words in the script of their origin", ("micallef2024cross",)),
    "romansh": Recipe("the real case: SmolLM2 learns Romansh with German", ("ibrahim2024simple",)),
}


def file_of(name: str) -> Path:
    """The project file of a recipe."""
    return FOLDER / f"{name}.toml"
