"""Vectors of words and unsupervised maps: trainers beside gensim, clones of a language, rotations in context, neutrality.

    python benchmarks/dermit.py                      # once: German-Romansh bitext, links and lexicon
    python benchmarks/vectors.py [--part train,clone,transport,contextual,neutral] [--run DIR] [--data DIR] [--words N]

- train: 300-dimensional vectors of the press releases, every trainer on the same words, German to Romansh by Procrustes and by
  VecMap, P@1 by CSLS; gold is the run's own lexicon, as in benchmarks/spaces.py. Seconds are for both languages, one thread.
- clone: German sentences cloned into a made-up vocabulary, the N most frequent words: `shuffled`, the same sentences in
  another order; `halves`, other sentences. The right answer is known for every word; P@1 by cosine among all.
- transport: the house's Sinkhorn beside POT's on the same similarities, in turn.
- contextual: words of the gold word alignment in context, found among all of the other side (layer 7 of e5), before and
  after the rotation learnt from the run's links of other sentences.
- neutral: retrieval between Tatoeba's languages that e5 does not treat alike, before and after.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.files import read_lines
from polyalign.core.links import Links
from polyalign.core.space import Map, MapPair, Space, unit
from polyalign.encoders.named import named_encoder
from polyalign.spaces.map.barycenter import Barycenter
from polyalign.spaces.map.contextual import Contextual
from polyalign.spaces.map.muse import Muse, criterion
from polyalign.spaces.map.neutral import AllButTheTop, Centre, Directions, Projection
from polyalign.spaces.map.procrustes import Procrustes
from polyalign.spaces.map.vecmap import VecMap
from polyalign.spaces.map.wasserstein import WassersteinProcrustes
from polyalign.spaces.retrieve.csls import CSLS
from polyalign.spaces.transport import sinkhorn
from polyalign.spaces.vectors.combine import Average, Concatenate
from polyalign.spaces.vectors.extract import Extract
from polyalign.spaces.vectors.ppmi_svd import PpmiSvd
from polyalign.spaces.vectors.word2vec import FastText, Word2Vec

ROOT = Path(__file__).resolve().parents[1]
PAIR = "deu_Latn-roh_Latn"
TRAINERS = {
    "ppmi-svd": PpmiSvd(min_count=10),
    "ppmi-svd, window 5": PpmiSvd(min_count=10, window=5),
    "ppmi-svd, root of eigenvalues": PpmiSvd(min_count=10, eigenvalue_weight=0.5),
    "word2vec": Word2Vec(min_count=10, window=10),
    "fasttext": FastText(min_count=10, window=10),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="train,clone,transport,contextual,neutral")
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "bench-dermit")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--words", type=int, default=2000, help="words a side of the part clone")
    parser.add_argument("--dimensions", type=int, default=100, help="of the part clone")
    parser.add_argument("--extract", type=int, default=0, help="contexts of the extracted vectors, 0 for words alone")
    args = parser.parse_args()
    parts = args.part.split(",")
    if "train" in parts:
        train(args.run, args.extract)
    if "clone" in parts:
        clone(args.run, args.words, args.dimensions)
    if "transport" in parts:
        transport()
    if "contextual" in parts:
        contextual(args.run, args.data / "wa-dermit-derm")
    if "neutral" in parts:
        neutral(args.data / "ps-tatoeba")


def tell(**row: object) -> None:
    print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)


def timed(job: Callable[[], object]) -> tuple[object, float]:
    start = time.process_time()
    return job(), time.process_time() - start


def sentences(run: Path) -> tuple[list[list[str]], list[list[str]]]:
    lines = list(read_lines(run / "links" / f"{PAIR}.tokens"))
    pairs = [line.lower().split(" ||| ") for line in lines]
    return [p[0].split() for p in pairs], [p[1].split() for p in pairs]


def lexicon(run: Path, src: Space, tgt: Space) -> tuple[np.ndarray, np.ndarray]:
    """1,000 pairs of words that choose each other to ask for, and the others."""
    best, back = {}, {}
    with open(run / "lexicon" / f"{PAIR}.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            n, a, b = int(row["count"]), row["src"], row["tgt"]
            best[a], back[b] = max(best.get(a, (0, "")), (n, b)), max(back.get(b, (0, "")), (n, a))
    rows, columns = ({w: k for k, w in enumerate(s.words)} for s in (src, tgt))
    pairs = [(a, b) for a, (n, b) in best.items() if n >= 5 and back[b][1] == a and a in rows and b in columns]
    pairs = [p for p in pairs if any(c.isalpha() for c in p[0])]
    order = np.random.default_rng(1).permutation(len(pairs))
    test = [k for k in order if pairs[k][0] != pairs[k][1]][:1000]
    rest = sorted(set(range(len(pairs))) - set(test))
    both = np.array([(rows[a], columns[b]) for a, b in pairs], np.int32)
    return both[test], both[rest]


def induced(src: Space, tgt: Space, run: Path) -> dict[str, object]:
    test, seeds = lexicon(run, src, tgt)
    out: dict[str, object] = {"words": f"{len(src.words)}/{len(tgt.words)}", "seeds": len(seeds)}
    for name, method in (("procrustes", Procrustes()), ("vecmap", VecMap())):
        x, y = method.fit(src, tgt, seeds)(src, tgt)
        answers = CSLS().retrieve(x.vectors, y.vectors, 1, rows=test[:, 0])[1][:, 0]
        out[name] = float((answers == test[:, 1]).mean())
    return out


def train(run: Path, contexts: int) -> None:
    sides = sentences(run)
    kept = {}
    for name, method in TRAINERS.items():
        spaces, seconds = timed(lambda method=method: [method.fit(side) for side in sides])
        kept[name] = spaces
        tell(part="train", method=name, **induced(*spaces, run), cpu_s=seconds)
    extract = Extract(min_count=10, contexts=contexts)
    spaces, seconds = timed(lambda: [extract.fit(side) for side in sides])
    tell(part="train", method=f"e5, {contexts or 'no'} contexts", **induced(*spaces, run), cpu_s=seconds)
    for name, method in (("concatenated", Concatenate()), ("averaged", Average())):
        joined = [method.fit([kept["ppmi-svd"][k], spaces[k]]) for k in (0, 1)]
        tell(part="train", method=f"ppmi-svd and e5, {name}", **induced(*joined, run))


def clone(run: Path, words: int, dimensions: int) -> None:
    text = sentences(run)[0]
    order = np.random.default_rng(3).permutation(len(text))
    whole = [text[k] for k in order]
    cases = {
        "shuffled": (text, whole, [text[k] for k in order[::-1]]),
        "halves": (whole[: len(whole) // 2], whole[len(whole) // 2 :], whole[::2]),
    }
    for name, (first, *others) in cases.items():
        method = PpmiSvd(dimensions=dimensions, max_words=words)
        recovered(name, method.fit(first), [method.fit([[f"{w}'" for w in s] for s in other]) for other in others])


def recovered(text: str, src: Space, tgts: list[Space]) -> None:
    tgt, rows = tgts[0], {w: k for k, w in enumerate(tgts[0].words)}
    gold = np.array([[k, rows[f"{w}'"]] for k, w in enumerate(src.words) if f"{w}'" in rows], np.int32)

    def told(method: str, job: Callable[[], MapPair]) -> MapPair:
        maps, seconds = timed(job)
        x, y = (s.vectors for s in maps(src, tgt))
        right = float(((x[gold[:, 0]] @ y.T).argmax(axis=1) == gold[:, 1]).mean())
        tell(part="clone", text=text, method=method, **{"P@1": right}, criterion=criterion(x, y), cpu_s=seconds)
        return maps

    told("all true pairs, procrustes", lambda: Procrustes().fit(src, tgt, gold))
    vecmap = VecMap(initialization="unsupervised", self_learning=True, patience=10)
    start = told("vecmap unsupervised", lambda: vecmap.fit(src, tgt))
    told("then muse", lambda: Muse().refine(src, tgt, start))
    for batches in (0, 1000):
        wasserstein = WassersteinProcrustes(iterations=batches, epochs=3, start_steps=30)
        told(f"wasserstein, {batches} batches", lambda method=wasserstein: method.fit(src, tgt))
    told("barycenter of three", lambda: MapPair(*Barycenter().fit([src, *tgts])[:2]))


def transport() -> None:
    import ot

    random = np.random.default_rng(1)
    for n in (500, 2000):
        x, y = (unit(random.normal(size=(n, 50)).astype(np.float32)) for _ in range(2))
        ours, theirs = [], []
        for _ in range(3):
            plan, seconds = timed(lambda x=x, y=y: sinkhorn(x @ y.T, 0.05))
            ours.append(seconds)
            other, seconds = timed(
                lambda x=x, y=y, n=n: ot.sinkhorn(np.ones(n), np.ones(n), -x @ y.T, 0.05, stopThr=1e-3)
            )
            theirs.append(seconds)
        apart = float(abs(plan - other).max())
        tell(part="transport", n=n, cpu_s=min(ours), pot_cpu_s=min(theirs), ratio=min(theirs) / min(ours), apart=apart)


def contextual(run: Path, gold: Path) -> None:
    src, tgt, pharaoh = (
        [line.split("\t", 1)[1] for line in read_lines(gold / f"alignments_{name}.txt")]
        for name in ("src_text", "trg_text", "pharaoh")
    )
    links = Links.from_pharaoh(pharaoh)
    test = Bitext.build(src, tgt).split_on_whitespace()
    known = {"".join(s.split()) for s in test.src}
    bitext = Bitext(
        pq.read_table(run / "bitext" / f"{PAIR}.parquet", columns=["id", "src", "tgt", "src_spans", "tgt_spans"])
    )
    every = Links.from_pharaoh(read_lines(run / "links" / f"{PAIR}.pharaoh"))
    rows = np.array([k for k, s in enumerate(bitext.src) if "".join(s.split()) not in known])[:3000]
    keep = np.isin(np.arange(len(bitext)), rows)
    method = Contextual(occurrences=5000)
    maps, seconds = timed(lambda: method.fit(bitext.select(keep), every.take(rows)))
    x, y = Contextual(occurrences=0).vectors(test, links)
    for name, (a, b) in {
        "as they are": (unit(x), unit(y)),
        "centred": tuple(
            Map(np.eye(len(m.mean), dtype=np.float32), m.mean).vectors(v) for m, v in ((maps.src, x), (maps.tgt, y))
        ),
        "rotated": (maps.src.vectors(x), maps.tgt.vectors(y)),
    }.items():
        hits = float(((a @ b.T).argmax(axis=1) == np.arange(len(a))).mean())
        tell(part="contextual", vectors=name, words=len(a), found=hits, cpu_s=seconds)


def neutral(folder: Path) -> None:
    encoder = named_encoder("e5")
    langs = ("swh", "eus", "kat", "hin", "tur")
    for lang in langs:
        texts = []
        for end in (lang, "eng"):
            texts.append([line.strip() for line in read_lines(folder / f"tatoeba.{lang}-eng.{end}")][:400])
        half = len(texts[0]) // 2
        vectors = {lang: encoder.encode(texts[0]), "eng_Latn": encoder.encode(texts[1])}
        fit = {k: v[:half] for k, v in vectors.items()}
        rows = {}
        for name, method in {
            "as they are": None, "centre": Centre(), "least squares": Projection(), "orthogonal": Projection(kind="orthogonal"),
            "directions": Directions(), "all but the top": AllButTheTop(),
        }.items():  # fmt: skip
            maps = method.fit(fit) if method else None
            x, y = (maps[k].vectors(vectors[k][half:]) if maps else vectors[k][half:] for k in (lang, "eng_Latn"))
            rows[name] = float(((x @ y.T).argmax(axis=1) == np.arange(len(x))).mean())
        tell(part="neutral", lang=lang, **rows)


if __name__ == "__main__":
    main()
