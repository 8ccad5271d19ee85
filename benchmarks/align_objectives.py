"""Objectives that align, and adapters, on a small language model: MEXA, retrieval and bits per byte before and after.

    python benchmarks/align_objectives.py MODEL --variants before afp prealign
    python benchmarks/align_objectives.py MODEL --variants before bottleneck lora --steps 20 --documents 30000

Pairs are the German and Romansh sentences of DERMIT up to 2020 that `benchmarks/dermit.py` aligned, links those of
`words.align/statistical` on `--links` of them. The test is `--pairs` of 2021, none of whose sentences is in the earlier ones:
MEXA by its default recipe with German for pivot, and the accuracy of retrieval at two thirds of the height, by the cosine
and by the centred margin, mean of both directions. Bits per byte are those of `--windows` windows of at most 600 bytes a
language, of documents of 2021, beside the difference to before. Each run is a row of --json, from which --table prints;
differences have 95 % intervals, by bootstrap over the same sentences. Seconds are CPU seconds of training.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dermit_text import documents, english, pairs
from polyalign.core.bitext import Bitext
from polyalign.core.params import build
from polyalign.core.registry import find
from polyalign.core.rng import generator
from polyalign.encoders.adapters.artefact import attached_to
from polyalign.encoders.causal import Causal
from polyalign.encoders.layers import layer_vectors
from polyalign.evaluate.mexa import MEXA
from polyalign.evaluate.retrieval import Retrieval
from polyalign.models.language_model import LanguageModel, read_model, write_model
from polyalign.models.training.objective import Data, Parallel
from polyalign.models.training.train import Training

CLM = {"use": "causal-lm"}
AFP = {"use": "align-pretrain"}
#: What is trained by what, and how fast.
VARIANTS: dict[str, dict[str, Any]] = {
    "before": {},
    "clm": {"objectives": (CLM,), "learning_rate": 1e-4},
    "afp": {"objectives": (AFP,), "learning_rate": 1e-4},
    "afp-mean": {"objectives": ({**AFP, "pooling": "mean"},), "learning_rate": 1e-4},
    "afp20": {"objectives": ({**AFP, "layer": 20, "pooling": "mean"},), "learning_rate": 1e-4},
    "afp+clm": {"objectives": (AFP, {**CLM, "weight": 1.5}), "learning_rate": 1e-4},
    "prealign": {"objectives": ({"use": "prealign"},), "learning_rate": 1e-4},
    "prealign+clm": {"objectives": ({"use": "prealign"}, CLM), "learning_rate": 1e-4},
    "lexical": {"objectives": ({"use": "lexical", "layer": 20},), "learning_rate": 1e-4},
    "bottleneck": {"weights": {"use": "bottleneck"}, "learning_rate": 2e-3},
    "madx": {"weights": {"use": "bottleneck", "reduction": 2, "invertible": 2}, "learning_rate": 1e-3},
    "lora": {"weights": {"use": "lora"}, "learning_rate": 1e-3},
    "full": {"weights": {"use": "full"}, "learning_rate": 5e-4},
}
METRICS = {"cosine": Retrieval(margin="absolute", centre=False), "margin": Retrieval()}


def test_pairs(count: int) -> tuple[list[str], list[str]]:
    seen = {t for side in pairs(1997, 2020) for t in side}
    src, tgt = pairs(2021, 2021)
    new = []
    for a, b in zip(src, tgt, strict=True):
        if a not in seen and b not in seen and a != b and len(a.split()) >= 4:
            new.append((a, b))
            seen |= {a, b}
    some = generator(1, "test").permutation(len(new))[:count]
    return [new[k][0] for k in some], [new[k][1] for k in some]


def windows(texts: list[str], count: int, size: int = 600) -> list[str]:
    """The first bytes of documents spread over all of them."""
    some = [texts[k] for k in np.linspace(0, len(texts) - 1, count).astype(int)]
    return [t.encode()[:size].decode(errors="ignore") for t in some]


def bits(made: LanguageModel, texts: list[str]) -> float:
    """Bits per byte, each text alone behind the mark of an end."""
    nats = size = 0.0
    with torch.inference_mode():
        for text in texts:
            ids = torch.tensor(
                [[made.tokenizer.convert_tokens_to_ids("<|endoftext|>"), *made.tokenizer(text)["input_ids"]]]
            )
            logits = made.model(input_ids=ids).logits[0, :-1].float()
            nats += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
            size += len(text.encode())
    return nats / size / float(np.log(2))


def measured(made: LanguageModel, args: argparse.Namespace) -> dict[str, Any]:
    held = {lang: windows(documents(lang, 2021, 2021), args.windows) for lang in ("roh_Latn", "deu_Latn")}
    held["eng_Latn"] = [" ".join(english()[k : k + 8])[:600] for k in range(0, 8 * args.windows, 8)]
    out: dict[str, Any] = {"bits": {lang: bits(made, texts) for lang, texts in held.items()}}
    if attached_to(made.model) or not args.pairs:
        return out
    src, tgt = test_pairs(args.pairs)
    with tempfile.TemporaryDirectory() as folder:
        write_model(made, Path(folder) / "model")
        encoder = Causal(str(Path(folder) / "model"), device="cpu")
        x, y = (layer_vectors(encoder, side) for side in (src, tgt))
    score = MEXA().score(x, y)
    out["mexa"] = np.asarray(score.items).astype(int).tolist()
    layer = round(2 / 3 * (len(x) - 1))
    out["retrieval"] = {k: np.mean(m.hits(x[layer], y[layer]), axis=0).tolist() for k, m in METRICS.items()}
    return out


def trained(made: LanguageModel, name: str, args: argparse.Namespace) -> tuple[LanguageModel, float]:
    given = dict(VARIANTS[name])
    if args.learning_rate:
        given["learning_rate"] = args.learning_rate
    used = {part["use"] for part in given.get("objectives", (CLM,))}
    texts: dict[str, list[str]] = {}
    if "causal-lm" in used:
        random = generator(args.seed, "documents")
        for lang in ("roh_Latn", "deu_Latn")[: 2 if args.replay else 1]:
            every, size = documents(lang), 0
            for k in random.permutation(len(every)):
                if size < args.documents:
                    texts.setdefault(lang, []).append(every[k][: args.documents - size])
                    size += len(every[k])
    parallel = []
    if used - {"causal-lm"}:
        src, tgt = pairs(1997, 2020)
        fit = [(a, b) for a, b in zip(src, tgt, strict=True) if a != b and len(a.split()) >= 4]
        some = generator(1, "pairs").permutation(len(fit))[: args.links]
        bitext = Bitext.build([fit[k][0] for k in some], [fit[k][1] for k in some], langs=("deu_Latn", "roh_Latn"))
        links = None
        if used & {"prealign", "lexical"}:
            method = build(find("statistical", task="words.align"), {"seed": 1})
            links = method.fit(bitext).align(bitext)
        parallel = [Parallel("deu_Latn", "roh_Latn", bitext, links)]
    start = time.process_time()
    training = Training(
        steps=args.steps, batch=args.batch, length=args.length, seed=args.seed, replay=args.replay, precision="float32",
        save_every=0, **given,
    )  # fmt: skip
    done = training.fit(made, Data(texts, parallel, "roh_Latn"))
    return done, time.process_time() - start


def interval(before: Any, after: Any) -> tuple[float, float, float]:
    """Of the difference of means over the same sentences."""
    a, b = np.asarray(before, float), np.asarray(after, float)
    random = generator(1, "interval")
    drawn = [(b[k] - a[k]).mean() for k in (random.integers(0, len(a), len(a)) for _ in range(1000))]
    return (float((b - a).mean()), *(float(q) for q in np.quantile(drawn, [0.025, 0.975])))


def table(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    start = {r["model"]: r for r in rows if r["variant"] == "before"}
    print("| variant | seed | steps x batch | MEXA | best layer | cosine | margin | bits rm | de | en | CPU s |")
    print("|" + "---|" * 11)
    for r in rows:
        old, cells = start[r["model"]], []
        for items, was in (
            (r.get("mexa"), old.get("mexa")),
            *((r.get("retrieval", {}).get(k), old.get("retrieval", {}).get(k)) for k in METRICS),
        ):
            if items is None or was is None:
                cells.append("-")
                continue
            x, y = ([np.mean(i[1:]) if isinstance(i, list) else i for i in some] for some in (was, items))
            d, low, high = interval(x, y)
            cells.append(f"{np.mean(y):.3f}" + ("" if r is old else f" ({d:+.3f}, {low:+.3f} to {high:+.3f})"))
        layers = np.mean(np.array(r["mexa"])[:, 1:], axis=0) if "mexa" in r else None
        cells.insert(1, "-" if layers is None else f"{layers.max():.2f}@{layers.argmax()}")
        of = [f"{v:.3f}" + ("" if r is old else f" ({v - old['bits'][k]:+.3f})") for k, v in r["bits"].items()]
        print(
            f"| {r['variant']} | {r['seed']} | {r['steps']} x {r['batch']} | "
            + " | ".join([*cells, *of])
            + f" | {r['seconds']:.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a causal model")
    parser.add_argument("--variants", nargs="*", default=["before", "afp", "prealign"], choices=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=0.0)
    parser.add_argument("--replay", type=float, default=0.0)
    parser.add_argument("--documents", type=int, default=30_000, help="characters of each language to learn from")
    parser.add_argument("--links", type=int, default=5000, help="pairs to learn from")
    parser.add_argument("--pairs", type=int, default=200, help="pairs to test on; 0 for bits per byte alone")
    parser.add_argument("--windows", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("runs/align_objectives.jsonl"))
    parser.add_argument("--table", action="store_true", help="print what the file has, and run nothing")
    args = parser.parse_args()
    for name in [] if args.table else args.variants:
        made, seconds = read_model(args.model), 0.0
        if name != "before":
            made, seconds = trained(made, name, args)
        row = {
            "model": Path(args.model).name, "variant": name, "seed": args.seed, "seconds": seconds,
            "steps": args.steps if name != "before" else 0, "batch": args.batch, **measured(made, args),
        }  # fmt: skip
        args.json.parent.mkdir(parents=True, exist_ok=True)
        with args.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    table(args.json)


if __name__ == "__main__":
    main()
