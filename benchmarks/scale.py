"""One project by one process, several, and Ray: the same bytes, what each costs, and what a killed process costs.

    python benchmarks/scale.py [--part documents|pairs|words|killed|convert] [--data DIR] [--output DIR] [--workers N]
        [--pairs N] [--gigabytes N]

`documents`: press releases in three languages are read, identified, split, aligned (lexical) pair by pair, selected and
written. `pairs`: as many sentence pairs as asked for are read, scored, selected and written. `killed`: the first again, with a
worker of either engine and then the run itself killed in the middle. CPU seconds are of all processes together, those that
Ray starts for itself included; memory is what a process holds for itself (RssAnon), of the run and of all its processes.
`words`: as many sentence pairs, tokenised and aligned by the HMM. `convert`: sentence pairs repeated until a JSONL and a TMX
are as large as asked for, each converted by `polyalign convert` as a whole process, whose peak memory (ru_maxrss) is beside
that of a tenth of the file; the files are deleted.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from measure import measure

ROOT = Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")
DOCUMENTS = """[project]
name = "Scale"
languages = ["de", "rm", "it"]
pairs = ["de-rm"]

[[step]]
id = "documents"
use = "corpus.documents/jsonl"
path = "{data}/doc-dermit/dermit-1997-2021.jsonl.xz"
fields = {{ deu_Latn = "de", roh_Latn = "rm", ita_Latn = "it" }}

[[step]]
id = "identified"
use = "text.identify/cld2"

[[step]]
id = "sentences"
use = "text.split/sentencex"

[[step]]
id = "beads"
use = "sentences.align/lexical"

[[step]]
id = "kept"
use = "corpus.select/threshold"
minimum = {{ "score.align" = 0.2 }}

[[step]]
id = "tsv"
use = "corpus.write/tsv"
"""
PAIRS = """[project]
name = "Pairs"
languages = ["de", "rm"]

[[step]]
id = "pairs"
use = "corpus.bitext/tsv"
path = "pairs.tsv"
"""
SCORES = ("length-ratio", "repeats", "copy", "punctuation", "digits", "language-pair")


@dataclass
class Cost:
    """What a run cost; `seen` has the CPU seconds of every process that there was."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    run_mb: float = 0.0
    all_mb: float = 0.0
    seen: dict[int, float] = field(default_factory=dict)


def family(root: int) -> list[int]:
    """A process and all that it or they started."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rsplit(") ", 1)[1].split()[1])
            except OSError:
                continue
    found = [root]
    for pid in found:
        found += [p for p, parent in parents.items() if parent == pid]
    return found


def watch(process: subprocess.Popen[bytes], act: Callable[[float], None] = lambda seconds: None) -> Cost:
    """Look at a process and its children until it ends; `act` is told the time since it began."""
    cost, began = Cost(), time.perf_counter()
    while process.poll() is None:
        held = {}
        for pid in family(process.pid):
            try:
                ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            cost.seen[pid] = sum(map(int, ticks)) / TICK
            held[pid] = int(status.split("RssAnon:")[1].split()[0]) / 1024 if "RssAnon:" in status else 0.0
        cost.run_mb = max(cost.run_mb, held.get(process.pid, 0.0))
        cost.all_mb = max(cost.all_mb, sum(held.values()))
        act(time.perf_counter() - began)
        time.sleep(0.1)
    cost.wall_s, cost.cpu_s = time.perf_counter() - began, sum(cost.seen.values())
    return cost


def start(project: Path, output: Path, engine: str, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "polyalign.cli.main", "run", str(project), "--output", str(output), "--no-report"]
    command += ["--engine", engine, "--workers", str(workers)]
    return subprocess.Popen(command, stderr=open(f"{output}.log", "ab"))


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and p.name not in (".lock", "events.jsonl"))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def steps(output: Path) -> dict[str, float]:
    lines = (output / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return {e["step"]: e["seconds"] for e in map(json.loads, lines) if e["event"] == "finished"}


def show(name: str, cost: Cost, same: bool | None, more: str = "") -> None:
    bytes_ = {None: "", True: "same bytes", False: "OTHER BYTES"}[same]
    print(
        f"{name:<28}{cost.wall_s:9.1f} s{cost.cpu_s:9.1f} CPU s{cost.run_mb:8.0f} MB run{cost.all_mb:8.0f} MB all  {bytes_}{more}",
        flush=True,
    )


def engines(project: Path, output: Path, workers: int) -> None:
    """The project by every engine, each from nothing."""
    first = None
    for engine, n in (("local", 1), ("local", workers), ("ray", workers)):
        folder = output / f"{project.stem}-{engine}-{n}"
        shutil.rmtree(folder, ignore_errors=True)
        process = start(project, folder, engine, n)
        cost = watch(process)
        if process.returncode:
            raise SystemExit(f"{project.name} {engine}: exit status {process.returncode}; see {folder}.log")
        found = contents(folder)
        show(f"{project.stem} {engine} {n}", cost, None if first is None else found == first)
        print("   ", {k: round(v, 1) for k, v in steps(folder).items()}, flush=True)
        first = first or found


def killed(project: Path, output: Path, workers: int) -> None:
    """The project with a worker killed while sentences are aligned, then with the run killed there."""
    reference = contents(output / f"{project.stem}-local-1")
    for engine in ("local", "ray"):
        folder = output / f"{project.stem}-killed-worker-{engine}"
        shutil.rmtree(folder, ignore_errors=True)
        process = start(project, folder, engine, workers)
        done: list[int] = []

        def kill(seconds: float) -> None:
            if not done and aligning(folder):  # noqa: B023
                of = [pid for pid in family(process.pid)[1:] if working(pid, process.pid)]  # noqa: B023
                if of:
                    os.kill(of[0], signal.SIGKILL)
                    done.append(of[0])  # noqa: B023

        cost = watch(process, kill)
        retries = (folder / "events.jsonl").read_text(encoding="utf-8").count('"event": "retry"')
        show(f"worker killed, {engine}", cost, contents(folder) == reference, f", {retries} task begun again")
        folder = output / f"{project.stem}-killed-run-{engine}"
        shutil.rmtree(folder, ignore_errors=True)
        process = start(project, folder, engine, workers)

        def stop(seconds: float) -> None:
            if len(list(folder.glob("work/beads/*.shards/shards/*/manifest.json"))) >= 2:  # noqa: B023
                process.kill()  # noqa: B023

        cost = watch(process, stop)
        show(f"run killed, {engine}", cost, None)
        kept = len(list(folder.glob("work/beads/*.shards/shards/*/manifest.json")))
        process = start(project, folder, engine, workers)
        cost = watch(process)
        show(f"  taken up, {engine}", cost, contents(folder) == reference, f", {kept} shards were kept")


def aligning(folder: Path) -> bool:
    events = folder / "events.jsonl"
    return events.exists() and '"event": "start", "step": "beads"' in events.read_text(encoding="utf-8")


def working(pid: int, run: int) -> bool:
    """Whether a process is a worker and in the middle of a task."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        ticks = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]))
    except OSError:
        return False
    return b"polyalign.pipeline.worker" in command or (
        command.startswith(b"ray::") and b"_perform" in command and ticks > TICK
    )


def write_pairs(path: Path, data: Path, n: int) -> None:
    """Sentence pairs of press releases, repeated with a number until there are enough."""
    with lzma.open(data / "doc-dermit" / "dermit-1997-2021.jsonl.xz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    lines = []
    for r in records:
        texts = [[line.strip() for line in (r.get(k) or "").split("\n") if line.strip()] for k in ("de", "rm")]
        lines += list(zip(*texts, strict=False)) if len(texts[0]) == len(texts[1]) else []
    with open(path, "w", encoding="utf-8") as out:
        for k in range(n):
            src, tgt = lines[k % len(lines)]
            out.write(f"{src.replace(chr(9), ' ')} {k}\t{tgt.replace(chr(9), ' ')} {k}\n")


WORDS = (
    PAIRS.replace('name = "Pairs"', 'name = "Words"')
    + """
[[step]]
id = "tokens"
use = "text.tokenize/words"

[[step]]
id = "links"
use = "words.align/hmm"
"""
)
UNIT = '<tu><tuv xml:lang="de"><seg>{}</seg></tuv><tuv xml:lang="rm"><seg>{}</seg></tuv></tu>\n'
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<tmx version="1.4"><header srclang="de"/><body>\n'


def convert(output: Path, data: Path, gigabytes: float) -> None:
    """Files of any size by `polyalign convert`: what it costs, and what a tenth of the file takes."""
    write_pairs(output / "pairs.tsv", data, 50_000)
    rows = [line.rstrip("\n").split("\t") for line in open(output / "pairs.tsv", encoding="utf-8")]
    kinds = {
        "jsonl": ("", [json.dumps({"src": a, "tgt": b}, ensure_ascii=False) + "\n" for a, b in rows], ""),
        "tmx": (HEAD, [UNIT.format(escape(a), escape(b)) for a, b in rows], "</body></tmx>\n"),
    }
    for kind, out in (("jsonl", "parquet"), ("tmx", "tsv")):
        head, units, tail = kinds[kind]
        block = "".join(units).encode()
        for size in (gigabytes / 10, gigabytes):
            path, times = output / f"large.{kind}", max(1, round(size * 1e9 / len(block)))
            with open(path, "wb") as file:
                file.write(head.encode())
                for _ in range(times):
                    file.write(block)
                file.write(tail.encode())
            made = output / f"large-out.{out}"
            command = [
                sys.executable,
                "-m",
                "polyalign.cli.main",
                "convert",
                str(path),
                str(made),
                "--pair",
                "de-rm",
            ]
            cost = measure([*command, "--json"])
            pairs = json.loads(cost.stdout)["pairs"]
            if pairs != times * len(rows):
                raise SystemExit(f"{path}: found {pairs} pairs, expected {times * len(rows)}")
            print(
                f"{kind} to {out:<8}{path.stat().st_size / 1e9:6.2f} GB{pairs:>12,} pairs{cost.wall_s:8.1f} s"
                f"{cost.cpu_s:8.1f} CPU s{pairs / cost.cpu_s:>10,.0f} pairs a CPU s{cost.peak_mb:8.0f} MB",
                flush=True,
            )
            made.unlink()
            path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("documents", "pairs", "words", "killed", "convert"), default="documents")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "bench-scale")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    args = parser.parse_args()
    if not (args.data / "doc-dermit").is_dir():
        print("scale: skipped, the corpus is not in", args.data, file=sys.stderr)
        return
    args.output.mkdir(parents=True, exist_ok=True)
    if args.part == "convert":
        convert(args.output, args.data, args.gigabytes)
        return
    project = args.output / (f"{args.part}.toml" if args.part in ("pairs", "words") else "documents.toml")
    if args.part == "words":
        write_pairs(args.output / "pairs.tsv", args.data, args.pairs)
        project.write_text(WORDS, encoding="utf-8")
    elif args.part == "pairs":
        from polyalign.core import registry

        scores = [s for s in SCORES if f"corpus.score/{s}" in registry.rows()]
        write_pairs(args.output / "pairs.tsv", args.data, args.pairs)
        text = PAIRS + "".join(f'\n[[step]]\nid = "{s}"\nuse = "corpus.score/{s}"\n' for s in scores)
        least = '"score.length_ratio" = 0.4' if "length-ratio" in scores else ""
        text += f'\n[[step]]\nid = "kept"\nuse = "corpus.select/threshold"\nminimum = {{ {least} }}\n'
        project.write_text(text + '\n[[step]]\nid = "tsv"\nuse = "corpus.write/tsv"\n', encoding="utf-8")
    else:
        project.write_text(DOCUMENTS.format(data=args.data.resolve()), encoding="utf-8")
    if args.part == "killed":
        if not (args.output / "documents-local-1").exists():
            watch(start(project, args.output / "documents-local-1", "local", 1))
        killed(project, args.output, args.workers)
    else:
        engines(project, args.output, args.workers)


if __name__ == "__main__":
    main()
