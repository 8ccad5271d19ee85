"""Documents from subtitles: SubRip, WebVTT and SubStation Alpha."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from polyalign.core.errors import DataError
from polyalign.core.files import suffixes
from polyalign.corpus.documents.texts import Blocks, Item, Remark, Text
from polyalign.corpus.documents.txt import Encoded

_CLOCK = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"[ \t]*{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}(?:[ \t].*)?$")
_ASS_TIME = re.compile(r"[ \t]*(\d{1,4}):(\d{1,2}):(\d{1,2})[.:,](\d{1,3})[ \t]*$")
# No pattern may look further than the next bracket: a line of a million "<" would take hours.
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_VTT_TAG = re.compile(r"<rt>[^<>]*</rt>|<[^<>]*>")
_OVERRIDE = re.compile(r"\{([^{}]*)\}")
_DRAWING = re.compile(r"\\p(\d)")
_VTT_LANGUAGE = re.compile(r"^Language:[ \t]*([\w-]{1,40})", re.M)
_EVENT = ("layer", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")
Cue = tuple[int, int, str]  # start and end in milliseconds, and what is said


@dataclass(frozen=True, slots=True)
class Subtitles(Encoded):
    r"""Documents from subtitles (``.srt``, ``.vtt``, ``.ass``, ``.ssa``): each cue a block, its times its mark.

    Cues are put in the order of their start; a mark reads ``00:00:01.000 --> 00:00:03.500`` whatever the format.
    Formatting, positions, comments, drawings and cue names are dropped; the lines of a cue are kept. The language is
    that of the file's name, or of WebVTT's ``Language:``.

    **Differs:** from pysubs2, a cue that is or ends in a line of digits keeps it where it is the last one or where
    cues have no numbers.

    Complexity:
        O(bytes) time; memory for one file and one run.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "film.de.srt"
        >>> _ = path.write_text("1\n00:00:01,000 --> 00:00:03,500\n<i>Wer ist\nda?</i>\n", encoding="utf-8")
        >>> Subtitles(str(path)).read().select(["text", "marks"]).to_pylist()
        [{'text': 'Wer ist\nda?', 'marks': [{'start': 0, 'name': '00:00:01.000 --> 00:00:03.500'}]}]
    """

    endings: ClassVar[tuple[str, ...]] = (".srt", ".vtt", ".ass", ".ssa")

    def extract(self, file: BinaryIO, name: str) -> Iterator[Item]:
        """The file's cues as one text. Raises as `reader.Reader.extract`."""
        text = self.text_of(file, name)
        kind, lang = suffixes(name)[0], ""
        if kind == ".vtt":
            if not text.startswith("WEBVTT"):
                raise DataError(f"{name}: found no WEBVTT at the start, expected WebVTT; check its format")
            declared = _VTT_LANGUAGE.search(text.partition("\n\n")[0])
            lang = declared[1] if declared else ""
        cues, strange = {".srt": _srt, ".vtt": _vtt}.get(kind, _ass)(text.split("\n"))
        if not cues:
            raise DataError(f"{name}: found no cue with its times, expected subtitles ({kind}); check its format")
        blocks = Blocks()
        for start, end, said in sorted(cues, key=lambda cue: cue[0]):
            blocks.block(said, f"{_clock(start)} --> {_clock(end)}")
        whole, marks = blocks.taken()
        if not whole:
            raise DataError(f"{name}: found cues without a word, expected subtitles; it holds no text")
        if strange:
            yield Remark(f"{strange} lines of times were not understood; they and their cues were left out")
        yield Text(whole, marks, lang)


def _srt(lines: list[str]) -> tuple[list[Cue], int]:
    """A cue reaches up to the number before the next one's times: empty lines inside it are met."""
    found: list[tuple[int, int, list[str]]] = []
    strange = 0
    for line in lines:
        times = _times(line)
        if times is None and "-->" in line and line.strip()[:1].isdigit():
            times, strange = (-1, -1), strange + 1
        if times is None:
            if found:
                found[-1][2].append(line)
            continue
        if found:
            before = found[-1][2]
            if before and before[-1].strip().isdecimal():
                before.pop()
        found.append((*times, []))
    return [(a, b, _TAG.sub("", "\n".join(said))) for a, b, said in found if a >= 0], strange


def _vtt(lines: list[str]) -> tuple[list[Cue], int]:
    """A cue ends at an empty line; what has no times is a comment, a style or a name."""
    found: list[tuple[int, int, list[str]]] = []
    inside, strange = False, 0
    for line in lines:
        times = _times(line)
        if times is not None:
            found.append((*times, []))
            inside = True
        elif not line.strip():
            inside = False
        elif "-->" in line:
            inside, strange = False, strange + 1
        elif inside:
            found[-1][2].append(line)
    return [(a, b, html.unescape(_VTT_TAG.sub("", "\n".join(said)))) for a, b, said in found], strange


def _ass(lines: list[str]) -> tuple[list[Cue], int]:
    columns: tuple[str, ...] = _EVENT
    cues: list[Cue] = []
    strange = 0
    events = False
    for line in lines:
        if line.startswith("["):
            events = line.strip().lower() == "[events]"
        key, _, rest = line.partition(":")
        if not events or key not in ("Format", "Dialogue"):
            continue
        if key == "Format":
            columns = tuple(column.strip().lower() for column in rest.split(","))
            continue
        cells = dict(zip(columns, rest.split(",", len(columns) - 1), strict=False))
        times = [_ASS_TIME.match(cells.get(name, "")) for name in ("start", "end")]
        if times[0] is None or times[1] is None:
            strange += 1
            continue
        cues.append((_ms(*times[0].groups()), _ms(*times[1].groups()), _said(cells.get("text", ""))))
    return cues, strange


def _said(text: str) -> str:
    """What SubStation shows: override codes and drawings dropped."""
    parts, drawing = [], False
    for i, piece in enumerate(_OVERRIDE.split(text)):
        if i % 2:
            for size in _DRAWING.findall(piece):
                drawing = size != "0"
        elif not drawing:
            parts.append(piece)
    return "".join(parts).replace(r"\N", "\n").replace(r"\n", "\n").replace(r"\h", "\u00a0")


def _times(line: str) -> tuple[int, int] | None:
    found = _TIMES.match(line) if "-->" in line else None
    return (_ms(*found.groups()[:4]), _ms(*found.groups()[4:])) if found else None


def _ms(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
