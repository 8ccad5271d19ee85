"""A project file is checked whole: every error of it, at once, before anything runs."""

from __future__ import annotations

import pytest

from polyalign.core.errors import ConfigError, DataError
from polyalign.pipeline.project import read_project


def errors(file, text):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_project(file)
    return str(caught.value)


def test_a_good_project_is_a_plan(toy):
    project = read_project(toy)
    assert [s.id for s in project.steps][:3] == ["documents", "sentences", "beads"]
    assert project.pairs == (("eng_Latn", "deu_Latn"), ("eng_Latn", "fra_Latn"))
    assert project.output == toy.parent / "runs" / "toy"
    links = next(s for s in project.steps if s.id == "links")
    assert links.inputs == ("tokens",)
    assert links.pairs == project.pairs
    assert next(s for s in project.steps if s.id == "sentences").units == (None,)


def test_every_error_at_once(toy):
    text = toy.read_text()
    text = text.replace("corpus.documents/folder", "corpus.documents/foldr").replace(
        'path = "texts"', 'path = "textes"'
    )
    text = text.replace("words.align/ibm1", 'words.align/ibm1"\niteratons = 3\niterations = "many')
    text = text.replace('in = "kept"', 'in = "kpt"')
    text = text.replace('pairs = ["en-de", "en-fr"]', 'pairs = ["en-de", "en-xx"]\nseeds = 1')
    message = errors(toy, text)
    for part in (
        "[project] takes no 'seeds'; did you mean 'seed'?",
        "language 'xx': not a language tag",
        "step 1 'documents': unknown method 'corpus.documents/foldr'; did you mean 'corpus.documents/folder'?",
        "words.align/ibm1 takes no parameter 'iteratons'; did you mean 'iterations'?",
        "words.align/ibm1: iterations = 'many'",
        "step 8 'tmx': in = 'kpt': no earlier step has that id",
    ):
        assert part in message, message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[project]", "[projct]", "unknown table [projct]; did you mean 'project'?"),
        ('languages = ["en", "de", "fr"]', 'languages = ["en"]', "expected two or more"),
        ('languages = ["en", "de", "fr"]', 'languages = ["en", "eng", "de", "fr"]', "one is given twice"),
        ('pairs = ["en-de", "en-fr"]', 'pairs = "most"', 'expected "all" or a list'),
        ('pairs = ["en-de", "en-fr"]', 'pairs = ["en-ru"]', "rus_Cyrl is not among the project's languages"),
        ('name = "Toy"', "name = 3", "name = 3: wrong type"),
        ('path = "texts"', 'path = "nowhere"', "nowhere"),
        ('path = "texts"\n', "", "needs the parameter 'path'"),
        ('id = "kept"', 'id = "beads"', "this id is taken"),
        ('id = "kept"', 'id = "a b"', "an id is made of letters"),
        ('id = "kept"', 'id = ".."', "does not start with a dot"),
        ('in = "kept"', "in = [{}]", "no earlier step has that id"),
        ('use = "corpus.select/threshold"', "", 'no method; say which with use = "task/name"'),
        ('use = "corpus.select/threshold"', 'use = "words.symmetrize/union"', "cannot be a step of a project"),
        ('in = "kept"', 'in = "sentences"', "takes bitext, but 'sentences' (text.split/sentencex) gives sentences"),
        ('in = "kept"', 'in = ["kept", "beads"]', "takes 1 input (bitext), found 2"),
        ('in = "kept"', "in = 3", "expected a step's id or a list of ids"),
        ('id = "documents"', 'id = "documents"\nin = "x"', "takes no input"),
        ('id = "sentences"', 'id = "sentences"\npairs = ["en-de"]', "runs over all languages at once"),
        ('id = "lexicon"', 'id = "lexicon"\npairs = ["de-fr"]', "not among the project's pairs"),
    ],
)
def test_each_error(toy, old, new, expected):
    text = toy.read_text()
    assert old in text
    message = errors(toy, text.replace(old, new, 1))
    assert expected in message, message
    assert str(toy) in message


def test_one_mistake_is_told_once(toy):
    message = errors(toy, toy.read_text().replace("sentences.align/gale-church", "sentences.align/gale-chruch"))
    assert len(message.splitlines()) == 1
    assert "did you mean 'sentences.align/gale-church'" in message


def test_what_is_no_project(toy):
    assert "not valid TOML" in errors(toy, "[[step")
    assert "no steps" in errors(toy, '[project]\nlanguages = ["en", "de"]\n')
    assert "must be a table" in errors(toy, "project = 3\n")
    assert "no earlier step gives any" in errors(
        toy, '[project]\nlanguages = ["en", "de"]\n[[step]]\nuse = "words.align/ibm1"\n'
    )
    with pytest.raises(DataError, match="no such file"):
        read_project(toy.with_name("none.toml"))
