"""What is open: the same pairs, links and documents as in the files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.links import Links
from polyalign.corpus.formats import write_bitext
from polyalign.pipeline.artefacts import read_links
from polyalign.view.source import Opened
from polyalign.view.table import ROWS

LANGS = ("deu_Latn", "eng_Latn")
SRC = ["das Haus", "", "ein  alter Hund", "x"]
TGT = ["the house", "nothing", "an old dog", "x"]


def bitext_file(tmp_path, name="a.tsv", **given):
    path = tmp_path / name
    write_bitext(Bitext.build(SRC, TGT, langs=LANGS, **given), path)
    return path


def only(opened):
    assert len(opened.units()) == 1
    return opened.source(opened.units()[0])


@pytest.mark.parametrize("name", ["a.tsv", "a.tmx", "a.jsonl.gz", "a.parquet", "a.csv"])
def test_a_bitext_of_any_format(tmp_path, name):
    source = only(Opened.at(bitext_file(tmp_path, name), pair=LANGS))
    found = source.pairs(0, len(source))
    kept = [k for k in range(4) if name != "a.tmx" or SRC[k]]
    assert [(p.src, p.tgt) for p in found if p.src] == [(SRC[k], TGT[k]) for k in range(4) if SRC[k]]
    assert len(source) in (len(kept), 4)
    assert source.langs == LANGS
    assert source.aligners == ()
    assert found[-2].words == (["ein", "alter", "Hund"], ["an", "old", "dog"])


def test_links_over_a_bitext_and_several_of_them(tmp_path):
    path = bitext_file(tmp_path)
    (tmp_path / "one.pharaoh").write_text(
        "0-0:0.9 1-1:0.5\n\n0-0 1p1\n0-0\n".replace("0-0 1p1\n0-0", "0-0:1 1-1:0.25\n0-0:1")
    )
    (tmp_path / "two.gold").write_text("0-0 1p1\n\n2-2\n0-0\n")
    source = only(Opened.at(path, pair=LANGS, links=[tmp_path / "one.pharaoh", tmp_path / "two.gold"]))
    assert source.aligners == ("one", "two")
    assert [(x.src, x.tgt, x.prob, x.sure) for x in source.links("one", 0)] == [(0, 0, 0.9, True), (1, 1, 0.5, True)]
    assert [(x.src, x.tgt, x.prob, x.sure) for x in source.links("two", 0)] == [(0, 0, None, True), (1, 1, None, False)]
    assert source.links("one", 1) == []


def test_links_with_their_tokens_beside_them(tmp_path):
    (tmp_path / "deu_Latn-eng_Latn.tokens").write_text("das Haus ||| the house\nja ||| yes\n")
    (tmp_path / "deu_Latn-eng_Latn.pharaoh").write_text("0-0 1-1\n0-0\n")
    opened = Opened.at(tmp_path / "deu_Latn-eng_Latn.pharaoh")
    assert opened.units() == ["deu_Latn-eng_Latn"]
    source = only(opened)
    assert source.pair(1).words == (["ja"], ["yes"])
    assert source.aligners == ("deu_Latn-eng_Latn",)


def test_links_without_texts_and_with_the_wrong_ones(tmp_path):
    links = tmp_path / "x.pharaoh"
    links.write_text("0-0\n0-0\n")
    with pytest.raises(DataError, match=r"expected x\.tokens beside it.*--texts"):
        Opened.at(links)
    texts = bitext_file(tmp_path)
    with pytest.raises(DataError, match="2 lines of links, expected one for each of 4"):
        only(Opened.at(links, pair=LANGS, texts=texts))
    links.write_text("0-0\n\n7-1\n0-0\n")
    with pytest.raises(DataError, match=r"pair 2 .*7-1.*below 3 and 3"):
        only(Opened.at(links, pair=LANGS, texts=texts))


def test_what_is_not_there_or_does_not_go_together(tmp_path, run_folder):
    with pytest.raises(DataError, match="no such file or folder"):
        Opened.at(tmp_path / "none.tmx")
    with pytest.raises(ConfigError, match="is a run folder"):
        Opened.at(run_folder, links=[tmp_path / "x"])
    with pytest.raises(ConfigError, match="no file of links"):
        Opened.at(bitext_file(tmp_path), texts=tmp_path / "a.tsv")
    with pytest.raises(DataError, match="no language pair"):
        Opened.at(run_folder).source("a-b")


def test_a_run_has_the_links_of_its_last_step_and_gold(run_folder):
    opened = Opened.at(run_folder)
    assert opened.units() == ["deu_Latn-roh_Latn", "deu_Latn-cmn_Hans", "deu_Latn-arb_Arab"]
    record = json.loads((run_folder / "run.json").read_text())
    for unit in opened.units():
        folder = run_folder / next(s["folder"] for s in record["steps"] if s["unit"] == unit and s["gives"] == "links")
        bitext, links = read_links(folder)
        source = opened.source(unit)
        assert len(source) == len(bitext)
        assert source.aligners == (("links", "gold") if unit.endswith("roh_Latn") else ("links",))
        pairs = source.pairs(0, len(source))
        assert [(p.id, p.src, p.tgt) for p in pairs] == list(zip(bitext.ids, bitext.src, bitext.tgt, strict=True))
        assert [p.words[1] for p in pairs] == bitext.tokens("tgt")
        for row in range(0, len(source), 7):
            found = source.links("links", row)
            assert [(x.src, x.tgt) for x in found] == links.pairs(row)
            assert np.allclose(
                [x.prob for x in found], links.prob[links.offsets[row] : links.offsets[row + 1]], atol=1e-4
            )
    gold = opened.source("deu_Latn-roh_Latn")
    assert gold.links("gold", 0) is None
    assert gold.links("gold", len(gold) - 1)
    assert any(not x.sure for x in gold.links("gold", len(gold) - 1))


def test_the_documents_of_a_run_are_whole_and_those_of_a_bitext_are_parts(run_folder, tmp_path):
    source = Opened.at(run_folder).source("deu_Latn-cmn_Hans")
    assert source.documents.names == [f"doc{d:02d}" for d in range(4)]
    outline = source.documents.outline(1)
    for side, sentences in ((0, outline.src), (1, outline.tgt)):
        assert [k for bead in outline.beads for k in bead[side]] == list(range(len(sentences)))
    assert sum(len(s) != 1 or len(t) != 1 for s, t, _, _ in outline.beads) > 0
    plain = only(Opened.at(bitext_file(tmp_path), pair=LANGS))
    assert plain.documents.names == ["pairs 0 to 3"]
    assert [(s, t) for s, t, _, _ in plain.documents.outline(0).beads] == [
        ([0], [0]),
        ([], [1]),
        ([1], [2]),
        ([2], [3]),
    ]


def test_batches_and_documents_over_their_borders(tmp_path):
    n = 2 * ROWS + 5
    docs = [f"d{k // 3000}" for k in range(n)]
    bitext = Bitext.build([f"s{k}" for k in range(n)], [f"t{k}" for k in range(n)], langs=LANGS, columns={"doc": docs})
    pq.write_table(bitext.table, tmp_path / "a.parquet", row_group_size=1000)
    source = only(Opened.at(tmp_path / "a.parquet"))
    assert len(source) == n
    across = source.pairs(ROWS - 2, ROWS + 2)
    assert [p.src for p in across] == [f"s{k}" for k in range(ROWS - 2, ROWS + 2)]
    assert source.pair(n - 1).tgt == f"t{n - 1}"
    assert source.documents.names == ["d0", "d1", "d2"]
    assert [source.documents.beads(k) for k in range(3)] == [3000, 3000, n - 6000]
    assert source.documents.outline(1).src[:2] == ["s3000", "s3001"]
    assert source.documents.number_of(ROWS) == 1


def test_the_least_certain_come_first_and_what_needs_no_looking_at_last(tmp_path):
    src, tgt = ["a b", "a b", "", "a b", "a b"], ["c d", "c d", "c", "c d", "c d"]
    write_bitext(Bitext.build(src, tgt, langs=LANGS), tmp_path / "a.tsv")
    lines = ["0-0:0.9 1-1:0.9", "0-0:0.2 1-1:0.2", "", "", "0-0:0.9 1-1:0.9"]
    (tmp_path / "one.pharaoh").write_text("\n".join(lines) + "\n")
    (tmp_path / "two.pharaoh").write_text("0-0 1-1\n0-0 1-1\n\n0-0\n0-1 1-0\n")
    both = only(Opened.at(tmp_path / "a.tsv", pair=LANGS, links=[tmp_path / "one.pharaoh", tmp_path / "two.pharaoh"]))
    assert both.order.tolist() == [3, 4, 1, 0, 2]
    assert [both.place(both.row(k, least=True), least=True) for k in range(5)] == list(range(5))
    one = only(Opened.at(tmp_path / "a.tsv", pair=LANGS, links=[tmp_path / "one.pharaoh"]))
    assert one.order.tolist() == [3, 1, 0, 4, 2]
    assert one.place(4, least=False) == 4


def test_without_links_a_score_of_the_bitext_orders_the_pairs(tmp_path):
    columns = {"score.align": pa.array([0.9, 0.1, None, 0.5], pa.float32())}
    bitext = Bitext.build(["a", "b", "c", "d"], ["e", "f", "g", "h"], langs=LANGS, columns=columns)
    pq.write_table(bitext.table, tmp_path / "a.parquet")
    assert only(Opened.at(tmp_path / "a.parquet")).order.tolist()[:3] == [1, 3, 0]


def test_aligners_that_saw_other_rows_or_count_other_words(tmp_path, run_folder):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    record = json.loads((run / "run.json").read_text())
    unit = "deu_Latn-cmn_Hans"
    last = next(s for s in record["steps"] if s["unit"] == unit and s["gives"] == "links")
    bitext, links = read_links(run / last["folder"])

    def step(name, pairs, found):
        folder = run / "work" / name / f"{unit}-x"
        folder.mkdir(parents=True)
        pq.write_table(pairs.table, folder / "bitext.parquet")
        pq.write_table(found.to_table(), folder / "links.parquet")
        record["steps"].insert(record["steps"].index(last), {**last, "step": name, "folder": f"work/{name}/{unit}-x"})

    half = np.arange(0, len(bitext), 2)[::-1]
    step("half", Bitext(bitext.table.take(pa.array(half))), links.take(half))
    step(
        "other", bitext.with_spans("src", [[0, len(t)] for t in bitext.src]), Links.from_pairs([[] for _ in bitext.src])
    )
    (run / "run.json").write_text(json.dumps(record))
    source = Opened.at(run).source(unit)
    assert source.aligners == ("links", "half")
    assert source.links("half", 1) is None
    assert source.links("half", 2) == source.links("links", 2)
    assert len(source.notes) == 1
    assert "other counts other words" in source.notes[0]


def test_a_run_that_goes_on_shows_what_it_has(tmp_path, run_folder):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    (run / "run.json").unlink()
    shutil.rmtree(run / "bitext")
    unit = "deu_Latn-roh_Latn"
    events = [{"event": "run", "pairs": [unit]}]
    (run / "events.jsonl").write_text("\n".join(map(json.dumps, events)) + '\n{"event": "fini')
    opened = Opened.at(run)
    assert opened.units() == []
    for step, manifest in (("beads", "beads"), ("kept", "kept")):
        (next((run / "work" / manifest).glob(f"{unit}-*")) / "manifest.json").write_text("{}")
        events.append({"event": "finished", "step": step, "unit": unit})
        (run / "events.jsonl").write_text("\n".join(map(json.dumps, events)) + "\n")
        assert opened.units() == [unit]
    found = len(opened.source(unit))
    assert found == pq.read_metadata(next((run / "work/kept").glob(f"{unit}-*")) / "bitext.parquet").num_rows


def test_a_changed_file_is_read_anew_and_an_unchanged_one_is_not(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pq.write_table(Bitext.build(["a"], ["b"], langs=LANGS).table, path)
    opened = Opened.at(path)
    first = only(opened)
    assert only(opened) is first
    pq.write_table(Bitext.build(["a", "c"], ["b", "d"], langs=LANGS).table, path)
    assert len(only(opened)) == 2
    assert only(Opened.at(path)).folder != first.folder


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_a_single_pair(tmp_path, n):
    pq.write_table(Bitext.build(["a"] * n, ["b"] * n, langs=LANGS).table, tmp_path / "a.parquet")
    source = only(Opened.at(tmp_path / "a.parquet"))
    assert len(source) == n
    assert source.pairs(0, 10) == ([] if n == 0 else [source.pair(0)])
    assert len(source.documents) == n


def test_links_of_pairs_whose_words_differ_are_left_out_there(tmp_path):
    from polyalign.view.prepare import Aligned, Given, prepare
    from polyalign.view.source import Source

    src, tgt = ["a b", "c d", "e f", "g h"], ["x", "y", "z", "w"]
    ours = Bitext.build(src, tgt, langs=LANGS).with_spans("src", [[0, 1, 2, 3]] * 4).with_spans("tgt", [[0, 1]] * 4)
    theirs = Bitext.build(["a b", "c D", "e f", "g h"], tgt, langs=LANGS)
    theirs = theirs.with_spans("src", [[0, 1, 2, 3], [0, 1, 2, 3], [0, 3], [0, 1, 1, 3]]).with_spans(
        "tgt", [[0, 1]] * 4
    )
    for name, bitext in (("ours", ours), ("theirs", theirs)):
        pq.write_table(bitext.table, tmp_path / f"{name}.parquet")
    pq.write_table(Links.from_pairs([[(0, 0)]] * 4).to_table(), tmp_path / "links.parquet")
    given = Aligned("other", tmp_path / "links.parquet", tmp_path / "theirs.parquet")
    source = Source(prepare(Given("deu_Latn-eng_Latn", tmp_path / "ours.parquet", (given,))))
    assert [source.links("other", k) is None for k in range(4)] == [False, True, True, True]
    assert source.notes == (
        "other counts other words than the texts that are shown in 3 of 4 pairs; its links are left out there",
    )
