"""What each task takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyalign.core.params import params_of
from polyalign.pipeline.job import Counts, Job, Kind
from polyalign.pipeline.steps import augment, bitext, corpus, documents, models, proof, scores, sentences, spaces
from polyalign.pipeline.tables import files_in, models_in


@dataclass(frozen=True, slots=True)
class Task:
    """What a task takes and gives.

    Args:
        takes: The kind of each input; ``joins`` says whether the last may be given several times.
        gives: The kind of its result.
        per_pair: Whether it runs once a language pair.
        run: Runs a method on a job and returns what it counted.
        files: The files outside the run that a method reads, for the content key.
        joins: Whether further inputs of the last kind are joined to it.
        options: Names of the step's options beside the method's parameters; all of them are paths.
        also: Kinds that may follow, in any order and number; a step over all languages reads all pairs of them.
        teaches: Whether it needs to know the language that is new to the model.
        marks: What its result depends on outside the run that is too large to be read for the content key, by name.
    """

    takes: tuple[Kind, ...]
    gives: Kind
    per_pair: bool
    run: Callable[[Any, Job], Counts]
    files: Callable[[Any, Job], list[Path]] = lambda method, job: []
    joins: bool = False
    options: tuple[str, ...] = ()
    also: tuple[Kind, ...] = ()
    teaches: bool = False
    marks: Callable[[Any, Job], dict[str, str]] = lambda method, job: {}


def _named_files(method: Any, job: Job) -> list[Path]:
    """The files that a method's own parameters name, such as a dictionary, or that it says it reads."""
    if hasattr(method, "inputs"):
        return list(method.inputs(job.languages))
    named = (getattr(method, p.name) for p in params_of(type(method)) if p.is_path)
    return [*(Path(name) for name in named if name), *files_in(method)]


def _either(run: Callable[[Any, Job], Counts], *, joins: bool = False) -> tuple[Task, Task]:
    """A task that takes a bitext and gives one, or documents and gives those."""
    pairs = Task(("bitext",), "bitext", True, run, _named_files, joins)
    return pairs, Task(("documents",), "documents", False, run, _named_files, joins)


#: Of tasks that work on more than one kind, each; which it is, its input says.
EITHER: dict[str, tuple[Task, ...]] = {
    "corpus.augment": (
        Task(("bitext",), "bitext", True, augment.build, lambda m, j: m.inputs(j.langs)),
        Task(
            ("documents",),
            "documents",
            False,
            augment.build,
            lambda m, j: [path for lang in j.languages for path in m.inputs((lang,))],
        ),
    ),
    "corpus.score": _either(corpus.score),
    "corpus.select": _either(corpus.select, joins=True),
    "corpus.tag": _either(corpus.score),
    "corpus.dedup": _either(corpus.dedup),
    "corpus.split": _either(corpus.split),
    "corpus.balance": _either(corpus.balance),
}
#: Ways to train vectors of words from text alone.
_VECTORS = ("ppmi-svd", "word2vec", "fasttext")
TASKS: dict[str, Task] = {
    "corpus.documents": Task((), "documents", False, documents.read_documents, lambda m, j: m.inputs(j.languages)),
    "text.normalize": Task(("documents",), "documents", False, documents.normalize),
    "text.identify": Task(("documents",), "documents", False, documents.identify),
    "text.split": Task(("documents",), "sentences", False, documents.split),
    "documents.align": Task(("sentences",), "sentences", False, documents.align_documents, _named_files),
    "sentences.align": Task(("sentences",), "bitext", True, sentences.align_sentences, _named_files),
    "sentences.multiway": Task(("sentences",), "multiway", False, sentences.align_jointly, _named_files),
    "sentences.project": Task(("multiway",), "bitext", True, sentences.project),
    "sentences.mine": Task(("sentences",), "bitext", True, sentences.mine, _named_files),
    "corpus.bitext": Task((), "bitext", True, bitext.read, lambda m, j: m.inputs(j.langs)),
    "text.tokenize": Task(("bitext",), "bitext", True, bitext.tokenize),
    "words.align": Task(("bitext",), "links", True, bitext.align_words, _named_files, joins=True),
    "words.lexicon": Task(("links",), "lexicon", True, bitext.lexicon),
    "corpus.find": Task(("documents",), "bitext", True, augment.find),
    "corpus.write/documents": Task(("documents",), "file", False, documents.write),
    "corpus.write": Task(("bitext",), "file", True, bitext.write),
    "evaluate/aer": Task(("links", "bitext"), "score", True, scores.aer),
    **{f"spaces.vectors/{name}": Task(("documents",), "vectors", False, spaces.vectors) for name in _VECTORS},
    "spaces.map": Task(("vectors", "lexicon"), "vectors", False, spaces.mapped, teaches=True),
    "models.read": Task((), "model", False, models.read, models.files, marks=models.marks),
    "models.extend": Task(("model", "documents"), "tokenizer", False, models.extend, _named_files, teaches=True),
    "models.rows": Task(
        ("model", "tokenizer"),
        "model",
        False,
        models.rows,
        _named_files,
        also=("documents", "lexicon", "vectors", "model"),
        teaches=True,
    ),
    "models.trim": Task(("model", "documents"), "model", False, models.trim, _named_files),
    "models.script": Task(("documents",), "documents", False, models.script, _named_files, teaches=True),
    "models.train": Task(
        ("model",),
        "model",
        False,
        models.train,
        _named_files,
        also=("documents", "bitext", "links"),
        teaches=True,
        marks=lambda method, job: models_in(method),
    ),
    **{
        f"models.merge/{name}": Task(("model", "model"), "model", False, models.merge, joins=True)
        for name in ("linear", "ties")
    },
    # Of the others it cannot be measured yet what they do: a model behind an encoder has no layers of its own text.
    "models.intervene/incline": Task(("model", "bitext"), "maps", False, models.intervene, _named_files, teaches=True),
    "evaluate/teaching": Task(
        ("model", "documents"),
        "proof",
        False,
        proof.teaching,
        also=("model", "maps", "documents", "bitext"),
        teaches=True,
    ),
    "evaluate/sentences": Task(("bitext",), "score", True, scores.sentence_f1, scores.sentence_gold, options=("gold",)),
}


def variants_of(method_id: str) -> tuple[Task, ...]:
    """The tasks that a method can be a step for, by what it is given; none if it can be no step."""
    for name in (method_id, method_id.split("/")[0]):
        if name in EITHER:
            return EITHER[name]
        if name in TASKS:
            return (TASKS[name],)
    return ()


def task_of(method_id: str) -> Task | None:
    """The task of a method, if it can be a step of a project."""
    return next(iter(variants_of(method_id)), None)
