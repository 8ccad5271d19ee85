"""Which texts came before, of a corpus of any size."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from polyalign.core.jit import Mask
from polyalign.corpus.met import Met


class Seen:
    """Rows of text that were met, 16 bytes of each: no two texts have the same in any corpus there will be.

    Example:
        >>> seen = Seen()
        >>> seen.again(pa.table({"id": ["a", "b", "a"]}), ["id"]).tolist()
        [False, False, True]
        >>> seen.again(pa.table({"id": ["b", "c"]}), ["id"]).tolist()
        [True, False]
    """

    def __init__(self) -> None:
        self._met = Met()

    def again(self, table: pa.Table, columns: Sequence[str]) -> Mask:
        """Which rows have the texts of a row before them, in this table or an earlier one.

        Args:
            table: The next rows.
            columns: Of text; a row is the same as another if it is in all of them.

        Returns:
            Shape (n,).
        """
        rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
        own = np.fromiter(map(_digest, rows), "S16", table.num_rows)
        fresh, first = np.unique(own, return_index=True)
        again = np.ones(len(own), np.bool_)
        again[first] = False
        met = self._met.again(fresh)
        again[first[met]] = True
        self._met.add(fresh[~met])
        return again


def _digest(texts: tuple[str | None, ...]) -> bytes:
    found = blake2b(digest_size=16)
    for text in texts:
        data = b"" if text is None else text.encode()
        # With its length, so that no text runs into the next; -1 for none.
        found.update((-1 if text is None else len(data)).to_bytes(8, "little", signed=True))
        found.update(data)
    return found.digest()
