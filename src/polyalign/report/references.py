r"""BibTeX entries as references that people read."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "=": "\u0304", ".": "\u0307",
            "c": "\u0327", "v": "\u030c", "H": "\u030b", "k": "\u0328", "u": "\u0306", "r": "\u030a"}  # fmt: skip
_LETTERS = {"ss": "ß", "ae": "æ", "oe": "œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å", "i": "ı"}
_ACCENTED = re.compile(r"\\(?:([\"'`^~=.])\s*|([cvHkur])(?:\s+|(?={)))(?:{\\?(\w)}|\\?(\w))")
_LETTER = re.compile(r"\\(ss|ae|oe|aa|AA|[oOlLi])(?![A-Za-z])(?:\s+|{})?")


def plain(value: str) -> str:
    r"""A BibTeX value without its TeX.

    Example:
        >>> plain(r"{\"O}stling and Ji{\v{r}}{\'\i} {NMT} --- a \& b")
        'Östling and Jiří NMT — a & b'
    """

    def join(match: re.Match[str]) -> str:
        mark = _ACCENTS[match[1] or match[2]]
        return unicodedata.normalize("NFC", (match[3] or match[4]) + mark)

    value = _LETTER.sub(lambda m: _LETTERS[m[1]], _ACCENTED.sub(join, value))
    value = re.sub(r"\\([&%$#_])", r"\1", value).replace("~", " ")
    value = value.replace("---", "—").replace("--", "–").replace("{", "").replace("}", "")
    return " ".join(value.split())


def fields(entry: str) -> dict[str, str]:
    r"""The fields of a BibTeX entry by lower-case name, as written.

    Example:
        >>> fields("@article{k,\n  title = {A {B} c},\n  year = 2003, pages = \"1--2\"}")
        {'title': 'A {B} c', 'year': '2003', 'pages': '1--2'}
    """
    out: dict[str, str] = {}
    at = entry.find(",")
    while at >= 0 and (match := re.compile(r"[\s,]*(\w+)\s*=\s*").match(entry, at)):
        start = match.end()
        if entry[start : start + 1] in ("{", '"'):
            depth, end = 0, start
            closing = "}" if entry[start] == "{" else '"'
            for end in range(start, len(entry)):
                depth += (entry[end] == "{") - (entry[end] == "}")
                if end > start and depth == 0 and entry[end] == closing:
                    break
            value, at = entry[start + 1 : end], end + 1
        else:
            value = re.split(r"[,}\n]", entry[start:], maxsplit=1)[0].strip()
            at = start + len(value)
        out[match[1].lower()] = value
    return out


def names(authors: str) -> str:
    """Authors as a reference gives them.

    Example:
        >>> names("Och, Franz Josef and Hermann Ney")
        'Franz Josef Och and Hermann Ney'
    """
    people = []
    for person in re.split(r"\s+and\s+", plain(authors)):
        parts = [p.strip() for p in person.split(",")]
        people.append(" ".join([parts[-1], *parts[:-1]]) if len(parts) > 1 else person)
    if people[-1] == "others":
        return ", ".join(people[:-1]) + " et al."
    return people[0] if len(people) == 1 else ", ".join(people[:-1]) + " and " + people[-1]


def reference(entry: str) -> tuple[str, str]:
    """One entry as a line to read, and the address it is found at (or the empty string).

    Example:
        >>> reference("@article{k, author = {Och, F. and Ney, H.}, title = {T}, journal = {J}, volume = 1, number = 2, pages = {3--4}, year = 2003}")
        ('F. Och and H. Ney (2003). T. J 1(2), 3–4.', '')
    """
    f = fields(entry)
    get = {k: plain(v) for k, v in f.items()}
    who = names(f["author"]) if "author" in f else get.get("organization", get.get("publisher", ""))
    head = f"{who} ({get['year']})." if "year" in get else f"{who}."
    place = get.get("journal") or (f"In {get['booktitle']}" if "booktitle" in get else "")
    others = (get.get(name, "") for name in ("school", "institution", "publisher", "howpublished"))
    place = place or next((other for other in others if other not in ("", who)), "")
    volume = get.get("volume", "") + (f"({get['number']})" if "number" in get and "volume" in get else "")
    place = f"{place} {volume}".strip()
    tail = ", ".join(x for x in (place, get.get("pages", "")) if x)
    address = get.get("url") or (f"https://doi.org/{get['doi']}" if "doi" in get else "")
    line = " ".join(
        x for x in (head, f"{get.get('title', '').rstrip('.')}.", f"{tail}." if tail else "") if x not in ("", ".")
    )
    return line, address if re.match(r"https?://[^\s\"<>]+\Z", address) else ""
