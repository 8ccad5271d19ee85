"""Encoders tuned on German-Romansh pairs: retrieval on later documents, and on Tatoeba, before and after.

    python benchmarks/encoder_tuning.py --bitext runs/dermit/bitext/deu_Latn-roh_Latn.parquet --seeds 1 2 3
    python benchmarks/encoder_tuning.py --bitext ... --methods contrastive distillation --set anchor=1.0

The bitext is what `polyalign run` makes of the DERMIT press releases, whose `doc` begins with the year. Pairs of documents
before 2020 are learnt from. Of those of 2020 and 2021 whose sentences are nowhere in the earlier documents, `--pairs` are
the test: each sentence is to find its translation among all on the other side, by its cosine and by the centred margin.
Tatoeba is all languages there are, each to English and back. Intervals are of the difference after - before, by
bootstrap over the same sentences. Seconds are those of `fit`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.jit import set_threads
from polyalign.core.params import build
from polyalign.core.rng import generator
from polyalign.corpus.formats import read_bitext
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.retrieval import Retrieval

METRICS = {"cosine": Retrieval(margin="absolute", centre=False), "margin": Retrieval()}
#: Least score of an aligned pair, and least words of its source, to be learnt from or tested on.
SURE, WORDS = 0.9, 4


def split(bitext: Bitext, pairs: int) -> tuple[Bitext, Bitext]:
    """Pairs to learn from, and pairs to test on."""
    docs, src, tgt, sure = (bitext.column(c) for c in ("doc", "src", "tgt", "score.align"))
    year = np.array([int(d[:4]) if d[:2] in ("19", "20") else 0 for d in docs])
    fit = np.array([s >= SURE and len(a.split()) >= WORDS and a != b for a, b, s in zip(src, tgt, sure, strict=True)])
    early = (year > 0) & (year < 2020)
    seen = {t for k in np.flatnonzero(early) for t in (src[k], tgt[k])}
    later = []
    for k in np.flatnonzero(fit & ((year == 2020) | (year == 2021))).tolist():
        if src[k] not in seen and tgt[k] not in seen:
            later.append(k)
            seen |= {src[k], tgt[k]}
    test = np.zeros(len(bitext), np.bool_)
    test[np.array(later)[generator(1, "test").permutation(len(later))[:pairs]]] = True
    return bitext.select(fit & early), bitext.select(test)


def tatoeba(folder: Path, lines: int) -> dict[str, tuple[list[str], list[str]]]:
    out = {}
    for path in sorted(folder.glob("tatoeba.*-eng.eng")):
        name = path.name.split(".")[1][:3]
        sides = (path.with_suffix(f".{name}"), path)
        out[name] = tuple([x.strip() for x in p.read_text(encoding="utf-8").splitlines()][:lines] for p in sides)
    return out


def hits(encode: Any, sets: dict[str, tuple[list[str], list[str]]]) -> dict[str, dict[str, Any]]:
    """For each metric and set the share of both directions that each pair found, shape (n,)."""
    out: dict[str, dict[str, Any]] = {name: {} for name in METRICS}
    for key, (src, tgt) in sets.items():
        x, y = encode(src, label=key), encode(tgt, label=key)
        for name, metric in METRICS.items():
            out[name][key] = np.mean(metric.hits(x, y), axis=0)
    return out


def mean(found: dict[str, Any]) -> float:
    return float(np.mean([x.mean() for x in found.values()]))


def interval(before: dict[str, Any], after: dict[str, Any]) -> tuple[float, float]:
    """Of the difference of means over sets, each set's pairs drawn again."""
    random = generator(1, "interval")
    drawn = []
    for _ in range(1000):
        parts = []
        for key, x in before.items():
            some = random.integers(0, len(x), len(x))
            parts.append((after[key][some] - x[some]).mean())
        drawn.append(np.mean(parts))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bitext", type=Path, required=True, help="German-Romansh pairs with doc and score.align")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--encoder", default="e5")
    parser.add_argument("--methods", nargs="*", default=["contrastive"])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="further parameters of the methods")
    parser.add_argument("--pairs", type=int, default=2000, help="German-Romansh pairs to test on")
    parser.add_argument("--tatoeba", type=int, default=1000, help="first lines of each language of Tatoeba")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder of checkpoints, for a run that was stopped to go on")
    parser.add_argument("--json", type=Path, help="add a JSON object a row to this file")
    args = parser.parse_args()
    set_threads(args.threads)
    given: dict[str, Any] = {k: json.loads(v) for k, v in (s.split("=", 1) for s in args.set)}
    given |= {
        "steps": args.steps,
        "batch": args.batch,
        "learning_rate": args.learning_rate,
        "max_tokens": args.max_tokens,
    }
    encoder = named_encoder(args.encoder)
    learn, test = split(read_bitext(args.bitext), args.pairs)
    print(f"{len(learn):,} pairs to learn from, {len(test):,} to test on; {given}\n")
    tests = {"dermit": {"deu-roh": (test.src, test.tgt)}, "tatoeba": tatoeba(args.data / "ps-tatoeba", args.tatoeba)}
    before = {name: hits(encoder.encode, sets) for name, sets in tests.items()}
    print("| method | seed | set | metric | before | after | difference, 95 % | s |\n|---|---|---|---|---|---|---|---|")
    for name in args.methods:
        for seed in args.seeds:
            method = build(registry.find(name, task="models.encoder"), {**given, "seed": seed})
            start = time.perf_counter()
            made = method.fit(encoder, learn, work=args.work)
            seconds = time.perf_counter() - start
            for of, sets in tests.items():
                after = hits(made.encode, sets)
                for metric, found in after.items():
                    old = before[of][metric]
                    low, high = interval(old, found)
                    row = {
                        "method": name, "seed": seed, "set": of, "metric": metric, "before": mean(old),
                        "after": mean(found), "low": low, "high": high, "seconds": seconds, "given": given,
                        "each": {k: [float(old[k].mean()), float(found[k].mean())] for k in found},
                    }  # fmt: skip
                    print(
                        f"| {name} | {seed} | {of} | {metric} | {mean(old):.4f} | {mean(found):.4f} | "
                        f"{mean(found) - mean(old):+.4f} ({low:+.4f} to {high:+.4f}) | {seconds:.0f} |",
                        flush=True,
                    )
                    if args.json:
                        with args.json.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
