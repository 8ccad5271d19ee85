"""What the aligners by translation models have in common: two readings of a sentence pair become links."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText, write_text
from polyalign.core.jit import F32, F64, I64
from polyalign.core.links import Links
from polyalign.core.progress import track
from polyalign.encoders.model_files import identity
from polyalign.encoders.torch_load import Device, Dtype
from polyalign.words.model import FORMAT, WordModel, manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.method import posteriors_of
from polyalign.words.symmetrize import Symmetrization, check_threshold
from polyalign.words.translation.prompts import PROMPT, check_prompt, language
from polyalign.words.translation.reading import Translator, Window, translator

#: Sentence pairs read at a time.
RUN = 32
#: Probability below which a cell is left out.
LEAST = 0.01
#: A layer and a head, both from 0.
Head = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ByTranslation(ABC):
    """What the aligners by translation models have in common.

    Args:
        model: Folder, name on the Hugging Face hub, or .gguf file of a model that translates: an encoder with a decoder, or
            a causal language model.
        backward_model: One that translates from the target language; empty for the same.
        both_ways: Have the pair also read from target to source; without, one reading serves both directions.
        prompt: What the model reads, with {source}; a causal model also {target}, and {source_language} and
            {target_language} if wanted. Empty for the text alone, or for a causal model the languages, the source and
            the target text.
        src_lang: What model and prompt call the source language; empty for the bitext's tag, in a prompt its name.
        tgt_lang: Likewise the target language.
        window: Most tokens read at once; none for as many as the model can, but no more than 512.
        device: Where to run; auto is a GPU where there is one.
        dtype: Type that the model computes in; bfloat16 and float16 are for GPUs.
        symmetrize: How both directions are joined.
        threshold: For symmetrize = posterior or product, in [0, 1), higher for fewer and surer links; none for the one
            with the highest expected F1.

    Raises:
        ValueError: A parameter out of range.
    """

    model: PathText
    backward_model: PathText = ""
    both_ways: bool = True
    prompt: str = ""
    src_lang: str = ""
    tgt_lang: str = ""
    window: int | None = None
    device: Device = "auto"
    dtype: Dtype = "float32"
    symmetrize: Symmetrization = "product"
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_threshold(self.threshold)
        if self.prompt:
            check_prompt(self.prompt)
        if self.backward_model and not self.both_ways:
            raise ValueError("backward_model reads from target to source, which both_ways = false leaves out")

    @abstractmethod
    def read(
        self, model: Translator, windows: Sequence[Window], heads: Sequence[Head]
    ) -> Iterator[tuple[Window, I64, F32]]:
        """How much each source word says about each target piece of some windows.

        Yields:
            The window; source words; numbers not below 0, shape (source words, target pieces). Summed over the pieces of a
            target word they are what `probability` is given.
        """

    @abstractmethod
    def probability(self, value: F64, total: F64) -> F64:
        """The probabilities of cells, of the words that share a total.

        Args:
            value: What was read.
            total: What was read, of all counterparts of the cell's word.
        """

    def learn(self, bitext: Bitext) -> tuple[tuple[Head, ...], tuple[Head, ...]]:
        """Which heads to read, forward and backward; none where a method reads something else."""
        return (), ()

    def fit(self, bitext: Bitext) -> TranslationModel:
        """Load the model, and choose what to read of it if the method has a choice.

        Args:
            bitext: Sentence pairs; those of its languages.

        Raises:
            ConfigError: No such model, or one that does not suit.
            DataError: It cannot be read.
            MissingExtraError: Torch or transformers is not installed.
        """
        self.translators()
        return TranslationModel(self, *self.learn(bitext))

    def translators(self) -> list[Translator]:
        """The models of both directions."""
        names = (self.model, self.backward_model or self.model)[: 1 + self.both_ways]
        out = [translator(name, identity(name), self.device, self.dtype, self.window) for name in names]
        for t in out:
            if self.prompt and ("{target}" in self.prompt) == t.seq2seq:
                raise ConfigError(
                    f"prompt = {self.prompt!r}: an encoder reads the source alone, a causal model also {{target}}; this model is "
                    + ("an encoder with a decoder" if t.seq2seq else "causal")
                )
        return out

    def windows(self, bitext: Bitext, *, swapped: bool = False) -> list[Window]:
        """Sentence pairs as the model reads them, from target to source if swapped."""
        model = self.translators()[-1 if swapped else 0]
        tags = [given or tag for given, tag in zip((self.src_lang, self.tgt_lang), bitext.langs, strict=True)]
        if not model.seq2seq:
            given = zip((self.src_lang, self.tgt_lang), bitext.langs, ("Source", "Target"), strict=True)
            tags = [language(tag, name, default) for name, tag, default in given]
        sides: list[Side] = ["src", "tgt"]
        order = slice(None, None, -1 if swapped else 1)
        src, tgt = (bitext.tokens(side) for side in sides[order])
        prompt = self.prompt or ("{source}" if model.seq2seq else PROMPT)
        return list(model.windows(src, tgt, prompt, (tags[order][0], tags[order][1])))


@dataclass(frozen=True, slots=True, eq=False)
class TranslationModel(WordModel):
    """A translation model, and what is read of it.

    Args:
        method: How.
        forward_heads: Heads that are read from source to target.
        backward_heads: And from target to source.
    """

    kind: ClassVar[str] = "translation"
    method: ByTranslation
    forward_heads: tuple[Head, ...]
    backward_heads: tuple[Head, ...]

    @property
    def symmetrize(self) -> Symmetrization:
        """The method's."""
        return self.method.symmetrize

    @property
    def threshold(self) -> float | None:
        """The method's."""
        return self.method.threshold

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time."""
        with track(label, total=len(bitext), unit="pairs") as progress:
            for start in range(0, len(bitext), RUN):
                run = Bitext(bitext.table.slice(start, RUN))
                yield self._run(run)
                progress.advance(len(run))

    def _run(self, bitext: Bitext) -> Posteriors:
        counts = [np.array([len(w) for w in bitext.tokens(side)], np.int32) for side in ("src", "tgt")]
        check_lengths(counts)
        method = self.method
        key, value = read_pairs(method, bitext, self.forward_heads)
        forward = method.probability(value, _totals(key >> 32 << 16 | key & 0xFFFF, value))
        if method.both_ways:
            other, value = read_pairs(method, bitext, self.backward_heads, swapped=True)
            backward = method.probability(value, _totals(other >> 32 << 16 | other & 0xFFFF, value))
            # What was read as its target is the source.
            other = other >> 32 << 32 | (other & 0xFFFF) << 16 | other >> 16 & 0xFFFF
        else:
            other, backward = key, method.probability(value, _totals(key >> 16, value))
        every, at = np.unique(np.concatenate([key, other]), return_inverse=True)
        p = np.zeros((2, len(every)), np.float32)
        p[0, at[: len(key)]], p[1, at[len(key) :]] = forward, backward
        p[p < LEAST] = 0
        some = p.any(axis=0)
        every, p = every[some], p[:, some].clip(0, 1)
        bounds = np.searchsorted(every >> 32, np.arange(len(bitext) + 1))
        cells = [(every[a:b] >> 16 & 0xFFFF, every[a:b] & 0xFFFF) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
        return posteriors_of(counts[0], counts[1], cells, [p] if len(bitext) else [])

    def save(self, folder: Path) -> None:
        """Write the settings to a folder, the translation model by its name only; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "format": FORMAT,
            "kind": self.kind,
            "class": f"{type(self.method).__module__}:{type(self.method).__qualname__}",
            "method": asdict(self.method),
            "heads": [self.forward_heads, self.backward_heads],
        }
        write_text(folder / "manifest.json", json.dumps(settings, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> TranslationModel:
        """Read what `save` wrote.

        Raises:
            DataError: It is missing or damaged.
        """
        from polyalign.core import registry

        settings = manifest(folder)
        try:
            rows = [row for row in registry.rows().values() if row.target == settings["class"]]
            given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in settings["method"].items()}
            forward, backward = (tuple((int(a), int(b)) for a, b in heads) for heads in settings["heads"])
            return cls(registry.load(rows[0])(**given), forward, backward)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None

    def priors(self) -> pa.Table:
        """Nothing was counted.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "export priors: a translation model counts nothing; align by it, and take priors from a model of "
            "words.align/gibbs or hmm"
        )


def read_pairs(
    method: ByTranslation, bitext: Bitext, heads: Sequence[Head], *, swapped: bool = False
) -> tuple[I64, F64]:
    """What was read of the cells of sentence pairs, windows together.

    Returns:
        Pair, source and target word of each cell in 32, 16 and 16 bits of a number, rising; its value, above 0.
    """
    model = method.translators()[-1 if swapped else 0]
    keys, values = [np.zeros(0, np.int64)], [np.zeros(0, np.float64)]
    for window, words, matrix in method.read(model, method.windows(bitext, swapped=swapped), heads):
        i, j = np.nonzero(matrix * window.own > 0)
        keys.append(window.pair << 32 | words[i] << 16 | window.tgt.word[j])
        values.append(matrix[i, j].astype(np.float64))
    key, at = np.unique(np.concatenate(keys), return_inverse=True)
    return key, np.bincount(at, np.concatenate(values), len(key)).astype(np.float64)


def by_word(window: Window, rows: F32) -> tuple[I64, F32]:
    """The source words of a window, and the rows of their pieces added, which are along the axis before the last."""
    words, first = np.unique(window.src.word, return_index=True)
    return words, np.add.reduceat(rows, first, axis=-2)


def check_lengths(counts: Sequence[Any]) -> None:
    """Refuse sentences whose words do not fit 16 bits.

    Raises:
        DataError: There is one.
    """
    most = max((int(c.max(initial=0)) for c in counts), default=0)
    if most > 65_535:
        raise DataError(f"bitext: found a sentence of {most:,} words, expected at most 65,535; split it")


def _totals(group: I64, value: F64) -> F64:
    _, of = np.unique(group, return_inverse=True)
    return np.asarray(np.bincount(of, value)[of] if len(of) else value, np.float64)


def gold_of(links: Links) -> list[set[tuple[int, int]]]:
    """The links of each sentence pair."""
    return [set(links.pairs(k)) for k in range(len(links))]
