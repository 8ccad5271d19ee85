"""A Hugging Face dataset: a folder of Parquet files with its card."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa

from polyalign import __version__
from polyalign.core.errors import DataError
from polyalign.core.files import write_text
from polyalign.core.langs import UNKNOWN, name, short
from polyalign.corpus.write.cells import Pairs, Runs
from polyalign.corpus.write.shards import Shards, new_folder

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LARGER = ((10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B"))
_SPLIT = re.compile(r"\w+(?:\.\w+)*")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A Hugging Face dataset folder: Parquet files with every column, and README.md, its card, filled in.

    The card's header has the languages, the size, the task, the columns with their types, the splits with their files,
    rows and bytes; below it stand what is said with the parameters, the counts, how the files were made and the first
    rows. `datasets.load_dataset` and ``corpus.bitext/dataset`` read the folder. It is there under its name only when it
    is whole; one that was written like this before is replaced, any other files are left alone and are an error.

    Args:
        title: The dataset's name on the card; empty is the folder's.
        description: What the texts are, in a sentence or more.
        license: The licence by its identifier on the hub, such as ``cc-by-4.0``; empty is ``unknown``.
        provenance: Where the texts come from.
        processing: How they were made and chosen.
        citation: How to cite them, a BibTeX entry or a sentence.
        tags: Further tags of the card.
        split: The name of the split where `split_column` is empty.
        split_column: A column that names each row's split; it is not written itself.
        rows_per_shard: How many pairs a Parquet file has, the last one fewer.
        sample: How many of the first rows the card shows.
        compression: How the columns are packed inside the files.

    Raises:
        ValueError: No rows a shard, a negative sample, or a split that is no word.

    Complexity:
        O(bytes) time; memory for 65,536 rows.

    References:
        lhoest2021datasets

    Example:
        >>> import tempfile
        >>> from polyalign.core.bitext import Bitext
        >>> path = Path(tempfile.mkdtemp()) / "house"
        >>> Dataset(license="cc0-1.0").write(Bitext.build(["Haus"], ["chasa"], langs=("deu_Latn", "roh_Latn")), path)
        >>> sorted(p.relative_to(path).as_posix() for p in path.rglob("*.*"))
        ['README.md', 'data/train-00000-of-00001.parquet']
    """

    suffix: ClassVar[str] = ""
    title: str = ""
    description: str = ""
    license: str = ""
    provenance: str = ""
    processing: str = ""
    citation: str = ""
    tags: tuple[str, ...] = field(default=())
    split: str = "train"
    split_column: str = ""
    rows_per_shard: int = 1_000_000
    sample: int = 3
    compression: Literal["none", "snappy", "gzip", "zstd"] = "zstd"

    def __post_init__(self) -> None:
        if self.rows_per_shard < 1:
            raise ValueError(f"rows_per_shard must be at least 1, got {self.rows_per_shard}")
        if self.sample < 0:
            raise ValueError(f"sample must not be negative, got {self.sample}")
        if not _SPLIT.fullmatch(self.split):
            raise ValueError(f"split must be a word, got {self.split!r}")

    def write(self, pairs: Pairs, path: Path) -> None:
        """Write the pairs, or runs of them, into a folder.

        Raises:
            DataError: It cannot be written, has other files in it, a later run has a column that the first has not, or
                `split_column` is not there or names no split.
        """
        runs = Runs(pairs, path.name)
        if self.split_column and self.split_column not in runs.schema.names:
            raise DataError(
                f"{path}: found the columns {', '.join(runs.schema.names)}, expected {self.split_column!r}; name the column of the split"
            )
        schema = pa.schema([f for f in runs.schema if f.name != self.split_column], runs.schema.metadata)
        splits: dict[str, Shards] = {}
        rows: list[dict[str, object]] = []
        with new_folder(path, _is_ours) as folder:
            data = folder / "data"
            data.mkdir()
            for part in runs.chunks(runs.schema.names, grouped=True):
                if len(rows) < self.sample:
                    rows += part.slice(0, self.sample - len(rows)).select(schema.names).to_pylist()
                for split, table in self._divided(part, path):
                    if split not in splits:
                        splits[split] = Shards(data, split, self.rows_per_shard, self.compression)
                    splits[split].write(table.select(schema.names))
            splits = splits or {self.split: Shards(data, self.split, self.rows_per_shard, self.compression)}
            for shards in splits.values():
                shards.close(schema)
            stored = sum(p.stat().st_size for p in data.iterdir())
            head = self._header(path, runs.langs, schema, splits, stored)
            write_text(folder / "README.md", head + self._text(path, runs.langs, splits, rows))

    def _divided(self, part: pa.Table, path: Path) -> list[tuple[str, pa.Table]]:
        if not self.split_column:
            return [(self.split, part)]
        names = part[self.split_column].cast(pa.string())
        found = names.unique().to_pylist()
        wrong = [n for n in found if n is None or not _SPLIT.fullmatch(n)]
        if wrong:
            raise DataError(f"{path}: found {wrong[0]!r} in column {self.split_column!r}, expected the name of a split")
        return [(name, part.filter(pa.compute.equal(names, name))) for name in found]

    def _header(
        self, path: Path, langs: tuple[str, str], schema: pa.Schema, splits: dict[str, Shards], stored: int
    ) -> str:
        """The YAML at the top of the card; every text in it is JSON, which YAML contains."""
        total = sum(shards.total for shards in splits.values())
        size = next((size for most, size in (*_SIZES, *_LARGER) if total < most), "100B<n<1T")
        tags = ["parallel-corpus", "polyalign", *self.tags]
        out = ["language:", *(f"- {short(tag)}" for tag in dict.fromkeys(langs) if tag != UNKNOWN)]
        out = out if len(out) > 1 else []
        out += [f"license: {_said(self.license or 'unknown')}", f"pretty_name: {_said(self.title or path.name)}"]
        out += ["size_categories:", f"- {size}", "task_categories:", "- translation"]
        out += ["tags:", *(f"- {_said(tag)}" for tag in dict.fromkeys(tags))]
        out += ["configs:", "- config_name: default", "  data_files:"]
        for split in splits:
            out += [f"  - split: {_said(split)}", f"    path: {_said(f'data/{split}-*.parquet')}"]
        out += ["dataset_info:", "  features:"]
        for column in schema:
            out += [f"  - name: {_said(column.name)}", *(f"    {line}" for line in _feature(column.type))]
        out += ["  splits:"]
        for split, shards in splits.items():
            out += [f"  - name: {_said(split)}", f"    num_bytes: {shards.bytes}", f"    num_examples: {shards.total}"]
        out += [f"  download_size: {stored}", f"  dataset_size: {sum(s.bytes for s in splits.values())}"]
        return "---\n" + "\n".join(out) + "\n---\n\n"

    def _text(
        self, path: Path, langs: tuple[str, str], splits: dict[str, Shards], rows: Sequence[dict[str, object]]
    ) -> str:
        names = [f"{name(tag)} (`{tag}`)" for tag in langs]
        out = [f"# {self.title or path.name}", "", f"Sentence pairs, {names[0]} and {names[1]}."]
        out += ["", self.description] if self.description else []
        out += ["", "## Size", "", "| split | pairs | files |", "|---|---|---|"]
        out += [f"| {split} | {shards.total:,} | {shards.count} |" for split, shards in splits.items()]
        out += ["", "## Source", "", self.provenance or "Not stated."]
        out += ["", "## How it was made", ""]
        out += [self.processing] if self.processing else []
        out += [f"Written by polyalign {__version__}."]
        out += ["", "## Licence", "", f"`{self.license}`" if self.license else "Not stated."]
        if rows:
            shown = json.dumps(rows, ensure_ascii=False, indent=1, default=str)
            # A text may hold backticks itself: the fence must be longer than any run of them.
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
            out += ["", "## Sample", "", f"{fence}json", shown, fence]
        out += ["", "## Citation", "", self.citation] if self.citation else []
        return "\n".join(out) + "\n"


def _is_ours(name: str) -> bool:
    return name == "README.md" or re.fullmatch(r"data/.+-\d{5}-of-\d{5}\.parquet", name) is not None


def _said(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _feature(kind: pa.DataType) -> list[str]:
    """A column's type as the hub's cards write it."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _feature(kind.value_type)
        if inner[0].startswith("dtype: "):
            return [f"list: {inner[0].removeprefix('dtype: ')}"]
        return ["list:", *(f"- {line}" if k == 0 else f"  {line}" for k, line in enumerate(inner))]
    if pa.types.is_struct(kind):
        out = ["struct:"]
        for item in kind:
            out += [f"- name: {_said(item.name)}", *(f"  {line}" for line in _feature(item.type))]
        return out
    if pa.types.is_dictionary(kind):
        return _feature(kind.value_type)
    names = {pa.float32(): "float32", pa.float64(): "float64", pa.float16(): "float16", pa.null(): "null"}
    return [f"dtype: {names.get(kind, str(kind))}"]
