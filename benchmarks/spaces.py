"""Maps between spaces: bilingual lexicon induction, method by method, and the speed of self-learning.

    python benchmarks/dermit.py                                    # once: German-Romansh bitext and lexicon
    python benchmarks/spaces.py [--part maps,learning,speed,xling] [--weight 0.5] [--methods NAME,...] [--json]

- maps: 300-dimensional vectors trained on the press releases (PPMI, factored; words seen ten times), German to Romansh. Gold
  are word pairs of the run's own lexicon, linked five times or more and each at least a fifth of the other's links; 1,000
  source words that are not written the same are asked for among all Romansh words, the rest are seeds (none shares a word
  with the test). Gold and vectors are of one corpus: what is compared is methods. `all`: both spaces on all documents;
  `half`: on disjoint halves, so that nothing is said twice.
- learning: the same test, no seeds but words written the same, or none.
- speed: an iteration of self-learning beside the obvious NumPy way on the same made-up words, in turn.
- xling: English to German, Finnish and Russian of XLING, each word's vector what the bundled encoder makes of it alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from polyalign.core.space import NORMALIZE, Map, MapPair, Space, normalized, unit
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.bli import BLI
from polyalign.evaluate.hubness import Hubness
from polyalign.evaluate.isomorphism import Isomorphism
from polyalign.spaces.map.procrustes import Procrustes, rotation
from polyalign.spaces.map.rcsls import RCSLS
from polyalign.spaces.map.ridge import Ridge
from polyalign.spaces.map.vecmap import VecMap
from polyalign.spaces.map.vecmap_learn import Learning
from polyalign.spaces.retrieve.csls import CSLS
from polyalign.spaces.retrieve.inverted_softmax import InvertedSoftmax
from polyalign.spaces.retrieve.margin import MarginRetrieval
from polyalign.spaces.retrieve.nearest import Nearest
from polyalign.spaces.seeds import known, read_lexicon
from polyalign.spaces.vectors.ppmi_svd import PpmiSvd

ROOT = Path(__file__).resolve().parents[1]
PAIR = "deu_Latn-roh_Latn"
MAPS = {
    "procrustes": Procrustes(),
    "ridge": Ridge(),
    "ridge-rotation": Ridge(orthogonal=0.5),
    "rcsls-constant": RCSLS(growth=1.0),
    "rcsls": RCSLS(),
    "rcsls-spectral": RCSLS(constraint="spectral"),
    "vecmap-unshrunk": VecMap(shrinkage=0.0),
    "vecmap": VecMap(),
}
LEARNING = {
    "identical, once": VecMap(initialization="identical"),
    "identical, learned": VecMap(initialization="identical", self_learning=True),
    "unsupervised, learned": VecMap(initialization="unsupervised", self_learning=True),
}

TWO = {"nn": Nearest(), "csls": CSLS()}
WAYS = {"softmax": InvertedSoftmax(), "margin": MarginRetrieval(), **TWO}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="maps,learning,speed,xling")
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "bench-dermit")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--words", type=int, default=20_000, help="words a side of the part speed")
    parser.add_argument("--weight", type=float, default=1.0, help="power of the singular values in the vectors")
    parser.add_argument("--methods", default="", help="maps to measure, by default all")
    parser.add_argument("--patience", type=int, default=5, help="patience of the part learning")
    parser.add_argument("--vocabulary", type=int, default=6000, help="words a side that the part learning looks at")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    parts = args.part.split(",")
    for row in measurements(args, parts):
        if args.json:
            print(json.dumps(row), flush=True)
        else:
            print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)


def measurements(args: argparse.Namespace, parts: list[str]) -> Iterator[dict]:
    if "speed" in parts:
        yield speed(args.words)
    if {"maps", "learning"} & set(parts):
        if (args.run / "links" / f"{PAIR}.tokens").is_file():
            yield from german_romansh(args, parts)
        else:
            print("spaces: maps and learning skipped, run benchmarks/dermit.py first", file=sys.stderr)
    if "xling" in parts:
        folders = sorted((args.data / "bli-xling").glob("??-??"))
        for folder in folders:
            yield from xling(folder)
        if not folders:
            print("spaces: xling skipped, the lexica are not in", args.data, file=sys.stderr)


def german_romansh(args: argparse.Namespace, parts: list[str]) -> Iterator[dict]:
    run, methods = args.run, args.methods.split(",") if args.methods else list(MAPS)
    docs = pq.read_table(run / "bitext" / f"{PAIR}.parquet", columns=["doc"]).column("doc").to_pylist()
    number = {doc: i for i, doc in enumerate(dict.fromkeys(docs))}
    lines = (run / "links" / f"{PAIR}.tokens").read_text(encoding="utf-8").lower().split("\n")[:-1]
    pairs = [line.split(" ||| ") for line in lines]
    for text, halves in (("all", ((0, 1), (0, 1))), ("half", ((0,), (1,)))):
        start = time.perf_counter()
        src, tgt = (
            PpmiSvd(min_count=10, eigenvalue_weight=args.weight).fit(
                pair[side].split() for pair, doc in zip(pairs, docs, strict=True) if number[doc] % 2 in halves[side]
            )
            for side in (0, 1)
        )
        sizes = {"src": len(src.words), "tgt": len(tgt.words), "trained_s": time.perf_counter() - start}
        gold, seeds = divided(run / "lexicon" / f"{PAIR}.tsv", src, tgt)
        yield {"text": text, **sizes, **alike(src, tgt, seeds)}
        for name in methods if "maps" in parts else ():
            for m in (500, len(seeds)):
                ways = WAYS if name == "vecmap" and m > 500 else TWO
                yield {
                    "text": text,
                    "method": name,
                    "seeds": m,
                    **measured(MAPS[name], src, tgt, seeds[:m], gold, ways),
                }
        for name, method in LEARNING.items() if "learning" in parts else ():
            again = replace(method, patience=args.patience, vocabulary=args.vocabulary)
            yield {"text": text, "method": name, "seeds": 0, **measured(again, src, tgt, None, gold)}


def divided(path: Path, src: Space, tgt: Space, test: int = 1000) -> tuple[dict[str, set[str]], np.ndarray]:
    """The test lexicon, and rows of seeds, most frequent first."""
    there = set(src.words), set(tgt.words)
    entries, gold = [], defaultdict(set)
    with open(path, encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            a, b = row["src"], row["tgt"]
            sure = int(row["count"]) >= 5 and min(float(row["p_tgt_given_src"]), float(row["p_src_given_tgt"])) >= 0.2
            if sure and a in there[0] and b in there[1] and any(c.isalpha() for c in a):
                entries.append((a, b))
                gold[a].add(b)
    words = sorted(w for w in gold if w not in gold[w])
    asked = set(np.random.default_rng(1).permutation(words)[:test].tolist())
    answers = {b for a in asked for b in gold[a]}
    seeds = known(src, tgt, [(a, b) for a, b in entries if a not in asked and b not in answers])
    return {a: gold[a] for a in asked}, seeds


def alike(src: Space, tgt: Space, seeds: np.ndarray) -> dict:
    seeds = seeds[:2000]
    x, y = src.vectors[seeds[:, 0]], tgt.vectors[seeds[:, 1]]
    values = {
        m: Isomorphism(measure=m, words=2000)
        .score(*((x, y) if m == "relational" else (src.vectors, tgt.vectors)))
        .value
        for m in ("spectral", "condition", "eigenvalue", "gromov-hausdorff", "relational")
    }
    return {f"isomorphism_{k}": v for k, v in values.items()}


def measured(method, src: Space, tgt: Space, seeds: np.ndarray | None, gold: dict[str, set[str]], ways=TWO) -> dict:
    start, cpu = time.perf_counter(), time.process_time()
    maps = method.fit(src, tgt, seeds)
    cost = {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
    x, y = maps.src.vectors(src.vectors), maps.tgt.vectors(tgt.vectors)
    metric = BLI(samples=0)
    rows = metric.questions(src.words, tgt.words, gold)
    out = {}
    for name, way in ways.items():
        answers = way.retrieve(x, y, 10, rows=rows)[1]
        score = metric.score(src.words, tgt.words, gold, answers)
        out[name] = score.value
        if name in ("nn", "csls"):
            out[f"hubness_{name}"] = Hubness(samples=0).score(answers, len(tgt.words)).value
    return {**out, "p5": score.parts["P@5"], "p10": score.parts["P@10"], "mrr": score.parts["MRR"], **cost}


def speed(n: int, rounds: int = 3, d: int = 300) -> dict:
    """Seconds of an iteration, ours and the obvious way in turn, at the first share of similarities kept."""
    random = np.random.default_rng(1)
    topics = random.normal(size=(500, d))
    x = unit((topics[random.integers(0, 500, n)] + random.normal(size=(n, d))).astype(np.float32))
    turn = np.linalg.qr(random.normal(size=(d, d)))[0].astype(np.float32)
    y = unit(x @ turn + 0.03 * random.normal(size=(n, d)).astype(np.float32))
    pairs = (np.arange(min(2000, n), dtype=np.int32),) * 2
    learning = Learning(10, 0.1, 2.0, 50, 1e-6, 1)
    learning.step(x[:2000], y[:2000], pairs, 0.1, 0)  # compiled once for a machine
    cost: dict[str, list[tuple[float, float]]] = {"polyalign": [], "numpy": []}
    right = {}
    for i in range(rounds):
        for name, costs in cost.items():
            start, cpu = time.perf_counter(), time.process_time()
            if name == "polyalign":
                found = learning.step(x, y, pairs, 0.1, i)[0]
            else:
                found = numpy_step(x, y, pairs, 0.1, 10, random)
            costs.append((time.perf_counter() - start, time.process_time() - cpu))
            right[f"{name}_right"] = float((found[0] == found[1]).mean())
    (ours, our_cpu), (theirs, their_cpu) = (np.median(c, axis=0).tolist() for c in cost.values())
    return {
        "words": n, "iteration_s": ours, "numpy_s": theirs, "times": theirs / ours,
        "iteration_cpu_s": our_cpu, "numpy_cpu_s": their_cpu, "times_cpu": their_cpu / our_cpu, **right,
    }  # fmt: skip


def numpy_step(x, y, pairs, keep, k, random, height=1000):
    """An iteration as the papers describe it: rotate, CSLS in both directions, similarities made 0 at random."""
    x = x @ rotation(x[pairs[0]].T @ y[pairs[1]])
    found = []
    for a, b in ((x, y), (y, x)):
        crowd = np.empty(len(b), np.float32)
        for i in range(0, len(b), height):
            similar = b[i : i + height] @ a.T
            total, at = np.zeros(len(similar), np.float32), np.arange(len(similar))
            for _ in range(k):
                best = similar.argmax(axis=1)
                total += similar[at, best]
                similar[at, best] = -1
            crowd[i : i + height] = total / k
        choice = np.empty(len(a), np.int32)
        for i in range(0, len(a), height):
            similar = a[i : i + height] @ b.T
            similar.max(axis=1)  # of which the objective is the mean
            similar -= crowd / 2
            similar *= random.random(similar.shape, np.float32) < keep
            choice[i : i + height] = similar.argmax(axis=1)
        found.append(choice)
    return np.concatenate([np.arange(len(x)), found[1]]), np.concatenate([found[0], np.arange(len(y))])


def xling(folder: Path) -> Iterator[dict]:
    train, test = (read_lexicon(next(folder.glob(f"*{n}*"))) for n in ("train.freq.5k", "test.freq.2k"))
    words = [list(dict.fromkeys(pair[side] for pair in (*train, *test))) for side in (0, 1)]
    encoder = named_encoder("e5")
    src, tgt = (Space(tuple(side), encoder.encode(side)) for side in words)
    gold = defaultdict(set)
    for a, b in test:
        gold[a].add(b)
    seeds = known(src, tgt, train)
    size = {"xling": folder.name, "tgt": len(tgt.words)}
    yield {**size, "method": "none", "seeds": 0, **measured(Unmapped(), src, tgt, None, gold)}
    for name in ("procrustes", "ridge", "rcsls", "vecmap"):
        for m in (500, len(seeds)):
            yield {**size, "method": name, "seeds": m, **measured(MAPS[name], src, tgt, seeds[:m], gold)}


class Unmapped:
    """Each side only normalised."""

    def fit(self, src, tgt, seeds):
        return MapPair(*(Map(np.eye(s.vectors.shape[1]), normalized(s.vectors, NORMALIZE)[1]) for s in (src, tgt)))


if __name__ == "__main__":
    main()
