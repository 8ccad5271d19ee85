"""Whether teaching a model a language helped, and what it cost the languages that the model knew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np

from polyalign import __version__
from polyalign.core import params, registry
from polyalign.core.errors import DataError
from polyalign.core.jit import F32
from polyalign.core.score import Aggregate, Score, signature
from polyalign.encoders.causal import Causal
from polyalign.encoders.likelihood import Likelihood
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.bits_per_byte import BitsPerByte
from polyalign.evaluate.compared import Told, cell, change, gain, language, plain
from polyalign.evaluate.compressor import Compressor, compressed
from polyalign.evaluate.model.parallel import FEWEST
from polyalign.evaluate.model.states import nats_of, states_of
from polyalign.evaluate.prompted import Pairs, Prompted, Write, drawn
from polyalign.evaluate.ratios import check_samples, ratio
from polyalign.evaluate.segmenter import named_segmenter
from polyalign.evaluate.verdict import verdict

#: A model's name, n sentences and their language to their vectors of every layer, each of shape (n, d).
States = Callable[[str, Sequence[str], str], list[F32]]


@dataclass(frozen=True, slots=True)
class Held:
    """What models are measured on.

    Args:
        new: The language that was taught.
        texts: Documents of each language that no model was trained on, the new language among them.
        seen: Documents that they were trained on; a compressor may learn from them too.
        pairs: Sentence pairs.
    """

    new: str
    texts: Mapping[str, Sequence[str]]
    seen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pairs: Sequence[Pairs] = ()


@dataclass(frozen=True, slots=True)
class Teaching:
    """Measure what teaching a model a language did: to that language, and to those it knew before.

    Of each model, before and after: bits per byte on held-out documents of every language, beside a compressor (PPMd) that
    has seen text of the same kind; the tokens that a language costs; how near translations are in every layer (MEXA) and how
    often one is not found by its vector (xsim); translations by a few examples in the prompt, scored by chrF, beside the
    untranslated sentence; and how it goes on with held-out texts. Differences are taken of the same windows and sentences, with
    paired intervals of 95 %. The first model is the one from before, the last the one that the verdict is about.

    The verdict is yes if the interval of the new language's change in bits lies below 0, and at a price if a language that was
    known lost more than the tolerance, its interval above 0. Of fewer than ten windows it cannot be told.

    Args:
        windows: Most windows of a language's held-out text, spread evenly over it; none for all.
        window: Bytes in a window at most.
        start: Token that a window begins with; by default the model's own mark.
        seen_bytes: Bytes of training text that the compressor learns from at most, the last of it; 0 for none.
        sentences: Sentence pairs that nearness is taken of; 0 for none.
        translations: Sentences that are translated in each direction; 0 for none.
        shots: Examples in the prompt.
        completions: Held-out texts of the new language that are gone on with; of each other language one. 0 for none.
        max_tokens: Most tokens that are written at a time.
        tolerance: Bits per byte that a known language may lose before it counts as a price.
        samples: Resamples of the bootstrap; 0 for no intervals.
        seed: Of what is drawn.

    Raises:
        ValueError: A number is out of range.

    References: cleary1984data, mielke2019what, kargaran2025mexa, popovic2015chrf, efron1979bootstrap
    """

    windows: int | None = 60
    window: int = 600
    start: str = ""
    seen_bytes: int = 120_000
    sentences: int = 100
    translations: int = 24
    shots: int = 4
    completions: int = 3
    max_tokens: int = 64
    tolerance: float = 0.1
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("seen_bytes", "sentences", "translations", "completions", "tolerance"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        for name in ("shots", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if 0 < self.sentences < FEWEST:
            raise ValueError(f"sentences must be at least {FEWEST}, or 0 for none, found {self.sentences}")
        BitsPerByte(window=self.window, windows=self.windows)
        check_samples(self.samples)

    def measure(
        self,
        models: Mapping[str, str],
        held: Held,
        *,
        without: str = "",
        write: Write | None = None,
        states: States | None = None,
    ) -> Told:
        """Measure models.

        Args:
            models: Where each is, by what it is called; the first is the one from before.
            held: What they are measured on.
            without: Why no bits per byte can be taken of them; empty if they can.
            write: Has one of them go on with texts; none for no translations and completions.
            states: Gives the sentences' vectors of every layer of one of them; by default those of the model as it is.

        Returns:
            An object for JSON; a cell is ``{"value", "ci": [low, high], "n", "signature"}``, a change one that is the difference
            to the first model, or None for the first::

                {"polyalign", "new": tag, "known": [tag, ...], "models": [{"name"}, ...],
                 "text": {tag: {"documents", "bytes", "windows", "seen_bytes"}},
                 "bits_per_byte": {tag: {"cells": [cell of each model], "changes": [...], "compressor": cell}},
                 "tokenizer": {tag: {"fertility": [cell, ...], "bytes_per_token": [cell, ...]}},
                 "alignment": [{"src", "tgt", "n", "layers": [[value, ...], ...], "mexa": {"cells", "changes"}, "retrieval": ...}],
                 "translation": [{"src", "tgt", "n", "shots", "cells", "changes", "copied": cell, "examples":
                     [{"source", "reference", "outputs"}]}],
                 "samples": [{"lang", "prompt", "text", "outputs"}],
                 "verdict": {"helped", "said": [sentence, ...]}, "notes": [...]}

        Raises:
            DataError: No held-out text of the new language, or fewer models than one.
        """
        if held.new not in held.texts or not models:
            raise DataError(
                f"evaluate/teaching: found {len(models)} models and held-out text of {', '.join(held.texts) or 'no language'}, expected "
                f"a model and text of {held.new}"
            )
        order = [held.new, *sorted(set(held.texts) - {held.new})]
        told: Told = {
            "polyalign": __version__,
            "new": held.new,
            "known": order[1:],
            "tolerance": self.tolerance,
            "models": [{"name": name} for name in models],
            "text": {lang: {"documents": len(held.texts[lang])} for lang in order},
            "bits_per_byte": {},
            "notes": [],
        }
        states = states or (lambda name, texts, lang: layers_of(models[name], texts))
        windows = {lang: self._cut(held.texts[lang]) for lang in order}
        for lang in order:
            told["text"][lang] |= {"windows": len(windows[lang]), "bytes": sum(map(_size, windows[lang]))}
        if not without:
            for lang in order:
                told["bits_per_byte"][lang] = self._bits(models, lang, windows[lang], held, told)
        else:
            told["notes"].append(f"bits per byte: left out, as {without}")
        told["tokenizer"] = {lang: self._tokens(models, lang, windows[lang]) for lang in order}
        told["alignment"] = [found for pairs in held.pairs if (found := self._alignment(models, pairs, states, told))]
        told["translation"], told["samples"] = [], []
        if write is not None:
            prompted = Prompted(
                write,
                list(models),
                self.translations,
                self.shots,
                self.completions,
                self.max_tokens,
                self.samples,
                self.seed,
            )
            told["translation"] = [x for pairs in held.pairs for x in prompted.translate(pairs, told["notes"])]
            told["samples"] = prompted.go_on({lang: held.texts[lang] for lang in order}, told["notes"])
        told["verdict"] = verdict(told)
        return told

    def _cut(self, texts: Sequence[str]) -> list[str]:
        return BitsPerByte(window=self.window, windows=self.windows).cut("\n\n".join(texts))

    def _bits(self, models: Mapping[str, str], lang: str, windows: list[str], held: Held, told: Told) -> Told:
        columns = [np.asarray(list(map(_size, windows)), np.float64)]
        for name, place in models.items():
            nats = nats_of(Likelihood(place, start=self.start), windows, label=f"{name} reads {language(lang)}")
            columns.append(np.asarray(nats) / np.log(2))
        seen = _last(held.seen.get(lang, ()), self.seen_bytes)
        told["text"][lang]["seen_bytes"] = _size(seen)
        by: Compressor = "ppmd" if find_spec("pyppmd") else "lzma"
        columns.append(8 * compressed(windows, seen, compressor=by, order=6))
        items = np.stack(columns, axis=1)
        made = signature(
            metric="bits-per-byte", window=self.window, start=self.start or "own", samples=self.samples, seed=self.seed
        )
        scores = [
            Score.of("bits per byte", items, ratio(k, 0), made, samples=self.samples, seed=self.seed)
            for k in range(1, len(columns))
        ]
        changes = [
            None,
            *(change(items, _less(k, 1), samples=self.samples, seed=self.seed) for k in range(2, len(models) + 1)),
        ]
        return {
            "cells": [cell(score) for score in scores[:-1]],
            "changes": changes,
            "compressor": {**cell(scores[-1]), "name": {"ppmd": "PPMd", "lzma": "LZMA2"}[by]},
        }

    def _tokens(self, models: Mapping[str, str], lang: str, windows: list[str]) -> Told:
        metric = params.build(registry.find("evaluate/tokenizer"), {"samples": self.samples, "seed": self.seed})
        found = [metric.scores(named_segmenter(place), windows, lang=lang) for place in models.values()]
        return {name: [cell(scores[name]) for scores in found] for name in ("fertility", "bytes_per_token")}

    def _alignment(self, models: Mapping[str, str], pairs: Pairs, states: States, told: Told) -> Told | None:
        n = min(self.sentences, len(pairs.src))
        what = f"{language(pairs.src_lang)} and {language(pairs.tgt_lang)}"
        if n < FEWEST:
            if self.sentences:
                told["notes"].append(f"alignment of {what}: left out, as {n} sentence pairs are fewer than {FEWEST}")
            return None
        chosen = drawn(len(pairs.src), self.seed)[:n]
        sides = {pairs.src_lang: [pairs.src[i] for i in chosen], pairs.tgt_lang: [pairs.tgt[i] for i in chosen]}
        # The new language is compared with the one that is known.
        turned = pairs.src_lang == told["new"]
        pivot, other = (pairs.tgt_lang, pairs.src_lang) if turned else (pairs.src_lang, pairs.tgt_lang)
        resampled = {"samples": self.samples, "seed": self.seed}
        mexa, xsim = (params.build(registry.find(f"evaluate/{m}"), resampled) for m in ("mexa", "retrieval"))
        found, curves = {"mexa": list[Score](), "retrieval": list[Score]()}, []
        for name in models:
            ours, theirs = (states(name, sides[lang], lang) for lang in (pivot, other))
            found["mexa"].append(mexa.score(ours, theirs))
            curve = found["mexa"][-1].items[:, 1:].mean(axis=0)
            curves.append([plain(x) for x in curve])
            best = int(curve.argmax())
            found["retrieval"].append(xsim.score(theirs[best], ours[best]))
        out: Told = {"src": pivot, "tgt": other, "n": n, "layers": curves}
        for metric, scores in found.items():
            changes = [None, *(gain(scores[0], score, samples=self.samples, seed=self.seed) for score in scores[1:])]
            out[metric] = {"cells": [cell(score) for score in scores], "changes": changes}
        return out


def layers_of(place: str, texts: Sequence[str]) -> list[F32]:
    """Sentences' vectors of every layer of a model: of causal ones a mean in which later tokens weigh more."""
    encoder = named_encoder(place)
    return states_of(encoder, texts, "weighted" if isinstance(encoder, Causal) else "mean")


def _less(column: int, other: int) -> Aggregate:
    """The difference of two columns a byte."""
    first, second = ratio(column, 0), ratio(other, 0)
    return lambda sums: np.asarray(first(sums) - second(sums), np.float64)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _last(texts: Sequence[str], size: int) -> str:
    """The last bytes of some texts together."""
    parts, have = list[str](), 0
    for k in range(len(texts) - 1, -1, -1):
        if have >= size:
            break
        parts.append(texts[k])
        have += _size(texts[k]) + 2
    return "\n\n".join(reversed(parts)).encode("utf-8", "replace")[-size:].decode(errors="ignore") if size else ""
