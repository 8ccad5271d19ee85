"""HTML by hand: escaped text, foreign text with its language and direction, numbers, tables, the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from polyalign.core import langs

#: Characters that would act on the page instead of being read: C0 and C1 controls, bidi overrides
#: and isolates, line and paragraph separators, noncharacters.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)


def visible(raw: str) -> str:
    r"""Text with control characters spelt out, so that they are seen and do nothing.

    Example:
        >>> visible("a\u202eb")
        'a[U+202E]b'
    """
    return _ACTING.sub(lambda m: f"[U+{ord(m[0]):04X}]", raw)


def text(raw: object) -> str:
    """Anything as escaped HTML text, also good inside a quoted attribute.

    Example:
        >>> text("<b> & 'c'")
        '&lt;b&gt; &amp; &#x27;c&#x27;'
    """
    return escape(visible(str(raw)))


def clipped(raw: str, limit: int) -> str:
    """Text of at most `limit` characters; what is left out is said.

    Example:
        >>> clipped("abcdef", 4)
        'abcd … [2 more characters]'
    """
    return raw if len(raw) <= limit else f"{raw[:limit]} … [{len(raw) - limit:,} more characters]"


def lang_attributes(tag: str) -> str:
    """``lang`` and ``dir`` attributes for text in a language.

    Example:
        >>> lang_attributes("arb_Arab"), lang_attributes("cmn_Hans")
        ('lang="ar-Arab" dir="rtl"', 'lang="zh-Hans" dir="ltr"')
    """
    code = langs.short(tag) if tag == langs.UNKNOWN else f"{langs.short(tag)}-{tag.split('_')[1]}"
    return f'lang="{text(code)}" dir="{direction(tag)}"'


def direction(tag: str) -> str:
    """``rtl`` or ``ltr``."""
    return "rtl" if langs.is_rtl(tag) else "ltr"


def foreign(raw: str, tag: str) -> str:
    """Corpus text, escaped and marked with its language and direction."""
    return f"<span {lang_attributes(tag)}>{text(raw)}</span>"


def pair_of(unit: str) -> tuple[str, str]:
    """The two tags of a pair's unit name."""
    src, tgt = unit.split("-")
    return src, tgt


def pair_name(unit: str) -> str:
    """How a unit is called in the report.

    Example:
        >>> pair_name("deu_Latn-roh_Latn"), pair_name("all")
        ('German → Romansh', 'all languages')
    """
    return "all languages" if unit == "all" else " → ".join(map(langs.name, pair_of(unit)))


def number(value: float) -> str:
    """A count or a measured value for reading.

    Example:
        >>> number(12345), number(0.18712), number(float("nan"))
        ('12,345', '0.187', 'not defined')
    """
    if value != value:
        return "not defined"
    return (
        f"{value:,.0f}" if float(value).is_integer() and (isinstance(value, int) or abs(value) > 1) else f"{value:.3f}"
    )


def signed(written: str) -> str:
    """A written number with a minus sign in place of a hyphen.

    Example:
        >>> signed("-1.5")
        '−1.5'
    """
    return written.replace("-", "−")


def duration(seconds: float) -> str:
    """Seconds for reading.

    Example:
        >>> duration(0.25), duration(9.96), duration(83), duration(4000)
        ('0.25 s', '10.0 s', '1 min 23 s', '1 h 06 min')
    """
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def memory(megabytes: float) -> str:
    """Megabytes for reading.

    Example:
        >>> memory(312.4), memory(2048)
        ('312 MB', '2.0 GB')
    """
    return f"{megabytes:,.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"


def percent(part: float, whole: float) -> str:
    """A share for reading; never 0 or 100 when it is not.

    Example:
        >>> percent(1, 3), percent(1, 5000), percent(4999, 5000), percent(0, 0)
        ('33.3 %', '< 0.1 %', '> 99.9 %', '0.0 %')
    """
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.1:
        return "< 0.1 %"
    return "> 99.9 %" if 99.9 < share < 100 else f"{share:.1f} %"


def most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts by name, the largest first, ties by name.

    Example:
        >>> most_first({"a": 1, "c": 2, "b": 2})
        [('b', 2), ('c', 2), ('a', 1)]
    """
    return sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", numeric: Sequence[int] = ()) -> str:
    """A table that scrolls inside itself; the first cell of a row is its header.

    Args:
        head: Column headers, plain text.
        rows: Cells as HTML.
        caption: Plain text over the table.
        numeric: Columns set flush right.
    """
    mark = [' class="num"' if i in numeric else "" for i in range(len(head))]
    out = [
        f'<div class="scroll" tabindex="0"><table>{f"<caption>{text(caption)}</caption>" if caption else ""}<thead><tr>'
    ]
    out += [f'<th scope="col"{m}>{text(h)}</th>' for h, m in zip(head, mark, strict=True)]
    out.append("</tr></thead><tbody>")
    for row in rows:
        cells = [f"<td{m}>{c}</td>" for c, m in zip(row[1:], mark[1:], strict=True)]
        out.append(f'<tr><th scope="row"{mark[0]}>{row[0]}</th>{"".join(cells)}</tr>')
    return "".join(out) + "</tbody></table></div>"


def details(summary: str, body: str, *, open: bool = False) -> str:
    """Something to unfold; `summary` is plain text, `body` HTML."""
    return f"<details{' open' if open else ''}><summary>{text(summary)}</summary>{body}</details>"


def section(id: str, title: str, body: str, *, lead: str = "") -> str:
    """One part of the page; `title` and `lead` are plain text, `body` HTML."""
    told = f'<p class="lead">{text(lead)}</p>' if lead else ""
    return f'<section id="{id}" aria-labelledby="{id}-h"><h2 id="{id}-h">{text(title)}</h2>{told}{body}</section>\n'


def contents(sections: Iterable[tuple[str, str]]) -> str:
    """Links to the parts of the page."""
    items = "".join(f'<li><a href="#{id}">{text(title)}</a></li>' for id, title in sections)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def page(title: str, body: str) -> str:
    """The whole page around its body."""
    folder = files("polyalign.report") / "templates"
    style = (folder / "style.css").read_text(encoding="utf-8")
    template = Template((folder / "page.html").read_text(encoding="utf-8"))
    return template.substitute(title=text(title), style=style, body=body)
