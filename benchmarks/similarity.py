"""Word alignment by similarity: AER of every method on every gold set, and SimAlign beside the same methods.

    python benchmarks/similarity.py
    python benchmarks/similarity.py --simalign VENV/bin/python --sets en-fr deu-roh

Encoding is done once a set, at the methods' own layer; CPU seconds of a method are what it takes from there. With
--simalign, a Python that has simalign, torch and transformers, the same encoder is written as a folder for it, and both
align pieces at the same layer with nothing taken out and no prefix, which is how it works; CPU seconds are then all but
the loading of the model. Its match is run on the first --match pairs only. --layers prints AER by layer instead, with the
layer that `auto_layer` chooses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.encoders.e5 import E5
from polyalign.encoders.e5_torch import torch_model, write_torch_model
from polyalign.evaluate.aer import AER
from polyalign.words.similarity.argmax import Argmax
from polyalign.words.similarity.entmax import Entmax
from polyalign.words.similarity.itermax import Itermax
from polyalign.words.similarity.layers import coherence
from polyalign.words.similarity.match import Match
from polyalign.words.similarity.method import BySimilarity, SimilarModel
from polyalign.words.similarity.softmax import Softmax
from polyalign.words.similarity.transport import Transport
from polyalign.words.similarity.vectors import Vectors, word_vectors
from words import Task, gold_sets, multimwa

METHODS: dict[str, BySimilarity] = {
    "argmax": Argmax(),
    "argmax, as they are": Argmax(centre=False, neutral=False),
    "argmax, centred": Argmax(neutral=False),
    "itermax": Itermax(),
    "match": Match(),
    "softmax": Softmax(),
    "entmax": Entmax(),
    "transport": Transport(),
    "transport, balanced": Transport(kind="balanced"),
    "transport, partial": Transport(kind="partial", regularization=0, mass=0.9),
}
#: Runs in the other Python: the name of the model's folder, the layer, the methods, and lines of texts from standard input.
PEER = """
import json, sys, time, torch
torch.set_num_threads(1)
from simalign import SentenceAligner
folder, layer, methods = sys.argv[1:]
aligner = SentenceAligner(model=folder, token_type="bpe", matching_methods=methods, layer=int(layer))
pairs = [line.rstrip("\\n").split("\\t") for line in sys.stdin]
start = time.process_time()
out = [aligner.get_word_aligns(a.split(), b.split()) for a, b in pairs]
print(json.dumps([time.process_time() - start, out]))
"""
PEERS: dict[str, tuple[str, BySimilarity]] = {
    "argmax": ("inter", Argmax()),
    "itermax": ("itermax", Itermax()),
    "match": ("mwmf", Match()),
}


def bitext_of(task: Task) -> Bitext:
    return Bitext.build([a for a, _ in task.pairs], [b for _, b in task.pairs])


def vectors_of(bitext: Bitext, layers: list[int]) -> list[tuple[Vectors, Vectors]]:
    sides = [word_vectors(E5(), bitext, side, "word", layers) for side in ("src", "tgt")]
    return list(zip(*sides, strict=True))


def aer(links: Links, gold: Links) -> float:
    return AER(samples=0).score(links, gold).value


def methods(tasks: list[Task]) -> None:
    print("| set | pairs | encode s |" + "".join(f" {name} |" for name in METHODS))
    print("|---" * (3 + len(METHODS)) + "|")
    errors, seconds, pairs = [], np.zeros(len(METHODS)), 0
    for task in tasks:
        start = time.process_time()
        (src, tgt), *_ = vectors_of(bitext_of(task), [7])
        encoding = time.process_time() - start
        row = []
        for k, method in enumerate(METHODS.values()):
            start = time.process_time()
            links = SimilarModel.of_vectors(method, E5(layer=7), src, tgt).link(src, tgt).links("posterior", 0.0)
            seconds[k] += time.process_time() - start
            row.append(aer(links, task.gold))
        errors.append(row)
        pairs += len(task.pairs)
        print(f"| {task.name} | {len(task.pairs)} | {encoding:.1f} |" + "".join(f" {x:.3f} |" for x in row), flush=True)
    print(f"| mean | {pairs} | |" + "".join(f" {x:.4f} |" for x in np.mean(errors, axis=0)))
    print("| CPU ms a pair | | |" + "".join(f" {1000 * x / pairs:.1f} |" for x in seconds))


def layers(tasks: list[Task], pairs: int) -> None:
    """AER of argmax by layer, and which layer the text itself speaks for."""
    print("| set |" + "".join(f" {k} |" for k in range(1, 13)) + " chosen | its AER | best |")
    print("|---" * 16 + "|")
    total = []
    for task in tasks:
        # Evenly, as the method samples.
        rows = np.unique(np.linspace(0, len(task.pairs) - 1, min(pairs, len(task.pairs))).astype(int))
        some = replace(task, pairs=[task.pairs[k] for k in rows], gold=task.gold.take(rows))
        found = []
        for src, tgt in vectors_of(bitext_of(some), list(range(1, 13))):
            model = SimilarModel.of_vectors(Argmax(), E5(), src, tgt)
            links = model.link(src, tgt).links("posterior", 0.0)
            found.append((aer(links, some.gold), coherence(*model.compared(src, tgt), src, tgt)))
        errors = [f[0] for f in found]
        chosen = int(np.argmax([f[1] for f in found]))
        total.append((*errors, errors[chosen], min(errors)))
        print(
            f"| {task.name} |" + "".join(f" {x:.3f} |" for x in errors)
            + f" {chosen + 1} | {errors[chosen]:.3f} | {min(errors):.3f} |", flush=True,
        )  # fmt: skip
    mean = np.mean(total, axis=0)
    print("| mean |" + "".join(f" {x:.4f} |" for x in mean[:12]) + f" | {mean[12]:.4f} | {mean[13]:.4f} |")


def beside(tasks: list[Task], python: str, match: int) -> None:
    print("| set | pairs | method | AER | AER of SimAlign | pairs linked alike | CPU s | CPU s of SimAlign | ratio |")
    print("|---" * 9 + "|")
    with tempfile.TemporaryDirectory() as folder:
        write_torch_model(Path(folder), *torch_model())
        for task in tasks:
            for name, (theirs, method) in PEERS.items():
                n = min(match, len(task.pairs)) if name == "match" else len(task.pairs)
                text = "".join(f"{a}\t{b}\n" for a, b in task.pairs[:n])
                command = [python, "-c", PEER, folder, "7", name[0]]
                done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
                seconds, found = json.loads(done.stdout.splitlines()[-1])
                peer = Links.from_pairs([[(i, j) for i, j in row[theirs]] for row in found])
                bitext = bitext_of(replace(task, pairs=task.pairs[:n]))
                method = replace(method, encoder="e5:prefix=none", level="subword", centre=False, neutral=False)
                model = SimilarModel.of_vectors(
                    method,
                    E5(layer=7, prefix="none"),
                    *vectors_of(bitext_of(replace(task, pairs=task.pairs[:2])), [7])[0],
                )
                model.align(Bitext(bitext.table.slice(0, 2)))
                start = time.process_time()
                links = model.align(bitext)
                own = time.process_time() - start
                gold = task.gold.take(range(n))
                alike = np.mean([a == b for a, b in zip(links.to_pairs(), peer.to_pairs(), strict=True)])
                print(
                    f"| {task.name} | {n} | {name} | {aer(links, gold):.4f} | {aer(peer, gold):.4f} | {alike:.3f} | {own:.1f} | "
                    f"{seconds:.1f} | {seconds / own:.1f} |", flush=True,
                )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", help="only these sets")
    parser.add_argument("--layers", action="store_true", help="AER by layer instead")
    parser.add_argument("--sample", type=int, default=500, help="pairs of a set that --layers takes")
    parser.add_argument("--simalign", help="a Python that has simalign, torch and transformers")
    parser.add_argument("--match", type=int, default=40, help="pairs that SimAlign's match is run on")
    args = parser.parse_args()
    tasks = [*gold_sets(args.data), multimwa(args.data)]
    tasks = [t for t in tasks if not args.sets or t.name in args.sets]
    if args.layers:
        layers(tasks, args.sample)
    elif args.simalign:
        beside(tasks, args.simalign, args.match)
    else:
        methods(tasks)


if __name__ == "__main__":
    main()
