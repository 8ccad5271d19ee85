"""An encoder in front of a language model, before and after the layer between them is taught.

    python benchmarks/stacking.py --model SmolLM2=PATH --method lingualift mt-llm --steps 300

Pairs are Tatoeba's German and English; the encoder reads German, the language model says or is to read English. Held-out loss: of
lingualift nats a token of the English sentence, beside what the model gives it by itself; of mt-llm the share of the variance of its own
vectors of English that is not met. Retrieval: held-out German sentences, read through the layer, find the model's own vectors of English,
mean of both directions, by centred cosine, with a 95 % interval.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from dermit_text import DATA
from polyalign.core.bitext import Bitext
from polyalign.core.jit import set_threads
from polyalign.core.rng import generator
from polyalign.encoders.likelihood import Likelihood
from polyalign.evaluate.retrieval import Retrieval
from polyalign.models.interventions.lingualift import LinguaLIFT
from polyalign.models.interventions.mt_llm import MTLLM
from polyalign.models.language_model import read_model
from polyalign.models.training.objective import Parallel

METHODS = {"lingualift": LinguaLIFT, "mt-llm": MTLLM}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="NAME=PATH")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--hidden", type=int, default=0)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    args = parser.parse_args()
    set_threads(args.threads)
    name, _, path = args.model.partition("=")
    sides = [
        (args.data / "ps-tatoeba" / f"tatoeba.deu-eng.{x}").read_text(encoding="utf-8").splitlines()
        for x in ("deu", "eng")
    ]
    order = generator(1, "benchmark").permutation(len(sides[0])).tolist()
    src, tgt = ([side[k] for k in order] for side in sides)
    held = Parallel("deu_Latn", "eng_Latn", Bitext.build(src[: args.test], tgt[: args.test]))
    train = Parallel("deu_Latn", "eng_Latn", Bitext.build(src[args.test :], tgt[args.test :]))
    made = read_model(path)
    alone = Likelihood(path).token_nats(tgt[: args.test])
    print(f"{name} alone: {sum(x.sum() for x in alone) / sum(map(len, alone)):.3f} nats a token, ends not counted")
    print("| model | method | seed | steps | held-out loss | retrieval | CPU s |\n" + "|---" * 7 + "|", flush=True)
    for method in args.method:
        for seed in args.seeds:
            for steps in (0, args.steps):
                start = time.process_time()
                taught = METHODS[method](
                    steps=steps, batch=args.batch, learning_rate=args.learning_rate, hidden=args.hidden, seed=seed
                )
                bridge = taught.fit(made, train)
                loss = taught.loss(bridge, held)
                score = Retrieval(margin="absolute").score(
                    bridge.vectors(src[: args.test]), bridge.own_vectors(tgt[: args.test])
                )
                low, high = 1 - score.ci[1], 1 - score.ci[0]
                print(
                    f"| {name} | {method} | {seed} | {steps} | {loss:.3f} | {1 - score.value:.3f} ({low:.3f} to {high:.3f}) | "
                    f"{time.process_time() - start:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
