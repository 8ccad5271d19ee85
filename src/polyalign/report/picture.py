"""Pictures of one sentence pair's word alignment: curves between two lines, and a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from polyalign.report.page import direction, lang_attributes, text, visible
from polyalign.report.svg import svg, text_width

Pair = tuple[int, int]
_SIZE = 14


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence pair to be drawn.

    Args:
        id: The pair's id.
        langs: Source and target tag.
        src: Source words.
        tgt: Target words.
        links: Probability of every link, 1 where the aligner gave none.
        gold: Whether each gold link is sure; None where there is no gold standard.
    """

    id: str
    langs: tuple[str, str]
    src: tuple[str, ...]
    tgt: tuple[str, ...]
    links: Mapping[Pair, float]
    gold: Mapping[Pair, bool] | None

    @property
    def missed(self) -> list[Pair]:
        """Sure gold links that were not found; a possible one need not be."""
        return sorted(p for p, sure in (self.gold or {}).items() if sure and p not in self.links)

    def kind(self, link: Pair) -> str:
        """``wrong`` for a link that the gold standard does not have, else ``found``."""
        return "wrong" if self.gold is not None and link not in self.gold else "found"

    def told(self) -> str:
        """The picture in words."""
        found = ", ".join(f"{self.src[i]} = {self.tgt[j]}" for i, j in sorted(self.links))
        return f"Word alignment of {self.id}: {len(self.src)} source and {len(self.tgt)} target words; {found or 'no links'}"


def _word(raw: str) -> str:
    shown = visible(raw)
    return shown if len(shown) <= 22 else shown[:21] + "…"


def _strength(prob: float) -> float:
    return round(0.45 + 0.55 * min(1.0, max(0.0, prob)), 2)


def _line(words: list[str], width: float, least: float, tag: str) -> list[tuple[float, float]]:
    """Centre and width of every word of a line spread over `width`, from the right where the script runs so."""
    sizes = [max(8.0, text_width(w, _SIZE)) for w in words]
    gap = min(3 * least, max(least, (width - sum(sizes)) / max(1, len(words) - 1)))
    x, out = 0.0, []
    for size in sizes:
        out.append((x + size / 2, size))
        x += size + gap
    return [(width - c, s) for c, s in out] if direction(tag) == "rtl" else out


def curves(example: Example) -> str:
    """Both sentences as lines of words with a curve for every link; RTL scripts run right to left."""
    src, tgt = [_word(w) for w in example.src], [_word(w) for w in example.tgt]
    least, y1, y2 = 14.0, 26, 116
    width = max(sum(max(8.0, text_width(w, _SIZE)) + least for w in line) - least for line in (src, tgt))
    width = max(width, 60.0)
    tops, bottoms = _line(src, width, least, example.langs[0]), _line(tgt, width, least, example.langs[1])
    out = []

    def curve(link: Pair, kind: str, opacity: float) -> str:
        a, b, middle = tops[link[0]][0] + 8, bottoms[link[1]][0] + 8, (y1 + y2) / 2
        return f'<path class="{kind}" opacity="{opacity:g}" d="M{a:.1f} {y1 + 1}C{a:.1f} {middle} {b:.1f} {middle} {b:.1f} {y2 - 1}"/>'

    out += [curve(link, "missed", 1) for link in example.missed]
    out += [curve(link, example.kind(link), _strength(p)) for link, p in sorted(example.links.items())]
    ends = ({i for i, _ in example.links}, {j for _, j in example.links})
    for words, places, linked, y, tag in (
        (src, tops, ends[0], y1 - 8, example.langs[0]),
        (tgt, bottoms, ends[1], y2 + 14, example.langs[1]),
    ):
        for k, (word, (x, _)) in enumerate(zip(words, places, strict=True)):
            alone = "" if k in linked else " alone"
            out.append(
                f'<text class="word{alone}" x="{x + 8:.1f}" y="{y}" text-anchor="middle" {_attributes(tag)}>{text(word)}</text>'
            )
    return svg(width + 16, y2 + 26, example.told(), "".join(out), "curves")


def grid(example: Example) -> str:
    """Source words as rows, target words as columns, a filled cell for every link."""
    src, tgt = [_word(w) for w in example.src], [_word(w) for w in example.tgt]
    cell, n, m = 22, len(src), len(tgt)
    left = 12 + max((text_width(w, _SIZE) for w in src), default=0)
    longest = max((text_width(w, _SIZE) for w in tgt), default=0)
    # Column heads rise at 55 degrees: sin .82, cos .57.
    top, mirrored = 14 + 0.82 * longest, direction(example.langs[1]) == "rtl"
    width, height = left + m * cell + max(8.0, 0.57 * longest), top + n * cell + 2

    def place(j: int) -> float:
        return left + (m - 1 - j if mirrored else j) * cell

    out = [f'<rect class="cells" x="{left:.1f}" y="{top:.1f}" width="{m * cell}" height="{n * cell}"/>']
    lines = [f"M{left:.1f} {top + i * cell:.1f}h{m * cell}" for i in range(n + 1)]
    lines += [f"M{left + j * cell:.1f} {top:.1f}v{n * cell}" for j in range(m + 1)]
    out.append(f'<path class="rules" d="{"".join(lines)}"/>')
    marks = [(link, example.kind(link), _strength(p)) for link, p in sorted(example.links.items())]
    marks += [(link, "missed", 1.0) for link in example.missed]
    for (i, j), kind, opacity in marks:
        told = f"{src[i]} = {tgt[j]}" + (f", {example.links[i, j]:.2f}" if (i, j) in example.links else ", missed")
        out.append(
            f'<rect class="{kind}" opacity="{opacity:g}" x="{place(j) + 3:.1f}" y="{top + i * cell + 3:.1f}" width="{cell - 6}" height="{cell - 6}"><title>{text(told)}</title></rect>'
        )
    # `end` is the left edge of text that runs from the right: anchor by side, not by reading order.
    right_side = "start" if direction(example.langs[0]) == "rtl" else "end"
    left_side = "end" if mirrored else "start"
    ends = ({i for i, _ in example.links}, {j for _, j in example.links})
    for i, word in enumerate(src):
        out.append(
            f'<text class="word{"" if i in ends[0] else " alone"}" x="{left - 8:.1f}" y="{top + i * cell + 16:.1f}" text-anchor="{right_side}" {_attributes(example.langs[0])}>{text(word)}</text>'
        )
    for j, word in enumerate(tgt):
        x, y = place(j) + 13, top - 7
        out.append(
            f'<text class="word{"" if j in ends[1] else " alone"}" transform="translate({x:.1f} {y:.1f}) rotate(-55)" text-anchor="{left_side}" {_attributes(example.langs[1])}>{text(word)}</text>'
        )
    return svg(width, height, example.told(), "".join(out), "grid")


def _attributes(tag: str) -> str:
    """As `lang_attributes`, with the direction as SVG knows it."""
    return lang_attributes(tag).replace('dir="', 'direction="')
