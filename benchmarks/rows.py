"""Rows of 2,000 new Romansh pieces, by every way there is: bits per byte before any training, and after some.

The tokenizer is extended on DERMIT's documents of 1997 to 2020; bits per byte are of 28 windows of at most 600 bytes spread
over those of 2021. Each way and seed appends a line to runs/rows.jsonl; without --model the table of all lines is printed::

    python benchmarks/rows.py --model SMOLLM2 --donor GEMMA
    python benchmarks/rows.py --model SMOLLM2 --steps 20 --only constituents links transformers
    python benchmarks/rows.py

The lexicon, and the seeds by which vectors of German and Romansh words are mapped to each other, are links of our own of
German and Romansh sentences up to 2020, made by `benchmarks/dermit.py`. With --steps the model is then trained on the newest
30 kB, the same for all.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from dermit_text import RUN, documents
from polyalign.core import params, registry
from polyalign.core.space import Space
from polyalign.encoders.likelihood import Likelihood
from polyalign.evaluate.bits_per_byte import BitsPerByte
from polyalign.models.language_model import LanguageModel, read_model, with_rows, write_model
from polyalign.models.training.objective import Data
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import Entry, Evidence

OUT = Path("runs/rows.jsonl")
MARK = "<|endoftext|>"
PIECES = 2000
SEEDS = {"seed": (1, 2, 3)}
#: Method and parameters of each way; those with SEEDS run three times.
WAYS: dict[str, tuple[str, dict]] = {
    "not extended": ("", {}),
    "constituents": ("constituents", {}),
    "constituents, norm of parts": ("constituents", {"norm": "parts"}),
    "weighted": ("weighted", {"preset": "first-last"}),
    "links": ("links", {}),
    "links, half constituents": ("links", {"share": 0.5}),
    "links, 0.8 constituents": ("links", {"share": 0.8}),
    "wechsel": ("wechsel", {}),
    "focus": ("focus", {}),
    "ofa": ("ofa", {}),
    "ofa, rank 200": ("ofa", {"rank": 200}),
    "ofa, rank 400": ("ofa", {"rank": 400}),
    "cw2v": ("cw2v", {}),
    "omp": ("omp", {}),
    "mean": ("mean", {}),
    "transformers": ("multivariate", {"preset": "transformers"} | SEEDS),
    "multivariate, 1e-5": ("multivariate", {"preset": "vocab-adaptation"} | SEEDS),
    "multivariate": ("multivariate", SEEDS),
    "random, sigma 0.02": ("random", SEEDS),
    "random, per dimension": ("random", {"kind": "per-dimension"} | SEEDS),
}


def lexicon(last: int = 2020) -> list[Entry]:
    """German and Romansh words that our aligner linked, cased, and how often."""
    docs = pq.read_table(RUN / "bitext" / "deu_Latn-roh_Latn.parquet", columns=["doc"])["doc"].to_pylist()
    name = RUN / "links" / "deu_Latn-roh_Latn"
    counts: Counter[tuple[str, str]] = Counter()
    with open(f"{name}.tokens", encoding="utf-8") as texts, open(f"{name}.pharaoh", encoding="utf-8") as links:
        for doc, text, some in zip(docs, texts, links, strict=True):
            if int(str(doc)[:4]) <= last:
                src, tgt = (side.split(" ") for side in text.rstrip("\n").split(" ||| "))
                pairs = (link.split(":")[0].split("-") for link in some.split())
                counts.update((src[int(i)], tgt[int(j)]) for i, j in pairs)
    return [Entry(src, tgt, n) for (src, tgt), n in counts.items()]


def spaces(entries: list[Entry]) -> tuple[Space, Space]:
    """German and Romansh words in one space: counted vectors, mapped by the most frequent links."""
    vectors = params.build(registry.find("spaces.vectors/ppmi-svd"), {"dimensions": 200})
    both = []
    for lang in ("deu_Latn", "roh_Latn"):
        lines = (line for text in documents(lang) for line in text.split("\n"))
        both.append(vectors.fit([re.findall(r"\w+", line) for line in lines]))
    src, tgt = ({w: k for k, w in enumerate(space.words)} for space in both)
    best: dict[str, Entry] = {}
    for e in sorted(entries, key=lambda e: e.links):
        if e.links >= 5 and e.known in src and e.new in tgt:
            best[e.new] = e
    seeds = np.array([[src[e.known], tgt[e.new]] for e in best.values()], np.int32)
    return params.build(registry.find("spaces.map/vecmap")).fit(*both, seeds)(*both)


def newest(kilobytes: int) -> list[str]:
    out: list[str] = []
    for text in reversed(documents("roh_Latn")):
        if sum(len(t.encode()) for t in out) >= 1000 * kilobytes:
            break
        out.append(text)
    return out


def bits(made: LanguageModel, windows: list[str]) -> float:
    metric = BitsPerByte(samples=0)
    with tempfile.TemporaryDirectory() as folder:
        write_model(made, Path(folder) / "model")
        nats = Likelihood(str(Path(folder) / "model"), start=MARK).nats(windows)
    return metric.score(windows, nats).value


def run(model: str, donor: str, only: list[str], steps: int, kilobytes: int) -> None:
    learnt = documents("roh_Latn")
    windows = BitsPerByte(windows=28).cut("\n".join(documents("roh_Latn", 2021, 2021)))
    base = read_model(model)
    extend = params.build(registry.find("models.extend/bpe"), {"pieces": PIECES})
    tokenizer = extend.fit(base.tokenizer, learnt)
    change = Change.between(base.tokenizer, tokenizer)
    methods = {WAYS[name][0] for name in only}
    entries = lexicon() if methods & {"links", "wechsel", "ofa"} else []
    start = time.process_time()
    known = spaces(entries) if methods & {"wechsel", "ofa"} else None
    if known:
        print(f"vectors of {[len(s.words) for s in known]} words in {time.process_time() - start:.0f} CPU s")
    other = read_model(donor) if "omp" in methods else None
    evidence = Evidence(texts=learnt, lexicon=entries, spaces=known, donor=other)
    for seed in (1, 2, 3):
        for name in only:
            method, given = WAYS[name]
            if seed not in given.get("seed", (1,)):
                continue
            # The model is changed by its rows.
            made = read_model(model)
            line = {"way": name, "seed": seed, "steps": steps, "kilobytes": kilobytes if steps else 0}
            if method:
                asked = given | ({"seed": seed} if "seed" in given else {})
                row = params.build(registry.find(f"models.rows/{method}"), asked)
                start = time.process_time()
                rows = row.fit(made, change, evidence)
                line["seconds"] = round(time.process_time() - start, 1)
                made = with_rows(made, tokenizer, rows)
            if steps:
                training = {"steps": steps, "batch": 4, "length": 128, "replay": 0.0, "mark": MARK, "save_every": 0}
                data = Data(documents={"roh_Latn": newest(kilobytes)}, lang="roh_Latn")
                start = time.process_time()
                made = params.build(registry.find("models.train/objectives"), training).fit(made, data)
                line["training"] = round(time.process_time() - start)
            line["bits"] = round(bits(made, windows), 4)
            print(line, flush=True)
            OUT.parent.mkdir(exist_ok=True)
            with OUT.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def table() -> None:
    lines = [json.loads(line) for line in OUT.read_text(encoding="utf-8").splitlines()]
    stages = sorted({(x["steps"], x["kilobytes"]) for x in lines})
    heads = [f"{steps} steps" if steps else "at once" for steps, _ in stages]
    print("| rows by | CPU s | " + " | ".join(heads) + " |")
    print("|---|---:|" + "---:|" * len(stages))
    for name in WAYS:
        mine = [x for x in lines if x["way"] == name]
        if mine:
            seconds = np.mean([x.get("seconds", 0) for x in mine])
            cells = []
            for stage in stages:
                values = [x["bits"] for x in mine if (x["steps"], x["kilobytes"]) == stage]
                spread = f" ({min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
                cells.append(f"{np.mean(values):.2f}{spread}" if values else "")
            print(f"| {name} | {seconds:.1f} | " + " | ".join(cells) + " |")
    windows = BitsPerByte(windows=28).cut("\n".join(documents("roh_Latn", 2021, 2021)))
    nothing = np.zeros(len(windows))
    for kilobytes in sorted({0, 30, *(k for _, k in stages)}):
        train = "\n".join(newest(kilobytes)) if kilobytes else ""
        score = BitsPerByte(samples=0).scores(windows, nothing, train=train)["compressor"].value
        print(f"PPMd having read {kilobytes} kB: {score:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--donor")
    parser.add_argument("--only", nargs="+", choices=WAYS, metavar="WAY")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--kilobytes", type=int, default=30)
    given = parser.parse_args()
    if given.model:
        ways = given.only or [name for name in WAYS if name != "omp" or given.donor]
        run(given.model, given.donor, ways, given.steps, given.kilobytes)
    else:
        table()
