"""What a correction can do, as pure functions of what is corrected.

A pair's value: ``links`` ({"3-4": "sure"}), ``src`` and ``tgt`` (texts), ``src_spans`` and ``tgt_spans`` (their words),
``mark``. A document's value: ``beads`` ([[[0], [0, 1]], ...]), ``mark``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from polyalign.core.errors import DataError

Value = dict[str, Any]
Span = tuple[int, int]
#: What a person can say of an item as a whole.
MARKS = {"pair": ("", "done", "bad"), "document": ("", "done")}
KINDS = ("sure", "possible")


def applied(value: Mapping[str, Any], change: Mapping[str, Any]) -> Value:
    """A value with a change made; the value given stays as it is.

    Raises:
        DataError: A change that is not known, or cannot be made to this value.

    Example:
        >>> pair = {"links": {}, "src": "a", "tgt": "b", "src_spans": [[0, 1]], "tgt_spans": [[0, 1]], "mark": ""}
        >>> applied(pair, {"do": "link", "src": 0, "tgt": 0, "to": "sure"})["links"]
        {'0-0': 'sure'}
        >>> applied({"beads": [[[0], [0]], [[1], []]], "mark": ""}, {"do": "beads", "at": 0, "count": 2, "to": [[[0, 1], [0]]]})
        {'beads': [[[0, 1], [0]]], 'mark': ''}
    """
    kind = "document" if "beads" in value else "pair"
    try:
        match change["do"], kind:
            case "mark", _:
                _expect(change["to"] in MARKS[kind], f"a mark of {', '.join(map(repr, MARKS[kind]))}", change)
                return {**value, "mark": change["to"]}
            case "link", "pair":
                return {**value, "links": _linked(value, change)}
            case "links", "pair":
                for name, to in change["to"].items():
                    i, j = map(int, name.split("-"))
                    _check_link(value, i, j, to, change)
                return {**value, "links": _sorted(change["to"])}
            case "text", "pair":
                return _retold(value, change)
            case "beads", "document":
                return {**value, "beads": _rebeaded(value["beads"], change)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"correction {change}: {error!r}, expected a change as the page makes it; reload it") from None
    raise DataError(f"correction {change['do']!r}: not something that can be done to a {kind}; reload the page")


def together(changes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether changes may be made in any order: links between different words.

    Example:
        >>> a, b = {"do": "link", "src": 0, "tgt": 0, "to": "sure"}, {"do": "link", "src": 0, "tgt": 1, "to": ""}
        >>> together([a, b]), together([a, b, a])
        (True, False)
    """
    if any(change.get("do") != "link" for change in changes):
        return False
    cells = [(change.get("src"), change.get("tgt")) for change in changes]
    return len(set(cells)) == len(cells)


def carried(links: Mapping[str, str], side: str, old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Links of a sentence whose words have changed: those of words that stayed.

    Example:
        >>> carried({"0-0": "sure", "1-1": "sure"}, "src", ["a", "b"], ["new", "a", "c"])
        {'1-0': 'sure'}
    """
    moved: dict[int, int] = {}
    for a, b, n in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
        moved.update(zip(range(a, a + n), range(b, b + n), strict=True))
    out: dict[str, str] = {}
    for name, kind in links.items():
        i, j = map(int, name.split("-"))
        k = i if side == "src" else j
        if k in moved:
            out[f"{moved[k]}-{j}" if side == "src" else f"{i}-{moved[k]}"] = kind
    return _sorted(out)


def words(value: Mapping[str, Any], side: str) -> list[str]:
    """The words of a side of a pair's value."""
    return [value[side][a:b] for a, b in value[f"{side}_spans"]]


def _linked(value: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, str]:
    i, j, to = change["src"], change["tgt"], change["to"]
    links = {k: v for k, v in value["links"].items() if k != f"{i}-{j}"}
    if not to:
        return links
    _check_link(value, i, j, to, change)
    return _sorted({**links, f"{i}-{j}": to})


def _check_link(value: Mapping[str, Any], i: int, j: int, to: str, change: Mapping[str, Any]) -> None:
    inside = 0 <= i < len(value["src_spans"]) and 0 <= j < len(value["tgt_spans"])
    _expect(inside, f"words below {len(value['src_spans'])} and {len(value['tgt_spans'])}", change)
    _expect(to in KINDS, f"a link that is {' or '.join(KINDS)}", change)


def _sorted(links: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(links.items(), key=lambda kv: tuple(map(int, kv[0].split("-")))))


def _retold(value: Mapping[str, Any], change: Mapping[str, Any]) -> Value:
    side, text, spans = change["side"], change["to"], [list(s) for s in change["spans"]]
    _expect(side in ("src", "tgt") and isinstance(text, str), "a side and its new text", change)
    ends = [0, *(x for span in spans for x in span), len(text)]
    _expect(ends == sorted(ends) and all(a < b for a, b in spans), "words inside of the text", change)
    new = {**value, side: text, f"{side}_spans": spans}
    new["links"] = carried(value["links"], side, words(value, side), words(new, side))
    return new


def _rebeaded(beads: Sequence[Sequence[list[int]]], change: Mapping[str, Any]) -> list[list[list[int]]]:
    """The beads with `count` of them from `at` on replaced by others that hold the same sentences, each once."""
    at, count, to = change["at"], change["count"], [[list(s), list(t)] for s, t in change["to"]]
    _expect(0 <= at and count > 0 and at + count <= len(beads), f"some of {len(beads)} beads", change)
    for side in (0, 1):
        old = sorted(k for bead in beads[at : at + count] for k in bead[side])
        new = sorted(k for bead in to for k in bead[side])
        _expect(old == new, "beads that hold the same sentences, each once", change)
        _expect(all(bead[side] == sorted(bead[side]) for bead in to), "sentences in order", change)
    _expect(all(bead[0] or bead[1] for bead in to), "beads with at least one sentence", change)
    return [
        *([list(map(list, bead)) for bead in beads[:at]]),
        *to,
        *([list(map(list, b)) for b in beads[at + count :]]),
    ]


def _expect(holds: bool, expected: str, change: Mapping[str, Any]) -> None:
    if not holds:
        raise DataError(f"correction {change}: expected {expected}; reload the page")
