"""What the aligners by translation models have in common: two readings of a sentence pair become links."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from polyalign.core.bitext import Bitext, Side
from polyalign.core.errors import ConfigError
from polyalign.core.files import PathText
from polyalign.core.jit import F32, F64, I64
from polyalign.encoders.model_files import identity
from polyalign.encoders.torch_load import Device, Dtype
from polyalign.words.model import WordModel, in_runs, method_of, reading_model, settings_of, write_manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.matrix import check_lengths, posteriors_of
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
    called: ClassVar[str] = "a translation model"
    method: ByTranslation
    forward_heads: tuple[Head, ...]
    backward_heads: tuple[Head, ...]

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time."""
        for run in in_runs(bitext, RUN, label):
            yield self._run(run)

    def _run(self, bitext: Bitext) -> Posteriors:
        counts = [np.array([len(w) for w in bitext.tokens(side)], np.int32) for side in ("src", "tgt")]
        check_lengths(*counts)
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
        heads = [self.forward_heads, self.backward_heads]
        write_manifest(folder, self.kind, **settings_of(self.method), heads=heads)

    @classmethod
    def load(cls, folder: Path) -> TranslationModel:
        """Read what `save` wrote.

        Raises:
            DataError: It is missing or damaged.
        """
        with reading_model(folder) as settings:
            method = method_of(settings)
            forward, backward = (tuple((int(a), int(b)) for a, b in heads) for heads in settings["heads"])
            return cls(method, forward, backward)


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


def _totals(group: I64, value: F64) -> F64:
    _, of = np.unique(group, return_inverse=True)
    return np.asarray(np.bincount(of, value)[of] if len(of) else value, np.float64)
