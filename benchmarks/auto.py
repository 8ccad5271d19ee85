"""`words.align/auto` beside its parts: AER on every gold set, on more text, learned from gold, and how calibrated it is.

    python benchmarks/auto.py                                        # every set, trained on itself alone
    python benchmarks/auto.py --train dermit.fa --sizes 20000 0      # German-Romansh with more text; 0 is all of it
    python benchmarks/auto.py --gold 30 120 240 --only deu-roh       # five folds, learned from so many gold pairs
    python benchmarks/auto.py --reliability --json words.jsonl       # rows for words_plot.py

Parts: `statistical` without the encoder, `argmax` and `softmax` without statistics. Settings are the defaults, for every set
the same. With --train the model is trained on the gold sentences with so much text behind them, and aligns the gold sentences. CPU
seconds are those of training and of aligning them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.evaluate.aer import AER
from polyalign.words.auto import Auto
from polyalign.words.posteriors import Posteriors, cell_keys
from polyalign.words.similarity.argmax import Argmax
from polyalign.words.similarity.softmax import Softmax
from polyalign.words.statistical import Statistical
from words import BINS, Reliability, Task, dermit, gold_sets, multimwa

PARTS: dict[str, Any] = {"statistical": Statistical(), "argmax": Argmax(), "softmax": Softmax(), "auto": Auto()}


def bitext_of(task: Task) -> Bitext:
    return Bitext.build([a for a, _ in task.pairs], [b for _, b in task.pairs])


def beside_parts(task: Task) -> None:
    whole = bitext_of(task)
    gold = Bitext(whole.table.slice(0, len(task.gold)))
    cells = []
    for name, method in PARTS.items():
        if isinstance(method, (Argmax, Softmax)) and len(whole) > len(gold):
            cells.append("")
            continue
        start = time.process_time()
        links = method.fit(whole).align(gold)
        score = AER(samples=0).score(links, task.gold)
        cells.append(f"{score.value:.3f} ({time.process_time() - start:.0f} s)")
        if name == "auto":
            cells.append(f"{score.parts['precision']:.3f} / {score.parts['recall']:.3f}")
    print(f"| {task.name} | {len(whole):,} | {' | '.join(cells)} |", flush=True)


def folds(task: Task, sizes: list[int]) -> None:
    """Five folds: pair i is tested in fold i mod 5, and the classifier learns from some of the other gold pairs."""
    whole, n = bitext_of(task), len(task.gold)
    plain = Auto().fit(whole)
    for size in [0, *sizes]:
        scores = []
        for fold in range(5):
            test = np.arange(n)[np.arange(n) % 5 == fold]
            rest = np.arange(n)[np.arange(n) % 5 != fold]
            taught = rest[np.random.default_rng(fold).permutation(len(rest))[:size]]
            asked = Bitext(whole.table.take(test))
            model = plain
            if size:
                with tempfile.TemporaryDirectory() as folder:
                    links, text = Path(folder) / "links", Path(folder) / "text"
                    links.write_text("".join(f"{x}\n" for x in task.gold.take(taught).to_pharaoh()), encoding="utf-8")
                    text.write_text("".join(" ||| ".join(task.pairs[i]) + "\n" for i in taught), encoding="utf-8")
                    model = Auto(gold=str(links), gold_text=str(text)).fit(whole)
            scores.append(AER(samples=0).score(model.align(asked), task.gold.take(test)).value)
        print(f"| {task.name} | {size} | {np.mean(scores):.4f} | {np.std(scores):.4f} |", flush=True)


def reliability(task: Task, method: str) -> Reliability:
    """Of all links of some probability, how many are right, by their probability."""
    whole = bitext_of(task)
    cells: Posteriors = PARTS[method].fit(whole).posteriors(whole).take(np.arange(len(task.gold)))
    p, right = cells.joint(), np.isin(cell_keys(cells), cell_keys(task.gold))
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    counts, sums, hits = (np.bincount(which, weights, BINS) for weights in (None, p, right))
    bins = [(int(n), float(s / max(n, 1)), int(h)) for n, s, h in zip(counts, sums, hits, strict=True)]
    return Reliability(task.name, len(whole), method, bins, float(abs(sums - hits).sum() / len(p)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--train", type=Path, help="German-Romansh bitext, instead of the sets")
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 0], help="how much of it; 0 is all")
    parser.add_argument("--only", default="", help="run the sets whose name contains this")
    parser.add_argument("--gold", type=int, nargs="*", help="learn from so many gold pairs, in five folds")
    parser.add_argument("--reliability", action="store_true", help="how often links of a probability are right")
    parser.add_argument("--json", type=Path, help="add a JSON object a row of --reliability to this file")
    args = parser.parse_args()
    tasks = [t for t in [*gold_sets(args.data), multimwa(args.data)] if args.only in t.name]
    if args.train:
        tasks = dermit(args.data, args.train, args.sizes)[1:]
    if args.gold is not None:
        print("| set | gold pairs learned from | AER, mean of five folds | deviation |\n|---|---|---|---|")
        for task in tasks:
            folds(task, args.gold)
        return
    if args.reliability:
        print(
            "| set | pairs | method | calibration error | share of right links by probability |\n|---|---|---|---|---|"
        )
        for task in tasks:
            for method in ("auto", "statistical"):
                r = reliability(task, method)
                shares = " ".join(f"{hit / n:.2f}" if n else "-" for n, _, hit in r.bins)
                print(f"| {r.task} | {r.pairs:,} | {r.method} | {r.calibration_error:.3f} | {shares} |", flush=True)
                if args.json:
                    with args.json.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(r)) + "\n")
        return
    print(f"| set | pairs | {' | '.join(PARTS)} | precision / recall |")
    print("|---" * (len(PARTS) + 3) + "|")
    for task in tasks:
        beside_parts(task)


if __name__ == "__main__":
    main()
