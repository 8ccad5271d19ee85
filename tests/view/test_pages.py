"""What the pages answer without a browser."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

pytest.importorskip("starlette")
pytest.importorskip("jinja2")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from polyalign.core.beads import parse_vecalign
from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.corpus.formats import read_bitext, write_bitext
from polyalign.view.agreement import agreement
from polyalign.view.app import make_app
from polyalign.view.edits import Edits
from polyalign.view.gold import Gold, write_gold
from polyalign.view.page import View
from polyalign.view.pages.run import steps
from polyalign.view.source import Opened

UNIT = "deu_Latn-eng_Latn"
LANGS = ("deu_Latn", "eng_Latn")


@pytest.fixture
def people(tmp_path):
    """A bitext, and a way to ask as anybody."""
    src, tgt = ["das alte Haus", "ja", "nein", "x y"], ["the old house", "yes", "no", "x y"]
    write_bitext(Bitext.build(src, tgt, langs=LANGS, columns={"doc": ["d/1"] * 4}), tmp_path / "a.parquet")
    (tmp_path / "one.pharaoh").write_text("0-0 1-1\n0-0\n\n0-0\n")
    opened = Opened.at(tmp_path / "a.parquet", links=[tmp_path / "one.pharaoh"])

    def ask(author):
        view = View(opened, Edits(tmp_path / "c.jsonl"), author)
        return TestClient(make_app(view), base_url="http://127.0.0.1")

    ask.edits = lambda: Edits(tmp_path / "c.jsonl").all()
    return ask


def edit(client, row, *changes, kind="pair", name="row"):
    asked = client.get(f"/api/{kind}", params={name: row})
    version = asked.json()["mine"]["version"]
    for n, change in enumerate(changes):
        answered = client.post(f"/api/{kind}/edit", params={name: row}, json={"change": change, "version": version + n})
        assert answered.status_code == 200, answered.text
    return answered.json()


def link(i, j, to="sure"):
    return {"do": "link", "src": i, "tgt": j, "to": to}


DONE = {"do": "mark", "to": "done"}


def test_a_correction_starts_from_the_aligners_links_and_leaves_them(people):
    client = people("Anna")
    made = edit(client, 0, link(2, 2, "possible"))
    assert made["mine"]["value"]["links"] == [[0, 0, None, True], [1, 1, None, True], [2, 2, None, False]]
    assert made["layers"][0]["links"] == [[0, 0, None, True], [1, 1, None, True]]
    assert client.get("/api/pair?row=0").json() == made


def test_others_are_seen_and_their_links_follow_a_corrected_text(people):
    edit(people("Beat"), 0, link(2, 2))
    made = edit(people("Anna"), 0, {"do": "text", "side": "tgt", "to": "oh  the old house"})
    assert made["tgt"]["words"] == ["oh", "the", "old", "house"]
    assert made["mine"]["value"]["links"] == [[0, 1, None, True], [1, 2, None, True]]
    found = {layer["name"]: [link[:2] for link in layer["links"]] for layer in made["layers"]}
    assert found == {"one": [[0, 1], [1, 2]], "Beat": [[0, 1], [1, 2], [2, 3]]}


def test_going_on_passes_over_what_is_marked(people):
    client = people("Anna")
    edit(client, 1, DONE)
    assert client.get("/api/pair?row=0&go=next&todo=1").json()["row"] == 2
    assert client.get("/api/pair?row=0&go=next").json()["row"] == 1
    assert client.get("/api/pair?row=3&go=next").json()["row"] == 3
    assert client.get("/api/pair?row=0&go=previous").json()["row"] == 0
    first = client.get("/api/pair?order=least").json()
    assert (first["row"], first["place"]) == (2, 0)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/api/pair?row=4", 404),
        ("/api/pair?row=x", 400),
        ("/api/pair?row=0&order=best", 404),
        ("/api/pair?unit=none", 404),
        ("/api/document?doc=1", 404),
        ("/api/document/texts?doc=0&src=0&src_end=99", 404),
        ("/api/run", 404),
        ("/export?author=Nobody", 404),
        ("/nowhere", 404),
    ],
)
def test_what_is_not_there_is_told(people, address, status):
    answered = people("Anna").get(address)
    assert answered.status_code == status
    assert len(answered.text) > 8


def test_changes_that_cannot_be_made_are_refused(people):
    client = people("Anna")
    for change, base in ((link(9, 9), None), ({"do": "text", "side": "x", "to": "y"}, None), (DONE, "nobody")):
        given = {"change": change, "version": 0, "base": base}
        assert client.post("/api/pair/edit?row=0", json=given).status_code == 400
    assert people.edits() == []
    edit(client, 0, link(2, 2))
    late = client.post("/api/pair/edit?row=0", json={"change": link(2, 2, ""), "version": 0})
    assert (late.status_code, late.json()["version"]) == (409, 1)


def test_documents_are_listed_read_and_corrected(people):
    client = people("Anna")
    assert client.get("/api/documents?find=D/").json()["documents"] == [
        {"number": 0, "name": "d/1", "beads": 4, "mark": ""}
    ]
    assert client.get("/api/document/texts?doc=0&src=1&src_end=3&tgt=0&tgt_end=1").json() == {
        "src": ["ja", "nein"],
        "tgt": ["the old house"],
    }
    made = edit(
        client, 0, {"do": "beads", "at": 0, "count": 2, "to": [[[0, 1], [0, 1]]]}, DONE, kind="document", name="doc"
    )
    assert made["beads"][0] == [[0, 1], [0, 1], None, "changed", None]
    assert [bead[4] for bead in made["beads"][1:]] == [2, 3]
    assert made["mine"]["mark"] == "done"


def test_gold_is_what_was_marked_done_in_every_format(people, tmp_path):
    client = people("Anna")
    edit(client, 0, link(2, 2, "possible"), DONE)
    edit(client, 1, {"do": "mark", "to": "bad"})
    edit(client, 3, link(1, 1))  # changed and not marked
    edit(client, 0, {"do": "beads", "at": 2, "count": 2, "to": [[[2, 3], [2, 3]]]}, DONE, kind="document", name="doc")
    gold = Gold.of(people.edits(), UNIT, "Anna")
    assert (len(gold.pairs), len(gold.bad), len(gold.documents), gold.unfinished) == (1, 1, 1, 1)
    files = {p.relative_to(tmp_path / "gold").as_posix() for p in write_gold(gold, tmp_path / "gold", unit=UNIT)}
    assert files == {f"{UNIT}{end}" for end in (".pharaoh", ".tokens", ".ids", ".bad.ids", ".tmx")} | {
        "beads/d_1.beads"
    }
    lines = (tmp_path / "gold" / f"{UNIT}.pharaoh").read_text().splitlines()
    assert Links.from_pharaoh(lines).to_pharaoh() == ["0-0 1-1 2p2"]
    assert (tmp_path / "gold" / f"{UNIT}.tokens").read_text() == "das alte Haus ||| the old house\n"
    beads = parse_vecalign((tmp_path / "gold/beads/d_1.beads").read_text().splitlines(), "gold")
    assert beads == [((0,), (0,)), ((1,), (1,)), ((2, 3), (2, 3))]
    back = read_bitext(tmp_path / "gold" / f"{UNIT}.tmx", pair=LANGS)
    assert (back.src, back.tgt) == (["das alte Haus"], ["the old house"])
    packed = client.get("/export")
    assert packed.headers["content-type"] == "application/zip"
    assert set(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) == files
    # It can be opened again, and the links are those of the person.
    again = Opened.at(tmp_path / "gold" / f"{UNIT}.pharaoh")
    assert [(x.src, x.tgt, x.sure) for x in again.source(UNIT).links(UNIT, 0)] == [
        (0, 0, True),
        (1, 1, True),
        (2, 2, False),
    ]


def test_words_that_a_line_of_tokens_cannot_say_are_refused(people, tmp_path):
    edit(people("Anna"), 0, {"do": "text", "side": "src", "to": "a ||| b"}, DONE)
    with pytest.raises(DataError, match="TMX"):
        write_gold(Gold.of(people.edits(), UNIT, "Anna"), tmp_path / "gold", unit=UNIT)


def test_agreement_of_two_people(people):
    for author, second in (("Anna", link(2, 2)), ("Beat", link(2, 1))):
        client = people(author)
        edit(client, 0, second, DONE)
        edit(client, 1, DONE)
    edit(people("Anna"), 3, DONE)  # only one of them
    found = agreement(people.edits(), ("Anna", "Beat"), samples=50)
    scores = {s.name: s.value for s in found.scores}
    # 10 word pairs, 4 links each, 3 of them the same.
    assert scores["kappa"] == pytest.approx((0.8 - 0.52) / (1 - 0.52))
    assert scores["F of links"] == scores["F of sure links"] == pytest.approx(6 / 8)
    assert [(x.first.row, x.differing) for x in found.items] == [(0, 2), (1, 0)]
    text = people("Anna").get("/agreement").text
    assert "0.583" in text
    assert "0.750" in text


def test_people_who_say_the_same_agree_wholly_and_other_texts_are_not_counted(people):
    for author in ("Anna", "Beat"):
        edit(people(author), 0, DONE)
        edit(people(author), 0, DONE, kind="document", name="doc")
    same = agreement(people.edits(), ("Anna", "Beat"), samples=10)
    assert {s.name: s.value for s in same.scores} == {
        "kappa": 1.0,
        "F of links": 1.0,
        "F of sure links": 1.0,
        "F of beads": 1.0,
    }
    edit(people("Beat"), 0, {"do": "text", "side": "src", "to": "das Haus"})
    other = agreement(people.edits(), ("Anna", "Beat"), samples=10)
    assert other.retold == 1
    assert [s.name for s in other.scores] == ["F of beads"]


def test_the_steps_of_a_log():
    events = [
        {"time": 1, "event": "run", "project": "old"},
        {"time": 2, "event": "failed", "step": "x", "unit": "all", "message": "no"},
        {"time": 10, "event": "run", "project": "new"},
        {"time": 11, "event": "stored", "step": "documents", "unit": "all"},
        {"time": 12, "event": "start", "step": "kept", "unit": UNIT, "method": "m"},
        {"time": 14, "event": "finished", "step": "kept", "unit": UNIT, "method": "m", "seconds": 2, "peak_mb": 50, "counts": {"in": 9, "out": 7, "dropped": {"short": 2}}},
        {"time": 15, "event": "start", "step": "links", "unit": UNIT, "method": "a"},
        {"time": 16, "event": "progress", "label": "l", "done": 1, "total": 100, "unit": "pairs", "seconds": 1},
        {"time": 25, "event": "progress", "label": "l", "done": 50, "total": 100, "unit": "pairs", "seconds": 10},
    ]  # fmt: skip
    lines = [*(json.dumps(e) for e in events), '{"time": 26, "event": "fini']
    recorded = [("links", UNIT, "a"), ("lexicon", UNIT, "b")]
    found = steps(lines, recorded, now=30.0)
    assert (found["project"], found["state"], found["ended"]) == ("new", "running", 2)
    assert [(r["step"], r["state"]) for r in found["steps"]] == [
        ("documents", "stored"), ("kept", "finished"), ("links", "running"), ("lexicon", "waiting")
    ]  # fmt: skip
    assert found["steps"][1]["dropped"] == ["short 2"]
    progress = found["steps"][2]["progress"]
    assert (progress["told"], progress["rate"], progress["left"]) == ("50 of 100 pairs", "5 a second", "10.0 s")
    assert steps(lines, now=500.0)["state"] == "quiet"
    failed = steps(
        [*lines[:-1], json.dumps({"time": 27, "event": "failed", "step": "links", "unit": UNIT, "message": "full"})]
    )
    assert (failed["state"], failed["steps"][-1]["told"]) == ("failed", "full")
    assert steps([*lines[:-1], json.dumps({"time": 27, "event": "done"})])["state"] == "done"
    assert steps([])["state"] == "none"


def test_the_state_of_a_run_is_sent_once(client):
    found = client.get("/api/run").json()
    assert "steps" in found
    assert client.get("/api/run", params={"since": found["version"]}).json() == {"version": found["version"]}
