"""Steps that teach a language model: read it, extend its tokenizer, make rows, trim, train, merge, intervene."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError
from polyalign.pipeline.artefacts import ELSEWHERE, MAPS, MODEL, TOKENIZER, Runs, read_bitext, read_links
from polyalign.pipeline.job import Counts, Job
from polyalign.pipeline.shards import Made, by_rows, shards_folder
from polyalign.pipeline.steps.given import Texts, is_kind, languages_of, of_kind, texts_of
from polyalign.pipeline.steps.spaces import spaces_of

if TYPE_CHECKING:
    from polyalign.models.language_model import LanguageModel
    from polyalign.models.training.objective import Data, Parallel
    from polyalign.models.vocabulary.rows.evidence import Entry, Evidence

#: The numbers of the pieces that a model did not have, beside it: some training is of their rows alone.
_NEW = "new.npy"


def place_of(folder: Path) -> str:
    """The model of a stored result, as whatever reads models takes it."""
    if (folder / MODEL).is_dir():
        return str(folder / MODEL)
    return str(json.loads((folder / ELSEWHERE).read_text(encoding="utf-8"))["model"])


def load(folder: Path) -> LanguageModel:
    """The model of a stored result, loaded anew."""
    from polyalign.models.pretrained import Pretrained

    return Pretrained(place_of(folder)).read()


def files(method: Any, job: Job) -> list[Path]:
    """None; but says it now if the model cannot be there."""
    method.there()
    return []


def marks(method: Any, job: Job) -> dict[str, str]:
    """Which model it is: to read gigabytes for every plan would take minutes."""
    found = method.there()
    return {"model": found} if found else {}


def read(method: Any, job: Job) -> Counts:
    """Note where the model is, having seen that it can be loaded; it is not copied."""
    made = method.read()
    told = {"model": method.model, "key": made.key}
    (job.out / ELSEWHERE).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return _sizes(made)


def extend(method: Any, job: Job) -> Counts:
    """Give the tokenizer pieces of the new language."""
    from polyalign.encoders.torch_load import quiet
    from polyalign.models.language_model import read_tokenizer

    tokenizer = read_tokenizer(place_of(job.inputs[0]))
    made = method.fit(tokenizer, _documents(job)[job.new])
    with quiet():
        made.save_pretrained(job.out / TOKENIZER)
    return {"in": len(tokenizer), "out": len(made)}


def rows(method: Any, job: Job) -> Counts:
    """Make the rows of new pieces, and put them into the model."""
    from polyalign.models.language_model import read_tokenizer, with_rows, write_model
    from polyalign.models.vocabulary.change import Change

    base = load(job.inputs[0])
    tokenizer = read_tokenizer(str(job.inputs[1] / TOKENIZER))
    change = Change.between(base.tokenizer, tokenizer)
    made = with_rows(base, tokenizer, method.fit(base, change, _evidence(job)))
    write_model(made, job.out / MODEL)
    np.save(job.out / _NEW, change.new)
    return {"in": len(change.kept) - len(change.new), **_sizes(made), "new pieces": len(change.new)}


def _evidence(job: Job) -> Evidence:
    """All that is known of the new language."""
    from polyalign.models.vocabulary.rows.evidence import Evidence

    texts = texts_of(of_kind(job, "documents")).get(job.new, ())
    entries = [entry for folder in of_kind(job, "lexicon") for entry in _entries(folder, job.new)]
    donors, vectors = of_kind(job, "model")[1:], of_kind(job, "vectors")
    return Evidence(
        texts=texts,
        lexicon=entries,
        spaces=spaces_of(vectors[-1], job.new) if vectors else None,
        donor=load(donors[0]) if donors else None,
    )


def _entries(folder: Path, new: str) -> list[Entry]:
    """The entries of a lexicon that has words of the new language on one side."""
    from polyalign.models.vocabulary.rows.evidence import Entry

    pair = languages_of(folder)
    if new not in pair:
        return []
    table = pq.read_table(folder / "lexicon.parquet", columns=["src", "tgt", "count"])
    sides = (table[side].to_pylist() for side in (("src", "tgt") if pair[1] == new else ("tgt", "src")))
    return [Entry(*entry) for entry in zip(*sides, table["count"].to_pylist(), strict=True)]


def trim(method: Any, job: Job) -> Counts:
    """Leave out of the vocabulary what the documents have no use for."""
    from polyalign.models.language_model import write_model

    base = load(job.inputs[0])
    before = len(base.tokenizer)
    texts = [text for some in _documents(job).values() for text in some]
    made, _ = method.fit(base, texts)
    write_model(made, job.out / MODEL)
    return {"in": before, **_sizes(made)}


def script(method: Any, job: Job) -> Counts:
    """Write the documents of the new language in another script; those of others stay as they are."""
    change = method.fit(_documents(job)) if hasattr(method, "fit") else method
    task = _Rewrite(change, job.new)
    return by_rows(task, Runs.of(job.inputs[0] / "documents.parquet"), job, label="rewrite", unit="documents")


@dataclass(frozen=True, slots=True)
class _Rewrite:
    change: Any
    lang: str

    def __call__(self, table: pa.Table) -> Made:
        rows = zip(table["lang"].to_pylist(), table["text"].to_pylist(), strict=True)
        texts = [self.change(text) if lang == self.lang else text for lang, text in rows]
        changed = sum(a != b for a, b in zip(texts, table["text"].to_pylist(), strict=True))
        at = table.column_names.index("text")
        table = table.set_column(at, "text", pa.array(texts, pa.large_string()))
        return Made({"documents": table}, {"in": table.num_rows, "out": table.num_rows, "changed": changed})


def train(method: Any, job: Job) -> Counts:
    """Train the model; a killed run goes on from its last checkpoint."""
    from polyalign.models.language_model import write_model

    work = shards_folder(job.out)
    work.mkdir(parents=True, exist_ok=True)
    fresh = job.inputs[0] / _NEW
    new = np.load(fresh) if fresh.exists() else None
    made = method.fit(load(job.inputs[0]), data_of(job), new=new, work=work)
    write_model(made, job.out / MODEL)
    if new is not None:
        np.save(job.out / _NEW, new)
    return {"in": sum(map(len, texts_of(of_kind(job, "documents")).values())), **_sizes(made)}


def data_of(job: Job) -> Data:
    """What a model learns from: the documents, bitexts and links that a step is given."""
    from polyalign.models.training.objective import Data

    return Data(
        documents=texts_of(of_kind(job, "documents")),
        parallel=[parallel_of(folder) for folder in of_kind(job, "bitext", "links")],
        lang=job.new,
    )


def parallel_of(folder: Path) -> Parallel:
    """The pairs of a stored bitext, with their links if its words were aligned, without what was joined to be scored."""
    from polyalign.models.training.objective import Parallel

    if not is_kind(folder, "links"):
        return Parallel(*languages_of(folder), read_bitext(folder))
    links, corpus = read_links(folder)[1], read_bitext(folder)
    return Parallel(*languages_of(folder), corpus, links.take(range(len(corpus))))


def merge(method: Any, job: Job) -> Counts:
    """Make one of several models; the first is what the others were trained from."""
    from polyalign.models.adapters.merge.models import merged
    from polyalign.models.language_model import write_model

    made = merged(method, load(job.inputs[0]), [load(folder) for folder in job.inputs[1:]])
    write_model(made, job.out / MODEL)
    return {"in": len(job.inputs), **_sizes(made)}


def intervene(method: Any, job: Job) -> Counts:
    """Learn what to do to a model's states; its weights stay as they are."""
    parts = [parallel_of(folder) for folder in of_kind(job, "bitext", "links")]
    found = [p for p in parts if job.new in (p.src_lang, p.tgt_lang)]
    if not found:
        raise DataError(f"no bitext of {langs.name(job.new)} and another language, expected one; name it in 'in'")
    pair = found[0]
    maps = method.fit(load(job.inputs[0]), pair)
    maps.save(job.out / MAPS)
    told = {"model": place_of(job.inputs[0])}
    (job.out / ELSEWHERE).write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    return {"in": len(pair.bitext), "out": len(pair.bitext)}


def _documents(job: Job) -> dict[str, Texts]:
    """The documents that a step is given, some of the new language among them if there is one."""
    found = texts_of(of_kind(job, "documents"))
    if job.new and job.new not in found:
        there = ", ".join(found) or "no language"
        raise DataError(
            f"found documents in {there}, expected some in {job.new}, which is new to the model; check 'new' and 'in'"
        )
    if not found:
        raise ConfigError("found no documents, expected some; check 'in'")
    return found


def _sizes(made: LanguageModel) -> Counts:
    return {"out": len(made.tokenizer), "parameters": sum(p.numel() for p in made.model.parameters())}
