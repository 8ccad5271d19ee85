"""A folder of mixed files as documents of known languages and bitexts, with a word on every file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core import langs
from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import digest, suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.core.progress import track
from polyalign.core.store import Artefact, Store
from polyalign.pipeline.artefacts import Writer

#: Raised when what is gathered changes, so that folders are read anew.
VERSION = 2
#: What became of every file, or of a document in it.
FILES = pa.schema(
    [
        ("source", pa.string()),
        ("format", pa.string()),
        ("what", pa.string()),  # document, bitext, rejected, unknown
        ("stated", pa.string()),
        ("looks_like", pa.string()),
        ("confidence", pa.float32()),
        ("lang", pa.string()),
        ("characters", pa.int64()),
        ("reason", pa.string()),
    ]
)
#: How sure a text's look must be, and from how many letters, to count more than what a file states inside: pages of all
#: languages come out of one template.
_SURE, _LETTERS = 0.4, 100
#: How sure the look of a whole text must be; else its blocks vote, those with so many letters.
_CLEAR, _BLOCK = 0.9, 40
#: Languages that are told apart by a name better than by a look.
_ALIKE = tuple(
    frozenset(group.split())
    for group in (
        "nob nno dan",
        "hrv srp bos cnr",
        "zsm ind",
        "ces slk",
        "por glg spa",
        "afr nld",
        "bul mkd",
        "pes prs",
    )
)
#: Characters of a text that its language is told from.
_LOOK = 20_000
Identify = Callable[[Sequence[str]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Readers:
    """How the files of a folder are read.

    Args:
        documents: Reads documents of many formats: `takes` a path, gives `runs` of documents and rejects.
        bitexts: Reads a file of sentence pairs: its name, then every language pair in it as a bitext; by suffix.
        tagged: The language that a file's name or folder says, or nothing.
        key: What the readers are, for the content key.
        lack: Why formats cannot be read here, by suffix.
    """

    documents: Any
    bitexts: Mapping[str, Callable[[Path], Iterator[Bitext]]]
    tagged: Callable[[Path], str | None]
    key: str
    lack: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What there is in a folder.

    Args:
        folder: Where it is stored: ``documents.parquet``, ``files.parquet``, ``bitext/<pair>.parquet``.
        languages: Documents of each language, most first.
        pairs: Sentence pairs of each language pair that bitexts hold, in the direction of the first.
        counts: Files by what became of them.
    """

    folder: Path
    languages: dict[str, int]
    pairs: dict[tuple[str, str], int]
    counts: dict[str, int]

    def files(self) -> list[dict[str, Any]]:
        """A row of `FILES` for every document, bitext and file left out."""
        return list(pq.read_table(self.folder / "files.parquet").to_pylist())


def gather(root: Path, store: Store, readers: Readers, identify: Identify) -> Gathered:
    """Read a folder, or take what was read of the same files before.

    A document is in the language its name or folder says; else in the one its text looks like, unless that is unsure and the
    file states one.

    Raises:
        DataError: The folder is empty.
    """
    paths = [p for p in sorted(root.rglob("*")) if p.is_file() and not _hidden(p.relative_to(root))]
    if not paths:
        raise DataError(f"{root}: the folder is empty; expected documents in two languages or more")
    inputs = {p.relative_to(root).as_posix(): digest(p) for p in paths}
    recipe = {"method": "corpus/gather", "version": VERSION, "params": {"readers": readers.key}, "inputs": inputs}
    found = store.find("read", "all", recipe)
    if found is None:
        counts: dict[str, Any] = {}
        with store.create("read", "all", recipe, counts) as out:
            counts.update(_Gatherer(root, paths, readers, identify, out).gather())
        found = store.load("read", "all", recipe)
    return _gathered(found)


def _gathered(found: Artefact) -> Gathered:
    counts = found.counts
    pairs = {langs.parse_pair(name): int(n) for name, n in counts["pairs"].items()}
    return Gathered(found.folder, dict(counts["languages"]), pairs, dict(counts["files"]))


class _Gatherer:
    """One pass over a folder."""

    def __init__(self, root: Path, paths: list[Path], readers: Readers, identify: Identify, out: Path) -> None:
        self.root, self.paths, self.readers, self.identify, self.out = root, paths, readers, identify, out
        self.files: list[dict[str, Any]] = []
        self.names: Counter[tuple[str, str]] = Counter()
        self.languages: Counter[str] = Counter()

    def gather(self) -> dict[str, Any]:
        pairs = self._bitexts()
        self._documents()
        known = {row["source"].partition("#")[0] for row in self.files}
        for path in self.paths:
            name = path.relative_to(self.root).as_posix()
            if name not in known and (lack := self.readers.lack.get(suffixes(path)[0])):
                self._tell(name, "rejected", reason=lack)
            elif name not in known:
                self._tell(name, "unknown", reason="of no format that is read")
        table = pa.Table.from_pylist(sorted(self.files, key=lambda row: row["source"]), schema=FILES)
        pq.write_table(table, self.out / "files.parquet")
        ordered = sorted(self.languages.items(), key=lambda kv: (-kv[1], kv[0]))
        return {
            "languages": dict(ordered),
            "pairs": {"-".join(pair): n for pair, n in pairs.items()},
            "files": dict(sorted(Counter(row["what"] for row in self.files).items())),
        }

    def _tell(self, source: str, what: str, **more: Any) -> None:
        ending = suffixes(source.partition("#")[0])[0].lstrip(".") or "none"
        self.files.append({"source": source, "format": ending, "what": what, **more})

    def _bitexts(self) -> dict[tuple[str, str], int]:
        chosen = [p for p in self.paths if suffixes(p)[0] in self.readers.bitexts]
        counts: dict[tuple[str, str], int] = {}
        writers: dict[tuple[str, str], Writer] = {}
        (self.out / "bitext").mkdir()
        with track("reading bitexts", total=len(chosen), unit="files") as progress:
            for path in chosen:
                name = path.relative_to(self.root).as_posix()
                try:
                    for bitext in self.readers.bitexts[suffixes(path)[0]](path):
                        self._bitext(bitext, name, counts, writers)
                except DataError as error:
                    self._tell(name, "rejected", reason=str(error))
                progress.advance()
        for writer in writers.values():
            writer.__exit__(None, None, None)
        return counts

    def _bitext(
        self, bitext: Bitext, name: str, counts: dict[tuple[str, str], int], writers: dict[tuple[str, str], Writer]
    ) -> None:
        """Put the pairs of a file to those of others, with the file they are from."""
        if bitext.langs not in counts and bitext.langs[::-1] in counts:
            bitext = _turned(bitext)
        table = bitext.table
        for side in ("src", "tgt"):
            if f"{side}_source" not in table.column_names:
                table = table.append_column(f"{side}_source", pa.array([name] * table.num_rows, pa.string()))
        ids = pa.array([f"{name}/{id}" for id in table["id"].to_pylist()], pa.string())
        table = table.set_column(table.column_names.index("id"), "id", ids)
        wanted = [c for c in _KEPT if c in table.column_names]
        whole = pa.concat_tables([_EMPTY, table.select(wanted)], promote_options="default").select(_EMPTY.column_names)
        if bitext.langs not in writers:
            meta = {"src_lang": bitext.langs[0], "tgt_lang": bitext.langs[1]}
            path = self.out / "bitext" / f"{'-'.join(bitext.langs)}.parquet"
            writers[bitext.langs] = Writer(path, _EMPTY.schema.with_metadata(meta))
        writers[bitext.langs].write(whole)
        counts[bitext.langs] = counts.get(bitext.langs, 0) + len(bitext)
        characters = sum(pc.sum(pc.utf8_length(bitext.table[side])).as_py() or 0 for side in ("src", "tgt"))
        self._tell(name, "bitext", lang="-".join(bitext.langs), characters=characters)

    def _documents(self) -> None:
        schema: pa.Schema | None = None
        with Writer(self.out / "documents.parquet") as writer:
            if any(self.readers.documents.takes(p) for p in self.paths):
                for documents, rejects in self.readers.documents.runs(tell=False):
                    schema = documents.schema
                    for row in rejects.to_pylist():
                        at = f" {row['at']}" if row["at"] else ""
                        reason = row["reason"].removeprefix(f"{self.root / row['source']}").lstrip(": ")
                        self._tell(row["source"], "rejected", reason=f"{at.strip()}: {reason}".lstrip(": "))
                    writer.write(self._placed(documents))
            if schema is None:
                from polyalign.core.document import DOCUMENTS

                writer.write(DOCUMENTS.empty_table())

    def _placed(self, documents: pa.Table) -> pa.Table:
        """The documents whose language can be told, under names that no other document in it has."""
        texts = documents["text"].to_pylist()
        found = [self._look(text) for text in texts]
        tags: list[str] = []
        names: list[str] = []
        columns = zip(*(documents[c].to_pylist() for c in ("doc", "lang", "source")), texts, found, strict=True)
        for doc, stated, source, text, looks in columns:
            lang, reason = self._language(source, stated, text, looks)
            tags.append(lang)
            self.names[doc, lang] += 1
            times = self.names[doc, lang]
            names.append(doc if times == 1 else f"{doc}#{times}")
            if not text.strip():
                reason = "holds no text"
            self._tell(
                source, "rejected" if reason else "document", stated=stated, looks_like=looks[0],
                confidence=looks[1], lang=lang, characters=len(text), reason=reason or None,
            )  # fmt: skip
            if reason:
                tags[-1] = UNKNOWN
            else:
                self.languages[lang] += 1
        documents = documents.set_column(documents.column_names.index("lang"), "lang", pa.array(tags, pa.string()))
        documents = documents.set_column(documents.column_names.index("doc"), "doc", pa.array(names, pa.string()))
        return documents.filter(pc.not_equal(documents["lang"], UNKNOWN))

    def _look(self, text: str) -> tuple[str, float]:
        """The language a text looks like, and how sure that is: as a whole, or where that is unsure by most of its blocks."""
        whole = self.identify([text[:_LOOK]])[0]
        if whole.confidence >= _CLEAR:
            return whole.lang, whole.confidence
        blocks = [b for b in text[:_LOOK].split("\n\n") if sum(map(str.isalpha, b)) >= _BLOCK]
        votes: Counter[str] = Counter()
        for block, answer in zip(blocks, self.identify(blocks), strict=True):
            votes[answer.lang] += len(block) * answer.confidence
        votes.pop(UNKNOWN, None)
        best = max(sorted(votes), key=votes.__getitem__, default=UNKNOWN)
        share = votes[best] / sum(map(len, blocks)) if votes else 0.0
        return (best, share) if share > whole.confidence else (whole.lang, whole.confidence)

    def _language(self, source: str, stated: str, text: str, looks: tuple[str, float]) -> tuple[str, str]:
        """The language a document counts as, and why it has none."""
        if stated != UNKNOWN and self.readers.tagged(Path(source)) == stated:
            return stated, ""
        lang, confidence = looks
        codes = {stated.split("_")[0], lang.split("_")[0]}
        sure = confidence >= _SURE and sum(map(str.isalpha, text[:_LOOK])) >= _LETTERS
        sure = sure and not any(codes <= group for group in _ALIKE)
        if lang != UNKNOWN and (sure or stated == UNKNOWN):
            return lang, ""
        if stated != UNKNOWN:
            return stated, ""
        return UNKNOWN, "its language cannot be told from its name or its text"


_KEPT = ("id", "doc", "src", "tgt", "src_source", "src_mark", "tgt_source", "tgt_mark")
_EMPTY = pa.table({c: pa.array([], pa.large_string() if c in ("src", "tgt") else pa.string()) for c in _KEPT})


def _turned(bitext: Bitext) -> Bitext:
    """The same pairs with source and target exchanged."""
    swap = {"src": "tgt", "tgt": "src"}

    def other(name: str) -> str:
        head, mark, rest = name.partition("_")
        return f"{swap[head]}{mark}{rest}" if head in swap else name

    table = bitext.table.rename_columns([other(c) for c in bitext.table.column_names])
    return Bitext(table.replace_schema_metadata({"src_lang": bitext.langs[1], "tgt_lang": bitext.langs[0]}))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
