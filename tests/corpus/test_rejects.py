"""Every record that goes in comes out or is in the rejects, whatever happened to the file."""

from __future__ import annotations

import io
import json
from importlib.util import find_spec

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.corpus.bitext.columns import Columns
from polyalign.corpus.bitext.dataset import Dataset
from polyalign.corpus.bitext.delimited import Csv, Tsv
from polyalign.corpus.bitext.fast_align import FastAlign
from polyalign.corpus.bitext.jsonl import JsonLines
from polyalign.corpus.bitext.locale import Locale
from polyalign.corpus.bitext.moses import Moses
from polyalign.corpus.bitext.po import Po
from polyalign.corpus.bitext.tmx import Tmx
from polyalign.corpus.bitext.xliff import Xliff
from polyalign.corpus.rejects import MAX_LINE, Rejected, Rejects, as_json, line_arrays, rejects_file, text_lines
from polyalign.corpus.stream import stream_bitext
from polyalign.corpus.write.columns import Arrow, Parquet
from polyalign.corpus.write.delimited import Csv as WriteCsv
from polyalign.corpus.write.delimited import Tsv as WriteTsv
from polyalign.corpus.write.fast_align import FastAlign as WriteFastAlign
from polyalign.corpus.write.jsonl import JsonLines as WriteJsonLines
from polyalign.corpus.write.tmx import Tmx as WriteTmx
from polyalign.corpus.write.xliff import Xliff as WriteXliff

PAIR = ("deu_Latn", "eng_Latn")
GOOD = Bitext.build(
    ["Haus & Hof", "ja", "Tür\u2028auf", "", '"so"'], ["house", "yes {x}", "door 👩‍👩‍👧", "no", "a,b"], langs=PAIR
).with_column("score.x", pa.array([0.5, None, 1.0, -1.0, 2.0], pa.float32()))
GOOD = GOOD.with_spans("src", [[0, 4], [], [0, 3], [], [0, 1]])
PO = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"

#. a note
msgctxt "menu"
msgid "Open"
msgstr "Öffnen\\n"
"jetzt"

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

#, fuzzy
msgid "x"
msgstr "y"

#~ msgid "old"
#~ msgstr "alt"
"""
PROPERTIES = "a = x\\u00e4\nb: long \\\n  text\n# no\n! no\nc d\ne\n"
YAML = "app:\n  a: &x Haus\n  b: [eins, zwei]\n  c: *x\n  d: 'no'\n  e: 3\n"
XLIFF2 = WriteXliff(version="2.0")
WRITERS = {
    "tsv": (WriteTsv(), Tsv),
    "csv": (WriteCsv(), Csv),
    "jsonl": (WriteJsonLines(), JsonLines),
    "fast-align": (WriteFastAlign(tokens=False), FastAlign),
    "tmx": (WriteTmx(), Tmx),
    "xliff": (WriteXliff(), Xliff),
    "xliff2": (XLIFF2, Xliff),
    "parquet": (Parquet(), Columns),
    "arrow": (Arrow(), Columns),
}
TEXTS = {
    "po": (".po", PO, Po),
    "json": (".json", '{"a": {"b": "x\\u00e4", "c": ["y", 3]}, "d": "{n, plural, one {#}}", "e": null}', None),
    "yaml": (".yaml", YAML, None),
    "properties": (".properties", PROPERTIES, None),
    "moses": (".txt", "eins\nzwei\n\ndrei\n", None),
}
if find_spec("yaml") is None:
    del TEXTS["yaml"]
READERS = [*WRITERS, *TEXTS, "dataset"]
#: What readers stumble over.
PIECES = [
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\t", b"\n", b"\r", b"\r\n", b'"', b"\\", b"|||", b"<", b">", b"&a;", b"&#0;",
    b"\\ud800", b"[" * 200, b"{" * 200, b"{'a':" * 120, b"*x", b"&y ", b"<<: ", b"1e999", b"99999999999", b"nan",
    b"msgid ", b'msgstr[9] "', b"#~ ", b"<seg>", b"</tu>", b"<target>", b"</unit>", b'<cp hex="D800"/>', b"---\n", b": ",
]  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A sound file of every format."""
    folder = tmp_path_factory.mktemp("good")
    out = {}
    for name, (writer, _) in WRITERS.items():
        writer.write(GOOD, folder / name)
        out[name] = (folder / name).read_bytes()
    out |= {name: text.encode() for name, (_, text, _) in TEXTS.items()}
    return {**out, "dataset": out["jsonl"]}


def reader_of(name, path):
    if name in WRITERS:
        return WRITERS[name][1](str(path))
    if name == "moses":
        return Moses(str(path), str(path.with_name("other")))
    if name == "dataset":
        return Dataset(str(path.parent), src="src", tgt="tgt")
    reader = TEXTS[name][2]
    return reader(str(path)) if reader else Locale(str(path), str(path.with_name("other" + TEXTS[name][0])))


def place(folder, name, raw, good):
    suffix = TEXTS[name][0] if name in TEXTS else ".jsonl" if name == "dataset" else ""
    path = folder / f"x{suffix}"
    path.write_bytes(raw)
    if name in ("json", "yaml", "properties", "moses"):
        (folder / f"other{'' if name == 'moses' else suffix}").write_bytes(good)
    return path


def read(name, path):
    """What comes out of a file and what is rejected; None where the whole file is refused."""
    found: list[Rejected] = []
    try:
        tables = list(reader_of(name, path).source(PAIR, Rejects(found.append)).tables())
    except DataError as refused:
        message = str(refused)
    else:
        for table in tables:
            for column in table.columns:
                column.to_pylist()
        return sum(t.num_rows for t in tables), found
    assert "\n" not in message
    return None


def records(name, raw):
    """How many records a file has, counted another way; None where only the reader can tell."""
    if name in ("tsv", "jsonl", "dataset"):
        lines = [line.removesuffix(b"\r") for line in raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
        if name == "tsv":
            return len([line for line in lines if line]) - 1
        return len([line for line in lines if line.decode("utf-8", "replace").strip()])
    if name == "moses":
        return raw.count(b"\n") + (not raw.endswith(b"\n") and raw != b"")
    if name in ("tmx", "xliff", "xliff2"):
        unit = {"tmx": "tu", "xliff": "trans-unit", "xliff2": "unit"}[name]
        root = etree.parse(io.BytesIO(raw), etree.XMLParser(resolve_entities=False)).getroot()
        return len(list(root.iter("{*}" + unit)))
    return None


@st.composite
def changes(draw):
    """A few places of a file, by their share of its length, and what happens there."""
    kind = st.sampled_from(["insert", "insert", "delete", "replace", "repeat", "cut"])
    step = st.tuples(st.floats(0, 1), st.floats(0, 0.2), kind, st.sampled_from(PIECES) | st.binary(max_size=3))
    return draw(st.lists(step, min_size=1, max_size=3))


def changed(raw, steps):
    for at, size, kind, piece in steps:
        a = int(at * len(raw))
        b = a + int(size * len(raw)) + 1
        raw = {
            "insert": raw[:a] + piece + raw[a:],
            "delete": raw[:a] + raw[b:],
            "replace": raw[:a] + piece + raw[b:],
            "repeat": raw[:b] + raw[a:],
            "cut": raw[:b],
        }[kind]
    return raw


@pytest.mark.parametrize("name", READERS)
@given(steps=changes())
def test_what_goes_in_comes_out_or_is_rejected(tmp_path_factory, files, name, steps):
    raw = changed(files[name], steps)
    path = place(tmp_path_factory.mktemp("mutant"), name, raw, files[name])
    result = read(name, path)
    if result is None:
        return
    out, found = result
    assert all(r.reason and r.at and r.source for r in found)
    expected = records(name, raw)
    if expected is not None and (name != "tsv" or out + len(found) > 0):
        assert out + len(found) in ((expected, expected + 1) if name == "tsv" else (expected,))
    # Without anybody to take them, the first broken record is the error; what is merely left out is none.
    try:
        strict = sum(t.num_rows for t in reader_of(name, path).source(PAIR).tables())
    except DataError:
        assert found
    else:
        assert strict == out


@pytest.mark.parametrize("name", READERS)
def test_a_sound_file_rejects_nothing_that_is_broken(tmp_path, files, name):
    path = place(tmp_path, name, files[name], files[name])
    result = read(name, path)
    assert result is not None
    kinds = {r.reason for r in result[1]}
    assert kinds <= {"the entry is fuzzy", "the entry is obsolete", "found no text, expected one"}
    assert result[0] == {"po": 3, "moses": 4, "json": 3, "yaml": 5, "properties": 4}.get(name, 5)


@pytest.mark.parametrize(
    ("name", "text", "at", "reason"),
    [
        ("x.tsv", "a\tb\nc\nd\te\n", "line 2", "found 1 columns, expected 2 as in line 1"),
        ("x.tsv", "src\ttgt\tscore.x\na\tb\tx\nc\td\t1\ne\tf\t2\n", "row 1, column score.x", "found 'x', expected a number"),
        ("x.csv", 'a,b\nc,"d"e"\ng,h\n', "line 2", "found broken CSV"),
        ("x.jsonl", '{"src": "a", "tgt": "b"}\n{\n{"src": "a", "tgt": "c"}\n', "line 2", "found broken JSON"),
        ("x.jsonl", '{"a": 1}\n{"src": "a", "tgt": "b"}\n{"src": "a", "tgt": "c"}\n', "line 1", "found the fields a, expected"),
        ("x.jsonl", '[]\n{"src": "a", "tgt": "b"}\n{"src": "a", "tgt": "c"}\n', "line 1", "found a list"),
        ("x.fa", "a ||| b\nc\nd ||| e\n", "line 2", "found 1 fields between"),
    ],
)  # fmt: skip
def test_the_place_and_the_reason(tmp_path, name, text, at, reason):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found: list[Rejected] = []
    runs = list(stream_bitext(tmp_path / name, rejects=found.append))
    assert [len(run) for run in runs] == [2]
    assert [(r.source, r.at) for r in found] == [(str(tmp_path / name), at)]
    assert found[0].reason.startswith(reason)
    assert found[0].record
    with pytest.raises(DataError) as error:
        list(stream_bitext(tmp_path / name))
    assert str(error.value).startswith(f"{tmp_path / name} {at}: {reason}")


def test_null_in_a_table_is_rejected(tmp_path):
    table = pa.table({"src": ["a", None, "c"], "tgt": ["x", "y", None], "n": [1, 2, 3]})
    pa.parquet.write_table(table, tmp_path / "x.parquet")
    found: list[Rejected] = []
    bitext = Columns(str(tmp_path / "x.parquet")).read(PAIR, Rejects(found.append))
    assert (bitext.src, bitext.ids) == (["a"], ["0"])
    assert [(r.at, json.loads(r.record)["n"]) for r in found] == [("row 1", 2), ("row 2", 3)]


def test_a_unit_without_a_side_is_left_out_and_can_be_had(tmp_path, notes):
    (tmp_path / "x.tmx").write_text(
        '<tmx version="1.4"><body><tu><tuv xml:lang="de"><seg>a</seg></tuv></tu></body></tmx>', encoding="utf-8"
    )
    found: list[Rejected] = []
    assert len(Tmx(str(tmp_path / "x.tmx")).read(PAIR, Rejects(found.append))) == 0
    assert found[0].record.startswith("<tu>")
    assert found[0].reason == "found a unit with 'de', expected deu_Latn and eng_Latn"
    assert len(Tmx(str(tmp_path / "x.tmx")).read(PAIR)) == 0
    assert len(notes()) == 2


def test_bad_lines_of_two_files_go_together(tmp_path):
    (tmp_path / "x.deu_Latn").write_bytes(b"a\n\xff\nc\n")
    (tmp_path / "x.eng_Latn").write_bytes(b"x\ny\nz\x00\n")
    found: list[Rejected] = []
    runs = list(stream_bitext(tmp_path / "x", format="moses", pair=PAIR, rejects=found.append))
    assert [(run.src, run.tgt) for run in runs] == [(["a"], ["x"])]
    assert [r.record for r in found] == ["\\xff\ty", "c\tz\x00"]
    assert [r.at for r in found] == ["line 2", "line 3"]
    (tmp_path / "x.eng_Latn").write_bytes(b"x\ny\n")
    with pytest.raises(DataError, match="the files do not belong together"):
        list(stream_bitext(tmp_path / "x", format="moses", pair=PAIR, rejects=found.append))


LINES = st.lists(
    st.sampled_from([b"a", b"\xff", b"\xc3\xa4", b"\r", b"\n", b"\n", b"\x00", b"\xef\xbb\xbf"]), max_size=12
)


@given(LINES.map(b"".join), LINES.map(b"".join))
def test_lines_in_arrays_go_together_as_lines_one_by_one_do(tmp_path_factory, src, tgt):
    folder = tmp_path_factory.mktemp("moses")
    (folder / "s").write_bytes(src)
    (folder / "t").write_bytes(tgt)
    told = []
    for tokens in ("none", "spaces"):
        found: list[Rejected] = []
        reader = Moses(str(folder / "s"), str(folder / "t"), tokens=tokens)
        try:
            bitext = reader.read(PAIR, Rejects(found.append))
            told.append(([bitext.ids, bitext.src, bitext.tgt], found))
        except DataError as error:
            told.append(str(error))
    assert told[0] == told[1]


def test_files_whose_lines_differ_in_length_stay_in_step(tmp_path):
    lines = [f"{k}" + "x" * (k % 50) for k in range(60_000)]
    (tmp_path / "s").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "t").write_text("\r\n".join(reversed(lines)), encoding="utf-8", newline="")
    (tmp_path / "doc").write_text("".join(f"{k}\n" for k in range(60_000)), encoding="utf-8")
    bitext = Moses(str(tmp_path / "s"), str(tmp_path / "t"), docs_path=str(tmp_path / "doc")).read(PAIR)
    assert (bitext.src, bitext.tgt) == (lines, lines[::-1])
    assert bitext.column("doc") == bitext.ids
    assert bitext.table["doc"].type == pa.string()


def test_numbered_lines_that_disagree(tmp_path):
    (tmp_path / "a").write_text("1\teins\n2\tzwei\nthree\n", encoding="utf-8")
    (tmp_path / "b").write_text("1\tone\n3\ttwo\n4\tthree\n", encoding="utf-8")
    found: list[Rejected] = []
    reader = Moses(str(tmp_path / "a"), str(tmp_path / "b"), numbered=True)
    assert reader.read(PAIR, Rejects(found.append)).ids == ["1"]
    assert [r.at for r in found] == ["line 2", "line 3"]


@pytest.mark.parametrize("name", ["x.tsv", "x.csv", "x.jsonl", "x.fa", "x.po"])
def test_a_giant_line_is_one_reject_and_the_rest_is_read(tmp_path, name):
    good = {"x.tsv": "a\tb\n", "x.csv": "a,b\n", "x.jsonl": '{"src": "a", "tgt": "b"}\n', "x.fa": "a ||| b\n"}.get(
        name, 'msgid "a"\nmsgstr "b"\n\n'
    )
    block = b"x" * (1 << 20)
    with open(tmp_path / name, "wb") as file:
        file.write(good.encode())
        for _ in range((MAX_LINE >> 20) + 2):
            file.write(block)
        file.write(b"\n" + good.encode() * 2)
    found: list[Rejected] = []
    reader = Po(str(tmp_path / name)) if name == "x.po" else None
    if reader:
        rows = sum(t.num_rows for t in reader.source(PAIR, Rejects(found.append)).tables())
    else:
        rows = sum(map(len, stream_bitext(tmp_path / name, rejects=found.append)))
    assert rows == 3
    assert len(found) == 1
    assert f"found a line of {66 << 20} bytes, expected at most" in found[0].reason


def test_a_giant_last_line(tmp_path):
    with open(tmp_path / "x", "wb") as file:
        file.write(b"a\n" + b"\xff" * (MAX_LINE + (1 << 21)))
    lines = list(text_lines(tmp_path / "x"))
    assert lines[0] == "a"
    assert isinstance(lines[1], Rejected)
    assert len(lines) == 2


@given(LINES.map(b"".join) | st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_lines_are_those_of_the_strict_reader(tmp_path_factory, raw):
    from polyalign.core.files import read_lines

    path = tmp_path_factory.mktemp("lines") / "x"
    path.write_bytes(raw)
    mine = list(text_lines(path))
    arrays, rejected = zip(*line_arrays(path), strict=True) if raw else ((), ())
    assert [x for a in arrays for x in a.to_pylist()] == [x if isinstance(x, str) else None for x in mine]
    assert [r for some in rejected for r in some] == [x for x in mine if isinstance(x, Rejected)]
    bad = next((line for line in mine if isinstance(line, Rejected)), None)
    if bad is None:
        assert mine == list(read_lines(path))
        return
    with pytest.raises(DataError) as error:
        list(read_lines(path))
    assert str(bad.error()) == str(error.value)


@pytest.mark.parametrize("name", ["tmx", "xliff"])
def test_entity_bombs_are_refused_also_where_rejects_are_taken(tmp_path, files, name):
    bomb = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10 if i else "boom"}">' for i in range(12))
    raw = files[name].decode().replace("?>", f"?><!DOCTYPE {name} [{bomb}]>", 1).replace("house", "&a11;")
    (tmp_path / "x").write_text(raw, encoding="utf-8")
    with pytest.raises(DataError, match=r"entities declared in the file|broken XML"):
        list(reader_of(name, tmp_path / "x").source(PAIR, Rejects(lambda r: None)).tables())


def test_a_file_of_rejects(tmp_path):
    (tmp_path / "x.tsv").write_bytes(b"a\tb\nc\n\xff\td\ne\tf\n")
    with rejects_file(tmp_path / "r.jsonl") as sink:
        runs = list(stream_bitext(tmp_path / "x.tsv", rejects=sink))
        assert not (tmp_path / "r.jsonl").exists()
    assert [run.src for run in runs] == [["a", "e"]]
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sink.count == 2
    assert [list(row) for row in rows] == [["source", "at", "reason", "record"]] * 2
    assert [row["record"] for row in rows] == ["c", "\\xff\td"]
    with pytest.raises(DataError, match="no such file"), rejects_file(tmp_path / "r2.jsonl") as sink:
        list(stream_bitext(tmp_path / "none.tsv", rejects=sink))
    assert not (tmp_path / "r2.jsonl").exists()


def test_json_text_of_anything():
    assert as_json({"a": "\ud800"}) == '{"a": "\\ud800"}'


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        (str(10**400), "score.x", "a number"),
        (str(2**31), "src_start", r"a whole number below 2\*\*31"),
        ("[1, 99999999999]", "src_spans", "a list of whole numbers"),
    ],
)
def test_numbers_that_do_not_fit(tmp_path, value, field, expected):
    (tmp_path / "x.jsonl").write_text(f'{{"src": "a", "tgt": "b", "{field}": {value}}}\n', encoding="utf-8")
    with pytest.raises(DataError, match=f"line 1: found .* in field '{field}', expected {expected}"):
        JsonLines(str(tmp_path / "x.jsonl")).read(PAIR)
    cell = value.strip("[]").replace(",", "")
    if field != "score.x":
        (tmp_path / "x.tsv").write_text(f"src\ttgt\t{field}\na\tb\t{cell}\n", encoding="utf-8")
        with pytest.raises(DataError, match=rf"row 1, column {field}: found '{cell}', expected"):
            Tsv(str(tmp_path / "x.tsv")).read(PAIR)


def test_json_nested_too_deep_to_walk_through(tmp_path):
    deep = '{"src": "a", "tgt": "b", "x": ' + '{"a":' * 150 + '"\\ud800"' + "}" * 150 + "}\n"
    (tmp_path / "x.jsonl").write_text(deep, encoding="utf-8")
    with pytest.raises(DataError, match="it is nested 151 deep, more than 100"):
        JsonLines(str(tmp_path / "x.jsonl")).read(PAIR)
