"""Every recipe with --smoke on small models: whether all of it runs, and what that costs.

Each is a process of its own, one after the other, which appends a line to runs/recipes.jsonl; without a model the table of the
last lines is printed::

    OMP_NUM_THREADS=1 python benchmarks/recipes.py --causal SMOLLM2 --large GEMMA --data ../shared/data
    python benchmarks/recipes.py

A masked model is made where none is given: a random one of 8 layers with a tokenizer trained on the sample, which says that the
steps fit together and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dermit_text import english
from polyalign.recipes import FOLDER, RECIPES, file_of

ROOT = Path(__file__).resolve().parents[1]
OUT = Path("runs/recipes.jsonl")
MASKED = ("maft", "translico", "ppa")
#: That a large vocabulary is needed for.
LARGE = ("trimming",)


def tiny(folder: Path) -> str:
    """A random masked model."""
    sys.path.insert(0, str(ROOT))
    from tests.pipeline.tiny_encoder import encoder

    texts = [p.read_text(encoding="utf-8-sig") for p in sorted((FOLDER.parent / "sample" / "documents").glob("*.txt"))]
    return str(encoder(folder / "masked", texts))


def placed(folder: Path, data: Path) -> Path:
    """The recipe for Romansh with its data beside it: the press releases, and English of Tatoeba, twenty sentences a file."""
    (folder / "english").mkdir(parents=True, exist_ok=True)
    releases = next((data / "doc-dermit").glob("*.xz")).resolve()
    (folder / releases.name).unlink(missing_ok=True)
    (folder / releases.name).symlink_to(releases)
    sentences = english(data)
    for a in range(0, len(sentences), 20):
        (folder / "english" / f"{a:05}.en.txt").write_text("\n".join(sentences[a : a + 20]), encoding="utf-8")
    return Path(shutil.copy(file_of("romansh"), folder))


def one(name: str, model: str, called: str, project: Path, work: Path) -> dict:
    """Run a recipe, and say what it cost and found."""
    folder = work / name
    command = [shutil.which("polyalign") or "polyalign", "teach", str(project), "--smoke", "--model", model]
    process = subprocess.Popen(
        [*command, "-o", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    line = {
        "recipe": name,
        "model": called,
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "mb": used.ru_maxrss // 1024,
    }
    if status:
        return line | {"helped": "", "said": [said.strip().splitlines()[-1]]}
    told = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    steps = {
        x["step"]: x["seconds"]
        for x in map(json.loads, (folder / "events.jsonl").read_text(encoding="utf-8").splitlines())
        if x.get("event") == "finished"
    }
    shutil.rmtree(folder)
    return line | {"helped": told["verdict"]["helped"], "said": told["verdict"]["said"], "seconds": steps}


def table() -> None:
    lines = {x["recipe"]: x for x in map(json.loads, OUT.read_text(encoding="utf-8").splitlines())}
    print("| recipe | model | CPU s | MB | did it help? |")
    print("|---|---|---|---|---|")
    for name in RECIPES:
        if x := lines.get(name):
            found = x["helped"] or f"failed: {x['said'][-1]}"
            print(f"| `{name}` | {x['model']} | {x['cpu_s']:.0f} | {x['mb']:,} | {found} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--causal", help="Folder of SmolLM2-135M-Instruct, or its name on the hub.")
    parser.add_argument("--large", help="Folder of Gemma 3 270M, or its name on the hub.")
    parser.add_argument("--masked", help="Folder of a masked model, or its name on the hub.")
    parser.add_argument("--data", type=Path, help="Folder with DERMIT and Tatoeba, which the recipe for Romansh needs.")
    parser.add_argument("--place", type=Path, help="Put the recipe for Romansh there with its data, and run nothing.")
    parser.add_argument("--only", nargs="*", choices=RECIPES, help="These recipes.")
    given = parser.parse_args()
    if given.place:
        print(placed(given.place, given.data))
        return
    OUT.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only or RECIPES:
            kind = "masked" if name in MASKED else "large" if name in LARGE else "causal"
            model = getattr(given, kind) or (tiny(Path(folder)) if kind == "masked" and given.causal else None)
            if model is None or (name == "romansh" and given.data is None):
                continue
            project = placed(Path(folder) / "romansh-data", given.data) if name == "romansh" else file_of(name)
            called = {"causal": "SmolLM2 135M", "large": "Gemma 3 270M", "masked": given.masked or "random, 8 layers"}
            line = one(name, model, called[kind], project, Path(folder))
            print(json.dumps(line), flush=True)
            with open(OUT, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
    table()


if __name__ == "__main__":
    main()
