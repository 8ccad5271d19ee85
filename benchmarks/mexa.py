"""MEXA of models by the published recipe and by the default, language by language, beside information parity.

    python benchmarks/mexa.py --models e5 SmolLM2-135M.gguf gemma-3-270m.gguf
    python benchmarks/mexa.py --models e5 --sets tatoeba --languages deu hin --sentences 100

A model is any encoder name. Every file is encoded once by each recipe; with --keep the vectors stay in a folder, and
another run goes on from there. Encode s are CPU seconds of a model for both languages and both recipes together, score s those of
one MEXA of all layers with its interval. --parity has causal models read the texts too, and ends with the correlations.
--scoring times the scoring alone, of so many sentences that are made up, beside a double loop over scipy's cosine.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from polyalign.core import params, registry
from polyalign.core.files import read_lines
from polyalign.core.jit import F32
from polyalign.core.langs import normalise
from polyalign.encoders.layers import layer_vectors
from polyalign.encoders.likelihood import Likelihood
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.information_parity import InformationParity
from polyalign.evaluate.mexa import MEXA

PAPER: MEXA = params.build(registry.find("evaluate/mexa"), {"preset": "kargaran2025mexa"})
RECIPES = {"published": PAPER, "default": MEXA(), "default + CSLS": MEXA(csls=True)}


def parallel(data: Path, name: str) -> Iterator[tuple[str, Path, Path]]:
    """Language, its file and the English one of every language of a set."""
    if name == "tatoeba":
        for path in sorted((data / "ps-tatoeba").glob("tatoeba.*-eng.*")):
            pair, lang = path.name.split(".")[1:]
            if lang != "eng":
                yield lang, path, path.with_name(f"tatoeba.{pair}.eng")
        return
    folder = data / f"ps-{name}"
    english = folder / ("newstest2019-src.eng.txt" if name == "ntrex" else "en.txt")
    for path in sorted(folder.glob("newstest2019-ref.*.txt" if name == "ntrex" else "??.txt")):
        if path != english:
            yield normalise(path.name.split(".")[-2])[:3], path, english


class Vectors:
    """Vectors of files by one model, each computed once."""

    def __init__(self, model: str, sentences: int, keep: Path | None) -> None:
        self.encoder, self.sentences, self.keep = named_encoder(model), sentences, keep
        self.label = Path(model).name.removesuffix(".gguf")
        self.held: dict[tuple[Path, bool], list[F32]] = {}
        self.seconds = 0.0

    def texts(self, path: Path) -> list[str]:
        return list(read_lines(path))[: self.sentences]

    def __call__(self, path: Path, drop_sink: bool) -> list[F32]:
        if (path, drop_sink) not in self.held:
            file = self.keep and self.keep / f"{self.label}.{path.name}.{self.sentences}.{drop_sink}.npy"
            if file and file.is_file():
                self.held[path, drop_sink] = list(np.load(file))
            else:
                start = time.process_time()
                layers = layer_vectors(self.encoder, self.texts(path), drop_sink=drop_sink)
                self.seconds += time.process_time() - start
                self.held[path, drop_sink] = layers
                if file:
                    np.save(file, np.stack(layers))
        return self.held[path, drop_sink]


def table(model: str, args: argparse.Namespace) -> None:
    vectors = Vectors(model, args.sentences, args.keep)
    reader = Likelihood(str(model)) if args.parity and model.endswith(".gguf") else None
    print(f"\n{vectors.label}, {args.sentences} sentences\n")
    heads = [f"{name} {what}" for name in RECIPES for what in ("mean", "max@layer")]
    print("| set | language | " + " | ".join(heads) + " | parity | encode s | score s |")
    print("|---" * (len(heads) + 5) + "|")
    rows: list[list[float]] = []
    nats: dict[Path, np.ndarray] = {}
    for name in args.sets:
        for lang, path, english in parallel(args.data, name):
            if args.languages and lang not in args.languages:
                continue
            vectors.seconds, cells, values = 0.0, [], []
            sides = {drop: (vectors(english, drop), vectors(path, drop)) for drop in (True, False)}
            for recipe in RECIPES.values():
                start = time.process_time()
                score = recipe.score(*sides[recipe.drop_sink])
                scoring = time.process_time() - start
                values += [score.value, score.parts["max"]]
                best = f"{score.parts['max']:.2f}@{score.parts['layer']:.0f}"
                cells += [f"{score.value:.3f} ({score.ci[0]:.3f}-{score.ci[1]:.3f})", best]
            parity = float("nan")
            if reader:
                for p in (path, english):
                    if p not in nats:
                        nats[p] = reader.nats(vectors.texts(p))
                parity = InformationParity(samples=0).score(nats[path], nats[english]).value
            rows.append([*values, parity])
            print(
                f"| {name} | {lang} | " + " | ".join(cells)
                + f" | {parity:.3f} | {vectors.seconds:.1f} | {scoring:.3f} |", flush=True,
            )  # fmt: skip
    if len(rows) < 3:
        return
    found = np.array(rows)
    print(
        f"\nmean over {len(rows)} rows: "
        + ", ".join(f"{h} {v:.3f}" for h, v in zip(heads, found.mean(0), strict=False))
    )
    if reader:
        from scipy.stats import pearsonr, spearmanr

        for k, head in enumerate(heads):
            r, rho = pearsonr(found[:, k], found[:, -1])[0], spearmanr(found[:, k], found[:, -1])[0]
            stuck = int((found[:, k] < 0.05).sum())
            print(
                f"{head} with information parity: Pearson {r:.3f}, Spearman {rho:.3f}; under .05: {stuck} of {len(rows)}"
            )


def scoring(n: int, layers: int, dim: int) -> None:
    from scipy.spatial.distance import cosine

    random = np.random.default_rng(1)
    sides = [[random.normal(size=(n, dim)).astype(np.float32) for _ in range(layers)] for _ in range(2)]
    for name, recipe in RECIPES.items():
        start = time.process_time()
        recipe.score(*sides)
        print(f"{name}: {n} sentences, {layers} layers of {dim}: {time.process_time() - start:.2f} CPU s")
    m = min(n, 100)
    start = time.process_time()
    for x, y in zip(*sides, strict=True):
        _ = [[1 - cosine(x[i], y[j]) for j in range(m)] for i in range(m)]
    loop = time.process_time() - start
    start = time.process_time()
    MEXA(centre=False, samples=0).score(*[[x[:m] for x in side] for side in sides])
    own = time.process_time() - start
    print(f"{m} sentences: {own:.3f} CPU s, double loop {loop:.2f}, ratio {loop / own:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--models", nargs="*", default=["e5"])
    parser.add_argument("--sets", nargs="*", default=["ntrex", "pud", "tatoeba"], choices=["ntrex", "pud", "tatoeba"])
    parser.add_argument("--languages", nargs="*", help="only these, as ISO 639-3")
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="folder for the vectors")
    parser.add_argument("--parity", action="store_true", help="have causal models read the texts too")
    parser.add_argument("--scoring", type=int, metavar="N", help="time the scoring of so many sentences alone")
    args = parser.parse_args()
    if args.scoring:
        scoring(args.scoring, 31, 576)
        return
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    for model in args.models:
        table(model, args)


if __name__ == "__main__":
    main()
