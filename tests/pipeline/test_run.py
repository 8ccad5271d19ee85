"""Running a project: results, resuming, and what a change makes anew."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from polyalign.core.errors import ConfigError, DataError
from polyalign.pipeline.project import read_project
from polyalign.pipeline.run import dry_run, run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that a run leaves but those that tell the time."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in files
        if p.name not in (".lock", "events.jsonl", "report.html")
    }


def states(project, **options) -> dict[tuple[str, str], str]:
    return {(step, unit): what for step, unit, what in dry_run(project, **options)}


@pytest.fixture
def done(toy):
    return run(read_project(toy))


def test_a_run_leaves_what_it_promises(done):
    pair = "eng_Latn-deu_Latn"
    bitext = pq.read_table(done / "bitext" / f"{pair}.parquet")
    assert bitext.num_rows == 9
    assert "src_spans" in bitext.column_names
    assert (done / "bitext" / f"{pair}.tmx").read_text(encoding="utf-8").count("<tu ") == bitext.num_rows
    pharaoh = (done / "links" / f"{pair}.pharaoh").read_text().splitlines()
    tokens = (done / "links" / f"{pair}.tokens").read_text(encoding="utf-8").splitlines()
    assert len(pharaoh) == len(tokens) == bitext.num_rows
    assert tokens[1] == "The house is old . ||| Das Haus ist alt ."
    assert (done / "lexicon" / f"{pair}.tsv").read_text().startswith("src\ttgt\tcount\t")
    assert json.loads((done / "scores.json").read_text()) == []
    record = json.loads((done / "run.json").read_text())
    assert {s["step"] for s in record["steps"]} == {
        "documents",
        "sentences",
        "beads",
        "kept",
        "tokens",
        "links",
        "lexicon",
        "tmx",
    }
    # Every row of the bitext leads back to the raw text it came from.
    raw = (done.parent.parent / "texts" / "one.en.txt").read_text(encoding="utf-8")
    rows = [r for r in bitext.to_pylist() if r["doc"] == "one"]
    assert all(raw[r["src_from"] : r["src_to"]].split() == r["src"].split() for r in rows)


def test_a_second_run_makes_nothing_and_gives_the_same_bytes(toy, done):
    before = contents(done)
    assert set(states(read_project(toy)).values()) == {"stored"}
    run(read_project(toy))
    assert contents(done) == before
    events = [json.loads(line)["event"] for line in (done / "events.jsonl").read_text().splitlines()]
    assert events.count("finished") == events.count("stored") == 2 + 6 * 2


def test_two_folders_hold_the_same_bytes(toy, done):
    other = run(read_project(toy, toy.parent / "elsewhere"))
    assert contents(other) == contents(done)


def test_a_change_runs_what_depends_on_it_and_says_why(toy, done):
    toy.write_text(toy.read_text().replace('use = "words.align/ibm1"', 'use = "words.align/ibm1"\niterations = 3'))
    plan = states(read_project(toy))
    assert plan["tokens", "eng_Latn-deu_Latn"] == "stored"
    assert plan["links", "eng_Latn-deu_Latn"] == "run: iterations 5 -> 3"
    assert plan["lexicon", "eng_Latn-deu_Latn"] == "run: after links"
    assert plan["tmx", "eng_Latn-fra_Latn"] == "stored"


def test_a_changed_file_is_seen(toy, done):
    text = toy.parent / "texts" / "two.de.txt"
    text.write_text(text.read_text(encoding="utf-8") + "\nEnde.\n", encoding="utf-8")
    assert states(read_project(toy))["documents", "all"].startswith("run: changed input: file")
    run(read_project(toy))
    # The French side did not change, so its alignment is made anew only as far as content differs.
    assert set(states(read_project(toy)).values()) == {"stored"}


def test_a_dictionary_is_taken_from_the_projects_folder_and_its_content_counts(toy):
    dictionary = toy.parent / "words.tsv"
    dictionary.write_text("house\tHaus\n", encoding="utf-8")
    text = toy.read_text().replace(
        '"sentences.align/gale-church"', '"sentences.align/lexical"\ndictionary = "words.tsv"'
    )
    toy.write_text(text)
    run(read_project(toy))
    assert states(read_project(toy))["beads", "eng_Latn-deu_Latn"] == "stored"
    dictionary.write_text("house\tHaus\nriver\tFluss\n", encoding="utf-8")
    assert states(read_project(toy))["beads", "eng_Latn-deu_Latn"] == "run: changed input: file 1"
    dictionary.unlink()
    with pytest.raises(ConfigError, match=r"words.tsv: no such file"):
        read_project(toy)


def test_from_and_only(toy, done):
    project = read_project(toy)
    plan = states(project, start="links")
    assert plan["tokens", "eng_Latn-deu_Latn"] == "stored"
    assert plan["links", "eng_Latn-deu_Latn"] == plan["tmx", "eng_Latn-deu_Latn"] == "run: --from"
    plan = states(project, only="links")
    assert plan["links", "eng_Latn-deu_Latn"].startswith("run")
    before = contents(done)
    run(project, only="links")
    run(project, start="kept")
    assert contents(done) == before
    with pytest.raises(ConfigError, match="no step 'nothing'; its steps are documents, sentences"):
        run(project, start="nothing")


def test_only_needs_what_it_needs(toy):
    project = read_project(toy)
    with pytest.raises(ConfigError, match="run the project once without --only"):
        run(project, only="links")
    run(project, only="documents")
    assert states(project)["documents", "all"] == "stored"
    assert states(project)["sentences", "all"] == "run: nothing stored yet"


def test_a_failed_step_names_itself_and_keeps_the_rest(toy):
    (toy.parent / "texts" / "one.fr.txt").unlink()
    with pytest.raises(
        DataError, match=r"toy.toml step 'beads' \(eng_Latn-fra_Latn\): .*no document has both languages"
    ):
        run(read_project(toy))
    assert states(read_project(toy))["beads", "eng_Latn-deu_Latn"] == "stored"
    assert not list((toy.parent / "runs" / "toy").rglob("*.part"))


def test_two_runs_do_not_share_a_folder(toy, done):
    with FileLock(done / ".lock"), pytest.raises(DataError, match="another run is using this folder"):
        run(read_project(toy))
    blocked = toy.parent / "file"
    blocked.write_text("x")
    with pytest.raises(DataError, match="cannot be used as run folder"):
        run(read_project(toy, blocked))


def started(toy: Path, output: Path) -> tuple[list[str], subprocess.Popen[bytes]]:
    """A run in a process of its own, as soon as its first step has begun."""
    command = [sys.executable, "-m", "polyalign.cli.main", "run", str(toy), "--output", str(output), "--no-report"]
    # A shell that starts its jobs in the background makes them deaf to SIGINT, and so would this process be.
    hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=hears)
    events = output / "events.jsonl"
    for _ in range(600):
        if process.poll() is not None or (events.exists() and "start" in events.read_text()):
            break
        time.sleep(0.05)
    return command, process


@pytest.mark.parametrize("moment", [0.0, 0.4, 1.2])
def test_killed_anywhere_the_same_command_finishes_with_the_same_bytes(toy, done, moment):
    """`kill -9` some time after the first step started; then the same command."""
    output = toy.parent / f"killed-{moment}"
    command, process = started(toy, output)
    time.sleep(moment)
    process.kill()
    process.communicate()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert contents(output) == contents(done)


def test_what_a_killed_run_had_half_written_is_swept_away(toy, done):
    before = contents(done)
    (done / "bitext" / ".x.tmx.123.part").write_text("half")
    half = done / "work" / "links" / "eng_Latn-deu_Latn-0.part"
    half.mkdir()
    (half / "links.parquet").write_text("half")
    run(read_project(toy))
    assert contents(done) == before


def test_interrupted_it_says_how_to_go_on(toy, done):
    output = toy.parent / "interrupted"
    command, process = started(toy, output)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.decode().splitlines()[-1] == "interrupted; the same command goes on where it stopped"
    assert b"Traceback" not in err
    assert not list(output.rglob("*.part"))
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert contents(output) == contents(done)


def test_gold_is_joined_scored_and_kept_out_of_the_corpus(toy):
    gold = toy.parent / "gold.eng-deu.tsv"
    gold.write_text(
        "id\tsrc\ttgt\tlinks\ng1\tThe house is old .\tDas Haus ist alt .\t0-0 1-1 2-2 3-3 4-4\n", encoding="utf-8"
    )
    folder = toy.parent / "beads"
    folder.mkdir()
    (folder / "two.eng_Latn-deu_Latn").write_text("[0]:[0]\n[1]:[1]\n[2]:[2]\n[3]:[3]\n")
    text = toy.read_text().replace('use = "words.align/ibm1"', 'use = "words.align/ibm1"\nin = ["tokens", "gold"]')
    text = text.replace(
        '[[step]]\nid = "links"',
        '[[step]]\nid = "gold"\nuse = "corpus.bitext/tsv"\npath = "gold.{src}-{tgt}.tsv"\npairs = ["en-de"]\n\n[[step]]\nid = "links"',
    )
    text += '\n[[step]]\nid = "aer"\nuse = "evaluate/aer"\nin = ["links", "gold"]\n'
    text += '\n[[step]]\nid = "f1"\nuse = "evaluate/sentences"\nin = "beads"\ngold = "beads/{doc}.{src}-{tgt}"\npairs = ["en-de"]\n'
    toy.write_text(text, encoding="utf-8")
    out = run(read_project(toy))
    scores = json.loads((out / "scores.json").read_text())
    assert [(s["step"], s["pair"]) for s in scores] == [("aer", "eng_Latn-deu_Latn"), ("f1", "eng_Latn-deu_Latn")]
    assert 0 <= scores[0]["value"] <= 1
    assert scores[0]["n"] == 1
    assert scores[1]["value"] == 1.0
    assert "version:" in scores[0]["signature"]
    assert len((out / "links" / "eng_Latn-deu_Latn.pharaoh").read_text().splitlines()) == 9
    # A gold standard that was not joined cannot be scored, and is not scored as something else.
    toy.write_text(text.replace('in = ["tokens", "gold"]', 'in = "tokens"'), encoding="utf-8")
    with pytest.raises(DataError, match=r"gold pair 'g1'.*was not aligned"):
        run(read_project(toy))
    (folder / "two.eng_Latn-deu_Latn").write_text("[0]:[9]\n")
    with pytest.raises(DataError, match="names sentence 9, but two was split into 4"):
        run(read_project(toy), only="f1")
    (folder / "two.eng_Latn-deu_Latn").unlink()
    with pytest.raises(DataError, match="no file for any of 2 documents"):
        run(read_project(toy), only="f1")
