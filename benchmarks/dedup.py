"""Deduplication: clusters, time and memory beside datatrove and text-dedup, and what is found of planted duplicates.

    python benchmarks/dedup.py [--data DIR] [--part peers agree curve planted scale] [--sizes 1000000] [--json FILE]
        [--datatrove PYTHON] [--text-dedup PYTHON]

peers: whole processes that read JSON lines and find MinHash clusters (5-grams, 14 bands of 8) of press releases and of
sentences, half of them noisy copies; clusters compared pair by pair, with the other tool's and with what was planted.
agree: the same on texts whose words every tool sees alike, and what the differences come from: pairs of rows that any hash
functions link but with a probability below 1e-6 and are not together, and clusters that only such links hold together as have
a probability below 1e-6 themselves. What is neither is chance.
curve: how many pairs of texts share a band, by their exact Jaccard similarity, beside 1 - (1 - s^8)^14.
planted: precision and recall of each method for each kind of copy.
scale: whole processes on sentences without end, memory and with a folder for the bands.
The peers' words are cut at spaces too, as their tokenisers would need models.
"""

from __future__ import annotations

import argparse
import json
import lzma
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from measure import measure

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, Any]

OURS = """import sys, numpy as np
from polyalign.core.jit import set_threads
from polyalign.core.memory import give_back
from polyalign.corpus.corpus_files import CorpusFiles
from polyalign.corpus.dedup.minhash import MinHash
give_back()
set_threads(int(sys.argv[3]))
found = MinHash(short=False, work=sys.argv[4] if len(sys.argv) > 4 else None).clusters(CorpusFiles((sys.argv[1],)))
np.save(sys.argv[2], found.cluster)
"""

DATATROVE = """import glob, os, shutil, struct, sys, tempfile
import numpy as np
import datatrove.pipeline.dedup.minhash as m
from datatrove.executor.local import LocalPipelineExecutor as Run
from datatrove.pipeline.readers import JsonlReader
from datatrove.utils.hashing import HashConfig
class Words:
    def word_tokenize(self, text): return text.split()
m.load_word_tokenizer = lambda language: Words()
path, out, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
if __name__ == "__main__":
    work = tempfile.mkdtemp(dir=os.path.dirname(out))
    folder = os.path.join(work, "in"); os.mkdir(folder)
    with open(path, encoding="utf-8") as file: lines = file.readlines()
    parts = np.array_split(np.arange(len(lines)), workers)
    for k, part in enumerate(parts):
        with open(f"{folder}/{k}.jsonl", "w", encoding="utf-8") as file: file.writelines(lines[part[0]:part[-1] + 1])
    n = len(lines); del lines
    config = m.MinhashConfig(hash_config=HashConfig(precision=64))
    d = lambda name: f"{work}/{name}"
    # Its workers are started by a server otherwise, and their CPU seconds and memory are nobody's.
    more = {"workers": workers, "start_method": "spawn"}
    Run([JsonlReader(folder, id_key="doc", glob_pattern="*.jsonl"), m.MinhashDedupSignature(d("sig"), config)],
        tasks=workers, logging_dir=d("l1"), **more).run()
    Run([m.MinhashDedupBuckets(d("sig"), d("buckets"), config=config)], tasks=14, logging_dir=d("l2"), **more).run()
    Run([m.MinhashDedupCluster(d("buckets"), d("remove"), config=config, save_cluster_id=True)], tasks=1, logging_dir=d("l3")).run()
    clusters = np.arange(n)
    first = {}
    for k, part in enumerate(parts):
        name = d(f"remove/{k:06d}.clusters")
        if os.path.exists(name):
            pairs = np.fromfile(name, np.uint32).reshape(-1, 2)
            for row, cluster in pairs[np.argsort(pairs[:, 0])].tolist():
                clusters[part[0] + row] = first.setdefault(cluster, int(part[0]) + row)
    np.save(out, clusters)
    shutil.rmtree(work)
"""

TEXT_DEDUP = """import os, sys, tempfile
import numpy as np
import text_dedup.minhash as t
path, out, workers = sys.argv[1:4]
with open(path, "rb") as file: n = sum(1 for _ in file)
with tempfile.TemporaryDirectory(dir=os.path.dirname(out)) as work:
    t.main(["--path", "json", "--data_files", path, "--split", "train", "--column", "text", "--num_perm", "112", "--b", "14",
            "--r", "8", "--ngram", "5", "--min_length", "5", "--hash_func", "xxh3", "--num_proc", workers,
            "--cache_dir", work + "/cache", "--output", work + "/out"], standalone_mode=False)
np.save(out, np.asarray([t.uf.find(k) for k in range(n)]))
"""

SIGNATURES = """import sys, json, numpy as np
import datatrove.pipeline.dedup.minhash as m
class Words:
    def word_tokenize(self, text): return text.split()
m.load_word_tokenizer = lambda language: Words()
step = m.MinhashDedupSignature("/tmp/unused-signatures")
texts = [json.loads(line)["text"] for line in open(sys.argv[1], encoding="utf-8")]
bands = [[tuple(band) for band in step.get_signature(step.get_shingles(text))] for text in texts]
print(json.dumps([any(a == b for a, b in zip(bands[k], bands[k + 1])) for k in range(0, len(bands), 2)]))
"""


def press_releases(data: Path) -> list[str]:
    """The texts of DERMIT in German, Italian and Romansh."""
    (path,) = (data / "doc-dermit").glob("*.xz")
    with lzma.open(path, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    return list(dict.fromkeys(r[lang] for r in records for lang in ("de", "it", "rm") if r[lang]))


def sentences(data: Path) -> list[str]:
    """Sentences of NTREX in all its languages with spaces, of at least eight words."""
    found = [
        line.strip()
        for path in sorted((data / "ps-ntrex").glob("newstest2019-*.txt"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [s for s in dict.fromkeys(found) if len(s.split()) >= 8]


def other_words(text: str, share: float, random: np.random.Generator, words: Sequence[str]) -> str:
    """The text with a share of its words, at least one, replaced by others of the corpus."""
    own = text.split(" ")
    for k in random.choice(len(own), max(1, round(share * len(own))), replace=False).tolist():
        own[k] = words[int(random.integers(len(words)))]
    return " ".join(own)


def look(text: str, random: np.random.Generator) -> str:
    """The text in capitals, with its accents and punctuation changed, or with more space."""
    return [text.upper(), text.replace(",", "").replace(".", " ."), "  ".join(text.split()) + "\n"][random.integers(3)]


#: Kinds of copies.
KINDS = ("same", "look", "1 word", "2 % of words", "5 %", "10 %", "20 %", "40 %", "first half")


def copied(kind: str, text: str, random: np.random.Generator, words: Sequence[str]) -> str:
    """A copy of one of the kinds."""
    if kind == "same":
        return text
    if kind == "look":
        return look(text, random)
    if kind == "first half":
        own = text.split(" ")
        return " ".join(own[: (len(own) + 1) // 2])
    return other_words(text, 0.0 if kind == "1 word" else float(kind.split()[0]) / 100, random, words)


def planted(texts: Sequence[str], rows: int, kinds: Sequence[str]) -> tuple[list[str], list[int], list[str]]:
    """Rows of which half are copies of others; what each is a copy of (itself for an original), and its kind."""
    random = np.random.default_rng(1)
    words = [w for t in texts[:500] for w in t.split()]
    out, source, kind_of = [], [], []
    originals = list(texts[: rows // 2])
    while len(originals) < rows // 2:
        # More texts are made of sentences of several, so that they are nobody's near-duplicates.
        own = texts[int(random.integers(len(texts)))].split(" ")
        random.shuffle(own)
        originals.append(" ".join(own))
    for k, text in enumerate(originals):
        out.append(text), source.append(k), kind_of.append("")
    for _ in range(rows - len(originals)):
        kind, k = kinds[int(random.integers(len(kinds)))], int(random.integers(len(originals)))
        out.append(copied(kind, originals[k], random, words)), source.append(k), kind_of.append(kind)
    order = random.permutation(len(out))
    place = np.argsort(order)
    first = {int(k): int(place[k]) for k in range(len(originals))}
    return [out[i] for i in order], [first[source[i]] for i in order], [kind_of[i] for i in order]


def pair_f1(found: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of the pairs of rows that are in one cluster."""

    def pairs(labels: Iterator[Any]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(labels).values())

    both = pairs(zip(found.tolist(), truth.tolist(), strict=True))
    precision, recall = both / max(1, pairs(found.tolist())), both / max(1, pairs(truth.tolist()))
    return precision, recall, 2 * precision * recall / max(1e-12, precision + recall)


def write(path: Path, texts: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for k, text in enumerate(texts):
            file.write(json.dumps({"doc": str(k), "text": text}, ensure_ascii=False) + "\n")


def other_seed(path: Path) -> np.ndarray:
    """The clusters by other hash functions: how far apart two sound runs are."""
    from polyalign.corpus.corpus_files import CorpusFiles
    from polyalign.corpus.dedup.minhash import MinHash

    return MinHash(short=False, seed=2).clusters(CorpusFiles((str(path),))).cluster


def peers(data: Path, args: argparse.Namespace) -> Iterator[Row]:
    """Whole processes beside each other."""
    corpora = ("documents", press_releases(data), args.documents), ("sentences", sentences(data), args.sentences)
    for name, texts, rows in corpora:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "in.jsonl")
            corpus, source, _ = planted(texts, rows, KINDS[:7])
            write(path, corpus)
            found: dict[str, np.ndarray] = {}
            tools = (
                ("polyalign", sys.executable, OURS),
                ("datatrove", args.datatrove, DATATROVE),
                ("text-dedup", args.text_dedup, TEXT_DEDUP),
            )
            for tool, python, script in tools:
                if not python:
                    continue
                program = Path(folder, f"run_{tool}.py")
                program.write_text(script, encoding="utf-8")
                if tool == "polyalign":
                    measure([python, str(program), str(path), f"{folder}/warm.npy", "2"])
                for threads in (1, 2):
                    cost = measure([python, str(program), str(path), f"{folder}/{tool}.npy", str(threads)])
                    found[tool] = np.load(f"{folder}/{tool}.npy")
                    precision, recall, f1 = pair_f1(found[tool], np.asarray(source))
                    yield {
                        "part": "peers", "corpus": name, "rows": rows, "megabytes": round(path.stat().st_size / 1e6, 1),
                        "tool": tool, "threads": threads, "seconds": round(cost.wall_s, 2), "cpu_s": round(cost.cpu_s, 2),
                        "rows_per_s": round(rows / cost.wall_s), "peak_mb": round(cost.peak_mb),
                        "planted_precision": round(precision, 4), "planted_recall": round(recall, 4),
                        "duplicates": int((found[tool] != np.arange(rows)).sum()),
                    }  # fmt: skip
            found["polyalign, other hash functions"] = other_seed(path)
            for tool in [t for t in found if t != "polyalign"]:
                precision, recall, f1 = pair_f1(found["polyalign"], found[tool])
                yield {"part": "peers", "corpus": name, "tool": f"polyalign vs {tool}", "pair_precision": round(precision, 4),
                       "pair_recall": round(recall, 4), "pair_f1": round(f1, 4)}  # fmt: skip


def plain(text: str) -> str:
    """Small Latin letters without accents and single spaces: what every tool leaves as it is."""
    kept = "".join(
        c if "a" <= c <= "z" else " " if c.isspace() else "" for c in unicodedata.normalize("NFD", text.lower())
    )
    return " ".join(kept.split())


def linked(similarity: float) -> float:
    """The probability that two texts share a band of 14 of 8."""
    return 1 - (1 - similarity**8) ** 14


def differences(labels: tuple[np.ndarray, np.ndarray], sets: Sequence[set[Any]]) -> Row:
    """Pairs of rows together in both clusterings or in one, and what no hash functions would explain."""
    together = [Counter(x.tolist()) for x in (labels[0], labels[1], labels[0] * len(sets) + labels[1])]
    pairs = [sum(n * (n - 1) // 2 for n in c.values()) for c in together]
    parent = list(range(len(sets)))

    def root(x: int) -> int:
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        return x

    for own in labels:
        for row, first in enumerate(own.tolist()):
            parent[root(row)] = root(first)
    groups: dict[int, list[int]] = {}
    for row in range(len(sets)):
        groups.setdefault(root(row), []).append(row)
    missed, unheld = [0, 0], [0, 0]
    for rows in groups.values():
        if len(rows) == 1:
            continue
        link = {
            (a, b): linked(len(sets[a] & sets[b]) / len(sets[a] | sets[b]))
            for k, a in enumerate(rows)
            for b in rows[k + 1 :]
        }
        for side, own in enumerate(labels):
            missed[side] += sum(p > 1 - 1e-6 and int(own[a]) != int(own[b]) for (a, b), p in link.items())
            for first in {int(own[row]) for row in rows}:
                held, left = set(), [row for row in rows if own[row] == first]
                inside, reached = set(left), [left[0]]
                while reached:
                    a = reached.pop()
                    held.add(a)
                    reached += [b for b in inside - held if link[min(a, b), max(a, b)] > 1e-6 and b not in reached]
                unheld[side] += held != inside
    return {
        "pairs_both": pairs[2], "only_ours": pairs[0] - pairs[2], "only_theirs": pairs[1] - pairs[2],
        "f1": round(2 * pairs[2] / (pairs[0] + pairs[1]), 4), "certain_missed": tuple(missed), "impossible": tuple(unheld),
    }  # fmt: skip


def agree(data: Path, args: argparse.Namespace) -> Iterator[Row]:
    """Every tool's clusters beside ours where all see the same words."""
    from polyalign.corpus.corpus_files import CorpusFiles
    from polyalign.corpus.dedup.minhash import MinHash

    corpora = ("documents", press_releases(data), args.documents), ("sentences", sentences(data), args.sentences)
    for name, texts, rows in corpora:
        with tempfile.TemporaryDirectory() as folder:
            texts = [t for t in dict.fromkeys(map(plain, texts)) if len(t.split()) >= 8]
            corpus, _, _ = planted(texts, rows, [k for k in KINDS[:7] if k != "look"])
            path, sets = Path(folder, "in.jsonl"), [ngrams(t.split()) for t in corpus]
            write(path, corpus)
            ours = MinHash(short=False).clusters(CorpusFiles((str(path),))).cluster
            found = {"polyalign, other hash functions": other_seed(path)}
            for tool, python, script in (
                ("datatrove", args.datatrove, DATATROVE),
                ("text-dedup", args.text_dedup, TEXT_DEDUP),
            ):
                if python:
                    Path(folder, f"run_{tool}.py").write_text(script, encoding="utf-8")
                    measure([python, f"{folder}/run_{tool}.py", str(path), f"{folder}/{tool}.npy", "2"])
                    found[tool] = np.load(f"{folder}/{tool}.npy")
            for tool, theirs in found.items():
                yield {"part": "agree", "corpus": name, "rows": rows, "tool": tool, **differences((ours, theirs), sets)}


def ngrams(words: Sequence[str], n: int = 5) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def curve(data: Path, args: argparse.Namespace) -> Iterator[Row]:
    """Links by exact similarity, on texts whose words folding leaves as they are."""
    import pyarrow as pa

    from polyalign.corpus.dedup.minhash import MinHash

    random = np.random.default_rng(3)
    texts = [" ".join("".join(c for c in w if c.isalpha()).lower() for w in t.split()) for t in press_releases(data)]
    texts = [" ".join(t.split()) for t in texts if len(t.split()) >= 100]
    words = [w for t in texts[:500] for w in t.split()]
    pairs, similar = [], []
    while len(pairs) < 2 * args.pairs:
        text = texts[int(random.integers(len(texts)))]
        other = other_words(text, float(random.uniform(0.0, 0.13)), random, words)
        a, b = ngrams(text.split()), ngrams(other.split())
        pairs += [text, other]
        similar.append(len(a & b) / len(a | b))
    keys = MinHash().keys(pa.table({"text": pa.array(pairs, pa.large_string())}))[0][2]
    links = {"polyalign": (keys[0::2] == keys[1::2]).any(axis=1)}
    if args.datatrove:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "pairs.jsonl")
            write(path, pairs)
            done = subprocess.run([args.datatrove, "-c", SIGNATURES, str(path)], capture_output=True, check=True)
            links["datatrove"] = np.asarray(json.loads(done.stdout.splitlines()[-1]))
    s = np.asarray(similar)
    theory = 1 - (1 - s**8) ** 14
    for low in np.arange(0.3, 1.0, 0.05):
        here = (s >= low) & (s < low + 0.05)
        if here.sum() >= 20:
            yield {"part": "curve", "similarity": f"{low:.2f}-{low + 0.05:.2f}", "pairs": int(here.sum()),
                   "theory": round(float(theory[here].mean()), 3),
                   **{tool: round(float(link[here].mean()), 3) for tool, link in links.items()}}  # fmt: skip
    point = (1 / 14) ** (1 / 8)
    for tool, link in links.items():
        above = s >= point
        yield {"part": "curve", "tool": tool, "point": round(point, 3), "precision": round(float(above[link].mean()), 3),
               "recall": round(float(link[above].mean()), 3), "theory_precision": round(float(theory[above].sum() / theory.sum()), 3),
               "theory_recall": round(float(theory[above].mean()), 3)}  # fmt: skip


def kinds(data: Path, args: argparse.Namespace) -> Iterator[Row]:
    """Precision, and recall of each kind of copy, of each method."""
    import pyarrow as pa

    from polyalign.corpus.dedup.exact import Exact
    from polyalign.corpus.dedup.fuzzy import Fuzzy
    from polyalign.corpus.dedup.minhash import MinHash

    methods = {
        "exact": Exact(), "minhash": MinHash(), "minhash characters": MinHash(unit="characters"), "fuzzy 0.8": Fuzzy(),
        "fuzzy 0.7": Fuzzy(threshold=0.7), "fuzzy jaccard 0.5": Fuzzy(similarity="jaccard", threshold=0.5),
    }  # fmt: skip
    for name, texts, rows in (("documents", press_releases(data), 6000), ("sentences", sentences(data), 20000)):
        corpus, source, kind_of = planted(texts, rows, KINDS)
        table = pa.table({"text": pa.array(corpus, pa.large_string())})
        for label, method in methods.items():
            if name == "documents" and label.startswith("fuzzy 0"):
                continue  # edits of texts of thousands of characters
            found = method.clusters([table]).cluster
            precision, _, _ = pair_f1(found, np.asarray(source))
            linked = {kind: [] for kind in KINDS}
            for row, (first, kind) in enumerate(zip(source, kind_of, strict=True)):
                if kind:
                    linked[kind].append(found[row] == found[first])
            yield {"part": "planted", "corpus": name, "rows": rows, "method": label, "precision": round(precision, 4),
                   **{kind: round(float(np.mean(hits)), 3) for kind, hits in linked.items()}}  # fmt: skip


def scale(data: Path, args: argparse.Namespace) -> Iterator[Row]:
    """Sentences without end: words of NTREX at random, a tenth of the rows copies of earlier ones with a word changed."""
    found = dict.fromkeys(w for s in sentences(data) for w in s.split())
    # Not the phrases of scripts without spaces: rows that share one are near-duplicates indeed.
    words = np.asarray([w for w in found if max(map(ord, w)) < 0xE00], object)
    for rows in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            path, random = Path(folder, "in.txt"), np.random.default_rng(7)
            with open(path, "w", encoding="utf-8") as file:
                for _ in range(0, rows, 10_000):
                    lines = [" ".join(r) for r in words[random.integers(0, len(words), (10_000, 15))]]
                    lines[9000:] = [line + " x" for line in lines[:1000]]
                    file.write("\n".join(lines) + "\n")
            program = Path(folder, "run_ours.py")
            program.write_text(OURS, encoding="utf-8")
            for work in ("memory", "folder"):
                extra = [f"{folder}/work"] if work == "folder" else []
                cost = measure([sys.executable, str(program), str(path), f"{folder}/out.npy", "2", *extra])
                found = np.load(f"{folder}/out.npy")
                yield {"part": "scale", "rows": rows, "megabytes": round(path.stat().st_size / 1e6), "bands": work,
                       "seconds": round(cost.wall_s, 1), "cpu_s": round(cost.cpu_s, 1), "rows_per_s": round(rows / cost.wall_s),
                       "peak_mb": round(cost.peak_mb), "duplicates": int((found != np.arange(rows)).sum())}  # fmt: skip


PARTS = {"peers": peers, "agree": agree, "curve": curve, "planted": kinds, "scale": scale}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--sentences", type=int, default=50_000)
    parser.add_argument("--pairs", type=int, default=6000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--datatrove", default="", help="A Python that has datatrove.")
    parser.add_argument("--text-dedup", default="", help="A Python that has text-dedup.")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows = []
    for part in args.part:
        for row in PARTS[part](args.data, args):
            print(" ".join(f"{k}={v}" for k, v in row.items()), flush=True)
            rows.append(row)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
