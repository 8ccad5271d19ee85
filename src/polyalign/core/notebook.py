"""How the types show themselves in Jupyter: a little HTML in the notebook's own colours.

Text is escaped, isolated from what stands around it, and drawn from its own side, so that nothing a corpus holds can do more
than be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyalign.core.beads import Beads
    from polyalign.core.bitext import Bitext
    from polyalign.core.links import Links

#: Rows of a table, sentence pairs whose links are drawn, beads of a ladder, and words of a side that fit in a grid.
ROWS, GRIDS, RUNGS, WORDS = 10, 4, 60, 40
#: Characters of a cell.
LONG = 300
_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap;overflow-wrap:anywhere;max-width:36em"


def bitext_html(bitext: Bitext) -> str:
    """The first pairs, with all columns but the spans of words."""
    names = [n for n in bitext.table.column_names if not n.endswith("_spans")]
    first = bitext.table.slice(0, ROWS).select(names).to_pylist()
    src, tgt = bitext.langs
    titles = {"src": f"src ({src})", "tgt": f"tgt ({tgt})"}
    rows = [[_text(row[n]) for n in names] for row in first]
    return _summary("Bitext", f"{len(bitext):,} pairs", _more(len(bitext), len(first), "pairs")) + _table(
        [titles.get(n, n) for n in names], rows
    )


def links_html(links: Links) -> str:
    """How many, and the grids of the first pairs that have any: source words down, target words across."""
    some = [k for k in range(len(links)) if links.offsets[k + 1] > links.offsets[k]][:GRIDS]
    sure = len(links.src) if links.sure is None else int(links.sure.sum())
    told = f"{len(links):,} sentence pairs, {len(links.src):,} links" + (
        f", {len(links.src) - sure:,} of them possible" if sure < len(links.src) else ""
    )
    grids = "".join(
        f"<figure style='margin:0'>{_grid(links, k)}<figcaption>pair {k}</figcaption></figure>" for k in some
    )
    return _summary("Links", told, "") + f"<div style='display:flex;flex-wrap:wrap;gap:1.5em'>{grids}</div>"


def beads_html(beads: Beads) -> str:
    """How many of each shape, and the first as a ladder between the two documents."""
    types = ", ".join(f"{count:,} of {shape}" for shape, count in beads.types().items())
    return _summary("Beads", f"{len(beads):,} beads", types) + _ladder(beads)


def _grid(links: Links, k: int) -> str:
    a, b = int(links.offsets[k]), int(links.offsets[k + 1])
    src, tgt = links.src[a:b].tolist(), links.tgt[a:b].tolist()
    prob = [1.0] * (b - a) if links.prob is None else links.prob[a:b].tolist()
    sure = [True] * (b - a) if links.sure is None else links.sure[a:b].tolist()
    height, width = min(max(src) + 1, WORDS), min(max(tgt) + 1, WORDS)
    size = 12
    lines = [f"M{x * size} 0V{height * size}" for x in range(width + 1)]
    lines += [f"M0 {y * size}H{width * size}" for y in range(height + 1)]
    cells = []
    for i, j, p, s in zip(src, tgt, prob, sure, strict=True):
        if i < height and j < width:
            title = f"{i}{'-' if s else 'p'}{j}" + ("" if links.prob is None else f" {p:.2f}")
            fill = (
                f"fill='currentColor' fill-opacity='{max(p, 0.15):.2f}'" if s else "fill='none' stroke='currentColor'"
            )
            cells.append(
                f"<rect x='{j * size + 2}' y='{i * size + 2}' width='8' height='8' {fill}><title>{title}</title></rect>"
            )
    return (
        f"<svg role='img' aria-label='links of pair {k}' width='{width * size + 1}' height='{height * size + 1}'>"
        f"<path d='{''.join(lines)}' stroke='currentColor' stroke-opacity='.2'/>{''.join(cells)}</svg>"
    )


def _ladder(beads: Beads) -> str:
    first = beads.to_indices()[:RUNGS]
    if not first:
        return ""
    step, wide = 12, 120
    depth = max(max((*src, -1)) for src, _ in first), max(max((*tgt, -1)) for _, tgt in first)
    marks = [
        f"<circle cx='{x}' cy='{step * k + 8}' r='3'/>"
        for x, n in zip((8, wide - 8), depth, strict=True)
        for k in range(n + 1)
    ]
    rungs = []
    for src, tgt in first:
        for i in src:
            rungs += [f"M8 {step * i + 8}L{wide - 8} {step * j + 8}" for j in tgt]
    return (
        f"<svg role='img' aria-label='the first {len(first)} beads' width='{wide}' height='{step * (max(depth) + 1) + 8}' "
        f"fill='currentColor'>{''.join(marks)}<path d='{''.join(rungs)}' stroke='currentColor' stroke-opacity='.6'/></svg>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    titles = "".join(f"<th style='text-align:left'>{escape(h)}</th>" for h in head)
    body = "".join(
        "<tr>" + "".join(f"<td dir='auto' style='{_CELL}'>{cell}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: object) -> str:
    text = "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
    return f"<bdi>{escape(text if len(text) <= LONG else text[:LONG] + ' ...')}</bdi>"


def _summary(kind: str, told: str, more: str) -> str:
    return (
        f"<p><b>{kind}</b>: {escape(told)}"
        + (f" <span style='opacity:.7'>({escape(more)})</span>" if more else "")
        + "</p>"
    )


def _more(count: int, shown: int, unit: str) -> str:
    return f"the first {shown} {unit}" if shown < count else ""
