"""Two languages' view of a joint alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyalign.core.beads import Beads
from polyalign.core.multibeads import MultiBeads


@dataclass(frozen=True, slots=True)
class Pair:
    """Take the alignment of two languages out of a joint alignment of many.

    Args:
        view: With "whole" the joint alignment's segments, between which every language is cut, so that the views of all
            pairs agree: what a sentence is linked to directly and through a third language is the same. With "fine"
            cuts of the two languages alone, which is more like a direct alignment and need not agree with other pairs.

    Example:
        >>> m = MultiBeads(("deu_Latn", "roh_Latn", "ita_Latn"), [[0, 0, 0], [1, 1, 1], [2, 2, 1]], [0.9, 0.8])
        >>> Pair().project(m, "deu_Latn", "ita_Latn").types()
        {'1-0': 1, '1-1': 1}
    """

    view: Literal["whole", "fine"] = "whole"

    def project(self, aligned: MultiBeads, src: str, tgt: str) -> Beads:
        """The beads of two of its languages; segments in which neither has text drop out.

        Raises:
            DataError: A language that is not in the alignment.
        """
        return (aligned.select(aligned.langs) if self.view == "whole" else aligned).project(src, tgt)
