"""What a way of making rows may look at besides the pieces themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.space import Space
from polyalign.models.language_model import LanguageModel


class Entry(NamedTuple):
    """A pair of words of a lexicon.

    Args:
        known: Word of a language that the model knows.
        new: Word of the new language.
        links: How often the two were linked.
    """

    known: str
    new: str
    links: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of the new language.

    Args:
        texts: Texts in it.
        lexicon: Its words and those of a known language that they are linked to, such as `polyalign lexicon` writes.
        spaces: Vectors of words of a known language and of the new one, in one space: similar where they mean the same.
            Words are in order of their frequency.
        donor: Another language model, whose tokenizer has pieces that are new here.
    """

    texts: Sequence[str] = ()
    lexicon: Sequence[Entry] = ()
    spaces: tuple[Space, Space] | None = None
    donor: LanguageModel | None = None


#: No evidence.
NOTHING = Evidence()


def read_lexicon(path: str | Path, *, new: Literal["src", "tgt"] = "tgt") -> list[Entry]:
    """Read a lexicon: a source word, a target word and perhaps their count, parted by tabs, as `polyalign lexicon` writes.

    Args:
        path: The file; a first line that begins with ``src`` names the columns, of which ``count`` is read.
        new: The side of the new language.

    Raises:
        DataError: A line has no two words, or a count that is no number above 0.
    """
    out = []
    column = 2
    for number, line in enumerate(read_lines(path), 1):
        parts = line.rstrip("\n").split("\t")
        if number == 1 and parts[0] == "src":
            column = parts.index("count") if "count" in parts else len(parts)
            continue
        if not line.strip():
            continue
        if len(parts) < 2 or not parts[0].strip() or not parts[1].strip():
            raise DataError(
                f"{path} line {number}: found {line[:40]!r}, expected a source word, a tab and a target word; correct it"
            )
        try:
            count = float(parts[column]) if column < len(parts) else 1.0
        except ValueError:
            count = 0.0
        if not 0 < count < float("inf"):
            raise DataError(
                f"{path} line {number}: found the count {parts[column]!r}, expected a number above 0; "
                "leave the column out if there are none"
            )
        known, word = (parts[0], parts[1]) if new == "tgt" else (parts[1], parts[0])
        out.append(Entry(known.strip(), word.strip(), count))
    return out
