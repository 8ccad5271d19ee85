"""Documents from CoNLL-U, the format of treebanks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from polyalign.core.errors import DataError
from polyalign.corpus.documents.decoding import text_of
from polyalign.corpus.documents.reader import Reader
from polyalign.corpus.documents.texts import Blocks, Item, Reject, Text
from polyalign.corpus.documents.untrusted import wrong


@dataclass(frozen=True, slots=True)
class Conllu(Reader):
    r"""Documents from CoNLL-U files: the sentences' texts, their ids as marks.

    ``# newdoc`` starts a document (its id its name, else its number), ``# newpar`` a block; a sentence is a line of
    its block. Its text is ``# text``; without one the words are joined as their ``SpaceAfter`` says, multiword tokens
    as written. The language is that of ``# lang``, ``# language`` or ``# newdoc``'s file name.

    Complexity:
        O(bytes) time; memory for one file and one run.

    References:
        nivre2020universal

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "x.de.conllu"
        >>> _ = path.write_text("# newdoc id = n1\n# sent_id = s1\n# text = Ja.\n1\tJa\t" + "_\t" * 7 + "_\n\n")
        >>> Conllu(str(path)).read().select(["doc", "lang", "text", "marks"]).to_pylist()
        [{'doc': 'x/n1', 'lang': 'deu_Latn', 'text': 'Ja.', 'marks': [{'start': 0, 'name': 's1'}]}]
    """

    endings: ClassVar[tuple[str, ...]] = (".conllu",)

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The file's documents. Raises as `reader.Reader.extract`."""
        data = file.read()
        if not data.strip():
            raise wrong(name, data, "CoNLL-U")
        blocks, part, lang, documents = Blocks(), "", "", 0
        filled = False
        for at, comments, words in _sentences(text_of(data, name), name):
            if "newdoc" in comments:
                if filled:
                    text, marks = blocks.taken()
                    yield Text(text, marks, lang, part=part)
                blocks, filled, documents = Blocks(), False, documents + 1
                part = comments.get("newdoc") or str(documents)
                lang = ""
            sentence, text = comments.get("sent_id", ""), comments.get("text", "") or _joined(words)
            if not text:
                if words or sentence:
                    yield Reject(f"line {at}", "found a sentence without words and without # text, expected either")
                continue
            if "newpar" in comments:
                blocks.end()
            elif filled:
                blocks.line()
            lang = lang or comments.get("lang", "") or comments.get("language", "")
            if sentence:
                blocks.mark(sentence)
            blocks.add(text)
            filled = True
        if filled:
            text, marks = blocks.taken()
            yield Text(text, marks, lang, part=part)
        else:
            raise wrong(name, data, "sentences of CoNLL-U")


def _sentences(text: str, name: str) -> Iterator[tuple[int, dict[str, str], list[list[str]]]]:
    """Each sentence's first line, its comments by key and its words' columns."""
    comments: dict[str, str] = {}
    words: list[list[str]] = []
    first = 0
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if not line.strip():
            if words or comments:
                yield first, comments, words
            comments, words, first = {}, [], 0
            continue
        first = first or number
        if line.startswith("#") and not words:
            key, _, value = line[1:].partition("=")
            comments.setdefault(key.strip().removesuffix(" id"), value.strip())
            continue
        columns = line.split("\t")
        if len(columns) != 10:
            raise DataError(
                f"{name} line {number}: found {len(columns)} columns, expected the 10 of CoNLL-U with tabs between; "
                "check the format"
            )
        words.append(columns)


def _joined(words: list[list[str]]) -> str:
    parts: list[str] = []
    inside = 0  # the last word of the multiword token under way
    for columns in words:
        start, _, end = columns[0].partition("-")
        if "." in start or 0 < _number(start) <= inside:
            continue
        inside = max(inside, _number(end))
        parts += [columns[1], "" if "SpaceAfter=No" in columns[9].split("|") else " "]
    return "".join(parts).strip()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
