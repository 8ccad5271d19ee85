"""Steps that measure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from polyalign.core.beads import IndexBead, parse_vecalign
from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.links import Links
from polyalign.pipeline.artefacts import read_bitext, read_links
from polyalign.pipeline.job import Counts, Job

_RANGES = ("src_start", "src_end", "tgt_start", "tgt_end")


def aer(method: Any, job: Job) -> Counts:
    """Score links against gold links."""
    bitext, links = read_links(job.inputs[0])
    gold = read_bitext(job.inputs[1])
    where = {id: row for row, id in enumerate(bitext.ids)}
    absent = [id for id in gold.ids if id not in where]
    if absent:
        raise DataError(
            f'gold pair {absent[0]!r} ({len(absent)} of {len(gold)} in all) was not aligned; join the gold bitext to the aligner\'s input: in = ["...", "gold"]'
        )
    reference = Links.from_pharaoh(gold.column("links"), where="the gold bitext's column 'links'")
    return _score(method.score(links.take([where[id] for id in gold.ids]), reference), job)


def _gold_files(job: Job, docs: list[str]) -> dict[str, Path]:
    src, tgt = job.langs
    template = str(job.options["gold"])
    return {d: Path(template.replace("{doc}", d).replace("{src}", src).replace("{tgt}", tgt)) for d in docs}


def sentence_f1(method: Any, job: Job) -> Counts:
    """Score beads against gold files."""
    bitext = read_bitext(job.inputs[0])
    ranges = zip(*(bitext.column(c) for c in _RANGES), strict=True)
    hypotheses: dict[str, list[IndexBead]] = {}
    for doc, (a, b, c, d) in zip(bitext.column("doc"), ranges, strict=True):
        hypotheses.setdefault(doc, []).append((tuple(range(a, b)), tuple(range(c, d))))
    gold = {doc: path for doc, path in _gold_files(job, list(hypotheses)).items() if path.exists()}
    if not gold:
        raise DataError(
            f"gold {job.options['gold']!r}: no file for any of {len(hypotheses)} documents; {{doc}}, {{src}} and {{tgt}} stand for the document and the two languages"
        )
    references = []
    for doc, path in gold.items():
        beads = parse_vecalign(read_lines(path), str(path))
        for side in (0, 1):
            have = 1 + max((i for bead in hypotheses[doc] for i in bead[side]), default=-1)
            want = 1 + max((i for bead in beads for i in bead[side]), default=-1)
            if want > have:
                raise DataError(
                    f"{path}: names sentence {want - 1}, but {doc} was split into {have} in {job.langs[side]}; gold and splitter must agree"
                )
        references.append(beads)
    return _score(method.score([hypotheses[d] for d in gold], references), job)


def sentence_gold(method: Any, job: Job) -> list[Path]:
    """The folder of the gold files."""
    # Which documents there are is not known before the run, so every file beside the template counts.
    folder = (
        Path(str(job.options["gold"]).split("{", maxsplit=1)[0]).parent
        if "{" in str(job.options["gold"])
        else Path(str(job.options["gold"]))
    )
    return [folder]


def _score(score: Any, job: Job) -> Counts:
    (job.out / "score.json").write_text(json.dumps(score.to_json(), indent=1), encoding="utf-8")
    return {"in": score.n, "value": score.value}
