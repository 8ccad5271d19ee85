"""What the sampler leaves: counts that align any text, and the posteriors of the text it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from polyalign.core.bitext import Bitext
from polyalign.core.files import open_output
from polyalign.core.jit import I64, frozen, threads
from polyalign.core.progress import track
from polyalign.core.ragged import Ragged
from polyalign.core.vocab import Vocab
from polyalign.kernels.gibbs import LONGEST_JUMP
from polyalign.words.gibbs.decode import ARRAYS, DECODE_SWEEPS, Decoder, Grain
from polyalign.words.model import WordModel, reading_model, write_manifest
from polyalign.words.posteriors import Posteriors
from polyalign.words.priors import rows
from polyalign.words.text import encode, keys
from polyalign.words.units import Units

if TYPE_CHECKING:
    from polyalign.words.gibbs.method import Gibbs

#: Sentence pairs of one run.
RUN = 4096
#: Pseudo-counts of jumps, fertilities and unlinked words below this are not exported.
LEAST = 0.01
#: The arrays of posteriors.
_POSTERIORS = ("src_lengths", "tgt_lengths", "cells", "src", "tgt", "p")


@dataclass(frozen=True, slots=True, eq=False)
class GibbsModel(WordModel):
    """A trained sampler.

    Text it was trained on keeps the posteriors that it had in training, where each word was drawn without
    what it contributes itself; other text is sampled anew with the counts as they are.

    Args:
        method: How it was trained and how it aligns.
        src_vocab: Source words.
        tgt_vocab: Target words.
        src_frequency: How often each source word occurred.
        tgt_frequency: How often each target word occurred.
        grains: Counts at each granularity.
        learned: The thresholds with the highest expected F1 on the text of training, for the mean and for the product.
        seen: Content of each sentence pair it was trained on and remembers, sorted.
        posteriors_seen: Of those pairs.
    """

    kind: ClassVar[str] = "gibbs"

    method: Gibbs
    src_vocab: Vocab
    tgt_vocab: Vocab
    src_frequency: I64
    tgt_frequency: I64
    grains: tuple[Grain, ...]
    learned: tuple[float, float]
    seen: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    posteriors_seen: Posteriors = field(default_factory=lambda: Posteriors.concat([]))
    _ready: list[Decoder] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        for name in ("src_frequency", "tgt_frequency", "seen"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.int64))

    @property
    def threshold(self) -> float:
        """The joint posterior that a link has to exceed."""
        if self.method.threshold is not None:
            return self.method.threshold
        return self.learned[self.symmetrize == "product"]

    def remember(self, content: I64, posteriors: Posteriors) -> GibbsModel:
        """The model with the posteriors of the text it was trained on.

        Args:
            content: What tells each sentence pair from others.
            posteriors: Theirs.
        """
        seen, first = np.unique(content, return_index=True)
        return replace(self, seen=seen, posteriors_seen=posteriors.take(first))

    def remember_all(self, parts: Iterable[tuple[I64, Posteriors]]) -> GibbsModel:
        """The model with what `Gibbs.stream` gives beside it."""
        parts = list(parts)
        content = np.concatenate([np.zeros(0, np.int64), *(key for key, _ in parts)])
        return self.remember(content, Posteriors.concat([posteriors for _, posteriors in parts]))

    def decoders(self) -> list[Decoder]:
        """Every granularity made ready to align, when first asked for."""
        if not self._ready:
            m, sides = self.method, ((self.src_vocab, self.src_frequency), (self.tgt_vocab, self.tgt_frequency))
            for g in self.grains:
                src, tgt = (
                    Units.build(vocab.words, frequency, g.granularity, tokenizer)
                    for (vocab, frequency), tokenizer in zip(sides, g.tokenizers, strict=True)
                )
                self._ready.append(Decoder(g, src, tgt, alpha=m.alpha, null_prior=m.null_prior, seed=m.seed))
        return self._ready

    def update(self, bitext: Bitext) -> GibbsModel:
        """Train on further sentence pairs, going on from the counts there are.

        Args:
            bitext: New sentence pairs of the same languages.

        Returns:
            A model of the old pairs and the new; this one stays as it is.
        """
        return self.method.train(bitext, [self.priors()], before=self)

    def priors(self) -> pa.Table:
        """The counts as a table of priors, to train another model with."""
        parts = [rows("full", "link", np.zeros(0, np.float32))]
        for g, d in zip(self.grains, self.decoders(), strict=True):
            src, tgt, name = np.asarray(d.src.names, object), np.asarray(d.tgt.names, object), g.granularity
            columns = {"src": src[g.pair_src].tolist(), "tgt": tgt[g.pair_tgt].tolist()}
            parts.append(rows(name, "link", g.weight, **columns))
            sides = ("src", src, g.src_null, g.src_fertility), ("tgt", tgt, g.tgt_null, g.tgt_fertility)
            for side, words, null, fertility in sides:
                keep = np.flatnonzero(null >= LEAST)
                parts.append(rows(name, "link", null[keep], **{side: words[keep].tolist()}))
                word, number = np.nonzero(fertility >= LEAST)
                weights = fertility[word, number]
                numbers = number.astype(np.int32)
                parts.append(rows(name, f"fertility-{side}", weights, number=numbers, **{side: words[word].tolist()}))
            for kind, jumps in zip(("jump-forward", "jump-backward"), g.jumps, strict=True):
                keep = np.flatnonzero(jumps >= LEAST)
                parts.append(rows(name, kind, jumps[keep], number=(keep - LONGEST_JUMP).astype(np.int32)))
        return pa.concat_tables(parts)

    def parts(self, bitext: Bitext, label: str = "align words") -> Iterator[Posteriors]:
        """The posteriors of a bitext, a run of sentence pairs at a time."""
        reading, known = self.method.reading, (len(self.src_vocab), len(self.tgt_vocab))
        src, src_fresh = encode(bitext, "src", reading, known=self.src_vocab.index)
        tgt, tgt_fresh = encode(bitext, "tgt", reading, known=self.tgt_vocab.index)
        content = keys(src, tgt, *known)
        at = np.minimum(np.searchsorted(self.seen, content), max(0, len(self.seen) - 1))
        old = self.seen[at] == content if len(self.seen) else np.zeros(len(content), np.bool_)

        def part(run: slice) -> Posteriors:
            rows = np.flatnonzero(~old[run]) + run.start
            if not len(rows):
                return self.posteriors_seen.take(at[run])
            new = self._decode(src.take(rows), tgt.take(rows), src_fresh, tgt_fresh, content[rows])
            if len(rows) == run.stop - run.start:
                return new
            # One after the other, then in the order of the text.
            both = Posteriors.concat([self.posteriors_seen.take(at[run][old[run]]), new])
            return both.take(np.argsort(np.concatenate([np.flatnonzero(old[run]) + run.start, rows]), kind="stable"))

        runs = [slice(a, min(len(src), a + RUN)) for a in range(0, len(src), RUN)]
        if len(runs) < 2:
            yield from map(part, runs)
            return
        if not old.all():
            self.decoders()
        with track(label, total=len(src), unit="pairs") as progress, ThreadPoolExecutor(threads()) as pool:
            for run, piece in zip(runs, pool.map(part, runs), strict=True):
                yield piece
                progress.advance(run.stop - run.start)

    def _decode(self, src: Ragged, tgt: Ragged, src_fresh: list[str], tgt_fresh: list[str], content: I64) -> Posteriors:
        counted = len(self.grains) * (DECODE_SWEEPS - 1)
        scale = 65535 // counted
        out = Posteriors.none(src.lengths, tgt.lengths, scale * counted)
        for decoder in self.decoders():
            out = out.plus(*decoder.cells(src, tgt, src_fresh, tgt_fresh, content, scale))
        return out.pruned()

    def save(self, folder: Path) -> None:
        """Write the model to a folder; `load_model` reads it."""
        folder.mkdir(parents=True, exist_ok=True)
        sides = ("src", self.src_vocab, self.src_frequency), ("tgt", self.tgt_vocab, self.tgt_frequency)
        for side, vocab, frequency in sides:
            with open_output(folder / f"{side}.parquet") as file:
                parquet.write_table(pa.table({"word": list(vocab.words), "frequency": frequency}), file)
        arrays: dict[str, Any] = {"seen": self.seen}
        arrays |= {name: getattr(self.posteriors_seen, name) for name in _POSTERIORS}
        for k, g in enumerate(self.grains):
            arrays |= {f"grain-{k}-{name}": getattr(g, name) for name in ARRAYS}
        for name, array in arrays.items():
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        write_manifest(
            folder,
            self.kind,
            method=asdict(self.method),
            grains=[{"granularity": g.granularity, "tokenizers": g.tokenizers} for g in self.grains],
            learned=self.learned,
            one=self.posteriors_seen.one,
        )

    @classmethod
    def load(cls, folder: Path) -> GibbsModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        from polyalign.words.gibbs.method import Gibbs

        with reading_model(folder) as settings:
            method: dict[str, Any] = {**settings["method"]}
            method["granularities"] = tuple(method["granularities"])
            tables = [parquet.read_table(folder / f"{side}.parquet") for side in ("src", "tgt")]
            grains = [
                Grain(
                    g["granularity"], tuple(g["tokenizers"]), *(np.load(folder / f"grain-{k}-{f}.npy") for f in ARRAYS)
                )
                for k, g in enumerate(settings["grains"])
            ]
            arrays = {name: np.load(folder / f"{name}.npy") for name in _POSTERIORS}
            return cls(
                method=Gibbs(**method),
                src_vocab=Vocab(tuple(tables[0]["word"].to_pylist())),
                tgt_vocab=Vocab(tuple(tables[1]["word"].to_pylist())),
                src_frequency=tables[0]["frequency"].to_numpy(),
                tgt_frequency=tables[1]["frequency"].to_numpy(),
                grains=tuple(grains),
                learned=(float(settings["learned"][0]), float(settings["learned"][1])),
                seen=np.load(folder / "seen.npy"),
                posteriors_seen=Posteriors(**arrays, one=settings["one"]),
            )
