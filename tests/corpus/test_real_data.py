"""The formats as they are met in the field."""

from __future__ import annotations

import pytest

from polyalign.core.links import Links
from polyalign.corpus.bitext.delimited import Tsv
from polyalign.corpus.bitext.fast_align import FastAlign
from polyalign.corpus.bitext.jsonl import JsonLines
from polyalign.corpus.bitext.moses import Moses
from polyalign.corpus.documents.folder import Folder
from polyalign.corpus.documents.jsonl import JsonLines as JsonDocuments

pytestmark = pytest.mark.data


def links_fit(bitext, *, one_based=False):
    links = Links.from_pharaoh(bitext.column("links"), one_based=one_based)
    for pair, src, tgt in zip(links, bitext.tokens("src"), bitext.tokens("tgt"), strict=True):
        assert all(i < len(src) and j < len(tgt) for i, j in pair)
    return len(bitext), len(links.src)


def test_dermit_documents(data, notes):
    path = data / "doc-dermit" / "dermit-1997-2021.jsonl.xz"
    langs = ("deu_Latn", "roh_Latn", "ita_Latn")
    table = JsonDocuments(str(path), {"deu_Latn": "de", "ita_Latn": "it", "roh_Latn": "rm"}).read(langs)
    assert table["doc"].unique().__len__() == 4336
    assert "2013012301#2" in table["doc"].to_pylist()
    assert "1 ids occur again" in notes()[0]
    assert set(table["lang"].unique().to_pylist()) == set(langs)


def test_dermit_gold(data):
    at = data / "wa-dermit-derm"
    reader = Moses(
        str(at / "alignments_src_text.txt"),
        str(at / "alignments_trg_text.txt"),
        links=str(at / "alignments_pharaoh.txt"),
        numbered=True,
        tokens="whitespace",
        prefix="gold/",
    )
    bitext = reader.read(("deu_Latn", "roh_Latn"))
    assert links_fit(bitext)[0] == 300
    assert bitext.ids[:2] == ["gold/0", "gold/1"]


def test_xl_wa(data):
    for path in sorted((data / "wa-xlwa").glob("*/dev.tsv")):
        assert links_fit(Tsv(str(path), src="0", tgt="1", links_column="2").read())[0] > 50


def test_binaryalign_json(data):
    path = data / "wa-en-es-es_golden" / "train.jsonl"
    assert links_fit(JsonLines(str(path), src="src_words", tgt="tgt_words", links_field="alignment").read())[0] > 10


def test_awesome_align(data):
    at = data / "wa-awesome-enfr"
    bitext = FastAlign(str(at / "enfr.src-tgt")).read(("eng_Latn", "fra_Latn"))
    assert len(bitext) == sum(1 for _ in (at / "enfr.gold").open())


def test_verses_with_their_ids(data):
    at = data / "bt-nt-grc-en-ru"
    reader = Moses(
        str(at / "nt.grc-SBLGNT.txt.xz"), str(at / "nt.eng-BSB.txt.xz"), ids_path=str(at / "org_nt_vref.txt.xz")
    )
    bitext = reader.read(("grc_Grek", "eng_Latn"))
    assert len(bitext) == 7957
    assert bitext.ids[0] == "MAT 1:1"


def test_ntrex_has_crlf_and_documents(data):
    at = data / "ps-ntrex"
    pattern = str(at / "newstest2019-{}.{{}}.txt")
    bitext = Moses(pattern.format("src").format("{src}"), pattern.format("ref").format("{tgt}")).read(
        ("eng_Latn", "deu_Latn")
    )
    assert len(bitext) == 1997
    assert not any("\r" in text for text in bitext.src + bitext.tgt)


def test_mafand_tsv_has_headers_and_empty_lines(data, notes):
    bitext = Tsv(str(data / "doc-mafand" / "eng-swa.dev.tsv.xz")).read(("eng_Latn", "swh_Latn"))
    assert bitext.src[0].startswith("Screenshot of the video")
    assert notes() == []
    assert len(Tsv(str(data / "doc-mafand" / "eng-yor.test.tsv.xz")).read(("eng_Latn", "yor_Latn"))) > 100
    assert "empty lines hold no pair" in notes()[0]


def test_wmt16_folders(data):
    table = Folder(str(data / "doc-wmt16-enfi")).read(("eng_Latn", "fin_Latn"))
    counts = {c["values"]: c["counts"] for c in table["lang"].value_counts().to_pylist()}
    assert counts == {"eng_Latn": 68, "fin_Latn": 68}
    assert len(set(table["doc"].to_pylist())) == 68
