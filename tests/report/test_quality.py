"""The share of right pairs: the aligner's estimate, and what a review counts; gaps and outliers of the corpus report."""

from __future__ import annotations

import pyarrow as pa
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.report.corpus import write_corpus_report
from polyalign.report.quality import estimates, write_review

from .conftest import Maker

PAIR = "deu_Latn-eng_Latn"


@pytest.fixture
def run(tmp_path):
    """A run of four aligned pairs and a gap of three sentences."""
    maker = Maker(tmp_path / "run", ("deu_Latn", "eng_Latn"), (PAIR,))
    scores = [1.0, 0.9, 0.8, 0.5, 0.9, 0.9, 0.9]
    src = ["Haus", "Baum", "Fluss im Tal", "Ein Berg und sonst gar nichts", "alt", "neu", "grau"]
    tgt = ["house", "tree", "river", "A mountain", "", "", ""]
    columns = {"doc": pa.array(["a"] * 7, pa.string()), "score.align": pa.array(scores, pa.float32())}
    for side, ends in (("src", [1] * 7), ("tgt", [1, 1, 1, 1, 0, 0, 0])):
        at = [sum(ends[:k]) for k in range(8)]
        columns[f"{side}_start"] = pa.array(at[:7], pa.int32())
        columns[f"{side}_end"] = pa.array(at[1:], pa.int32())
    bitext = Bitext.build(src, tgt, langs=("deu_Latn", "eng_Latn"), ids=[f"a/{k}" for k in range(7)], columns=columns)
    counts = {"in": 1, "out": 7, "beads": {"1-1": 4, "1-0": 3}}
    maker.step("beads", PAIR, "sentences.align/lexical", "bitext", counts, tables={"bitext": bitext.table})
    kept = bitext.table.slice(0, 4)
    dropped = {"in": 7, "out": 4, "dropped": {"empty-tgt": 3}}
    maker.step("kept", PAIR, "corpus.select/threshold", "bitext", dropped, tables={"bitext": kept})
    maker.publish(PAIR, kept)
    maker.write()
    return maker.folder


def test_the_estimate_is_the_mean_probability_with_its_spread(run):
    told = estimates(run, PAIR)
    assert told["precision"] == pytest.approx(0.8)
    half = 1.96 * (0.09 + 0.16 + 0.25) ** 0.5 / 4
    assert told["interval"] == (pytest.approx(0.8 - half, abs=1e-6), 1.0)
    assert (told["documents"], told["dropped"], told["by"]) == (1, 3, "aligner")


def test_a_review_is_written_once_and_counted(run):
    path = write_review(run, 1)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    path.write_text("\n".join([lines[0], lines[1] + "yes", lines[2] + "No", *lines[3:]]) + "\n", encoding="utf-8")
    assert write_review(run, 1).read_text(encoding="utf-8").count("yes") == 1
    told = estimates(run, PAIR, path)
    assert (told["precision"], told["by"]) == (0.5, "review")
    assert told["interval"][0] < 0.5 < told["interval"][1]


def test_a_review_of_another_corpus_counts_for_nothing(run, tmp_path):
    (tmp_path / "r.tsv").write_text("deu_Latn-eng_Latn\tz/1\ta\tb\tyes\n", encoding="utf-8")
    assert estimates(run, PAIR, tmp_path / "r.tsv")["by"] == "aligner"
    (tmp_path / "r.tsv").write_text("a\tb\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        estimates(run, PAIR, tmp_path / "r.tsv")


def test_gaps_and_thresholds_are_told(run, tmp_path):
    path = write_corpus_report(run, [], tmp_path / "x.html")
    page = path.read_text(encoding="utf-8")
    assert '<section id="gaps"' in page
    assert "alt" in page
    assert "4–6" in page
    assert "what another threshold would keep" in page
    assert write_corpus_report(run, [], tmp_path / "y.html").read_bytes() == path.read_bytes()
