"""Pharaoh files of links, read and written some lines at a time: a million lines in seconds, in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np

from polyalign.core.files import decode, open_binary, open_output
from polyalign.core.jit import Mask
from polyalign.core.links import Links
from polyalign.kernels.pharaoh import parse, render

#: Lines that are in memory at the same time.
LINES = 16_384
_BOM = b"\xef\xbb\xbf"


def read_links(path: str | Path, *, one_based: bool = False, reverse: bool = False) -> Links:
    """The links of a Pharaoh file, as `Links.from_pharaoh` reads them.

    Args:
        path: The file, ``-`` for standard input.
        one_based: Whether words are counted from 1.
        reverse: Whether the target word comes first.

    Raises:
        DataError: The file cannot be read, or a line is of another form.
    """
    return Links.concat(list(link_runs(path, one_based=one_based, reverse=reverse)))


def link_runs(
    path: str | Path, *, one_based: bool = False, reverse: bool = False, lines: int = LINES
) -> Iterator[Links]:
    """As `read_links`, a run of lines at a time; each has `prob` or `sure` if its own lines say so."""
    first = 0
    with open_binary(path) as file:
        while raws := list(islice(file, lines)):
            if not first:
                raws[0] = raws[0].removeprefix(_BOM)
            yield _parse(raws, path, first, one_based=one_based, reverse=reverse)
            first += len(raws)


def write_links(path: str | Path, links: Links | Iterable[Links], *, probabilities: bool = False) -> None:
    """Write a Pharaoh file, as `Links.to_pharaoh` gives its lines; links may come in runs.

    Raises:
        DataError: The file cannot be written.
    """
    with open_output(path) as file:
        for part in [links] if isinstance(links, Links) else links:
            for a in range(0, len(part), LINES):
                file.write(_render(part.take(range(a, min(a + LINES, len(part)))), probabilities))


def _parse(raws: list[bytes], path: str | Path, first: int, *, one_based: bool, reverse: bool) -> Links:
    text = np.frombuffer(b"".join(raws), np.uint8)
    odd, offsets, src, tgt, prob, sure = parse(text, len(raws), int(one_based), reverse)
    if odd:
        # An error, to be told with its line, or a form too rare for the kernel.
        lines = (decode(raw, path, number) for number, raw in enumerate(raws, first + 1))
        links = Links.from_pharaoh(chain(repeat("", first), lines), where=str(path), one_based=one_based)
        links = links.take(range(first, first + len(raws)))
        return links.transpose() if reverse else links
    given: Mask = prob >= 0
    return Links(offsets, src, tgt, prob if len(prob) and given.all() else None, None if sure.all() else sure)


def _render(links: Links, probabilities: bool) -> bytes:
    thousandths, none = np.zeros(0, np.int32), np.zeros(0, np.bool_)
    if probabilities and links.prob is not None and len(links.prob):
        if not (links.prob.min() >= 0 and links.prob.max() < 1e6):
            return "".join(line + "\n" for line in links.to_pharaoh(probabilities=True)).encode()
        # A thousand times a float is a double exactly, so this rounds as printing does.
        thousandths = np.rint(links.prob.astype(np.float64) * 1000).astype(np.int32)
    possible = none if links.sure is None else ~links.sure
    return render(links.offsets, links.src, links.tgt, thousandths, possible).tobytes()
