"""Document alignment: accuracy, and with half of one side gone precision and recall of pairs and of "none".

    python benchmarks/documents.py [--data DIR] [--methods a,b] [--sets a,b] [--sentences N] [--seeds N] [--json]
    python benchmarks/documents.py --fit | --centring

Names are hidden but for the rows of `names`. DERMIT is what the constants of the methods were fitted on (``--fit`` prints
them anew); the other sets are tests. CPU seconds do not hold the encoding of sentences, which a cache may have done.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from polyalign.core.document import Document
from polyalign.core.files import read_lines
from polyalign.core.space import unit
from polyalign.documents import auto, bimax, structure, tfidf, tk_pert, vectors
from polyalign.documents.candidates import Candidates, neighbours_both
from polyalign.documents.embedded import embed
from polyalign.documents.names import Names
from polyalign.documents.terms import Terms, cosines
from polyalign.encoders.centre import centre
from polyalign.encoders.named import named_encoder
from polyalign.text.split import SentenceX

#: Source documents, target documents (at the same places), languages.
Corpus = tuple[list[Document], list[Document], tuple[str, str]]
#: Source documents, target documents in another order, languages, which goes with which.
Task = tuple[list[Document], list[Document], tuple[str, str], dict[int, int]]
TAGS = {"de": "deu_Latn", "rm": "roh_Latn", "it": "ita_Latn"}

METHODS: dict[str, Callable[[int], Any]] = {
    "names": lambda n: Names(),
    "structure": lambda n: structure.Structure(),
    "tfidf": lambda n: tfidf.TfIdf(),
    "tfidf without lexicon": lambda n: tfidf.TfIdf(passes=0),
    "vectors": lambda n: vectors.Vectors(sentences=n),
    "tk-pert": lambda n: tk_pert.TKPert(sentences=n),
    "tk-pert with bimax": lambda n: tk_pert.TKPert(sentences=n, rescore="bimax"),
    "bimax": lambda n: bimax.BiMax(sentences=n),
    "auto": lambda n: auto.Auto(sentences=n),
    "auto always": lambda n: auto.Auto(sentences=n, vectors="always"),
    "auto never": lambda n: auto.Auto(vectors="never"),
}


def dermit(data: Path, a: str, b: str) -> Corpus:
    """80 press releases, split as raw text is; named as on the web."""
    found: dict[str, dict[str, Any]] = {}
    with lzma.open(data / "doc-dermit" / "dermit-1997-2021.jsonl.xz", "rt", encoding="utf-8") as file:
        for record in map(json.loads, file):
            if all(record[k] and len(record[k]) > 400 for k in TAGS):
                found.setdefault(record["id"], record)
    chosen = list(found.values())[-200:][::2][:80]
    split = SentenceX()
    sides: list[list[Document]] = []
    for lang in (a, b):
        side = []
        for record in chosen:
            out = split(record[lang], TAGS[lang])
            side.append(
                Document(f"{lang}/medien/{record['id']}-{lang}.html", tuple(out.texts(record[lang])), out.paragraphs)
            )
        sides.append(side)
    return sides[0], sides[1], (TAGS[a], TAGS[b])


def wmt16(data: Path) -> Corpus:
    """News, English-Finnish; a file a document."""
    folder = data / "doc-wmt16-enfi"
    names = sorted(p.name for p in (folder / "en").iterdir())
    sides = [
        [Document.from_lines(list(read_lines(folder / x / n)), id=f"{x}/{n}") for n in names] for x in ("en", "fi")
    ]
    return sides[0], sides[1], ("eng_Latn", "fin_Latn")


def grouped(keys: Iterable[str], src: Iterable[str], tgt: Iterable[str], langs: tuple[str, str]) -> Corpus:
    """Parallel lines whose documents are told by a key."""
    docs: dict[str, tuple[list[str], list[str]]] = {}
    for key, s, t in zip(keys, src, tgt, strict=True):
        lines = docs.setdefault(key, ([], []))
        lines[0].append(s)
        lines[1].append(t)
    sides = [[Document.from_lines(v[k], id=f"{key}.{langs[k][:3]}.txt") for key, v in docs.items()] for k in (0, 1)]
    return sides[0], sides[1], langs


def ntrex(data: Path, lang: str, tag: str) -> Corpus:
    """News, English and another language."""
    folder = data / "ps-ntrex"
    return grouped(
        read_lines(folder / "DOCUMENT_IDS.tsv"),
        read_lines(folder / "newstest2019-src.eng.txt"),
        read_lines(folder / f"newstest2019-ref.{lang}.txt"),
        ("eng_Latn", tag),
    )


def mafand(data: Path, file: str, tag: str) -> Corpus:
    """Blogs, English and an African language; an empty line ends a document."""
    rows: list[tuple[str, str, str]] = []
    number = 0
    for line in list(read_lines(data / "doc-mafand" / file))[1:]:
        fields = line.split("\t")
        if not line.strip():
            number += 1
        elif len(fields) == 2:
            rows.append((str(number), fields[0], fields[1]))
    keys, src, tgt = zip(*rows, strict=True)
    return grouped(keys, src, tgt, ("eng_Latn", tag))


def pud(data: Path) -> Corpus:
    """News and encyclopedia, English-Hindi, 397 documents of 1 to 5 sentences."""
    folder = data / "ps-pud"
    keys = [k[:6] for k in read_lines(folder / "sent_ids.txt")]
    return grouped(keys, read_lines(folder / "en.txt"), read_lines(folder / "hi.txt"), ("eng_Latn", "hin_Deva"))


def corpora(data: Path) -> dict[str, Callable[[], Corpus]]:
    """Loaders by name."""
    return {
        "DERMIT de-rm (tuned on)": lambda: dermit(data, "de", "rm"),
        "DERMIT de-it (tuned on)": lambda: dermit(data, "de", "it"),
        "WMT16 en-fi": lambda: wmt16(data),
        "NTREX eng-deu": lambda: ntrex(data, "deu", "deu_Latn"),
        "NTREX eng-swa": lambda: ntrex(data, "swa", "swh_Latn"),
        "MAFAND eng-yor": lambda: mafand(data, "eng-yor.test.tsv.xz", "yor_Latn"),
        "MAFAND eng-swa": lambda: mafand(data, "eng-swa.test.tsv.xz", "swh_Latn"),
        "PUD eng-hin": lambda: pud(data),
    }


def task(
    corpus: Corpus, *, gone: float, hidden: bool, both: bool = False, seed: int = 1, most: int = 0, first: int = 0
) -> Task:
    """Shuffle the target side, take some of its documents away, and hide the names.

    Args:
        corpus: The documents.
        gone: Share of target documents to take away.
        both: Whether as many source documents, other ones, go too.
        hidden: Whether names become numbers that mean nothing.
        seed: Of the order.
        most: Documents of the corpus to use, drawn at random; 0 for all.
        first: First sentences of each document to keep; 0 for all.
    """
    src, tgt, langs = corpus
    draw = np.random.default_rng(seed)
    chosen = draw.permutation(len(src))[: most or None]
    kept = chosen[draw.random(len(chosen)) >= gone] if gone else chosen
    kept = kept[draw.permutation(len(kept))]
    if both:
        chosen = chosen[draw.random(len(chosen)) >= gone]
    place = {i: k for k, i in enumerate(kept.tolist())}

    def cut(document: Document, name: str) -> Document:
        n = first or len(document)
        return Document(name if hidden else document.id, document.sentences[:n], document.paragraphs[:n])

    left = [cut(src[i], f"s{k}") for k, i in enumerate(chosen)]
    right = [cut(tgt[i], f"t{k}") for k, i in enumerate(kept)]
    return left, right, langs, {k: place[i] for k, i in enumerate(chosen.tolist()) if i in place}


#: What is gone in each of three tasks, and whether from both sides.
TASKS = {"accuracy": (0.0, False), "half": (0.5, False), "both": (0.4, True)}


def rows(
    data: Path, methods: Sequence[str], sets: Sequence[str], sentences: int, seeds: int
) -> Iterator[dict[str, Any]]:
    """All measurements, each as soon as it is made."""
    for name, load in corpora(data).items():
        if sets and not any(s in name for s in sets):
            continue
        try:
            corpus = load()
        except OSError as error:
            print(f"skipped {name}: {error}", file=sys.stderr)
            continue
        for method in methods:
            made = METHODS[method](sentences)
            row: dict[str, Any] = {
                "data": name,
                "documents": len(corpus[0]),
                "method": method,
                "sentences": sentences,
            }
            scores: list[float] = []
            hits: list[bool] = []
            for kind, (gone, both) in TASKS.items():
                counts, start = np.zeros(6), time.process_time()
                for seed in range(1, seeds + 1):
                    src, tgt, langs, gold = task(corpus, gone=gone, both=both, hidden=method != "names", seed=seed)
                    pairs = made.align(src, tgt, langs)
                    right = [gold.get(i) == j for i, j in pairs.as_dict().items()]
                    scores += pairs.score.tolist()
                    hits += right
                    none = [a.document not in gold for a in pairs.src_alone]
                    counts += (sum(right), len(right), len(gold), sum(none), len(none), len(src) - len(gold))
                found, all_found, pairs_gold, alone, all_alone, alone_gold = counts.tolist()
                if kind == "accuracy":
                    cpu = (time.process_time() - start) / seeds
                    row |= {"accuracy": found / pairs_gold, "wrong": int(all_found - found), "cpu_s": cpu}
                    continue
                row[kind] = {
                    "precision": found / max(1, all_found),
                    "recall": found / pairs_gold,
                    "none_precision": alone / max(1, all_alone),
                    "none_recall": alone / max(1, alone_gold),
                }
            yield row | {"scores": scores, "hits": hits, "ece": calibration_error(scores, hits)}


def calibration_error(scores: Sequence[float], hits: Sequence[bool]) -> float:
    """How far probabilities are from how often they come true: the mean over ten bins, weighted by what is in them."""
    score, hit = np.asarray(scores, np.float64), np.asarray(hits, np.float64)
    bins = np.minimum((score * 10).astype(int), 9)
    return float(sum(abs((score - hit)[bins == b].sum()) for b in range(10)) / max(1, len(score)))


def centring(data: Path) -> Iterator[str]:
    """Accuracy of the nearest document by the mean of raw and of centred vectors of its sentences, both ways."""
    for a, b in (("de", "rm"), ("de", "it")):
        src, tgt, _ = dermit(data, a, b)
        sides = [[[s.strip() for s in d.sentences] for d in side] for side in (src, tgt)]
        raw = [named_encoder("e5").encode([s for d in side for s in d]) for side in sides]
        for name, rows_of in (("raw", raw), ("centred", centre(*raw))):
            means = []
            for side, found in zip(sides, rows_of, strict=True):
                ends = np.cumsum([len(d) for d in side])[:-1]
                means.append(unit(np.stack([part.mean(axis=0) for part in np.split(found, ends)])))
            similar = means[0] @ means[1].T
            hits = [(similar.argmax(axis=k) == np.arange(len(src))).mean() for k in (1, 0)]
            yield f"{a}-{b} {name}: {hits[0]:.3f} / {hits[1]:.3f}"


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray, *, least: Sequence[float] | None = None) -> list[float]:
    """Constant and weights of a logistic regression, held a little towards zero.

    Args:
        x: Features.
        y: 1 for a pair, 0 for none.
        weight: What each row counts for.
        least: -1 where a weight must not be positive, 1 where it must not be negative.
    """
    x = np.column_stack([np.ones(len(x)), x])
    scale = np.append(1.0, x[:, 1:].std(axis=0))

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = (x / scale) @ w
        p = 1 / (1 + np.exp(-z))
        value = (weight * (np.logaddexp(0, z) - y * z)).sum() + 0.05 * (w[1:] ** 2).sum()
        slope = (x / scale).T @ (weight * (p - y))
        slope[1:] += 0.1 * w[1:]
        return value, slope

    signs = least or [1] * (x.shape[1] - 1)
    bounds = [(None, None), *((0, None) if s > 0 else (None, 0) for s in signs)]
    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds)
    return [round(float(v), 2) for v in found.x / scale]


def noisy(document: Document, draw: np.random.Generator) -> Document:
    """A document whose translator left out up to a fifth of the sentences, and in half of all cases its paragraphs."""
    n = len(document)
    keep = np.flatnonzero(draw.random(n) >= draw.random() * 0.2) if n > 1 else np.arange(n)
    keep = keep if len(keep) else np.arange(1)
    paragraphs = document.paragraphs[keep] * int(draw.random() < 0.5)
    return Document(document.id, tuple(document.sentences[k] for k in keep.tolist()), paragraphs)


def practice(data: Path) -> Iterator[Task]:
    """DERMIT whole and cut short, few and many, all there and half gone; as it is, and with sentences left out."""
    for pair in (("de", "rm"), ("de", "it")):
        corpus = dermit(data, *pair)
        seed = 100
        for most, repeats in ((8, 2), (30, 1), (80, 1)):
            for first, gone, noise in (
                (f, g, n) for f in (0, 4) for g in ("none", "target", "both") for n in (False, True)
            ):
                for _ in range(repeats):
                    seed += 1
                    src, tgt, langs, gold = task(
                        corpus,
                        gone={"none": 0.0, "target": 0.5, "both": 0.4}[gone],
                        both=gone == "both",
                        hidden=True,
                        most=most,
                        first=first,
                        seed=seed,
                    )
                    draw = np.random.default_rng(seed)
                    yield src, [noisy(d, draw) for d in tgt] if noise else tgt, langs, gold


def fit(data: Path) -> dict[str, list[float]]:
    """The constants of all methods."""
    seen: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}

    def add(name: str, candidates: Candidates, features: np.ndarray, gold: dict[int, int]) -> None:
        goal = np.asarray([gold.get(i, -1) for i in range(candidates.shape[0])])
        y = (goal[candidates.src] == candidates.tgt).astype(float)
        # Each task counts as ten documents, or large ones would rule.
        seen.setdefault(name, []).append((features.reshape(len(y), -1), y, np.full(len(y), 10 / candidates.shape[0])))

    def solve(name: str, least: Sequence[float] | None = None) -> list[float]:
        return logistic(*(np.concatenate(c) for c in zip(*seen[name], strict=True)), least=least)

    tasks = [(Terms.of(src), Terms.of(tgt), gold) for src, tgt, _, gold in practice(data)]
    for src, tgt, gold in tasks:
        shapes = structure.Shapes.of(src, tgt)
        every = shapes.candidates(20)
        add("structure", every, shapes.compare(every), gold)
    out = {"structure": solve("structure", (-1, -1, 1, 1))}
    structure.CALIBRATION = tuple(out["structure"])  # what follows builds on it
    for src, tgt, gold in tasks:
        shapes = structure.Shapes.of(src, tgt)
        every = shapes.candidates(20)
        add("structure margin", every, every.valued(shapes.log_odds(every)).contrast(), gold)
        words, word_rows = tfidf.TfIdf().evidence(src, tgt)
        add("tfidf", words, words.valued(cosines(word_rows, words)).contrast(), gold)
        sides = embed(src.documents, tgt.documents, "e5", 0)
        means = neighbours_both(sides[0].means(), sides[1].means(), 10)
        add("vectors", means, means.contrast(), gold)
        add("bimax", means, means.valued(bimax.bimax(*sides, means)).contrast(), gold)
        slots = tk_pert.TKPert().neighbours(*sides)
        add("tk-pert", slots, slots.contrast(), gold)
        for use in (False, True):
            found, features = auto.Auto().features(src, tgt, sides if use else None)
            add(f"auto {'with' if use else 'without'} vectors", found, features, gold)
    return out | {name: solve(name) for name in seen if name != "structure"}


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--methods", default="", help="A comma between several.")
    parser.add_argument("--sets", default="", help="A comma between several; a part of a name is enough.")
    parser.add_argument(
        "--sentences", type=int, default=0, help="Sentences of each document that are encoded; 0 is all."
    )
    parser.add_argument("--seeds", type=int, default=1, help="Orders and choices of what is gone to sum over.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fit", action="store_true", help="Print the constants of all methods.")
    parser.add_argument("--centring", action="store_true", help="Compare mean vectors, raw and centred.")
    options = parser.parse_args()
    if options.centring:
        print("\n".join(centring(options.data)))
        return
    if options.fit:
        print(json.dumps(fit(options.data), indent=1))
        return
    methods = [m for m in METHODS if not options.methods or m in options.methods.split(",")]
    sets = [s for s in options.sets.split(",") if s]
    if not options.json:
        print("Precision/recall of pairs, then of none; with half of the target side gone, or two fifths of both.\n")
        print(
            "| data | documents | method | accuracy | wrong | half of target gone | two fifths of both gone | ECE | CPU s |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
    kept = []
    for row in rows(options.data, methods, sets, options.sentences, options.seeds):
        kept.append((row["method"], "tuned" in row["data"], row.pop("scores"), row.pop("hits")))
        print(json.dumps(row) if options.json else table_row(row), flush=True)
    for method in methods:
        some = [k for k in kept if k[0] == method and not k[1]]
        scores, hits = ([x for k in some for x in k[at]] for at in (2, 3))
        if not options.json and scores:
            print(
                f"{method}, test sets: {len(hits) - sum(hits)} of {len(hits)} pairs wrong, "
                f"expected {len(hits) - sum(scores):.1f}, calibration error {calibration_error(scores, hits):.4f}"
            )


def table_row(row: dict[str, Any]) -> str:
    """A row of a Markdown table."""
    half, both = ("/".join(f"{v:.3f}" for v in row[k].values()) for k in ("half", "both"))
    return (
        f"| {row['data']} | {row['documents']} | {row['method']} | {row['accuracy']:.3f} | {row['wrong']} | "
        f"{half} | {both} | {row['ece']:.3f} | {row['cpu_s']:.1f} |"
    )


if __name__ == "__main__":
    main()
