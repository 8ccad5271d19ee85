"""Bitext mining and retrieval: quality on parallel test sets, speed and memory on synthetic vectors.

    python benchmarks/mining.py [--data DIR] [--part retrieval dermit hidden scale] [--sizes 10000 100000] [--json FILE]

retrieval: Tatoeba, PUD and NTREX to and from English, accuracy of four ways to compare vectors. dermit: sentences of
80 trilingual press releases in one bag a language. hidden: 500 NTREX pairs among sentences without a translation.
scale: whole processes of `polyalign mine` on clustered vectors of 384 dimensions, a third without a partner; CPU seconds,
peak memory apart from mapped files, recall of the partners, and of the 4 nearest neighbours of 1000 sentences.
Sentences are encoded once and come from the cache of vectors afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import lzma
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyalign.core.files import read_lines
from polyalign.encoders.named import named_encoder
from polyalign.encoders.neighbours import join, nearest, nobody
from polyalign.encoders.shards import SHARD, centred, shards
from polyalign.evaluate.mining import MiningF1, Scored, best_threshold
from polyalign.evaluate.retrieval import Retrieval
from polyalign.sentences.mine import Margin, Mined
from polyalign.text.split import SentenceX

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, Any]
TATOEBA = ("ara", "cmn", "deu", "eus", "fin", "hin", "jpn", "kat", "kor", "swh", "tur", "vie")
WAYS = {
    "cosine": Retrieval(margin="absolute", centre=False, samples=0),
    "ratio": Retrieval(margin="ratio", centre=False, samples=0),
    "centred": Retrieval(margin="absolute", samples=0),
    "centred distance": Retrieval(samples=0),
}


def lines(path: Path, *, most: int | None = None) -> list[str]:
    """Lines without the space around them."""
    return [line.strip() for line in read_lines(path)][:most]


def parallel(data: Path) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """Every test set: its name, its language, its sentences and their translations."""
    for lang in TATOEBA:
        base = f"ps-tatoeba/tatoeba.{lang}-eng."
        yield "tatoeba", lang, lines(data / f"{base}{lang}"), lines(data / f"{base}eng")
    for lang in ("ar", "de", "hi", "tr", "zh"):
        yield "pud", lang, lines(data / f"ps-pud/{lang}.txt"), lines(data / "ps-pud/en.txt")
    for lang in ("arb", "deu", "fin", "hin", "swa"):
        base = "ps-ntrex/newstest2019-"
        yield (
            "ntrex 500",
            lang,
            lines(data / f"{base}ref.{lang}.txt", most=500),
            lines(data / f"{base}src.eng.txt", most=500),
        )


def retrieval(data: Path) -> Iterator[Row]:
    """Accuracy both ways."""
    encoder, means = named_encoder("e5"), dict[str, list[list[float]]]()
    for name, lang, src, tgt in parallel(data):
        vectors = encoder.encode(src), encoder.encode(tgt)
        row: Row = {"part": "retrieval", "set": name, "lang": lang}
        found = []
        for way, metric in WAYS.items():
            parts = metric.score(*vectors).parts
            found += [parts["src_accuracy"], parts["tgt_accuracy"]]
            row[way] = f"{100 * parts['src_accuracy']:.1f}/{100 * parts['tgt_accuracy']:.1f}"
        means.setdefault(name, []).append(found)
        yield row
    for name, rows in means.items():
        mean = np.mean(rows, axis=0) * 100
        cells = {way: f"{mean[2 * i]:.1f}/{mean[2 * i + 1]:.1f}" for i, way in enumerate(WAYS)}
        yield {"part": "retrieval", "set": name, "lang": "mean", **cells}


METHODS = {
    "cosine, mutual best": Margin(margin="absolute", centre=False, select="intersection", threshold=-9.0),
    "centred, mutual best": Margin(margin="absolute", select="intersection", threshold=-9.0),
    "ratio, mutual best": Margin(margin="ratio", centre=False, select="intersection", threshold=-9.0),
    "centred distance, mutual best": Margin(select="intersection", threshold=-9.0),
    "centred distance, max": Margin(threshold=-9.0),
    "default": Margin(),
}


def dermit(data: Path) -> Iterator[Row]:
    """Pairs and how many of them are from one document."""
    with lzma.open(data / "doc-dermit/dermit-1997-2021.jsonl.xz", "rt", encoding="utf-8") as file:
        whole = {d["id"]: d for d in map(json.loads, file) if min(len(d[x] or "") for x in ("de", "it", "rm")) > 400}
    documents = list(whole.values())[-200:][::2][:80]
    encoder, split = named_encoder("e5"), SentenceX()
    bags = {
        x: [(d[x][a:b].strip(), n) for n, d in enumerate(documents) for a, b in split(d[x], tag).spans.tolist()]
        for x, tag in (("de", "deu_Latn"), ("rm", "roh_Latn"), ("it", "ita_Latn"))
    }
    for src, tgt in (("de", "rm"), ("de", "it")):
        yield from bag(f"{src}-{tgt}", bags[src], bags[tgt], encoder)


def bag(name: str, src: Sequence[tuple[str, int]], tgt: Sequence[tuple[str, int]], encoder: Any) -> Iterator[Row]:
    """Mine sentences that know which document they are from."""
    texts = [t for t, _ in src], [t for t, _ in tgt]
    vectors = encoder.encode(texts[0]), encoder.encode(texts[1])
    homes: list[dict[str, set[int]]] = [{}, {}]
    for home, side in zip(homes, (src, tgt), strict=True):
        for text, document in side:
            home.setdefault(text, set()).add(document)
    for way, method in METHODS.items():
        found = method.mine(*texts, vectors=vectors)
        same = [bool(homes[0][texts[0][i]] & homes[1][texts[1][j]]) for i, j in zip(found.src, found.tgt, strict=True)]
        yield {
            "part": "dermit",
            "set": name,
            "sentences": f"{len(src)} + {len(tgt)}",
            "method": way,
            "pairs": len(found),
            "same document": round(float(np.mean(same)), 4),
        }


def hidden(data: Path) -> Iterator[Row]:
    """F1 on the second half of the pairs and distractors, the threshold from the first half or from the data."""
    news = [lines(data / f"ps-ntrex/newstest2019-{x}.txt") for x in ("ref.deu", "src.eng")]
    other = [lines(data / f"bt-multi30k/train.{x}.gz", most=2000) for x in ("de", "en")]
    # Distractors: news that is on one side only, and captions that are.
    sides = [news[0][:500] + news[0][500:1000] + other[0][:1000], news[1][:500] + news[1][1000:1500] + other[1][1000:]]
    encoder = named_encoder("e5")
    vectors = [encoder.encode(side) for side in sides]
    for way, method in METHODS.items():
        if "max" in way:
            continue
        halves = []
        for half in (0, 1):
            rows = np.arange(half, len(sides[0]), 2)
            found = method.mine(
                *([side[i] for i in rows] for side in sides), vectors=(vectors[0][rows], vectors[1][rows])
            )
            halves.append((scored(found, rows), [(int(i), int(i)) for i in rows[:250]]))
        (dev, dev_gold), (test, gold) = halves
        chosen = None if way == "default" else best_threshold(dev, dev_gold)
        score = MiningF1(threshold=chosen).score(test, gold)
        yield {
            "part": "hidden",
            "set": "250 of 1000 + 1000",
            "method": way,
            "threshold": "from the data" if chosen is None else "dev",
            "f1": round(score.value, 4),
            "ci": [round(x, 4) for x in score.ci],
            "precision": round(score.parts["precision"], 4),
            "recall": round(score.parts["recall"], 4),
        }


def scored(found: Mined, rows: Any) -> Scored:
    """Pairs by the rows they had before."""
    pairs = [(int(rows[i]), int(rows[j])) for i, j in zip(found.src, found.tgt, strict=True)]
    return Scored(pairs, found.score.tolist())


def scale(sizes: Sequence[int], folder: Path) -> Iterator[Row]:
    """Cost and recall of exact and approximate search."""
    for n in sizes:
        true = synthetic(n, folder)
        for index in ("exact", "approximate"):
            if index == "exact" and n > 200_000:
                continue
            work = folder / f"work-{n}-{index}"
            command = [
                sys.executable, "-m", "polyalign.cli.main", "mine", "margin", *(str(folder / x) for x in ("a.txt", "b.txt", "out.tsv")),
                "--src-vectors", str(folder / "a.npy"), "--tgt-vectors", str(folder / "b.npy"), "--index", index,
                "--work", str(work), "--json",
            ]  # fmt: skip
            cpu, anonymous, mapped = cost(command, folder / "log.txt")
            ids = [line.split("\t", 1)[0] for line in read_lines(folder / "out.tsv")][1:]
            hits = sum(true.get(int(i)) == int(j) for i, j in (x.split("-") for x in ids))
            yield {
                "part": "scale",
                "sentences a side": n,
                "index": index,
                "cpu_s": round(cpu, 1),
                "sentences a cpu second": round(2 * n / cpu),
                "own memory_mb": round(anonymous),
                "mapped files_mb": round(mapped),
                "precision": round(hits / max(len(ids), 1), 4),
                "recall": round(hits / len(true), 4),
                "neighbours found": round(neighbours_found(folder, work), 4),
            }


def cost(command: Sequence[str], log: Path) -> tuple[float, float, float]:
    """CPU seconds of a process, and the most memory it had of its own and in mapped files, in MB (Linux).

    Pages of mapped files (vectors, neighbours, libraries) are the kernel's to take back when memory is short.
    """
    peaks = {"RssAnon": 0.0, "RssFile": 0.0}
    with open(log, "wb") as out:
        started = subprocess.Popen(command, stdout=out, stderr=out)
        while True:
            done, status, used = os.wait4(started.pid, os.WNOHANG)
            if done:
                break
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{started.pid}/status").read_text(encoding="utf-8").splitlines():
                    name, _, value = line.partition(":")
                    if name in peaks:
                        peaks[name] = max(peaks[name], int(value.split()[0]) / 1024)
            time.sleep(0.02)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode != 0:
        raise RuntimeError(f"{command}: exit status {started.returncode}: {log.read_text(encoding='utf-8')[-2000:]}")
    return used.ru_utime + used.ru_stime, peaks["RssAnon"], peaks["RssFile"]


def neighbours_found(folder: Path, work: Path, some: int = 1000, k: int = 4) -> float:
    """The share of the k nearest neighbours of some sentences that a run found."""
    vectors = [np.load(folder / f"{x}.npy", mmap_mode="r") for x in "ab"]
    src, tgt = centred([shards(lambda rows, v=v: v[rows], len(v), v.shape[1], where="x") for v in vectors])  # type: ignore[misc]
    near, queries = nobody(min(some, src.n)), src.load(slice(0, some))
    for a, b in tgt.bounds(SHARD):
        cosines, rows = nearest(queries, tgt.load(slice(a, b)), k)
        near = join(near, (cosines, rows + np.int32(a)), k)
    (path,) = [p for x in ("neighbours-00000", "src-0-00000") for p in (work / "mine").glob(f"{x}*/**/rows.npy")]
    found = np.load(path, mmap_mode="r")[:some, : 4 * k]
    return float((near[1][:, :, None] == found[:, None, :]).any(axis=2).mean())


def synthetic(n: int, folder: Path, dim: int = 384, step: int = 50_000) -> dict[int, int]:
    """Files of lines and float16 vectors in topics of about fifty; the true pairs."""
    random = np.random.default_rng(n)
    topics = random.normal(size=(max(1, n // 50), dim)).astype(np.float32)
    order, split = random.permutation(n), n - n // 3
    sides = [np.lib.format.open_memmap(folder / f"{x}.npy", "w+", np.float16, (n, dim)) for x in "ab"]
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)

    def fresh(count: int) -> Any:
        return unit(
            topics[random.integers(0, len(topics), count)] + random.normal(size=(count, dim)).astype(np.float32)
        )

    for a in range(0, n, step):
        rows = np.arange(a, min(a + step, n))
        src = fresh(len(rows))
        noise = unit(random.normal(size=(len(rows), dim)).astype(np.float32))
        # The first two thirds have a partner, their own vector with noise; the others new text of some topic.
        tgt = np.where((rows < split)[:, None], unit(src + 0.6 * noise), fresh(len(rows)))
        sides[0][rows], sides[1][place[rows]] = src, tgt

    for side in sides:
        side.flush()
    for x in "ab":
        (folder / f"{x}.txt").write_text("".join(f"{x}{i}\n" for i in range(n)), encoding="utf-8")
    return {i: int(place[i]) for i in range(split)}


def unit(x: Any) -> Any:
    """Rows of length 1."""
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--part", nargs="*", default=["retrieval", "dermit", "hidden", "scale"])
    parser.add_argument("--sizes", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--json", type=Path, help="also add each row to this file, as JSON")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parts: dict[str, Callable[[], Iterator[Row]]] = {
            "retrieval": lambda: retrieval(args.data),
            "dermit": lambda: dermit(args.data),
            "hidden": lambda: hidden(args.data),
            "scale": lambda: scale(args.sizes, Path(folder)),
        }
        for part in args.part:
            for row in parts[part]():
                print("  ".join(f"{k}: {v}" for k, v in row.items() if k != "part"), flush=True)
                if args.json:
                    with open(args.json, "a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
