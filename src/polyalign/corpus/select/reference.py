"""Selection of documents by thresholds that their own language's text has set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.corpus.reference.thresholds import Thresholds
from polyalign.corpus.select.threshold import Threshold


@dataclass(frozen=True, slots=True)
class Reference:
    """Keep the documents that reach the thresholds of their own language, the others come back with the reason.

    The thresholds are learned from text of each language that is known to be good (``polyalign thresholds``, methods
    ``corpus.thresholds``), so that no language is filtered by another's: Romansh text repeats more short n-grams than
    German, and Swahili's language is told less surely.

    Args:
        thresholds: The file of thresholds; ``{lang}`` in its path stands for a document's language.
        nonempty: Whether a document must hold text.
        missing: Whether a document whose score is null or no number is kept, as one that cannot be told.

    Complexity: O(n).

    References: penedo2025fineweb2

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "roh_Latn.toml"
        >>> Thresholds({"score.x": 0.5}).save(path)
        >>> rows = pa.table({"lang": ["roh_Latn"] * 2, "text": ["chasa", "xx"], "score.x": [0.9, 0.1]})
        >>> kept, dropped = Reference(str(path.parent / "{lang}.toml")).select(rows)
        >>> kept["text"].to_pylist(), dropped["reason"].to_pylist()
        (['chasa'], ['score.x < 0.5'])
    """

    thresholds: PathText
    nonempty: bool = True
    missing: bool = False

    def inputs(self, langs: tuple[str, ...]) -> list[Path]:
        """The files of thresholds of these languages."""
        return [self._path(lang) for lang in langs] if "{lang}" in self.thresholds else [Path(self.thresholds)]

    def select(self, table: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Divide the documents into kept and dropped, both in their order.

        Returns:
            The kept rows, and a table of the dropped rows with a further column ``reason``.

        Raises:
            DataError: No documents with languages, no thresholds for one of them, or a score that is not there.
        """
        if not isinstance(table, pa.Table) or "lang" not in table.column_names:
            raise DataError(
                "corpus.select/reference: found rows without a language, expected documents with a column lang"
            )
        row = pa.array(np.arange(table.num_rows))
        table, langs = table.append_column("row", row), np.asarray(table["lang"].to_pylist(), object)
        kept, dropped = [table.slice(0, 0)], [Threshold().select(table.slice(0, 0))[1]]
        for lang in dict.fromkeys(langs.tolist()):
            minimum = Thresholds.load(self._path(lang)).minimum
            one = Threshold(minimum=minimum, nonempty=self.nonempty, missing=self.missing)
            good, bad = one.select(table.filter(pa.array(langs == lang)))
            kept.append(good)
            dropped.append(bad)
        good, bad = (pa.concat_tables(parts).sort_by("row").drop_columns(["row"]) for parts in (kept, dropped))
        return good, bad

    def _path(self, lang: str) -> Path:
        return Path(self.thresholds.replace("{lang}", lang))
