"""The step that proves: models before and after they were taught a language, measured on text that was held out."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polyalign.core import langs
from polyalign.core.errors import DataError
from polyalign.core.progress import note
from polyalign.pipeline.artefacts import MAPS, read_bitext
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.steps.given import languages_of, of_kind, step_of, texts_of
from polyalign.pipeline.steps.models import place_of

if TYPE_CHECKING:
    from polyalign.core.jit import F32
    from polyalign.models.interventions.incline import Maps
    from polyalign.models.language_model import LanguageModel

#: Most characters and tokens that reading is timed on.
_CHARACTERS, _BLOCK = 2_000, 256


def teaching(method: Any, job: Job) -> Counts:
    """Measure models: the first is the one from before.

    The first documents are held out; further ones are what models were trained on, from which a compressor may learn too.
    """
    from polyalign.evaluate.prompted import Pairs
    from polyalign.evaluate.teaching import Held
    from polyalign.models.pretrained import kind_of

    places = {step_of(folder): place_of(folder) for folder in of_kind(job, "model", "maps")}
    maps = {step_of(folder): folder / MAPS for folder in of_kind(job, "maps")}
    documents = of_kind(job, "documents")
    texts = {lang: some for lang, some in texts_of(documents[:1]).items() if lang in job.languages}
    if job.new not in texts:
        raise DataError(
            f"found held-out documents in {', '.join(texts) or 'no language'}, expected some in {langs.name(job.new)} ({job.new}); "
            "hold some out (corpus.split, corpus.select/where)"
        )
    pairs = []
    for folder in of_kind(job, "bitext", "links"):
        bitext = read_bitext(folder)
        whole = [k for k, (s, t) in enumerate(zip(bitext.src, bitext.tgt, strict=True)) if s.strip() and t.strip()]
        pairs.append(Pairs(*languages_of(folder), [bitext.src[k] for k in whole], [bitext.tgt[k] for k in whole]))
    writer = Writer(places, maps)
    masked = any(kind_of(place) == "masked" for place in places.values())
    without = "a model says what is masked" if masked else "what an intervention changes is states" if maps else ""
    told = method.measure(
        places,
        Held(job.new, texts, texts_of(documents[1:]), pairs),
        without=without,
        write=None if masked else writer,
        states=_States(writer, job.new) if maps else None,
    )
    for model in told["models"]:
        model |= writer.about(
            model["name"], "\n\n".join(texts[job.new][k] for k in range(min(20, len(texts[job.new]))))
        )
    (job.out / "proof.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    for sentence in told["verdict"]["said"]:
        note(sentence)
    return {
        "in": len(places),
        "out": sum(held["windows"] for held in told["text"].values()),
        "helped": told["verdict"]["helped"],
    }


@dataclass(slots=True)
class Writer:
    """Has models go on with texts, one of them in memory at a time, and keeps count of how fast they are.

    Args:
        places: Where each model is, by its name.
        maps: The folders of interventions, by the name of what is the model with them.
    """

    places: dict[str, str]
    maps: dict[str, Path]
    _written: dict[str, tuple[int, int, float]] = field(default_factory=dict)
    _rooms: dict[str, tuple[Any, int]] = field(default_factory=dict)
    _held: tuple[str, LanguageModel] | None = None

    def __call__(self, name: str, prompts: Sequence[str], max_tokens: int, stop: tuple[str, ...]) -> list[str]:
        """What a model writes after each prompt."""
        from polyalign.models.generation import Generation

        made = self.load(name)
        with self.changes(name).applied(made.model) if name in self.maps else nullcontext():
            found = Generation(max_tokens=max_tokens, stop=stop).complete(made, list(prompts))
        tokens, size, seconds = self._written.get(name, (0, 0, 0.0))
        self._written[name] = (
            tokens + sum(x.tokens for x in found),
            size + sum(len(x.text.encode("utf-8", "replace")) for x in found),
            seconds + sum(x.seconds for x in found),
        )
        return [x.text for x in found]

    def fits(self, name: str, prompts: Sequence[str], max_tokens: int) -> bool:
        """Whether each prompt leaves a model room for so many tokens, and a mark."""
        from transformers import AutoConfig

        from polyalign.encoders.causal import readable
        from polyalign.encoders.torch_load import load, window_of
        from polyalign.models.language_model import read_tokenizer

        if name not in self._rooms:
            # Not the whole model, for those are asked in turn.
            config = load(AutoConfig, readable(self.places[name]), "its configuration")
            tokenizer = read_tokenizer(self.places[name])
            self._rooms[name] = tokenizer, window_of(tokenizer, config, None)
        tokenizer, room = self._rooms[name]
        longest = max(map(len, tokenizer(list(prompts), add_special_tokens=False, verbose=False)["input_ids"]))
        return bool(1 + longest + max_tokens <= room)

    def about(self, name: str, text: str) -> dict[str, Any]:
        """How large a model is, and how fast it reads and writes."""
        import torch

        from polyalign.encoders.adapters.artefact import attached_to
        from polyalign.encoders.torch_load import limit_threads, window_of

        made = self.load(name)
        limit_threads()
        whole = made.tokenizer(text[:_CHARACTERS], add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        ids = whole["input_ids"][: min(_BLOCK, window_of(made.tokenizer, made.model.config, None))]
        size = len(text[: whole["offset_mapping"][len(ids) - 1][1]].encode("utf-8", "replace"))
        block, seconds = torch.tensor([ids], device=made.device), []
        with torch.inference_mode():
            # The first time is slower; of the others the best is what the machine can do.
            for _ in range(3):
                start = time.perf_counter()
                made.model(input_ids=block)
                seconds.append(time.perf_counter() - start)
        # Adapters are on a model, not of it.
        beside = (p for adapters in attached_to(made.model) for p in adapters.modules.parameters())
        weights = [*made.model.parameters(), *beside]
        told = {
            "parameters": sum(p.numel() for p in weights),
            "megabytes": round(sum(p.numel() * p.element_size() for p in weights) / 2**20, 1),
            "vocabulary": len(made.tokenizer),
            "reading": {"tokens_per_second": len(ids) / min(seconds), "bytes_per_second": size / min(seconds)},
        }
        if (written := self._written.get(name)) and written[2]:
            tokens, size, spent = written
            told["writing"] = {"tokens_per_second": tokens / spent, "bytes_per_second": size / spent}
        return told

    def load(self, name: str) -> LanguageModel:
        """A model, which stays until the next."""
        from polyalign.models.pretrained import Pretrained

        if self._held is None or self._held[0] != self.places[name]:
            # Before the next comes, the last has to go.
            self._held = None
            gc.collect()
            self._held = self.places[name], Pretrained(self.places[name]).read()
        return self._held[1]

    def changes(self, name: str) -> Maps:
        """The intervention of a name."""
        from polyalign.models.interventions.incline import Maps

        return Maps.load(self.maps[name])


@dataclass(frozen=True, slots=True)
class _States:
    """Sentences' vectors where some of the models are interventions, which change those of the new language."""

    writer: Writer
    new: str

    def __call__(self, name: str, texts: Sequence[str], lang: str) -> list[F32]:
        from polyalign.models.interventions.hooks import read_states

        made, maps = self.writer.load(name), self.writer.maps
        # All at the positions that the interventions change, or they could not be compared.
        position = self.writer.changes(next(iter(maps))).position
        change = self.writer.changes(name).change() if name in maps and lang == self.new else None
        return read_states(made, texts, position, change=change, label=f"{name} reads {langs.name(lang)}")
