"""What INCLINE's maps do to a model: MEXA of its layers, retrieval, and bits per byte, before and after.

    python benchmarks/incline.py --model SmolLM2=PATH --pair deu-eng
    python benchmarks/incline.py --model Gemma=PATH --pair roh-deu --position all --ridge 0.1

deu-eng: Tatoeba's sentences. roh-deu: DERMIT's sentence pairs (made by benchmarks/dermit.py), maps from 2020 and before, the test from
2021. Maps lead from the first language to the second; alpha is chosen on held-out pairs that are in neither. States are those of the last
token (--position last) or their mean over all but sinks (all), of every layer. MEXA is the mean over layers, retrieval the mean over
layers of the share of sentences that find their translation, both directions, by centred cosine, beside the best layer of before. Bits
per byte are of the second half of each test sentence of the first language behind its first half, which is where a map of the last token
can do something. --curve prints no table but retrieval for alphas and ridges, of states that are mapped by themselves and of those that
went through the model, with maps of all pairs that are asked for. Differences are paired, with 95 % intervals by bootstrap over sentences. CPU s are of everything. Rows of one table.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from dermit_text import DATA, RUN, pairs
from polyalign.core.bitext import Bitext
from polyalign.core.jit import F32, F64, set_threads
from polyalign.core.rng import generator
from polyalign.core.space import unit
from polyalign.evaluate.mexa import MEXA
from polyalign.evaluate.retrieval import Retrieval
from polyalign.models.interventions.hooks import Position, read_states
from polyalign.models.interventions.incline import INCLINE, Maps
from polyalign.models.language_model import LanguageModel, read_model
from polyalign.models.training.objective import Parallel

HEADS = (
    "model", "pair", "position", "layers", "ridge", "alpha", "MEXA before", "after", "difference", "retrieval before", "after",
    "difference", "best layer before", "after", "bits per byte before", "after", "difference", "CPU s",
)  # fmt: skip


def sentences(pair: str, data: Path, run: Path, test: int) -> tuple[Parallel, list[str], list[str]]:
    """Pairs to fit maps to, and test sentences with their translations."""
    if pair == "deu-eng":
        sides = [
            (data / "ps-tatoeba" / f"tatoeba.deu-eng.{lang}").read_text(encoding="utf-8").splitlines()
            for lang in ("deu", "eng")
        ]
        order = generator(1, "benchmark").permutation(len(sides[0])).tolist()
        src, tgt = ([side[k] for k in order] for side in sides)
        return Parallel("deu_Latn", "eng_Latn", Bitext.build(src[test:], tgt[test:])), src[:test], tgt[:test]
    train, held = pairs(1997, 2020, run), pairs(2021, 2021, run)

    def short(sides: tuple[list[str], list[str]]) -> list[tuple[str, str]]:
        known: set[str] = set()
        kept = [(r, d) for d, r in zip(*sides, strict=True) if all(20 <= len(t) <= 120 for t in (d, r))]
        return [p for p in kept if not (p[0] in known or known.add(p[0]))]

    old = short(train)
    before = {r for r, _ in old} | {d for _, d in old}
    new = [p for p in short(held) if p[0] not in before and p[1] not in before]
    order = generator(1, "benchmark").permutation(len(new)).tolist()[:test]
    some = [new[k] for k in order]
    parallel = Parallel("roh_Latn", "deu_Latn", Bitext.build([r for r, _ in old], [d for _, d in old]))
    return parallel, [r for r, _ in some], [d for _, d in some]


def halves(made: LanguageModel, texts: list[str]) -> tuple[F64, F64]:
    """Bits of the second half of each text behind its first, and the half's bytes, both (n,)."""
    import torch

    tokenizer = made.tokenizer
    first = next(x for x in (tokenizer.bos_token_id, tokenizer.eos_token_id) if x is not None)
    bits, sizes = [], []
    for text in texts:
        words = text.split(" ")
        head, tail = " ".join(words[: len(words) // 2]), " " + " ".join(words[len(words) // 2 :])
        ids = [tokenizer(t, add_special_tokens=False)["input_ids"] for t in (head, tail)]
        with torch.inference_mode():
            read = made.model(input_ids=torch.tensor([[first, *ids[0]]]), use_cache=True)
            rest = torch.tensor([ids[1]])
            more = made.model(input_ids=rest[:, :-1], past_key_values=read.past_key_values) if len(ids[1]) > 1 else None
            scores = torch.cat([read.logits[:, -1:], *([] if more is None else [more.logits])], dim=1)
        bits.append(float(-scores[0].log_softmax(dim=1)[range(len(ids[1])), ids[1]].sum()) / np.log(2))
        sizes.append(len(tail.encode()))
    return np.array(bits), np.array(sizes, np.float64)


def difference(before: F64, after: F64, weight: F64 | None = None) -> str:
    """After less before with an interval, of means over sentences or ratios of sums."""
    weight = np.ones(len(before)) if weight is None else weight
    draws = generator(1, "difference").integers(0, len(before), (1000, len(before)))
    gained = [((after - before)[d].sum() / weight[d].sum()) for d in draws]
    low, high = np.percentile(gained, [2.5, 97.5])
    return f"{(after - before).sum() / weight.sum():+.3f} ({low:+.3f} to {high:+.3f})"


def found(x: F32, y: F32) -> F64:
    """How many of each pair's two sentences find each other, of one, by centred cosine, shape (n,)."""
    return np.mean(Retrieval(margin="absolute", samples=0).hits(x, y), axis=0)


def row(name: str, made: LanguageModel, args: argparse.Namespace, position: Position, ridge: float) -> str:
    start = time.process_time()
    parallel, src, tgt = sentences(args.pair, args.data, args.run, args.test)
    maps: Maps = INCLINE(
        sentences=args.sentences,
        held_out=args.held_out,
        alphas=tuple(args.alphas),
        ridge=ridge,
        position=position,
        layers=tuple(args.layers),
    ).fit(made, parallel)
    there, here = read_states(made, tgt, position), read_states(made, src, position)
    moved = read_states(made, src, position, change=maps.change())
    mexa, retrieval = [], []
    for side in (here, moved):
        mexa.append(MEXA(samples=0).score(there, side).items[:, 1:].mean(axis=1))
        retrieval.append(np.stack([found(x, y) for x, y in zip(side, there, strict=True)]))
    best = int(retrieval[0].mean(axis=1).argmax())
    cells = [
        name, args.pair, position, " ".join(map(str, args.layers)) or "all", f"{ridge:g}", f"{maps.alpha:g}",
        f"{mexa[0].mean():.3f}", f"{mexa[1].mean():.3f}", difference(*mexa),
        f"{retrieval[0].mean():.3f}", f"{retrieval[1].mean():.3f}", difference(*(r.mean(axis=0) for r in retrieval)),
        f"{retrieval[0][best].mean():.3f} (layer {best + 1})", f"{retrieval[1][best].mean():.3f}",
    ]  # fmt: skip
    if made.model.can_generate():
        bits, sizes = halves(made, src)
        with maps.applied(made.model):
            after, _ = halves(made, src)
        cells += [f"{b.sum() / sizes.sum():.3f}" for b in (bits, after)] + [difference(bits, after, sizes)]
    else:
        cells += ["", "", ""]
    return "| " + " | ".join([*cells, f"{time.process_time() - start:.0f}"]) + " |"


def curve(name: str, made: LanguageModel, args: argparse.Namespace, position: Position) -> None:
    """Retrieval by centred cosine, mean over layers, for each ridge and alpha."""
    parallel, src, tgt = sentences(args.pair, args.data, args.run, args.test)
    here, there = read_states(made, src, position), read_states(made, tgt, position)

    def score(states: list[F32]) -> float:
        pairs = zip(states, there, strict=True)
        return float(
            np.mean([Retrieval(margin="absolute", centre=False, samples=0).hits(*map(centred, p)) for p in pairs])
        )

    print(f"{name} {args.pair} {position}: {score(here):.3f} before", flush=True)
    for ridge in args.ridge:
        for alpha in args.alphas:
            maps = INCLINE(sentences=args.sentences, alpha=alpha, ridge=ridge, position=position).fit(made, parallel)
            alone = [x + alpha * x @ w for x, w in zip(here, maps.matrices, strict=True)]
            through = read_states(made, src, position, change=maps.change())
            print(
                f"ridge {ridge:g} alpha {alpha:g}: {score(alone):.3f} alone, {score(through):.3f} through the model",
                flush=True,
            )


def centred(x: F32) -> F32:
    return unit(x) - unit(x).mean(axis=0)


def load(name: str) -> LanguageModel:
    if name != "e5":
        return read_model(name)
    from polyalign.encoders.e5_torch import torch_model

    model, tokenizer = torch_model()
    return LanguageModel(model, tokenizer, "e5", "e5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=PATH", help="or e5")
    parser.add_argument("--pair", choices=["deu-eng", "roh-deu"], default="deu-eng")
    parser.add_argument("--position", nargs="+", choices=["last", "all"], default=["last"])
    parser.add_argument("--ridge", nargs="+", type=float, default=[0.0])
    parser.add_argument("--alphas", nargs="+", type=float, default=list(INCLINE().alphas))
    parser.add_argument("--layers", nargs="+", type=int, default=[])
    parser.add_argument("--curve", action="store_true", help="retrieval for all alphas and ridges")
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--held-out", type=int, default=50)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--run", type=Path, default=RUN)
    args = parser.parse_args()
    set_threads(args.threads)
    if not args.curve:
        print("| " + " | ".join(HEADS) + " |\n" + "|---" * len(HEADS) + "|", flush=True)
    for model in args.model:
        name, _, path = model.partition("=")
        made = load(path or name)
        for position in args.position:
            if args.curve:
                curve(name, made, args, position)
                continue
            for ridge in args.ridge:
                print(row(name, made, args, position, ridge), flush=True)


if __name__ == "__main__":
    main()
