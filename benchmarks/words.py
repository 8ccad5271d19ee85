"""Word alignment: AER, seconds, CPU seconds and peak memory of every aligner beside eflomal and fast_align.

    python benchmarks/words.py --train dermit.fa --peer eflomal-align --fast-align fast_align --json words.jsonl

Every run is a whole process, as a user starts it (`polyalign align-words METHOD IN OUT`): start, reading and writing
included, kernels compiled beforehand. It trains on the text it aligns. All aligners get the same text, lower-cased.
--train is a German-Romansh bitext in fast_align's format ("a b ||| c d", tokens between spaces), such as the
links/*.tokens of benchmarks/dermit.py; the DERMIT gold sentences are put before it. Without it they are all there is.
A peer's two directions are joined by our grow-diag-final-and, which costs it nothing here; one that is not
installed is left out with a line.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import lzma
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from measure import Measured, measure
from polyalign.core.links import Links
from polyalign.evaluate.aer import AER
from polyalign.words.symmetrize import GrowDiagFinalAnd

METHODS = ("statistical", "gibbs", "hmm", "fast-align", "ibm2", "ibm1")
PEERS = ("eflomal", "fast_align")
VECTORS = "statistical + vectors"
BINS = 10


@dataclass(frozen=True)
class Task:
    """A bitext whose first sentence pairs have gold links."""

    name: str
    pairs: list[tuple[str, str]]
    gold: Links


@dataclass(frozen=True)
class Result:
    task: str
    pairs: int
    method: str
    aer: float
    low: float
    high: float
    precision: float
    recall: float
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Reliability:
    """Of each of ten equal intervals of probability: how many links, their mean probability, how many are right."""

    task: str
    pairs: int
    method: str
    bins: list[tuple[int, float, int]]
    calibration_error: float


def lines(path: Path) -> list[str]:
    opener: Callable[..., object] = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8", newline="\n") as file:  # type: ignore[attr-defined]
        return [line.rstrip("\r\n") for line in file]


def dermit(data: Path, train: Path | None, sizes: list[int]) -> list[Task]:
    folder = data / "wa-dermit-derm"
    src, tgt, gold = (
        [line.split("\t", 1)[1] for line in lines(folder / f"alignments_{name}.txt")]
        for name in ("src_text", "trg_text", "pharaoh")
    )
    pairs = [(" ".join(a.split()), " ".join(b.split())) for a, b in zip(src, tgt, strict=True)]
    out = [Task("deu-roh", pairs, Links.from_pharaoh(gold))]
    if train is not None:
        more = pairs + [(a, b) for a, _, b in (line.partition(" ||| ") for line in lines(train))]
        out += [replace(out[0], pairs=more[:n] if n else more) for n in sizes]
    return out


def awesome(data: Path, name: str) -> Task:
    folder = data / f"wa-awesome-{name}"
    pairs = [(a, b) for a, _, b in (line.partition(" ||| ") for line in lines(folder / f"{name}.src-tgt"))]
    return Task(f"{name[:2]}-{name[2:]}", pairs, Links.from_pharaoh(lines(folder / f"{name}.gold"), one_based=True))


def xlwa(data: Path, language: str) -> Task:
    rows = [
        row.split("\t") for part in ("test", "dev") for row in lines(data / f"wa-xlwa/{language}/{part}.tsv") if row
    ]
    return Task(f"xl-wa en-{language}", [(r[0], r[1]) for r in rows], Links.from_pharaoh(r[2] for r in rows))


def binary(data: Path, folder: str, name: str) -> Task:
    files = sorted((data / folder).glob("*.jsonl*"))
    rows = [json.loads(line) for file in files for line in lines(file) if line]
    pairs = [(" ".join(r["src_words"]), " ".join(r["tgt_words"])) for r in rows]
    return Task(name, pairs, Links.from_pairs([(i, j) for i, j in r["alignment"]] for r in rows))


def multimwa(data: Path) -> Task:
    """English beside simpler or other English; possible links are those that some would draw."""
    rows = [
        line.split("\t") for part in ("dev", "test") for line in lines(data / f"wa-multimwa-en-en/mtref-{part}.tsv")
    ]
    sure, possible = ([[tuple(map(int, x.split("-"))) for x in r[k].split()] for r in rows] for k in (7, 8))
    return Task("en-en", [(r[1], r[3]) for r in rows], Links.from_pairs(sure, possible))


def gold_sets(data: Path) -> list[Task]:
    return [
        *(awesome(data, name) for name in ("enfr", "roen")),
        *(xlwa(data, language) for language in ("da", "es", "hu", "ru", "sl")),
        binary(data, "wa-en-sv-swedish", "en-sv"),
        *(binary(data, f"wa-en-{x}-{x}_golden", f"en-{x} golden") for x in ("es", "fr", "pt")),
        *dermit(data, None, []),
    ]


class Aligners:
    """What runs an aligner as a whole process.

    Args:
        eflomal: Its program, empty if there is none.
        fast_align: Likewise.
        threads: Of every process; 0 for as many as it takes.
        spaces: Folder of word vectors, None if there are none.
    """

    def __init__(self, eflomal: str, fast_align: str, threads: int, spaces: Path | None) -> None:
        self.programs, self.spaces = {"eflomal": eflomal, "fast_align": fast_align}, spaces
        self.threads = threads
        if threads:
            os.environ["OMP_NUM_THREADS"] = str(threads)

    def ours(self, method: str, text: Path, out: Path, *options: str) -> Measured:
        program = str(Path(sys.executable).with_name("polyalign"))
        given = ["--format", "fast-align", "--threads", str(self.threads), *options]
        return measure([program, "align-words", method, str(text), str(out), *given])

    def vectors(self, task: Task) -> list[str]:
        """The options that give a task its word vectors; none where there are none."""
        folder = None if self.spaces is None else self.spaces / f"{task.name}-{len(task.pairs)}"
        if folder is None or not folder.is_dir():
            return []
        return ["--src-space", str(folder / "src"), "--tgt-space", str(folder / "tgt")]

    def links(self, method: str, task: Task) -> tuple[Links, Measured]:
        with tempfile.TemporaryDirectory() as folder:
            text, forward, backward = (Path(folder) / name for name in ("text", "forward", "backward"))
            write(task, text)
            if method not in PEERS:
                given = self.vectors(task) if method == VECTORS else []
                cost = self.ours("statistical" if method == VECTORS else method, text, forward, *given)
                return Links.from_pharaoh(lines(forward)), cost
            program = self.programs[method]
            if method == "eflomal":
                cost = measure([program, "-i", str(text), "--model", "3", "-f", str(forward), "-r", str(backward)])
            else:
                costs = []
                for out, direction in ((forward, []), (backward, ["-r"])):
                    costs.append(measure([program, "-i", str(text), "-d", "-o", "-v", *direction]))
                    out.write_text(costs[-1].stdout, encoding="utf-8")
                wall, cpu = sum(c.wall_s for c in costs), sum(c.cpu_s for c in costs)
                cost = Measured(wall, cpu, max(c.peak_mb for c in costs), "")
            return GrowDiagFinalAnd()(*(Links.from_pharaoh(lines(f)) for f in (forward, backward))), cost

    def run(self, task: Task, method: str) -> Result:
        links, cost = self.links(method, task)
        score = AER().score(links.take(range(len(task.gold))), task.gold)
        numbers = (score.value, *score.ci, score.parts["precision"], score.parts["recall"])
        return Result(task.name, len(task.pairs), method, *numbers, cost.wall_s, cost.cpu_s, cost.peak_mb)

    def reliability(self, task: Task, method: str) -> Reliability:
        """How often the links that a method calls so and so probable are right: among the gold links, sure or not.

        All links of some probability are counted, decided for or not (`--posteriors`).
        """
        with tempfile.TemporaryDirectory() as folder:
            text, out, cells = (Path(folder) / name for name in ("text", "links", "posteriors"))
            write(task, text)
            self.ours(method, text, out, "--posteriors", str(cells))
            rows = lines(cells)[: len(task.gold)]
        found = [
            (float(p), n, *map(int, link.split("-")))
            for n, row in enumerate(rows)
            for link, p in (part.split(":") for part in row.split())
        ]
        owner = np.repeat(np.arange(len(task.gold)), np.diff(task.gold.offsets)).tolist()
        gold = set(zip(owner, task.gold.src.tolist(), task.gold.tgt.tolist(), strict=True))
        p = np.array([f[0] for f in found])
        right = np.array([f[1:] in gold for f in found])
        which = np.minimum((p * BINS).astype(int), BINS - 1)
        counts, sums, hits = (np.bincount(which, weights, BINS) for weights in (None, p, right))
        bins = [(int(n), float(s / max(n, 1)), int(h)) for n, s, h in zip(counts, sums, hits, strict=True)]
        return Reliability(task.name, len(task.pairs), method, bins, float(abs(sums - hits).sum() / len(p)))


def write(task: Task, path: Path) -> None:
    path.write_text("".join(f"{a} ||| {b}\n".lower() for a, b in task.pairs), encoding="utf-8")


def find_eflomal(given: str | None) -> str:
    beside = Path(sys.executable).with_name("eflomal-align")
    if importlib.util.find_spec("eflomal") and beside.exists():
        return str(beside)
    return shutil.which(given or "eflomal-align") or ""


def larger(args: argparse.Namespace) -> Iterator[Task]:
    if args.train and args.only in "deu-roh":
        yield from dermit(args.data, args.train, args.sizes)[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--train", type=Path, help="German-Romansh bitext")
    sizes = [1000, 5000, 20000, 50000, 0]
    parser.add_argument("--sizes", type=int, nargs="*", default=sizes, help="how much of it; 0 is all")
    parser.add_argument("--only", default="", help="run the tasks whose name contains this")
    parser.add_argument("--methods", nargs="*", default=[*METHODS, *PEERS])
    parser.add_argument("--peer", help="path of eflomal-align")
    parser.add_argument("--fast-align", help="path of fast_align, the original")
    parser.add_argument("--threads", type=int, default=0, help="0 is as many as each aligner takes")
    parser.add_argument(
        "--spaces", type=Path, help="run statistical also with vectors: folders SET-PAIRS/src and SET-PAIRS/tgt"
    )
    parser.add_argument(
        "--reliability", action="store_true", help="how often links of a probability are right, instead"
    )
    parser.add_argument("--json", type=Path, help="add a JSON object a row to this file, for words_plot.py")
    args = parser.parse_args()
    aligners = Aligners(
        find_eflomal(args.peer), shutil.which(args.fast_align or "fast_align") or "", args.threads, args.spaces
    )
    methods = [*args.methods, *([VECTORS] if args.spaces else [])]
    for peer in PEERS:
        if peer in methods and not aligners.programs[peer]:
            methods.remove(peer)
            how = "pip install eflomal, or --peer" if peer == "eflomal" else "build it, and name it by --fast-align"
            print(f"{peer} is not installed: left out ({how})", file=sys.stderr)
    tasks = gold_sets(args.data)
    small = Task("warm-up", tasks[0].pairs[:20], tasks[0].gold.take(range(20)))
    for method in methods:
        aligners.links(method, small)
    if args.reliability:
        reliability(aligners, [tasks[0], *dermit(args.data, args.train, [0])[-1:]], args.json)
        return
    print("| set | pairs | method | AER | 95 % | precision | recall | wall s | CPU s | MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for task in chain((t for t in tasks if args.only in t.name), larger(args)):
        for method in methods:
            if method == VECTORS and not aligners.vectors(task):
                continue
            r = aligners.run(task, method)
            print(
                f"| {r.task} | {r.pairs} | {r.method} | {r.aer:.3f} | {r.low:.3f}-{r.high:.3f} | {r.precision:.3f} | "
                f"{r.recall:.3f} | {r.wall_s:.1f} | {r.cpu_s:.1f} | {r.peak_mb:.0f} |",
                flush=True,
            )
            keep(r, args.json)


def reliability(aligners: Aligners, tasks: list[Task], path: Path | None) -> None:
    print("| set | pairs | method | calibration error | share of right links by probability |")
    print("|---|---|---|---|---|")
    for task in tasks:
        for method in ("statistical", "hmm"):
            r = aligners.reliability(task, method)
            shares = " ".join(f"{right / n:.2f}" if n else "-" for n, _, right in r.bins)
            print(f"| {r.task} | {r.pairs} | {r.method} | {r.calibration_error:.3f} | {shares} |", flush=True)
            keep(r, path)


def keep(row: Result | Reliability, path: Path | None) -> None:
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    main()
