"""The pages in a real browser: looked at, corrected, reloaded, in two windows, by keyboard alone, with hostile text."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.corpus.formats import write_bitext
from polyalign.view.edits import Edits
from tests.view.conftest import serving

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("starlette")
pytest.importorskip("jinja2")

ROH = "?unit=deu_Latn-roh_Latn"
HOSTILE = [
    ("<script>window.broken = 1</script>", "<img src=x onerror='window.broken = 1'>"),
    ("abc \u202egnp.exe\u202c {{7*7}}", "'\"><b>bold</b> \u2066x \x07"),
    ("javascript:alert(1) &lt;", "</textarea></script><svg onload=window.broken=1>"),
]


def opened(tmp_path, pairs, langs=("deu_Latn", "eng_Latn"), links=None, **columns):
    from polyalign.view.page import View
    from polyalign.view.source import Opened

    write_bitext(Bitext.build(*zip(*pairs, strict=True), langs=langs, columns=columns), tmp_path / "a.parquet")
    names = []
    for name, lines in (links or {}).items():
        (tmp_path / f"{name}.pharaoh").write_text("".join(f"{line}\n" for line in lines))
        names.append(tmp_path / f"{name}.pharaoh")
    return View(Opened.at(tmp_path / "a.parquet", links=names), Edits(tmp_path / "c.jsonl"), "Anna")


def until(tab, holds, seconds=20):
    """Wait for an expression of the page to hold; the browser's own wait would need `eval`, which the page forbids."""
    end = time.monotonic() + seconds
    while not tab.evaluate(holds):
        assert time.monotonic() < end, f"never: {holds}; told: {tab.inner_text('#told')!r}"
        tab.wait_for_timeout(40)


def ready(tab):
    until(tab, "document.querySelector('#cursor').textContent !== ''")


def version(tab, text):
    until(tab, f"document.querySelector('#about').textContent.includes({json.dumps(text)})")


def test_a_link_is_corrected_by_click_and_is_there_after_reloading(tab, address, view):
    tab.goto(f"{address}/pairs{ROH}&row=3")
    ready(tab)
    before = {(x.src, x.tgt) for x in view.opened.source("deu_Latn-roh_Latn").links("links", 3)}
    free = next((i, j) for i in range(5) for j in range(5) if (i, j) not in before)
    grid = tab.locator("#grid .paper").bounding_box()
    tab.mouse.click(grid["x"] + 26 * free[1] + 13, grid["y"] + 26 * free[0] + 13)
    version(tab, "changed by you")
    assert "your correction sure" in tab.inner_text("#cursor")
    tab.reload()
    ready(tab)
    version(tab, "changed by you")
    kept = view.edits.all()[0].value["links"]
    assert kept == {f"{i}-{j}": "sure" for i, j in sorted(before | {free})}
    tab.click("#undo")
    until(tab, "document.querySelector('#redo:not(:disabled)') !== null")
    assert view.edits.all() == []


def test_a_word_and_then_another_are_linked_in_the_lines(tab, tmp_path):
    view = opened(tmp_path, [("das Haus", "the house")])
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        tab.click(".word[data-side='0'][data-k='1']")
        tab.click(".word[data-side='1'][data-k='1']")
        version(tab, "changed by you")
        assert view.edits.all()[0].value["links"] == {"1-1": "sure"}
        assert tab.locator("#lines .link").count() == 1


def test_everything_by_keyboard(tab, tmp_path):
    view = opened(
        tmp_path, [("das alte Haus", "the old house"), ("ja", "yes"), ("nein", "no")], links={"a": ["0-0", "0-0", ""]}
    )
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        press = tab.keyboard.press
        for key in ("ArrowDown", "ArrowRight", "Space"):
            press(key)
        version(tab, "changed by you")
        for key in ("ArrowDown", "ArrowRight", "p"):
            press(key)
        until(tab, "document.querySelector('#cursor').textContent.includes('your correction possible')")
        press("u")
        until(tab, "document.querySelector('#cursor').textContent.includes('no link')")
        press("r")
        until(tab, "document.querySelector('#cursor').textContent.includes('your correction possible')")
        press("?")
        assert tab.locator("#keys").is_visible()
        press("Escape")
        press("e")
        tab.fill("#text-tgt", "the very old house")
        tab.click("#texts button.main")
        until(tab, "document.querySelectorAll('.word[data-side=\"1\"]').length === 4")
        tab.focus("#board")
        press("d")
        until(tab, "document.querySelector('#row').value === '1'")
        press("b")
        until(tab, "document.querySelector('#row').value === '2'")
        press("k")
        until(tab, "document.querySelector('#row').value === '1'")
        version(tab, "not a translation")
    first, second = view.edits.all()
    assert first.value["links"] == {"0-0": "sure", "1-2": "sure", "2-3": "possible"}
    assert (first.value["tgt"], first.value["mark"], second.value["mark"]) == ("the very old house", "done", "bad")


def test_two_windows_do_not_lose_each_others_edits(browser, tmp_path):
    view = opened(tmp_path, [("a b c", "d e f")])
    with serving(view) as address:
        one, two = (browser.new_context().new_page() for _ in range(2))  # two browsers: no messages between them
        for page in (one, two):
            page.goto(f"{address}/pairs")
            ready(page)
        one.keyboard.press("Space")
        version(one, "changed by you")
        for key in ("ArrowDown", "ArrowRight", "Space"):
            two.keyboard.press(key)
        version(two, "changed by you")
        assert view.edits.all()[0].value["links"] == {"0-0": "sure", "1-1": "sure"}
        # The same word in both: the second is told, shown what is there, and can do it again.
        one.keyboard.press("Space")
        until(one, "document.querySelector('#cursor').textContent.includes('no link')")
        for key in ("ArrowUp", "ArrowLeft", "Space"):
            two.keyboard.press(key)
        until(two, "document.querySelector('#told').textContent.includes('another window')")
        assert view.edits.all()[0].value["links"] == {"1-1": "sure"}
        until(two, "document.querySelector('#cursor').textContent.includes('no link')")
        two.keyboard.press("Space")
        until(two, "document.querySelector('#cursor').textContent.includes('your correction sure')")
        assert view.edits.all()[0].value["links"] == {"0-0": "sure", "1-1": "sure"}
        for page in (one, two):
            page.context.close()


def test_windows_of_one_browser_show_each_others_edits(tab, tmp_path):
    view = opened(tmp_path, [("a b c", "d e f")])
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        other = tab.context.new_page()
        other.goto(f"{address}/pairs")
        ready(other)
        other.keyboard.press("Space")
        version(other, "changed by you")
        version(tab, "changed by you")


@pytest.mark.parametrize("path", ["/", "/pairs?row={}", "/documents", "/agreement"])
def test_hostile_text_is_shown_as_text(tab, tmp_path, path):
    view = opened(tmp_path, HOSTILE, **{"doc": ["<b>x</b>\u202e"] * 3, "score.<i>": [0.5] * 3})
    from polyalign.view.page import View

    view = View(view.opened, view.edits, "<u>Anna\u202e</u>")
    with serving(view) as address:
        for row in range(3 if "{}" in path else 1):
            tab.goto(address + path.format(row))
            if path[1:5] in ("pair", "docu"):
                ready(tab)
            tab.wait_for_load_state("networkidle")
            assert tab.evaluate("window.broken") is None
            text = tab.inner_text("body")
            assert "<u>Anna[U+202E]</u>" in text
            assert not re.search("[\u202a-\u202e\u2066-\u2069\x07]", text)
            for tag in ("main img", "main svg[onload]", "main u", "main bdi b", "main p b b", "main script"):
                assert tab.locator(tag).count() == 0
            if path == "/documents":
                assert "<script>window.broken = 1</script>" in text
                assert "abc [U+202E]gnp.exe[U+202C] {{7*7}}" in text
            if path.startswith("/pairs") and row == 1:
                assert "[U+202E]gnp.exe[U+202C]" in text


def test_beads_are_merged_split_moved_and_undone(tab, tmp_path):
    view = opened(tmp_path, [("Eins.", "One."), ("Zwei.", "Two."), ("Drei.", "Three.")])
    with serving(view) as address:
        tab.goto(f"{address}/documents")
        ready(tab)
        press = tab.keyboard.press

        def beads(expected):
            told = [f"{len(s)}–{len(t)}" for s, t in expected]
            until(
                tab,
                f"JSON.stringify([...document.querySelectorAll('.gutter span:first-of-type')].map((e) => e.textContent.split(' ')[0])) === '{json.dumps(told, ensure_ascii=False, separators=(',', ':'))}'",
            )
            assert view.edits.all()[0].value["beads"] == expected if expected else view.edits.all() == []

        tab.focus("#board")
        press("m")
        beads([[[0, 1], [0, 1]], [[2], [2]]])
        press("ArrowDown")
        press("s")
        beads([[[0], [0]], [[1], [1]], [[2], [2]]])
        press("]")
        beads([[[0], [0]], [[], [1]], [[1, 2], [2]]])
        press("[")
        beads([[[0], [0]], [[1], [1]], [[2], [2]]])
        press("x")
        beads([[[0], [0]], [[1], []], [[], [1]], [[2], [2]]])
        press("u")
        beads([[[0], [0]], [[1], [1]], [[2], [2]]])
        press("d")
        until(tab, "document.querySelector('#finish').getAttribute('aria-pressed') === 'true'")
        tab.reload()
        ready(tab)
        assert tab.get_attribute("#finish", "aria-pressed") == "true"


def test_a_document_of_ten_thousand_sentences_has_few_elements_and_is_whole(tab, tmp_path):
    n = 10_000
    view = opened(tmp_path, [(f"Satz Nummer {k}.", f"Sentence number {k}.") for k in range(n)], doc=["long"] * n)
    with serving(view) as address:
        tab.goto(f"{address}/documents")
        ready(tab)
        assert tab.locator(".bead").count() < 400
        tall = tab.evaluate("document.documentElement.scrollHeight")
        assert tall > n * 20
        for part in (0.5, 0.2, 0.999):
            tab.evaluate(f"window.scrollTo(0, {part} * document.documentElement.scrollHeight)")
            until(
                tab,
                "[...document.querySelectorAll('.bead')].some((e) => { const b = e.getBoundingClientRect(); return b.bottom > 200 && b.top < 700; })",
            )
            assert tab.locator(".bead").count() < 400
        tab.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        tab.wait_for_selector(f".bead[data-k='{n - 1}']")
        assert f"Satz Nummer {n - 1}." in tab.inner_text(f".bead[data-k='{n - 1}']")


def test_scripts_that_run_otherwise_are_set_so(tab, tmp_path):
    view = opened(tmp_path, [("بيت قديم جدا", "ᠨᠢᠭᠡ ᠬᠣᠶᠠᠷ")], langs=("arb_Arab", "mvf_Mong"), links={"a": ["0-0 1-1"]})
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        at = [tab.locator(f".word[data-side='0'][data-k='{k}']").bounding_box() for k in range(3)]
        assert at[0]["x"] > at[1]["x"] > at[2]["x"]
        tall = [tab.locator(f".word[data-side='1'][data-k='{k}']").bounding_box() for k in range(2)]
        assert tall[0]["height"] > tall[0]["width"]
        assert tall[1]["y"] > tall[0]["y"]
        assert tab.locator("#lines .link").count() == 2
        for path in tab.locator("#lines .link").all():
            assert "NaN" not in path.get_attribute("d")
        tab.goto(f"{address}/documents")
        ready(tab)
        assert tab.locator("[dir=rtl] >> nth=0").is_visible()


def test_in_a_grid_of_a_right_to_left_target_the_first_column_is_on_the_right(tab, tmp_path):
    view = opened(tmp_path, [("a b", "بيت قديم جدا")], langs=("eng_Latn", "arb_Arab"))
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        grid = tab.locator("#grid .paper").bounding_box()
        tab.mouse.click(grid["x"] + 26 * 2 + 13, grid["y"] + 13)
        version(tab, "changed by you")
        assert view.edits.all()[0].value["links"] == {"0-0": "sure"}
        tab.keyboard.press("ArrowLeft")
        tab.keyboard.press("Space")
        until(tab, "document.querySelectorAll('#grid .mark').length === 2")
        assert view.edits.all()[0].value["links"] == {"0-0": "sure", "0-1": "sure"}


def test_differences_of_aligners_are_coloured_and_layers_switched(tab, tmp_path):
    view = opened(tmp_path, [("a b", "c d")], links={"one": ["0-0 1-1"], "two": ["0-0 1-0"]})
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        assert tab.locator("#lines .link.same").count() == 1
        assert tab.locator("#lines .link.differs").count() == 2
        assert "one sure; two sure" in tab.inner_text("#cursor")
        tab.keyboard.press("2")
        assert tab.locator("#lines .link.differs").count() == 0
        assert tab.locator("#lines .link").count() == 2
        tab.locator("#layers button").nth(1).click()  # take the other's links
        version(tab, "changed by you")
        assert view.edits.all()[0].value["links"] == {"0-0": "sure", "1-0": "sure"}


def test_a_sentence_of_thousands_of_words(tab, tmp_path):
    n = 2500
    view = opened(tmp_path, [(" ".join(f"w{k}" for k in range(n)), "x")], links={"a": [f"{n - 1}-0"]})
    with serving(view) as address:
        tab.goto(f"{address}/pairs")
        ready(tab)
        assert tab.locator(".word[data-side='0']").count() == n


def test_a_run_is_watched_as_it_goes(tab, tmp_path):
    from polyalign.view.page import View
    from polyalign.view.source import Opened

    run = tmp_path / "run"
    run.mkdir()
    now = time.time()

    def emit(**event):
        with open(run / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"time": now, **event}) + "\n")

    emit(event="run", project="Täler & <b>", pairs=["deu_Latn-eng_Latn"])
    emit(event="start", step="links", unit="deu_Latn-eng_Latn", method="words.align/hmm")
    view = View(Opened.at(run), Edits(tmp_path / "c.jsonl"), "Anna")
    with serving(view) as address:
        tab.goto(address)
        until(tab, "document.querySelector('#state').textContent.startsWith('Running')")
        assert tab.inner_text("h1") == "Täler & <b>"
        emit(event="progress", label="align", done=250, total=1000, unit="pairs", seconds=10.0)
        until(tab, "document.querySelector('#steps').textContent.includes('250 of 1,000 pairs')")
        text = tab.inner_text("#steps")
        assert "25 a second" in text
        assert "30.0 s left" in text
        emit(
            event="finished",
            step="links",
            unit="deu_Latn-eng_Latn",
            seconds=40.0,
            peak_mb=100.0,
            counts={"in": 9, "out": 9},
        )
        emit(event="done")
        until(tab, "document.querySelector('#state').textContent.startsWith('Done')")
        tab.goto(f"{address}/pairs")
        assert "no sentence pairs yet" in tab.inner_text("main")


AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .filter((v) => ['serious', 'critical'].includes(v.impact))
  .map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '))"""


@pytest.fixture(scope="module")
def servers(run_folder, tmp_path_factory):
    """Two servers with corrections of two people: of the run alone, and of the run beside a copy with other links."""
    from polyalign.pipeline.artefacts import read_links
    from polyalign.view.against import Against
    from polyalign.view.opening import opening
    from polyalign.view.page import View
    from polyalign.view.pages.pairs import _start, item_of
    from polyalign.view.source import Opened

    folder = tmp_path_factory.mktemp("servers")
    other = folder / "other"
    shutil.copytree(run_folder, other)
    for step in json.loads((other / "run.json").read_text())["steps"]:
        if step["gives"] == "links":
            links = read_links(other / step["folder"])[1]
            fewer = Links.from_pairs([links.pairs(k)[::2] for k in range(len(links))])
            pq.write_table(fewer.to_table(), other / step["folder"] / "links.parquet")
    edits = Edits(folder / "c.jsonl")
    source = Opened.at(run_folder).source("deu_Latn-roh_Latn")
    for author in ("Anna", "Beat"):
        item, start = item_of(source, source.pair(0)), _start(source, source.pair(0), "links")
        edits.add(item, author, {"do": "mark", "to": "done"}, version=0, start=start, row=0)
    both = Against(opening(run_folder), opening(other))
    with (
        serving(View(Opened.at(run_folder), edits, "Anna")) as one,
        serving(View(Opened(both), edits, "Anna")) as two,
    ):
        yield {"one": one, "two": two}


@pytest.fixture(scope="module", params=["light", "dark"])
def looked(request, browser):
    """A page that axe-core can be put into, in a colour scheme."""
    context = browser.new_context(color_scheme=request.param, bypass_csp=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(
    ("server", "path"),
    [
        ("one", "/"),
        ("two", f"/pairs{ROH}&row=0"),
        ("one", f"/documents{ROH}"),
        ("one", f"/agreement{ROH}"),
        ("one", f"/concordance{ROH}&q=a*"),
        ("one", f"/lexicon{ROH}&q=gr*"),
        ("one", "/measures"),
        ("two", "/measures"),
    ],
)
def test_axe_finds_nothing_serious(looked, servers, server, path):
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    open_when_made(looked, servers[server] + path)
    looked.wait_for_load_state("networkidle")
    looked.add_script_tag(path=str(next(Path(axe.__file__).parent.rglob("axe.min.js"))))
    assert looked.evaluate(AXE) == []


def open_when_made(tab, address):
    """A page that waits for its index reloads itself until it is there."""
    tab.goto(address)
    tab.locator("main:not(:has-text('waits for it'))").wait_for()
    tab.wait_for_load_state()


def test_a_word_is_searched_and_leads_to_its_pair_and_back(tab, tmp_path):
    pairs = [("das Haus", "the house"), ("kein Haus hier", "no house here"), ("ja", "yes"), *HOSTILE]
    view = opened(tmp_path, pairs, links={"a": ["0-0 1-1", "0-0 1-1 2-2", "0-0", "0-0", "0-0", ""]})
    with serving(view) as address:
        open_when_made(tab, f"{address}/concordance")
        tab.keyboard.type("haus")  # the search has the focus
        tab.keyboard.press("Enter")
        tab.wait_for_selector("mark")
        assert tab.locator("mark").all_inner_texts() == ["Haus", "house"] * 2
        assert tab.inner_text(".translations li") == "house\n2"
        tab.click("tbody tr:nth-child(2) a")
        ready(tab)
        assert tab.input_value("#row") == "1"
        assert tab.locator(".word[data-side='0']").all_inner_texts() == ["kein", "Haus", "hier"]
        tab.go_back()
        tab.click(".translations a")
        tab.wait_for_selector("[aria-current=true]")
        assert tab.locator("mark").count() == 4
        # From the lexicon as well.
        open_when_made(tab, f"{address}/lexicon?q=haus")
        tab.click("tbody a >> nth=1")
        tab.wait_for_selector("mark")
        assert tab.input_value("[type=search]") == "house"
        # Hostile text is text, in what was typed and in what was found.
        tab.fill("[type=search]", "<img src=x onerror='window.broken = 1'>\u202e")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("main b:has-text('[U+202E]')")
        assert "<img src=x onerror='window.broken = 1'>" in tab.inner_text("tbody")
        for word, found in (
            ("alert", "javascript:alert(1) &lt;"),
            ("broken", HOSTILE[0][0]),
            ("exe", "[U+202E]gnp.exe"),
        ):
            tab.goto(f"{address}/concordance?q={word}")
            assert found in tab.inner_text("tbody")
        assert tab.evaluate("window.broken") is None
        assert tab.locator("main img, main script, main svg[onload]").count() == 0


def test_a_bead_leads_to_its_words(tab, servers):
    tab.goto(f"{servers['one']}/documents{ROH}&doc=1")
    ready(tab)
    bead = tab.locator(".bead:has(.gutter a)").nth(2)
    row = re.search(r"row=(\d+)", bead.locator(".gutter a").get_attribute("href"))[1]
    said = bead.locator("[data-side='0'] p").all_inner_texts()
    bead.locator(".gutter a").click()
    ready(tab)
    assert tab.input_value("#row") == row
    shown = tab.inner_text("#lines .words >> nth=0")
    assert "".join(re.sub(r"^\d+|\s", "", x) for x in said) == re.sub(r"\s", "", shown)
    tab.go_back()
    ready(tab)
    tab.keyboard.press("w")  # the same by keyboard, of the first bead
    tab.wait_for_selector("#row")
