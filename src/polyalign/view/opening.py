"""What there is at a path: a run folder, a bitext of any format, or links with their texts."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import digest, suffixes
from polyalign.core.langs import UNKNOWN
from polyalign.core.store import MANIFEST
from polyalign.encoders.cache import cache_folder
from polyalign.view.prepare import Aligned, Given

LINKS = ("", ".pharaoh", ".align", ".links", ".gold", ".talp")
#: The texts of links, beside them: as a run publishes them.
TOKENS = ".tokens"


class Opening(Protocol):
    """Where the language pairs come from."""

    @property
    def path(self) -> Path:
        """What was named."""

    @property
    def is_run(self) -> bool:
        """Whether it is a run folder."""

    def units(self) -> list[str]:
        """The names of its language pairs."""

    def given(self, unit: str) -> Given:
        """The files of a language pair."""

    def lexicon(self, unit: str) -> Path | None:
        """The lexicon of a language pair, if there is one."""


def opening(
    path: Path,
    *,
    pair: tuple[str, str] = (UNKNOWN, UNKNOWN),
    format: str | None = None,
    texts: Path | None = None,
    links: Sequence[Path] = (),
) -> Opening:
    """Find out what is at a path.

    Args:
        path: A run folder, a bitext, or a file of Pharaoh lines.
        pair: Its languages, where it does not tell them.
        format: The bitext's format, where its name does not tell.
        texts: The bitext whose words a file of Pharaoh lines counts; by default the ``.tokens`` file beside it.
        links: Further files of Pharaoh lines over the same bitext.

    Raises:
        DataError: Nothing is there, or links without texts.
        ConfigError: Options that do not go with a run folder.
    """
    if not path.exists() and not suffixes(path)[0] == "":
        raise DataError(f"{path}: no such file or folder; check the path")
    if path.is_dir() and any((path / name).is_file() for name in ("run.json", "events.jsonl")):
        if links or texts or format:
            raise ConfigError(
                f"{path}: is a run folder, which has its own texts and links; leave out the options for files"
            )
        return Run(path)
    if path.is_file() and suffixes(path)[0] in LINKS and format is None:
        beside = path.with_name(path.name.removesuffix(path.suffix) + TOKENS) if texts is None else texts
        if not beside.is_file():
            raise DataError(
                f"{path}: links without their texts, expected {beside.name} beside it; name the bitext they were made from with --texts"
            )
        form = "fast-align" if beside.suffix == TOKENS else None
        return File(path, _parquet(beside, form, _pair_of(path, pair)), (path, *links))
    if texts is not None:
        raise ConfigError(
            f"{path}: is no file of links, expected one where --texts is given; name further links with --links"
        )
    return File(path, _parquet(path, format, pair), tuple(links))


@dataclass(frozen=True, slots=True)
class File:
    """A bitext with any number of alignments.

    Args:
        path: What was named.
        pairs: The bitext as Parquet.
        links: Files of Pharaoh lines.
    """

    path: Path
    pairs: Path
    links: tuple[Path, ...]

    @property
    def is_run(self) -> bool:
        """It is not."""
        return False

    def units(self) -> list[str]:
        """The one language pair."""
        meta = pq.read_schema(self.pairs).metadata or {}
        return ["-".join(meta.get(f"{side}_lang".encode(), UNKNOWN.encode()).decode() for side in ("src", "tgt"))]

    def given(self, unit: str) -> Given:
        """The bitext and its links."""
        names = _distinct([p.name.removesuffix(p.suffix) if p.suffix in LINKS else p.name for p in self.links])
        aligners = tuple(Aligned(name, p) for name, p in zip(names, self.links, strict=True))
        return Given(unit, self.pairs, aligners)

    def lexicon(self, unit: str) -> Path | None:
        """A file has none."""
        return None


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of a run, finished or going on.

    Args:
        path: The folder.
    """

    path: Path

    @property
    def is_run(self) -> bool:
        """It is."""
        return True

    def units(self) -> list[str]:
        """The pairs that have sentence pairs."""
        return [unit for unit in self._pairs() if any(f.name == "bitext.parquet" for _, f in self._files(unit))]

    def given(self, unit: str) -> Given:
        """The last links and the bitext they belong to; other links steps beside; the sentence aligner's beads.

        Raises:
            DataError: The pair has no bitext yet.
        """
        files = list(self._files(unit))
        found = [(step, f) for step, f in files if f.name == "links.parquet"]
        bitexts = [f for _, f in files if f.name == "bitext.parquet"]
        beads = [f for f in bitexts if {"src_start", "tgt_end"} <= set(pq.read_schema(f).names)]
        sentences = [f for u in (unit, "all") for _, f in self._files(u) if f.name == "sentences.parquet"]
        if not bitexts:
            raise DataError(f"{self.path}: {unit} has no sentence pairs yet; come back when the run has made some")
        published = self.path / "bitext" / f"{unit}.parquet"
        pairs = found[-1][1].with_name("bitext.parquet") if found else published if published.is_file() else bitexts[-1]
        names = _distinct([step for step, _ in reversed(found)])
        aligners = tuple(
            Aligned(name, f, f.with_name("bitext.parquet")) for name, (_, f) in zip(names, reversed(found), strict=True)
        )
        # The first bitext with ranges is the aligner's own; those after it are selections of it.
        whole = beads[0] if beads and sentences else None
        return Given(unit, pairs, aligners, whole, sentences[-1] if whole else None)

    def lexicon(self, unit: str) -> Path | None:
        """The last lexicon of a language pair."""
        found = [f for _, f in self._files(unit) if f.name == "lexicon.parquet"]
        return found[-1] if found else None

    def _pairs(self) -> list[str]:
        record = _json(self.path / "run.json")
        if record is not None:
            return [str(pair) for pair in record["pairs"]]
        for event in reversed(_events(self.path)):
            if event.get("event") == "run":
                return [str(pair) for pair in event.get("pairs", [])]
        return []

    def _files(self, unit: str) -> Iterator[tuple[str, Path]]:
        """The files of every finished step of a unit, in the order of the steps."""
        record = _json(self.path / "run.json")
        if record is not None:
            places = [(s["step"], self.path / s["folder"]) for s in record["steps"] if s["unit"] == unit]
        else:
            ended = [
                e for e in _events(self.path) if e.get("event") in ("finished", "stored") and e.get("unit") == unit
            ]
            steps = dict.fromkeys(str(e.get("step")) for e in ended)
            places = [(s, f) for s in steps if (f := _newest(self.path / "work" / s, unit)) is not None]
        for step, folder in places:
            for name in ("bitext.parquet", "links.parquet", "sentences.parquet", "lexicon.parquet"):
                if (folder / name).is_file():
                    yield step, folder / name


def _newest(folder: Path, unit: str) -> Path | None:
    found = [f for f in folder.glob(f"{unit}-*") if (f / MANIFEST).is_file()]
    return max(found, key=lambda f: f.stat().st_mtime_ns, default=None)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); run the project file again") from None


def _events(folder: Path) -> list[dict[str, Any]]:
    """The events of a run; a line that a killed run left half written is none."""
    out = []
    try:
        lines = (folder / "events.jsonl").read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            out.append(event)
    return out


def _parquet(path: Path, format: str | None, pair: tuple[str, str]) -> Path:
    """A bitext as Parquet: itself, or written once to the user's cache."""
    from polyalign.core.progress import note
    from polyalign.corpus.formats import format_of, write_bitext
    from polyalign.corpus.stream import BitextFile

    if format_of(path, format) == "parquet" and suffixes(path)[1] == "" and _is_bitext(path, pair):
        return path
    read = (
        [path]
        if path.is_file()
        else sorted(p for p in path.rglob("*") if p.is_file())
        if path.is_dir()
        else sorted(path.parent.glob(f"{path.name}*"))
    )
    key = hashlib.blake2b(repr([format, pair, [digest(p) for p in read]]).encode(), digest_size=12).hexdigest()
    root = (cache_folder() or Path(tempfile.gettempdir()) / "polyalign") / "view" / "bitexts"
    made = root / f"{key}.parquet"
    if not made.is_file():
        root.mkdir(parents=True, exist_ok=True)
        note(f"{path}: read once and kept for the next time")
        write_bitext(BitextFile(path, format=format, pair=pair), made)
    return made


def _is_bitext(path: Path, pair: tuple[str, str]) -> bool:
    schema = pq.read_schema(path)
    meta = schema.metadata or {}
    told = tuple(meta.get(f"{side}_lang".encode(), b"").decode() for side in ("src", "tgt"))
    return {"id", "src", "tgt"} <= set(schema.names) and (
        told == pair or (pair == (UNKNOWN, UNKNOWN) and "" not in told)
    )


def _pair_of(path: Path, pair: tuple[str, str]) -> tuple[str, str]:
    """The languages that a published file is named after, where none are given."""
    from polyalign.core.langs import parse_pair

    if pair != (UNKNOWN, UNKNOWN):
        return pair
    try:
        return parse_pair(path.name.removesuffix(path.suffix))
    except ConfigError:
        return pair


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, later ones numbered where two are the same.

    Example:
        >>> _distinct(["a", "b", "a"])
        ['a', 'b', 'a 2']
    """
    out: list[str] = []
    for name in names:
        again = sum(name == other for other in names[: len(out)])
        out.append(f"{name} {again + 1}" if again else name)
    return out
