"""The main job on real input: 4,336 trilingual press releases, three language pairs, raw text to report.

    python benchmarks/dermit.py [--data DIR] [--output DIR] [--json]

Prints seconds and peak memory of the whole process, of each step, and the German-Romansh scores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from measure import measure

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "src/polyalign/examples/dermit.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--output", type=Path, default=ROOT / "runs" / "bench-dermit")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if not (args.data / "doc-dermit").is_dir():
        print("dermit: skipped, the corpus is not in", args.data, file=sys.stderr)
        return
    shutil.rmtree(args.output, ignore_errors=True)
    args.output.mkdir(parents=True)
    project = args.output / "project.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    for folder in ("doc-dermit/", "wa-dermit-derm/"):
        text = text.replace(f'"{folder}', f'"{args.data.resolve()}/{folder}')
    project.write_text(text, encoding="utf-8")
    # The kernels are compiled once for a machine, not once a run.
    measure([sys.executable, "-m", "polyalign.cli.main", "doctor", "--json"])
    whole = measure([sys.executable, "-m", "polyalign.cli.main", "run", str(project), "--output", str(args.output)])
    events = [json.loads(line) for line in (args.output / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [e for e in events if e["event"] == "finished"]
    scores = json.loads((args.output / "scores.json").read_text(encoding="utf-8"))
    row = {
        "benchmark": "dermit",
        "wall_s": round(whole.wall_s, 1),
        "cpu_s": round(whole.cpu_s, 1),
        # Not the process's own high-water mark: each step starts that anew to know its own.
        "peak_mb": round(max(e["peak_mb"] for e in steps)),
        "aer": round(scores[0]["value"], 4),
        "ci": [round(x, 4) for x in scores[0]["ci"]],
        "steps": [{k: e[k] for k in ("step", "unit", "seconds", "peak_mb")} for e in steps],
    }
    if args.json:
        print(json.dumps(row))
        return
    print(f"{'step':12} {'for':22} {'seconds':>8} {'peak MB':>8}")
    for e in steps:
        print(f"{e['step']:12} {e['unit']:22} {e['seconds']:8.1f} {e['peak_mb']:8.0f}")
    print(f"{'all':12} {'':22} {row['wall_s']:8.1f} {row['peak_mb']:8}")
    print(f"German-Romansh AER {row['aer']} (95 % interval {row['ci'][0]} to {row['ci'][1]}), CPU {row['cpu_s']} s")


if __name__ == "__main__":
    main()
