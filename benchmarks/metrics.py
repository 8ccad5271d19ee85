"""Measures of representations on NTREX and on gold word links, for one encoder.

    python benchmarks/metrics.py
    python benchmarks/metrics.py --encoder e5:layer=7 --sentences 300

Prints xsim++ by language beside xsim, and contextual word retrieval by gold set and layer.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mexa import parallel
from polyalign.core.files import read_lines
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.retrieval import Retrieval
from polyalign.evaluate.word_retrieval import WordRetrieval, of_words
from polyalign.evaluate.xsim_pp import KINDS, XsimPP
from words import gold_sets


def hard(args: argparse.Namespace) -> None:
    encoder = named_encoder(args.encoder)
    sets = list(parallel(args.data, "ntrex"))
    english = list(read_lines(sets[0][2]))[: args.sentences]
    method = XsimPP()
    made = method.negatives(english)
    tgt, negatives = encoder.encode(english), encoder.encode(made.texts)
    print("| language | sentences | negatives | xsim | xsim++ | " + " | ".join(KINDS) + " |")
    print("|---" * (5 + len(KINDS)) + "|")
    for lang, path, _ in sets:
        if args.languages and lang not in args.languages:
            continue
        src = encoder.encode(list(read_lines(path))[: args.sentences])
        score = method.score(src, tgt, negatives, made)
        plain = Retrieval(margin="ratio", samples=0).score(src, tgt).parts["src_error"]
        print(
            f"| {lang} | {score.n} | {len(made.texts)} | {plain:.3f} | {score.value:.3f} ({score.ci[0]:.3f}-{score.ci[1]:.3f}) | "
            + " | ".join(f"{score.parts[k]:.3f}" for k in KINDS) + " |", flush=True,
        )  # fmt: skip


def words(args: argparse.Namespace) -> None:
    encoder = named_encoder(args.encoder)
    layers = np.unique(np.linspace(1, encoder.depth, 5).astype(int)).tolist()
    print("\n| set | pairs | words | " + " | ".join(f"layer {k}, as is | centred" for k in layers) + " |")
    print("|---" * (3 + 2 * len(layers)) + "|")
    for task in gold_sets(args.data):
        pairs = [(a.split(), b.split()) for a, b in task.pairs[: args.sentences]]
        links = task.gold.take(range(len(pairs)))
        src, tgt = ([p[k] for p in pairs] for k in (0, 1))
        tokens = [encoder.tokens_at([" ".join(s) for s in side], layers) for side in (src, tgt)]
        cells, asked = [], 0
        for x, y in zip(*tokens, strict=True):
            for centre in (False, True):
                method = WordRetrieval(centre=centre, samples=0)
                score = method.score(of_words(x, src), of_words(y, tgt), links, src, tgt)
                cells.append(f"{score.value:.3f}")
                asked = int(score.parts["words"])
        print(f"| {task.name} | {len(pairs)} | {asked} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--encoder", default="e5")
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--languages", nargs="*", help="only these, as ISO 639-3, for xsim++")
    args = parser.parse_args()
    hard(args)
    words(args)


if __name__ == "__main__":
    main()
