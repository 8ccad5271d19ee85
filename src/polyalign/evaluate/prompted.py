"""What language models make of prompts: translations by a few examples, and how they go on with texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

from polyalign.core import params, registry
from polyalign.core.rng import generator
from polyalign.evaluate.compared import Told, cell, gain, language

#: Sentences that are translated, in characters: a heading says little, and a paragraph leaves no room for examples.
_SHORT, _LONG = 20, 240
#: Translations that are shown, and characters of a text that is gone on with.
_SHOWN, _OPENING = 6, 160


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sentences and their translations, none of which the models were trained on.

    Args:
        src_lang: Language of the source side.
        tgt_lang: Language of the target side.
        src: n sentences.
        tgt: Their translations.
    """

    src_lang: str
    tgt_lang: str
    src: Sequence[str]
    tgt: Sequence[str]


class Write(Protocol):
    """Has models go on with texts."""

    def __call__(self, name: str, prompts: Sequence[str], max_tokens: int, stop: tuple[str, ...]) -> list[str]:
        """What the model of a name writes after each prompt."""

    def fits(self, name: str, prompts: Sequence[str], max_tokens: int) -> bool:
        """Whether each prompt leaves it room for so many tokens."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """Has models translate and go on with texts.

    Args:
        write: What writes.
        models: What they are called.
        translations: Sentences that are translated in each direction.
        shots: Examples in the prompt.
        completions: Texts that are gone on with.
        max_tokens: Most tokens that are written at a time.
        samples: Resamples of the bootstrap.
        seed: Of what is drawn.
    """

    write: Write
    models: Sequence[str]
    translations: int
    shots: int
    completions: int
    max_tokens: int
    samples: int
    seed: int

    def translate(self, pairs: Pairs, notes: list[str]) -> list[Told]:
        """Both directions of some pairs, scored by chrF beside the untranslated sentences; why not is noted."""
        what = f"translation of {language(pairs.src_lang)} and {language(pairs.tgt_lang)}"
        fits = [
            k
            for k in drawn(len(pairs.src), self.seed)
            if all(_SHORT <= len(side[k]) <= _LONG and "\n" not in side[k] for side in (pairs.src, pairs.tgt))
        ]
        shots, chosen = fits[: self.shots], fits[self.shots : self.shots + self.translations]
        if not chosen and self.translations:
            notes.append(f"{what}: left out, as too few sentence pairs are of {_SHORT} to {_LONG} characters")
        elif chosen and find_spec("sacrebleu") is None:
            notes.append(f"{what}: left out, as chrF needs sacrebleu; install with: pip install 'polyalign[metrics]'")
            chosen = []
        if not chosen:
            return []
        back = Pairs(pairs.tgt_lang, pairs.src_lang, pairs.tgt, pairs.src)
        ways = [self._one_way(way, shots, chosen) for way in (pairs, back)]
        if None in ways:
            notes.append(f"{what}: left out, as a sentence and {self.max_tokens} tokens more are too long for a model")
        return [way for way in ways if way is not None]

    def _one_way(self, way: Pairs, shots: list[int], chosen: list[int]) -> Told | None:
        fewer = (shots[:k] for k in range(len(shots), -1, -1))
        there = next((some for some in fewer if self._fit(self._prompts(way, some, chosen))), None)
        if there is None:
            return None
        prompts = self._prompts(way, there, chosen)
        sources, references = [way.src[k] for k in chosen], [way.tgt[k] for k in chosen]
        outputs = [[x.strip() for x in self.write(name, prompts, self.max_tokens, ("\n",))] for name in self.models]
        drawn_as = {"samples": self.samples, "seed": self.seed}
        chrf = params.build(registry.find("evaluate/translation"), {"metric": "chrf", **drawn_as})
        scores = [chrf.score(hyp, [references]) for hyp in [*outputs, sources]]
        shown = zip(sources, references, zip(*outputs, strict=True), strict=True)
        changes = [gain(scores[0], score, samples=self.samples, seed=self.seed) for score in scores[1:-1]]
        return {
            "src": way.src_lang,
            "tgt": way.tgt_lang,
            "n": len(chosen),
            "shots": len(there),
            "cells": [cell(score) for score in scores[:-1]],
            "changes": [None, *changes],
            "copied": cell(scores[-1]),
            "examples": [{"source": s, "reference": r, "outputs": list(o)} for s, r, o in list(shown)[:_SHOWN]],
        }

    def _prompts(self, way: Pairs, shots: list[int], chosen: list[int]) -> list[str]:
        names = language(way.src_lang), language(way.tgt_lang)
        examples = "".join(f"{names[0]}: {way.src[k]}\n{names[1]}: {way.tgt[k]}\n\n" for k in shots)
        return [f"{examples}{names[0]}: {way.src[k]}\n{names[1]}:" for k in chosen]

    def _fit(self, prompts: list[str]) -> bool:
        return all(self.write.fits(name, prompts, self.max_tokens) for name in self.models)

    def go_on(self, texts: Mapping[str, Sequence[str]], notes: list[str]) -> list[Told]:
        """The openings of some texts of the first language, and of one of each other, as each model goes on with them.

        None where a model has no room for them, which is noted.
        """
        rows: list[tuple[str, str, str]] = []
        for number, (lang, some) in enumerate(texts.items()):
            wanted = min(self.completions if number == 0 else min(1, self.completions), len(some))
            # Spread over what there is.
            rows += [(lang, *opening(some[k * len(some) // wanted])) for k in range(wanted)]
        if not rows:
            return []
        if not self._fit([prompt for _, prompt, _ in rows]):
            notes.append(
                f"completions: left out, as an opening and {self.max_tokens} tokens more are too long for a model"
            )
            return []
        outputs = [self.write(name, [prompt for _, prompt, _ in rows], self.max_tokens, ()) for name in self.models]
        return [
            {"lang": lang, "prompt": prompt, "text": rest, "outputs": [some[k] for some in outputs]}
            for k, (lang, prompt, rest) in enumerate(rows)
        ]


def drawn(n: int, seed: int) -> list[int]:
    """The numbers below n in an order that the seed says."""
    return [int(k) for k in generator(seed, "teaching").permutation(n)]


def opening(text: str, size: int = _OPENING) -> tuple[str, str]:
    """The beginning of a text up to a space, and as much again of what follows.

    Example:
        >>> opening("La chasa è veglia e bella.", 10)
        ('La chasa', ' è veglia ')
    """
    flat = text.strip()
    end = min(size, max(1, len(flat) // 2))
    space = flat.rfind(" ", end // 2, end)
    end = space if space > 0 else end
    return flat[:end], flat[end : end + size]
