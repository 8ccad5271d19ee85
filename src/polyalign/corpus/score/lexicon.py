"""Score of a pair by how many of its words a lexicon can translate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_lines, suffixes
from polyalign.core.jit import F32, I64, U64
from polyalign.corpus.score.texts import decoded, share, side, where_any
from polyalign.kernels.word_runs import covered, joined_hashes


@dataclass(frozen=True, slots=True)
class Lexicon:
    r"""The share of words that have a translation on the other side, of those that a lexicon lists.

    For each side: the words that the lexicon knows, and of these those of which some translation stands on the other side.
    The score is the smaller of the two shares, or their mean. Words are runs of letters, marks and digits in lower case
    (letters in scripts without spaces). NaN where a side has fewer than `least` words that are known.

    Args:
        path: The lexicon as `polyalign lexicon` writes it: TSV with a header or Parquet, columns ``src``, ``tgt``, and
            ``p_tgt_given_src`` and ``p_src_given_tgt`` where there are probabilities.
        minimum: Entries count that have at least this probability in one direction.
        least: Fewest known words a side needs.
        join: Whether the worse side decides, or the mean of both.

    Raises:
        ValueError: A probability outside [0, 1].

    References: munteanu2005improving

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.tsv"
        >>> _ = path.write_text("src\ttgt\nhaus\thouse\nbaum\ttree\n", encoding="utf-8")
        >>> Lexicon(str(path)).pairs(Bitext.build(["Haus und Baum"], ["house"])).tolist()
        [0.5]
    """

    path: PathText
    minimum: float = 0.05
    least: int = 1
    join: str = "min"

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= 1:
            raise ValueError(f"minimum must lie between 0 and 1, not {self.minimum}")
        if self.join not in ("min", "mean"):
            raise ValueError(f"join must be min or mean, not {self.join!r}")

    def pairs(self, bitext: Bitext) -> F32:
        """Score each pair, shape (n,).

        Raises:
            DataError: The lexicon cannot be read.
        """
        forward, backward = _tables(self.path, self.minimum)
        src, tgt = side(bitext, "src").words, side(bitext, "tgt").words
        listed, found = covered(src.hashes, src.first, tgt.hashes, tgt.first, *forward)
        listed_back, found_back = covered(tgt.hashes, tgt.first, src.hashes, src.first, *backward)
        shares = share(found, listed), share(found_back, listed_back)
        score = np.minimum(*shares) if self.join == "min" else (shares[0] + shares[1]) / 2
        return where_any(score.astype(np.float32), (listed >= self.least) & (listed_back >= self.least))


@lru_cache(maxsize=8)
def _tables(path: str, minimum: float) -> tuple[tuple[U64, U64], tuple[U64, U64]]:
    """Sorted hashes of the words listed and of the pairs, from source to target and back."""
    table = read_lexicon(path)
    keep = np.ones(table.num_rows, np.bool_)
    names = [n for n in ("p_tgt_given_src", "p_src_given_tgt") if n in table.column_names]
    if names:
        best = np.max([np.asarray(table[n].cast(pa.float64()).to_numpy()) for n in names], axis=0)
        keep = best >= minimum
    src, tgt = (_one_word(table.filter(pa.array(keep))[n].combine_chunks()) for n in ("src", "tgt"))
    single = (src[1] == 1) & (tgt[1] == 1)
    s, t = src[0][single], tgt[0][single]
    if not len(s):
        raise DataError(
            f"{path}: found no pair of single words with a probability of {minimum:g} or more, expected some"
        )
    return (np.unique(s), np.unique(joined_hashes(s, t))), (np.unique(t), np.unique(joined_hashes(t, s)))


def _one_word(column: pa.Array) -> tuple[U64, I64]:
    """The hash of each entry's first word, and how many words it has."""
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    words = decoded(pc.cast(column, pa.large_string())).words
    first = np.minimum(words.first[:-1], max(0, len(words.hashes) - 1))
    return words.hashes[first] if len(words.hashes) else np.zeros(len(column), np.uint64), words.counts


def read_lexicon(path: str) -> pa.Table:
    """A lexicon's table, of TSV with a header or Parquet.

    Raises:
        DataError: It cannot be read, or has no columns ``src`` and ``tgt``.
    """
    if suffixes(path)[0] == ".parquet":
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error}); check the path") from None
    else:
        rows = [line.split("\t") for line in read_lines(path)]
        header = rows[0] if rows else []
        bad = next((n for n, row in enumerate(rows, 1) if len(row) != len(header)), 0)
        if bad:
            raise DataError(
                f"{path} line {bad}: found {len(rows[bad - 1])} cells, expected {len(header)} as in the header"
            )
        table = pa.table({name: [row[i] for row in rows[1:]] for i, name in enumerate(header)})
    if not {"src", "tgt"} <= set(table.column_names):
        raise DataError(
            f"{path}: found the columns {', '.join(table.column_names) or '(none)'}, expected src and tgt; make it with polyalign lexicon"
        )
    return table
