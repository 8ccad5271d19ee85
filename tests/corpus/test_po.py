"""PO: entries of every kind, plural forms, encodings, two catalogues joined."""

from __future__ import annotations

import pytest

from polyalign.core.errors import DataError
from polyalign.corpus.bitext.plural import plural_form
from polyalign.corpus.bitext.po import Po
from polyalign.corpus.rejects import Rejects

PAIR = ("eng_Latn", "deu_Latn")
HEADER = 'msgid ""\nmsgstr ""\n"Language: de\\n"\n"Content-Type: text/plain; charset={}\\n"\n"Plural-Forms: {};\\n"\n\n'
GERMAN = HEADER.format("UTF-8", "nplurals=2; plural=(n != 1)")


@pytest.fixture
def po(tmp_path):
    def read(text, pair=PAIR, rejects=None, encoding="utf-8", **given):
        (tmp_path / "x.po").write_bytes(text.encode(encoding))
        return Po(str(tmp_path / "x.po"), **given).read(pair, Rejects(rejects))

    return read


def test_texts_comments_and_contexts(po, notes):
    bitext = po(
        GERMAN + '# translator\n#. extracted\n#: a.c:1\n#: b.c:2 c.c\n#, c-format\n#| msgid "before"\nmsgctxt "menu"\n'
        'msgid ""\n"Two\\t"\n"\\"lines\\"\\n"\nmsgstr "Zwei\\tZeilen \\\\n \\303\\244 \\x41"\nmsgid "no gap"\nmsgstr "ohne Lücke"\n'
    )
    assert bitext.table.drop_columns(["id"]).to_pylist() == [
        {
            "src": 'Two\t"lines"\n',
            "tgt": "Zwei\tZeilen \\n ä A",
            "context": "menu",
            "note": "translator\nextracted",
            "reference": "a.c:1 b.c:2 c.c",
        },
        {"src": "no gap", "tgt": "ohne Lücke", "context": None, "note": None, "reference": None},
    ]
    assert notes() == []


def test_what_is_left_out_is_counted(po, notes):
    body = 'msgid "a"\nmsgstr ""\n\n#, fuzzy, c-format\nmsgid "b"\nmsgstr "B"\n\n#~ msgid "c"\n#~ msgstr "C"\n\n#~| msgid "x"\n#~ msgid "d"\n#~ msgstr "D"\n# last words\n'
    found = []
    assert len(po(body, rejects=found.append)) == 0
    assert [r.reason for r in found] == [
        "the entry is untranslated",
        "the entry is fuzzy",
        "the entry is obsolete",
        "the entry is obsolete",
    ]
    assert found[1].record == '#, fuzzy, c-format\nmsgid "b"\nmsgstr "B"'
    assert "left out 1 untranslated entries, 1 fuzzy entries, 2 obsolete entries" in notes()[0]
    assert po(body, fuzzy=True, obsolete=True).tgt == ["B", "C", "D"]


def test_plural_forms(po):
    body = 'msgid "%d file"\nmsgid_plural "%d files"\nmsgstr[0] "{}"\nmsgstr[1] "{}"\n'
    bitext = po(GERMAN + body.format("%d Datei", "%d Dateien"))
    assert (bitext.src, bitext.tgt) == (["%d file", "%d files"], ["%d Datei", "%d Dateien"])
    arabic = HEADER.format("UTF-8", "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : 3")
    assert po(arabic + body.format("none", "one")).src == ["%d files", "%d file"]
    japanese = HEADER.format("UTF-8", "nplurals=1; plural=0")
    assert po(japanese + body.format("x", "").replace('msgstr[1] ""\n', "")).src == ["%d file"]
    with pytest.raises(DataError, match=r"line 1: found the plural formula 'n\+', expected an expression in n"):
        po(HEADER.format("UTF-8", "nplurals=2; plural=n+") + body)


@pytest.mark.parametrize(
    "formula",
    ["", "n +", "x", "n ? 1", "(n", "n)", "1 2", "n % 0", "n / 0", "!", "n" * 2000, "(" * 61 + "n", "1" + "+n" * 600],
)
def test_plural_formulas_that_are_none(formula):
    with pytest.raises(ValueError, match="found the plural formula"):
        plural_form(formula, 1)


def test_plural_formulas_like_c():
    formulas = [
        "n>1",
        "n%10==1&&n%100!=11?0:n%10>=2&&n%10<=4&&(n%100<10||n%100>=20)?1:2",
        "!n",
        "n*2-1+n/2",
        "n<=1",
        "(n==1)?0:1;",
    ]
    for formula in formulas:
        text = formula.rstrip(";")
        python = text.replace("&&", " and ").replace("||", " or ").replace("!n", " not n").replace("/", "//")
        if "?" in python:
            *conditions, last = python.split("?")
            parts = [c.rsplit(":", 1) for c in (*conditions, last)]
            for n in range(130):
                value = None
                test = parts[0][0]
                for nxt in parts[1:]:
                    yes = nxt[0].split(":")[0] if len(nxt) == 2 else nxt[0]
                    if eval(test, {"n": n}):
                        value = int(yes)
                        break
                    test = nxt[1] if len(nxt) == 2 else None
                value = int(test) if value is None else value
                assert plural_form(formula, n) == value, (formula, n)
        else:
            assert [plural_form(formula, n) for n in range(130)] == [int(eval(python, {"n": n})) for n in range(130)]


@pytest.mark.parametrize("charset", ["ISO-8859-1", "UTF-8", "CHARSET", "windows-1252", "utf-16", "rot13", "nonsense"])
def test_the_encoding_is_the_one_the_header_names(po, charset):
    real = charset.lower() if charset in ("ISO-8859-1", "windows-1252") else "utf-8"
    assert po(HEADER.format(charset, "nplurals=1; plural=0") + 'msgid "door"\nmsgstr "Tür"\n', encoding=real).tgt == [
        "Tür"
    ]


def test_bom_crlf_and_an_empty_file(po):
    assert po("\ufeff" + (GERMAN + 'msgid "a"\n\nmsgstr "b"\n').replace("\n", "\r\n")).tgt == ["b"]
    assert len(po("")) == 0


@pytest.mark.parametrize(
    ("body", "at", "reason"),
    [
        ('msgid "a"\nmsgid "b"\nmsgstr "c"\n', 1, "found an entry without msgstr"),
        ('msgstr "c"\n', 1, "found an entry without msgid"),
        ('msgid "a"\nmsgstr "b"c"\n', 1, r"found the text 'b\"c' \(line 2\), expected quotes and backslashes escaped"),
        ('msgid "a"\nmsgstr "b\\q"\n', 1, "found the text"),
        ('msgid "a"\nmsgstr "b\n', 1, r"found 'msgstr \"b' \(line 2\), expected msgid, msgstr or a text in quotes"),
        ('msgid "a"\nmsgstr "b"\nmsgstr "c"\n', 1, r"found msgstr twice \(line 3\)"),
        ("what\n", 1, "found 'what'"),
    ],
)
def test_broken_entries(po, body, at, reason):
    good = 'msgid "x"\nmsgstr "y"\n'
    with pytest.raises(DataError, match=rf"x\.po line {at}: {reason}"):
        po(body + "\n" + good)
    found = []
    assert po(body + "\n" + good, rejects=found.append).tgt[-1] == "y"
    assert len(found) == 1


def test_bytes_that_are_no_text(po, tmp_path):
    (tmp_path / "y.po").write_bytes(GERMAN.encode() + b'msgid "a"\nmsgstr "\xff"\n')
    with pytest.raises(DataError, match="line 8: found bytes that are not utf-8 text"):
        Po(str(tmp_path / "y.po")).read(PAIR)


def test_a_catalogue_into_the_source_language_is_turned_round(po):
    assert po(GERMAN + 'msgid "door"\nmsgstr "Tür"\n', pair=PAIR[::-1]).src == ["Tür"]
    assert po('msgid "door"\nmsgstr "Tür"\n', pair=PAIR[::-1]).src == ["door"]


def test_two_catalogues_are_joined(tmp_path, notes):
    (tmp_path / "de.po").write_text(
        GERMAN + 'msgid "a"\nmsgstr "A"\n\nmsgctxt "c"\nmsgid "a"\nmsgstr "AC"\n\nmsgid "de"\nmsgstr "x"\n',
        encoding="utf-8",
    )
    (tmp_path / "rm.po").write_text(
        'msgctxt "c"\nmsgid "a"\nmsgstr "RC"\n\nmsgid "a"\nmsgstr "R"\n\nmsgid "rm"\nmsgstr "x"\n', encoding="utf-8"
    )
    reader = Po(f"{tmp_path}/{{tgt}}.po", src_path=f"{tmp_path}/{{src}}.po")
    found = []
    bitext = reader.read(("deu_Latn", "roh_Latn"), Rejects(found.append))
    assert (bitext.src, bitext.tgt) == (["AC", "A"], ["RC", "R"])
    assert "1 messages are not in" in notes()[0]
    assert len(found) == 2
    assert [p.name for p in reader.inputs(("deu_Latn", "roh_Latn"))] == ["de.po", "rm.po"]


def test_polib_finds_the_same(tmp_path):
    polib = pytest.importorskip("polib")
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=utf-8", "Plural-Forms": "nplurals=2; plural=n!=1;"}
    for i, text in enumerate(['a"b', "tab\tnew\nline\n", "\\n", "ü 漢 👩‍👩‍👧", "long " * 60, "%(x)s {y}"]):
        catalogue.append(
            polib.POEntry(
                msgid=f"{text} {i}",
                msgstr=text,
                msgctxt="c" if i % 2 else None,
                comment="note",
                occurrences=[("a.c", str(i))],
            )
        )
    catalogue.append(polib.POEntry(msgid="one", msgid_plural="many", msgstr_plural={0: "eins", 1: "viele"}))
    catalogue.save(str(tmp_path / "x.po"))
    bitext = Po(str(tmp_path / "x.po")).read(PAIR)
    expected = [(e.msgid, e.msgstr) for e in catalogue if not e.msgid_plural] + [("one", "eins"), ("many", "viele")]
    assert list(zip(bitext.src, bitext.tgt, strict=True)) == expected
