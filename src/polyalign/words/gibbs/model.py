"""What the sampler leaves: counts that align any text, and the posteriors of the text it was trained on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import open_output, read_text, write_text
from polyalign.core.jit import F32, I64, frozen, threads
from polyalign.core.links import Links
from polyalign.core.progress import track
from polyalign.core.ragged import Ragged
from polyalign.core.vocab import Vocab
from polyalign.kernels.gibbs import LONGEST_JUMP
from polyalign.words.gibbs.decode import DECODE_SWEEPS, Decoder, Grain
from polyalign.words.gibbs.posteriors import Posteriors
from polyalign.words.gibbs.priors import rows, write_priors
from polyalign.words.gibbs.text import Units, encode, keys

if TYPE_CHECKING:
    from polyalign.words.gibbs.method import Gibbs

#: Sentence pairs decoded at once.
DECODE_PAIRS = 4096
#: Pseudo-counts below this are not exported.
LEAST_WEIGHT = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class GibbsModel:
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
        seen: Content of each sentence pair it was trained on, sorted.
        posteriors: Of those pairs.
    """

    method: Gibbs
    src_vocab: Vocab
    tgt_vocab: Vocab
    src_frequency: I64
    tgt_frequency: I64
    grains: tuple[Grain, ...]
    seen: I64
    posteriors: Posteriors
    _decoders: tuple[Decoder, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("src_frequency", "tgt_frequency", "seen"):
            object.__setattr__(self, name, frozen(getattr(self, name), np.int64))
        decoders = []
        for g in self.grains:
            src = Units.build(self.src_vocab.words, self.src_frequency, g.granularity)
            tgt = Units.build(self.tgt_vocab.words, self.tgt_frequency, g.granularity)
            m = self.method
            decoders.append(Decoder(g, src, tgt, alpha=m.alpha, null_prior=m.null_prior, seed=m.seed))
        object.__setattr__(self, "_decoders", tuple(decoders))

    def align(self, bitext: Bitext) -> Links:
        """Link the words of each sentence pair, both directions joined.

        Args:
            bitext: Sentence pairs; those with an empty side get no links.

        Returns:
            Links with `prob`, the mean of both directions' posteriors.
        """
        src, tgt, posteriors = self._posteriors(bitext, "align words")
        return posteriors.links(src, tgt, self.method.symmetrize, self.method.threshold)

    def forward(self, bitext: Bitext) -> Links:
        """The best source word of each target word, where it beats NULL; `prob` is its posterior."""
        src, tgt, posteriors = self._posteriors(bitext, "align words forward")
        return posteriors.directions(src, tgt)[0]

    def backward(self, bitext: Bitext) -> Links:
        """The best target word of each source word, where it beats NULL; `prob` is its posterior."""
        src, tgt, posteriors = self._posteriors(bitext, "align words backward")
        return posteriors.directions(src, tgt)[1]

    def score(self, bitext: Bitext) -> F32:
        """How well the words of each sentence pair correspond, higher is better, shape (n,).

        The mean, over all words of both sides, of the log posterior of the word's best link; log 0.01 for a
        word without any, and for a pair with an empty side.
        """
        src, tgt, posteriors = self._posteriors(bitext, "score words")
        return posteriors.score(src, tgt)

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
        for g, d in zip(self.grains, self._decoders, strict=True):
            src, tgt, name = np.asarray(d.src.names, object), np.asarray(d.tgt.names, object), g.granularity
            keep = np.flatnonzero(g.weight >= LEAST_WEIGHT)
            columns = {"src": src[g.pair_src[keep]].tolist(), "tgt": tgt[g.pair_tgt[keep]].tolist()}
            parts.append(rows(name, "link", g.weight[keep], **columns))
            sides = ("src", src, g.src_null, g.src_fertility), ("tgt", tgt, g.tgt_null, g.tgt_fertility)
            for side, words, null, fertility in sides:
                keep = np.flatnonzero(null >= LEAST_WEIGHT)
                parts.append(rows(name, "link", null[keep], **{side: words[keep].tolist()}))
                word, number = np.nonzero(fertility >= LEAST_WEIGHT)
                weights = fertility[word, number]
                numbers = number.astype(np.int32)
                parts.append(rows(name, f"fertility-{side}", weights, number=numbers, **{side: words[word].tolist()}))
            for kind, jumps in zip(("jump-forward", "jump-backward"), g.jumps, strict=True):
                keep = np.flatnonzero(jumps >= LEAST_WEIGHT)
                parts.append(rows(name, kind, jumps[keep], number=(keep - LONGEST_JUMP).astype(np.int32)))
        return pa.concat_tables(parts)

    def export_priors(self, path: str | Path) -> None:
        """Write `priors` to a file, Parquet or TSV as its suffix says, for the parameter `priors`."""
        write_priors(self.priors(), path)

    def _posteriors(self, bitext: Bitext, label: str) -> tuple[Ragged, Ragged, Posteriors]:
        lowercase = self.method.lowercase
        src, src_fresh = encode(bitext, "src", lowercase=lowercase, known=self.src_vocab.index)
        tgt, tgt_fresh = encode(bitext, "tgt", lowercase=lowercase, known=self.tgt_vocab.index)
        content = keys(src, tgt, len(self.src_vocab), len(self.tgt_vocab))
        at = np.minimum(np.searchsorted(self.seen, content), max(0, len(self.seen) - 1))
        known = self.seen[at] == content if len(self.seen) else np.zeros(len(content), np.bool_)
        rows = np.flatnonzero(~known)
        if not len(rows):
            return src, tgt, self.posteriors.take(at)
        fresh = self._decode(src, tgt, src_fresh, tgt_fresh, content, rows, label)
        at[rows] = len(self.posteriors) + np.arange(len(rows))
        return src, tgt, self.posteriors.then(fresh).take(at) if known.any() else fresh

    def _decode(
        self, src: Ragged, tgt: Ragged, src_fresh: list[str], tgt_fresh: list[str], content: I64, rows: I64, label: str
    ) -> Posteriors:
        scale = 65535 // (len(self._decoders) * (DECODE_SWEEPS - 1))
        views = [
            (
                Ragged(d.src.see(src.values, src_fresh, d.grain.granularity), src.offsets),
                Ragged(d.tgt.see(tgt.values, tgt_fresh, d.grain.granularity), tgt.offsets),
            )
            for d in self._decoders
        ]

        def part(chosen: I64) -> Posteriors:
            out = Posteriors.none(len(chosen), scale * len(self._decoders) * (DECODE_SWEEPS - 1))
            for decoder, (s, t) in zip(self._decoders, views, strict=True):
                out = out.plus(*decoder.cells(s.take(chosen), t.take(chosen), content[chosen], scale))
            return out.pruned()

        parts = [rows[a : a + DECODE_PAIRS] for a in range(0, len(rows), DECODE_PAIRS)]
        with track(label, total=len(rows), unit="pairs") as progress:
            if len(parts) == 1:
                return part(rows)
            result = Posteriors.none(0, scale * len(self._decoders) * (DECODE_SWEEPS - 1))
            with ThreadPoolExecutor(threads()) as pool:
                for chosen, piece in zip(parts, pool.map(part, parts), strict=True):
                    result = result.then(piece)
                    progress.advance(len(chosen))
        return result

    def save(self, folder: Path) -> None:
        """Write the model to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        sides = ("src", self.src_vocab, self.src_frequency), ("tgt", self.tgt_vocab, self.tgt_frequency)
        for side, vocab, frequency in sides:
            with open_output(folder / f"{side}.parquet") as file:
                parquet.write_table(pa.table({"word": list(vocab.words), "frequency": frequency}), file)
        arrays: dict[str, Any] = {"seen": self.seen}
        arrays |= {name: getattr(self.posteriors, name) for name in ("cells", "src", "tgt", "p")}
        for g in self.grains:
            arrays |= {f"{g.granularity}.{f.name}": getattr(g, f.name) for f in fields(g)[1:]}
        for name, array in arrays.items():
            with open_output(folder / f"{name}.npy") as file:
                np.save(file, array)
        manifest = {
            "format": 1,
            "method": asdict(self.method),
            "granularities": [g.granularity for g in self.grains],
            "one": self.posteriors.one,
        }
        write_text(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> GibbsModel:
        """Read what `save` wrote.

        Raises:
            DataError: A file is missing or damaged.
        """
        from polyalign.words.gibbs.method import Gibbs

        text = read_text(folder / "manifest.json")
        try:
            manifest = json.loads(text)
            if manifest["format"] != 1:
                raise ValueError("written by a newer version")
            method = manifest["method"]
            method["granularities"] = tuple(method["granularities"])
            tables = [parquet.read_table(folder / f"{side}.parquet") for side in ("src", "tgt")]
            grains = tuple(
                Grain(name, *(np.load(folder / f"{name}.{f.name}.npy") for f in fields(Grain)[1:]))
                for name in manifest["granularities"]
            )
            arrays = {name: np.load(folder / f"{name}.npy") for name in ("seen", "cells", "src", "tgt", "p")}
            return cls(
                method=Gibbs(**method),
                src_vocab=Vocab(tuple(tables[0]["word"].to_pylist())),
                tgt_vocab=Vocab(tuple(tables[1]["word"].to_pylist())),
                src_frequency=tables[0]["frequency"].to_numpy(),
                tgt_frequency=tables[1]["frequency"].to_numpy(),
                grains=grains,
                seen=arrays.pop("seen"),
                posteriors=Posteriors(**arrays, one=manifest["one"]),
            )
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError(f"{folder}: not a saved word aligner ({error}); fit and save it again") from None
