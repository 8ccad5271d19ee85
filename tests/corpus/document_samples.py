"""Small valid files of every format, made of bytes here: no library that writes them is needed."""

from __future__ import annotations

import io
import zipfile

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
O = "urn:oasis:names:tc:opendocument:xmlns"  # noqa: E741


def zipped(members, *, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def w_p(*runs, style="", properties=""):
    head = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else properties
    return f"<w:p>{head}{''.join(runs)}</w:p>"


def w_r(text, lang=""):
    head = f'<w:rPr><w:lang w:val="{lang}"/></w:rPr>' if lang else ""
    return f'<w:r>{head}<w:t xml:space="preserve">{text}</w:t></w:r>'


def docx(body=None, *, members=None, lang="", default="", footnotes=""):
    body = w_p(w_r("Hello")) if body is None else body
    relations = "".join(
        f'<Relationship Id="{kind}" Type="{R}/{kind}" Target="{kind}.xml"/>' for kind in ("footnotes", "styles")
    )
    core = f'<cp xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>My title</dc:title><dc:language>{lang}</dc:language></cp>'
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}"><Relationship Id="a" Type="{R}/officeDocument" Target="word/document.xml"/></Relationships>',
            "word/_rels/document.xml.rels": f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>',
            "word/document.xml": f'<w:document xmlns:w="{W}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><w:body>{body}</w:body></w:document>',
            "word/footnotes.xml": f'<w:footnotes xmlns:w="{W}"><w:footnote w:type="separator" w:id="0">{w_p(w_r("---"))}</w:footnote>{footnotes}</w:footnotes>',
            "word/styles.xml": f'<w:styles xmlns:w="{W}"><w:docDefaults><w:rPrDefault><w:rPr><w:lang w:val="{default}" w:eastAsia="ja-JP"/></w:rPr></w:rPrDefault></w:docDefaults></w:styles>',
            "docProps/core.xml": core,
            **(members or {}),
        }
    )


def odt_xml(body, *, lang="", kind="text"):
    names = " ".join(f'xmlns:{p}="{O}:{n}:1.0"' for p, n in (("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("style", "style"), ("fo", "xsl-fo-compatible"), ("meta", "meta")))  # fmt: skip
    head = f'<office:meta xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>My title</dc:title><dc:language>{lang}</dc:language></office:meta>'
    return f"<office:document {names}>{head}<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document>"


def odt(body="<text:p>Hello</text:p>", *, lang="", kind="text", members=None):
    xml = (
        odt_xml(body, kind=kind)
        .replace("office:document ", "office:document-content ")
        .replace("</office:document>", "</office:document-content>")
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": xml,
            "meta.xml": odt_xml("", lang=lang),
            **(members or {}),
        }
    )


def xhtml(body, head="<title>t</title>"):
    return f'<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml"><head>{head}</head><body>{body}</body></html>'


def epub(chapters=None, *, lang="rm", members=None, folder="OEBPS/", hrefs=None):
    chapters = (
        {"ch1.xhtml": xhtml('<h1 id="a">Hello</h1>'), "ch2.xhtml": xhtml("<p>World</p>")}
        if chapters is None
        else chapters
    )
    hrefs = hrefs or list(chapters)
    items = "".join(f'<item id="i{n}" href="{h}" media-type="application/xhtml+xml"/>' for n, h in enumerate(hrefs))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(hrefs)))
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>My title</dc:title>'
        f'<dc:language>{lang}</dc:language></metadata><manifest>{items}<item id="nav" href="nav.xhtml" properties="nav" '
        f'media-type="application/xhtml+xml"/></manifest><spine><itemref idref="nav"/>{spine}</spine></package>'
    )
    container = f'<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="{folder}content.opf"/></rootfiles></container>'
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            f"{folder}content.opf": opf,
            f"{folder}nav.xhtml": xhtml("<nav><ol><li>Contents</li></ol></nav>"),
            **{folder + name: text for name, text in chapters.items()},
            **(members or {}),
        }
    )


def pdf(*pages, title="", lang=""):
    """A PDF of pages of lines, each (x, y, size, text)."""
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{f'/Lang({lang})' if lang else ''}>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(f'{4 + 2 * n} 0 R' for n in range(len(pages)))}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, lines in enumerate(pages):
        text = "".join(
            f"BT /F {size} Tf 1 0 0 1 {x} {y} Tm ({t.replace(chr(92), '').replace('(', '').replace(')', '')}) Tj ET\n"
            for x, y, size, t in lines
        )
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {5 + 2 * number} 0 R/Resources<</Font<</F 3 0 R>>>>>>",
            f"<</Length {len(text.encode('cp1252'))}>>\nstream\n{text}endstream",
        ]
    if title:
        objects.append(f"<</Title({title})>>")
    out = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n" + "".join(f"{at:010d} 00000 n \n" for at in places)
    info = f"/Info {len(objects)} 0 R" if title else ""
    return out + f"{table}trailer<</Size {len(places) + 1}/Root 1 0 R{info}>>\nstartxref\n{len(out)}\n%%EOF".encode()


def warc(*pages, kind="text/html; charset=utf-8", status="200 OK"):
    """A WARC of (address, body)."""
    out = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"
    for address, body in pages or (("http://x.org/a", b"<html lang=rm><p>Hello</p></html>"),):
        http = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n\r\n".encode() + body
        head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {address}\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
        out += head.encode() + http + b"\r\n\r\n"
    return out


SRT = b"1\n00:00:01,000 --> 00:00:03,500\n<i>Wer ist\nda?</i>\n\n2\n00:00:04,000 --> 00:00:05,000\nIch.\n"
VTT = (
    b"WEBVTT\nLanguage: de\n\nNOTE nothing\n\nfirst\n00:01.000 --> 00:03.500 align:start\n<v Bob>Who &amp; what?</v>\n"
)
ASS = rb"""[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:04.00,0:00:05.00,Default,,0,0,0,,{\i1}Ich,{\i0} ja.\NNein.
Dialogue: 0,0:00:01.00,0:00:03.50,Default,,0,0,0,,{\p1}m 0 0 l 10 10{\p0}Wer?
Comment: 0,0:00:01.00,0:00:03.50,Default,,0,0,0,,no
"""
CONLLU = (
    "# newdoc id = n1\n# newpar\n# sent_id = s1\n# text = Zum Haus.\n"
    + "".join(f"{w}\n" for w in ("1-2\tZum" + "\t_" * 8, "1\tZu" + "\t_" * 8, "2\tdem" + "\t_" * 8, "3\tHaus" + "\t_" * 7 + "\tSpaceAfter=No", "4\t." + "\t_" * 8))
    + "\n# sent_id = s2\n"
    + "".join(f"{w}\n" for w in ("1-2\tZum" + "\t_" * 8, "1\tZu" + "\t_" * 8, "2\tdem" + "\t_" * 8, "3\tHaus" + "\t_" * 7 + "\tSpaceAfter=No", "4\t." + "\t_" * 8))
    + "\n# newpar\n# sent_id = s3\n# text = Ja.\n1\tJa."
    + "\t_" * 8
    + "\n\n# newdoc id = n2\n# sent_id = s4\n# text = Nein.\n1\tNein."
    + "\t_" * 8
    + "\n\n"
).encode()  # fmt: skip
PAGE = [(72, 700, 11, "Hello there, this is the first line of a paragraph that goes"), (72, 686, 11, "on.")]

#: A valid file of every ending.
SAMPLES = {
    ".txt": b"Chasa.\n\nPorta.",
    ".docx": docx(w_p(w_r("Chasa")) + w_p(w_r("Porta"))),
    ".odt": odt("<text:h>Chasa</text:h><text:p>Porta</text:p>"),
    ".fodt": odt_xml("<text:h>Chasa</text:h><text:p>Porta</text:p>").encode(),
    ".pdf": pdf(PAGE, PAGE),
    ".epub": epub(),
    ".html": b'<html lang="rm"><body><h1 id="a">Chasa</h1><p>Porta</p></body></html>',
    ".srt": SRT,
    ".vtt": VTT,
    ".ass": ASS,
    ".conllu": CONLLU,
    ".warc": warc(),
}
