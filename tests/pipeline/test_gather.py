"""A folder's files in the languages they are in; documents without the first language paired all the same; bitexts joined."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.document import DOCUMENTS
from polyalign.core.errors import DataError
from polyalign.core.store import Store
from polyalign.corpus.write.columns import Parquet
from polyalign.pipeline.gather import Readers, gather
from polyalign.pipeline.job import Job
from polyalign.pipeline.steps import corpus, documents
from polyalign.text.identify import CLD2

GERMAN = (
    "Die Regierung hat am Montag das neue Schulgesetz verabschiedet, und alle Kinder lernen bald zwei Sprachen. " * 2
)
DANISH = "Regeringen har mandag vedtaget den nye skolelov, og alle børn skal snart lære to sprog i skolen. " * 2


class Given:
    """A reader of documents that are given."""

    def __init__(self, *rows):
        self.rows = [dict(zip(("doc", "lang", "text", "source"), row, strict=True)) for row in rows]
        self.times = 0

    def takes(self, path):
        return path.suffix == ".txt"

    def runs(self, langs=(), *, tell=True):
        self.times += 1
        rejects = pa.table({"source": ["r.txt"], "at": ["page 3"], "reason": ["found a picture"]})
        yield pa.Table.from_pylist(self.rows, schema=DOCUMENTS), rejects


def gathered(tmp_path, *rows, tagged=lambda path: None, bitexts=None):
    root = tmp_path / "in"
    root.mkdir(exist_ok=True)
    for name in (*(row[3] for row in rows), "r.txt"):
        (root / name).write_text("x", encoding="utf-8")
    readers = Readers(Given(*rows), bitexts or {}, tagged, "given")
    return gather(root, Store(tmp_path / "work"), readers, CLD2()), readers


@pytest.mark.parametrize(
    ("stated", "named", "text", "lang"),
    [
        ("und", None, GERMAN, "deu_Latn"),
        ("eng_Latn", None, GERMAN, "deu_Latn"),  # a template's language
        ("eng_Latn", "eng_Latn", GERMAN, "eng_Latn"),  # a name is believed
        ("eng_Latn", None, "1 2 3", "eng_Latn"),
        ("nob_Latn", None, DANISH, "nob_Latn"),  # too like each other to be told
        ("und", None, "1 2 3", None),
    ],
)
def test_which_language_a_document_counts_as(tmp_path, stated, named, text, lang):
    found, _ = gathered(tmp_path, ("a", stated, text, "a.txt"), tagged=lambda path: named)
    assert found.languages == ({lang: 1} if lang else {})
    (row,) = (r for r in found.files() if r["source"] == "a.txt")
    assert (row["what"], bool(row["reason"])) == (("document", False) if lang else ("rejected", True))


def test_a_text_of_tables_is_told_by_its_blocks(tmp_path):
    text = "\n\n".join(
        ["§ 12 / 13 [x] QWX ZZQ 77-B"] * 60 + ["Il Cussegl grond tracta la fatschenta en la sessiun da zercladur."] * 4
    )
    found, _ = gathered(tmp_path, ("a", "und", text, "a.txt"))
    assert found.languages == {"roh_Latn": 1}


def test_every_file_is_told_of_and_names_stay_apart(tmp_path):
    found, readers = gathered(
        tmp_path, ("a", "und", GERMAN, "a.txt"), ("a", "eng_Latn", GERMAN, "b.txt"), ("e", "und", " ", "e.txt")
    )
    files = {row["source"]: (row["what"], row["reason"]) for row in found.files()}
    assert files["r.txt"] == ("rejected", "page 3: found a picture")
    assert files["e.txt"] == ("rejected", "holds no text")
    table = pq.read_table(found.folder / "documents.parquet")
    assert list(zip(table["doc"].to_pylist(), table["lang"].to_pylist(), strict=True)) == [
        ("a", "deu_Latn"),
        ("a#2", "deu_Latn"),
    ]
    again = gather(tmp_path / "in", Store(tmp_path / "work"), readers, CLD2())
    assert (again, readers.documents.times) == (found, 1)


def test_bitexts_of_a_pair_are_put_together_in_one_direction(tmp_path):
    def read(path):
        sides = (["Haus"], ["house"]) if path.stem == "m" else (["tree"], ["Baum"])
        langs = ("deu_Latn", "eng_Latn") if path.stem == "m" else ("eng_Latn", "deu_Latn")
        if path.stem == "bad":
            raise DataError(f"{path}: broken")
        yield Bitext.build(*sides, langs=langs)

    (tmp_path / "in").mkdir()
    for name in ("m.tmx", "n.tmx", "bad.tmx"):
        (tmp_path / "in" / name).write_text("x", encoding="utf-8")
    found, _ = gathered(tmp_path, bitexts={".tmx": read})
    assert found.pairs == {("deu_Latn", "eng_Latn"): 2}
    bitext = Bitext(pq.read_table(found.folder / "bitext" / "deu_Latn-eng_Latn.parquet"))
    assert (bitext.src, bitext.tgt, bitext.ids) == (["Haus", "Baum"], ["house", "tree"], ["m.tmx/0", "n.tmx/0"])
    assert bitext.column("tgt_source") == ["m.tmx", "n.tmx"]
    assert {r["source"]: r["what"] for r in found.files()} == {
        "m.tmx": "bitext",
        "n.tmx": "bitext",
        "bad.tmx": "rejected",
        "r.txt": "rejected",
    }


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="the folder is empty"):
        gather(tmp_path / "in", Store(tmp_path / "work"), Readers(Given(), {}, lambda path: None, ""), CLD2())


def test_documents_that_the_first_language_lacks_are_paired_with_each_other(tmp_path):
    from polyalign.documents.names import Names

    rows = [
        {"doc": doc, "lang": lang, "paragraph": 0, "start": 0, "end": 4, "text": "Text", "source": f"{doc}.txt", "mark": None}
        for doc, lang in (("a.de", "deu_Latn"), ("a.en", "eng_Latn"), ("b.en", "eng_Latn"), ("b.fr", "fra_Latn"), ("c.fr", "fra_Latn"))
    ]  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=documents.PLACED), tmp_path / "in" / "sentences.parquet")
    job = Job(
        ("deu_Latn", "eng_Latn", "fra_Latn"), None, (tmp_path / "in",), {}, tmp_path / "out", "documents.align/names"
    )
    counts = documents.align_documents(Names(nearest=False), job)
    names = pq.read_table(tmp_path / "out" / "sentences.parquet")["doc"].to_pylist()
    assert names == ["a.de", "a.de", "b.en", "b.en", "c.fr"]
    assert (counts["pairs"], counts["alone"]) == ({"eng_Latn": 1, "fra_Latn": 1}, {"eng_Latn": 1, "fra_Latn": 1})
    told = pq.read_table(tmp_path / "out" / "pairs.parquet").to_pylist()
    assert [(r["partner"], r["source"]) for r in told] == [
        ("a.de.txt", "a.en.txt"),
        ("b.en.txt", "b.fr.txt"),
        (None, "c.fr.txt"),
    ]
    assert told[2]["reason"]


def test_selection_joins_bitexts(tmp_path):
    from polyalign.corpus.select.threshold import Threshold

    folders = []
    for n, (src, tgt) in enumerate(((["a", "b"], ["x", "y"]), (["b", "c"], ["y", "z"]))):
        folders.append(tmp_path / str(n))
        folders[-1].mkdir()
        ids = [f"{n}/{k}" for k in range(2)]
        Parquet().write(Bitext.build(src, tgt, ids=ids, langs=("deu_Latn", "eng_Latn")), folders[-1] / "bitext.parquet")
        (folders[-1] / "manifest.json").write_text(json.dumps({"counts": {}}), encoding="utf-8")
    (tmp_path / "out").mkdir()
    job = Job((), ("deu_Latn", "eng_Latn"), tuple(folders), {}, tmp_path / "out", "corpus.select/threshold")
    counts = corpus.select(Threshold(distinct=True), job)
    assert (counts["in"], counts["out"], counts["dropped"]) == (4, 3, {"duplicate": 1})
    kept = Bitext(pq.read_table(tmp_path / "out" / "bitext.parquet"))
    assert (kept.src, kept.langs) == (["a", "b", "c"], ("deu_Latn", "eng_Latn"))
