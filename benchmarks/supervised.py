"""Word alignment learned from gold links: AER by how many sentences were aligned by hand, in five folds.

    python benchmarks/supervised.py --methods binary-align span-prediction --sizes 30 120 240

Fold k tests on the pairs i with i % 5 == k. Of the others, in order, the first 30, 120, 240 of
``np.random.default_rng(k).permutation`` are learned from. --silver N trains on the links that words.align/statistical finds
in N pairs of the text itself, no gold, and tests on all. --set takes any parameters of the methods: --set epochs=5 layers=2.
Seconds are CPU seconds of one thread; reading the sentences by the encoder's lower layers, once for all folds, is said apart.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import polyalign
from polyalign.core.bitext import Bitext
from polyalign.core.jit import set_threads
from polyalign.encoders.encoder import Encoder
from polyalign.evaluate.aer import AER
from polyalign.words.similarity.method import encoder_at, evenly
from polyalign.words.supervised.binary_align import BinaryAlign
from polyalign.words.supervised.method import FromGold, neutral_in, silver_links
from polyalign.words.supervised.questions import Reading
from polyalign.words.supervised.span_prediction import SpanPrediction
from words import Task, awesome, dermit, xlwa

METHODS = {"binary-align": BinaryAlign, "span-prediction": SpanPrediction}
FOLDS = 5


def fold(pairs: int, k: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to test on."""
    rows = np.arange(pairs)
    rest = rows[rows % FOLDS != k]
    return rest[np.random.default_rng(k).permutation(len(rest))[:size]], rows[rows % FOLDS == k]


def task_of(data: Path, name: str) -> Task:
    if name == "deu-roh":
        return dermit(data, None, [])[0]
    return xlwa(data, name[3:]) if name.startswith("en-") else awesome(data, name.replace("-", ""))


@dataclass(frozen=True)
class Read:
    """A set, read once for all folds: its sentences' lower layers and what is taken out of them are the same in each."""

    task: Task
    text: Bitext
    encoder: Encoder
    reading: Reading
    seconds: float


def read(task: Task, made: FromGold) -> Read:
    text = Bitext.build([p[0] for p in task.pairs], [p[1] for p in task.pairs])
    start = time.process_time()
    encoder = encoder_at(made.encoder, made.shared)
    neutral = neutral_in(encoder, evenly(text, made.sample)) if made.prior else None
    reading = Reading.of(encoder, text, neutral, made.temperature)
    # Load the model that is trained.
    replace(made, epochs=0).taught(encoder, neutral, None, task.gold)
    return Read(task, text, encoder, reading, time.process_time() - start)


def run(made: FromGold, of: Read, learned: np.ndarray | None, tested: np.ndarray) -> tuple[float, float, float]:
    """AER, CPU seconds of training, pairs aligned a CPU second."""
    start = time.process_time()
    if learned is None:
        pairs, links = silver_links(of.text, made.silver)
        of_pairs = Reading.of(of.encoder, pairs, of.reading.neutral, made.temperature)
    else:
        of_pairs, links = of.reading.take(learned), of.task.gold.take(learned)
    model = made.taught(of.encoder, of.reading.neutral, of_pairs, links)
    trained = time.process_time()
    found = model.answer(of.reading.take(tested)).links(model.symmetrize, model.threshold)
    error = AER(samples=0).score(found, of.task.gold.take(tested)).value
    return float(error), trained - start, len(tested) / (time.process_time() - trained)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--tasks", nargs="*", default=["deu-roh"], help="deu-roh, ro-en, en-fr, en-hu, ...")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--sizes", type=int, nargs="*", default=[30, 120, 240])
    parser.add_argument("--folds", type=int, nargs="*", default=list(range(FOLDS)))
    parser.add_argument("--silver", type=int, default=0, help="pairs with silver links to learn from, instead of gold")
    parser.add_argument("--set", nargs="*", default=[], help="parameters of the methods, NAME=JSON")
    parser.add_argument("--json", type=Path, help="add a JSON object a fold to this file")
    args = parser.parse_args()
    set_threads(1)
    given = {k: json.loads(v) for k, v in (s.split("=", 1) for s in args.set)}
    print(f"polyalign {polyalign.__version__} {given or ''}")
    print("| set | method | learned from | folds | AER | train CPU s | test pairs a CPU s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in args.tasks:
        task = task_of(args.data, name)
        of = None
        for size in [args.silver] if args.silver else args.sizes:
            for method in args.methods:
                made = METHODS[method](silver=args.silver or 1, **given)
                of = of or read(task, made)
                done = []
                for k in [0] if args.silver else args.folds:
                    rows = (None, np.arange(len(of.text))) if args.silver else fold(len(of.text), k, size)
                    done.append(run(made, of, *rows))
                    keep(args, {"set": name, "method": method, "learned": size, "fold": k, "numbers": done[-1]})
                aer, seconds, rate = np.mean(done, axis=0)
                what = f"{size} silver" if args.silver else str(size)
                print(
                    f"| {name} | {method} | {what} | {len(done)} | {aer:.3f} | {seconds:.1f} | {rate:.1f} |", flush=True
                )
        if of:
            print(f"reading {name}: {of.seconds:.1f} CPU s", flush=True)


def keep(args: argparse.Namespace, row: dict[str, object]) -> None:
    if args.json:
        with args.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**row, "given": args.set, "silver": args.silver}) + "\n")


if __name__ == "__main__":
    main()
