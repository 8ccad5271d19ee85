"""Word alignment: AER, seconds, CPU seconds and peak memory of every aligner beside eflomal.

    python benchmarks/words.py --data ../shared/data --train dermit.fa --peer /path/to/venv/bin/eflomal-align

Every run is a whole process, reading and writing included, and trains on the text it aligns. --train is a
German-Romansh bitext in fast_align's format ("a b ||| c d", tokens between spaces), such as the
links/*.tokens of benchmarks/dermit.py; the DERMIT gold sentences are put before it. Without it they are all
there is. eflomal is found on the path or by --peer, and left out with a line if it is not there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import lzma
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from measure import measure
from polyalign.core.links import Links
from polyalign.evaluate.aer import AER
from polyalign.words.symmetrize import GrowDiagFinalAnd

METHODS = ("ibm1", "hmm", "gibbs")


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


def run(task: Task, method: str, eflomal: str, threads: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        text, forward, backward = (Path(folder) / name for name in ("text", "forward", "backward"))
        text.write_text("".join(f"{a} ||| {b}\n" for a, b in task.pairs), encoding="utf-8")
        if method == "eflomal":
            cost = measure([eflomal, "-i", str(text), "--model", "3", "-f", str(forward), "-r", str(backward)])
            links = GrowDiagFinalAnd()(*(Links.from_pharaoh(lines(f)) for f in (forward, backward)))
        else:
            cost = measure([sys.executable, __file__, "--worker", method, str(text), str(forward), str(threads)])
            links = Links.from_pharaoh(lines(forward))
    score = AER().score(links.take(range(len(task.gold))), task.gold)
    numbers = (score.value, *score.ci, score.parts["precision"], score.parts["recall"])
    return Result(task.name, len(task.pairs), method, *numbers, cost.wall_s, cost.cpu_s, cost.peak_mb)


def worker(method: str, text: str, out: str, threads: str) -> None:
    from polyalign.core.bitext import Bitext
    from polyalign.core.files import read_lines, write_lines
    from polyalign.core.jit import set_threads
    from polyalign.core.params import build
    from polyalign.core.registry import find

    set_threads(int(threads))
    src, _, tgt = zip(*(line.partition(" ||| ") for line in read_lines(text)), strict=True)
    bitext = Bitext.build(src, tgt)
    write_lines(out, build(find(f"words.align/{method}")).fit(bitext).align(bitext).to_pharaoh())


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
    parser.add_argument("--sizes", type=int, nargs="*", default=[5000, 20000, 0], help="how much of it; 0 is all")
    parser.add_argument("--only", default="", help="run the tasks whose name contains this")
    parser.add_argument("--methods", nargs="*", default=[*METHODS, "eflomal"])
    parser.add_argument("--peer", help="path of eflomal-align")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    args = parser.parse_args()
    eflomal = find_eflomal(args.peer)
    methods = [m for m in args.methods if m != "eflomal" or eflomal]
    if "eflomal" in args.methods and not eflomal:
        print("eflomal is not installed: left out (pip install eflomal, or --peer)", file=sys.stderr)
    # Smallest first: Linux counts what the parent held at the fork into a child's peak memory.
    tasks = [
        *(awesome(args.data, name) for name in ("enfr", "roen")),
        *(xlwa(args.data, language) for language in ("da", "es", "hu", "ru", "sl")),
        binary(args.data, "wa-en-sv-swedish", "en-sv"),
        *(binary(args.data, f"wa-en-{x}-{x}_golden", f"en-{x} golden") for x in ("es", "fr", "pt")),
        *dermit(args.data, None, []),
    ]
    if not args.json:
        print("| set | pairs | method | AER | 95 % | precision | recall | wall s | CPU s | MB |")
        print("|---|---|---|---|---|---|---|---|---|---|")
    for task in chain((t for t in tasks if args.only in t.name), larger(args)):
        for method in methods:
            r = run(task, method, eflomal, args.threads)
            row = (
                f"| {r.task} | {r.pairs} | {r.method} | {r.aer:.3f} | {r.low:.3f}-{r.high:.3f} | {r.precision:.3f} | "
                f"{r.recall:.3f} | {r.wall_s:.1f} | {r.cpu_s:.1f} | {r.peak_mb:.0f} |"
            )
            print(json.dumps(asdict(r)) if args.json else row, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
    else:
        main()
