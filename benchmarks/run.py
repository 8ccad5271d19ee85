"""Run every benchmark and print its table: quality, seconds and peak memory beside the other tools.

    python benchmarks/run.py [--data DIR]

Peers that are not installed and data that is not there are named and left out. `pip install galechurch
eflomal` brings the peers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    args = parser.parse_args()
    output = ROOT / "runs" / "bench-dermit"
    train = output / "links" / "deu_Latn-roh_Latn.tokens"
    for title, command in (
        ("The main job: DERMIT, three language pairs", ["dermit.py", "--output", str(output)]),
        ("Encoders", ["encoders.py"]),
        ("Documents", ["documents.py"]),
        ("Sentence alignment", ["sentences.py"]),
        ("Many languages", ["multiway.py"]),
        ("Mining", ["mining.py", "--part", "retrieval", "dermit", "hidden"]),
        ("Word alignment", ["words.py", "--train", str(train)]),
        ("Spaces", ["spaces.py", "--run", str(output)]),
        ("MEXA", ["mexa.py"]),
    ):
        print(f"\n== {title}\n", flush=True)
        if "--train" in command and not train.exists():
            command = command[:1]
        status = subprocess.run(
            [sys.executable, str(HERE / command[0]), *command[1:], "--data", str(args.data)]
        ).returncode
        if status != 0:
            sys.exit(f"benchmarks/{command[0]} failed with status {status}")


if __name__ == "__main__":
    main()
