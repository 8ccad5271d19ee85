"""The profile of a corpus: texts by language, pairs by language pair, sources, samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.core.bitext import Bitext
from polyalign.core.jit import F64, U64, Mask
from polyalign.corpus.profile.sketch import Distinct, Lengths, Ratios, Sample, row_keys
from polyalign.corpus.profile.texts import Scan, Texts, as_array, bytes_of, duplicates, keep_examples
from polyalign.kernels.wording import hash_texts

#: Tells the language of texts: tag, confidence and script of each.
Identify = Callable[[Sequence[str]], Sequence[Any]]
#: Most sources that are told apart.
_SOURCES = 1000
#: Characters of a text that a sample keeps.
_SHOWN = 600
#: How many times as long as the other a side may be, and from how many characters on this is looked at.
_RATIO, _RATIO_FROM = 3.0, 20


@dataclass(slots=True)
class Score:
    """The distribution of a score column: exact ends and mean, the rest from the sample."""

    number: int = 0
    missing: int = 0
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: F64) -> None:
        """Count some more; NaN is missing."""
        there = values[~np.isnan(values)]
        self.missing += len(values) - len(there)
        self.number += len(there)
        if len(there):
            self.total += float(there.sum())
            self.low, self.high = min(self.low, float(there.min())), max(self.high, float(there.max()))


@dataclass(slots=True)
class Group:
    """The figures of a language pair, or of one language's texts."""

    langs: tuple[str, ...]
    sample: Sample
    sides: tuple[Texts, ...] = ()
    rows: int = 0
    ratios: Ratios = field(default_factory=Ratios)
    exact: Distinct = field(default_factory=Distinct)
    loose: Distinct = field(default_factory=Distinct)
    noise: dict[str, int] = field(default_factory=dict)
    examples: dict[str, Sample] = field(default_factory=dict)
    scores: dict[str, Score] = field(default_factory=dict)
    documents: Lengths = field(default_factory=Lengths)
    document: Distinct = field(default_factory=Distinct)
    blank_documents: int = 0

    def add(self, table: pa.Table, seed: int) -> tuple[Scan, ...]:
        """Count rows with the columns of `_rows`."""
        keys = row_keys(self.rows, table.num_rows, seed)
        self.rows += table.num_rows
        shown = _clip(table)
        self.sample.add(keys, shown)
        names = ("src", "tgt") if len(self.langs) == 2 else ("text",)
        scans = tuple(side.add(table[name], keys, shown) for side, name in zip(self.sides, names, strict=True))
        if len(scans) == 2:
            self._pairs(scans[0], scans[1], keys, shown)
        for name in table.column_names:
            if name.startswith("score."):
                values = table[name].to_numpy().astype(np.float64)
                self.scores.setdefault(name, Score()).add(values)
        return scans

    def _pairs(self, src: Scan, tgt: Scan, keys: U64, rows: pa.Table) -> None:
        both = ~src.blank & ~tgt.blank
        self.exact.add(_joined(src.exact, tgt.exact)[both])
        self.loose.add(_joined(src.loose, tgt.loose)[both])
        lengths = src.points.astype(np.float64), tgt.points.astype(np.float64)
        ratio = np.log2(np.maximum(lengths[1], 1) / np.maximum(lengths[0], 1))
        self.ratios.add(ratio[both])
        found = {
            "one side empty": src.blank ^ tgt.blank,
            "both sides empty": src.blank & tgt.blank,
            "copies": both & (src.loose == tgt.loose) & (src.letters > 0),
            f"length ratio over {_RATIO:g}": both
            & (np.abs(ratio) > np.log2(_RATIO))
            & (np.maximum(*lengths) >= _RATIO_FROM),
            "digits differ": both & (src.digits != tgt.digits),
        }
        for name, mask in found.items():
            self.noise[name] = self.noise.get(name, 0) + int(mask.sum())
            keep_examples(self.examples, name, mask, keys, rows)


def _joined(src: U64, tgt: U64) -> U64:
    return np.asarray((src * np.uint64(0x9E3779B97F4A7C15)) ^ (tgt + (tgt << np.uint64(6)) + np.uint64(1)), np.uint64)


def _clip(table: pa.Table) -> pa.Table:
    for name in ("src", "tgt", "text"):
        if name in table.column_names:
            short = pc.utf8_slice_codeunits(table[name], 0, _SHOWN)
            table = table.set_column(table.column_names.index(name), name, short)
    return table


@dataclass(slots=True)
class Profile:
    """A corpus as it is read, run by run.

    Every figure is exact but for those of duplicates and vocabulary beyond a million different ones (within a thousandth or
    two) and those marked as of a sample. None depends on the size of the runs.

    Args:
        kind: What a row is: ``pairs``, ``documents`` (their blocks are counted) or ``lines``.
        sample: Rows of each language pair, or language, that are kept for what is costly to tell, and to be shown.
        seed: Of the choice of these rows.

    Raises:
        ValueError: No sample.

    Example:
        >>> profile = Profile("pairs")
        >>> profile.add_bitext(Bitext.build(["Haus", "Haus"], ["house", "house"], langs=("deu_Latn", "eng_Latn")), "a.tsv")
        >>> told = profile.told()
        >>> told["groups"][0]["duplicates"]["exact"]["repetitions"], told["groups"][0]["sides"][0]["words"]["total"]
        (1, 2)
    """

    kind: str
    sample: int = 10_000
    seed: int = 1
    groups: dict[tuple[str, ...], Group] = field(default_factory=dict)
    sources: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, found {self.sample}")

    def add_bitext(self, bitext: Bitext, source: str) -> None:
        """Count a run of sentence pairs of one language pair."""
        group = self._group(bitext.langs)
        wanted = [c for c in bitext.table.column_names if c in ("id", "src", "tgt") or c.startswith("score.")]
        table = bitext.table.select(wanted).replace_schema_metadata(None)
        scans = group.add(table, self.seed)
        self._source(bitext.table, source, scans)

    def add_lines(self, lines: Sequence[str], lang: str, source: str, first: int) -> None:
        """Count a run of texts of one language; `first` is the number of the first line, from 1."""
        names = [f"{source}:{n}" for n in range(first, first + len(lines))]
        table = pa.table({"id": pa.array(names, pa.string()), "text": pa.array(lines, pa.large_string())})
        self._source(table, source, self._group((lang,)).add(table, self.seed))

    def add_documents(self, documents: pa.Table) -> None:
        """Count documents (`core.document.DOCUMENTS`): each whole, and its blocks, which empty lines divide."""
        for lang in pc.unique(documents["lang"]).to_pylist():
            own = documents.filter(pc.equal(documents["lang"], lang))
            group = self._group((lang,))
            texts = as_array(own["text"])
            data, at = bytes_of(texts)
            blank = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0).to_numpy(zero_copy_only=False)
            group.document.add(hash_texts(data, at)[~blank])
            group.documents.add(pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64))
            group.blank_documents += int(blank.sum())
            blocks = pc.split_pattern_regex(texts, r"\n\s*\n")
            parents = pc.list_parent_indices(blocks)
            table = pa.table({"id": own["source"].combine_chunks().take(parents), "text": blocks.flatten()})
            # An empty line at the end of a file, or none at all, leaves a block of nothing.
            table = table.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(table["text"])), 0))
            scans = group.add(table, self.seed)
            self._source(table.append_column("source", _folders(table["id"])), "", scans)

    def _group(self, langs: tuple[str, ...]) -> Group:
        if langs not in self.groups:
            self.groups[langs] = Group(langs, Sample(self.sample), tuple(Texts() for _ in langs))
        return self.groups[langs]

    def _source(self, table: pa.Table, source: str, scans: tuple[Scan, ...]) -> None:
        column = (
            table["source"] if "source" in table.column_names else pa.chunked_array([pa.repeat(source, table.num_rows)])
        )
        codes = column.cast(pa.string()).fill_null("").combine_chunks().dictionary_encode()
        codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
        at = codes.indices.to_numpy()
        noisy: Mask = np.logical_or.reduce([scan.noisy for scan in scans])
        for number, name in enumerate(codes.dictionary.to_pylist()):
            name = name if name in self.sources or len(self.sources) < _SOURCES else "all others"
            held = self.sources.setdefault(name, {"texts": 0, "words": 0, "characters": 0, "noisy": 0})
            here = at == number
            held["texts"] += int(here.sum())
            held["noisy"] += int(noisy[here].sum())
            for scan in scans:
                held["words"] += int(scan.words[here].sum())
                held["characters"] += int(scan.points[here].sum())

    def told(self, identify: Identify | None = None, scripts: Callable[[str], str] | None = None) -> dict[str, Any]:
        """All figures, as JSON has them.

        Args:
            identify: Tells the language of texts; without it, none is told.
            scripts: The script of a text's letters, ISO 15924.
        """
        from polyalign.corpus.profile.told import tell_group

        groups = sorted(self.groups.values(), key=lambda g: (-g.rows, g.langs))
        sources = sorted(self.sources.items(), key=lambda kv: (kv[0] == "all others", -kv[1]["texts"], kv[0]))
        return {
            "kind": self.kind,
            "rows": sum(g.rows for g in groups),
            "groups": [tell_group(g, self.kind, identify, scripts) for g in groups],
            "sources": [{"source": name, **held} for name, held in sources],
        }


def _folders(paths: pa.ChunkedArray) -> pa.Array:
    """What stands for a file's source: its first folder, else its ending."""

    def source(path: str) -> str:
        head, slash, _ = path.partition("/")
        return f"{head}/" if slash else f".{path.rpartition('.')[2]}"

    names = paths.combine_chunks().dictionary_encode()
    names = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names
    known = pa.array([source(path or "") for path in names.dictionary.to_pylist()], pa.string())
    return known.take(names.indices)


__all__ = ["Identify", "Profile", "duplicates"]
