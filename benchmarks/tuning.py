"""Aligners that tune an encoder: AER before and after, and what tuning costs.

    python benchmarks/tuning.py --sets en-fr ro-en --steps 80
    python benchmarks/tuning.py --train dermit.fa --pairs 20000 --methods awesome-align --sets deu-roh

Each method is tuned on each set's own sentences, without their gold links; with --train, on a German-Romansh bitext in
fast_align's format ("a b ||| c d", tokens between spaces) after the sentences of the gold set. `before` is the same
method with no step, so with the same extraction. Seconds are those of `fit`: reading the encoder, labels and tuning.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyalign.core import registry
from polyalign.core.bitext import Bitext
from polyalign.core.jit import set_threads
from polyalign.core.params import build
from polyalign.evaluate.aer import AER
from words import Task, awesome, binary, dermit, xlwa

METHODS = ("awesome-align", "accalign", "xlm-align", "contextual")


def sets(data: Path, train: Path | None, pairs: int) -> list[Task]:
    if train is not None:
        (own,) = dermit(data, None, [])
        return dermit(data, train, [len(own.pairs) + pairs])[1:]
    return [
        *(awesome(data, name) for name in ("enfr", "roen")),
        *(xlwa(data, language) for language in ("da", "es", "hu", "ru", "sl")),
        binary(data, "wa-en-sv-swedish", "en-sv"),
        *(binary(data, f"wa-en-{x}-{x}_golden", f"en-{x} golden") for x in ("es", "fr", "pt")),
        *dermit(data, None, []),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--train", type=Path, help="German-Romansh bitext to tune on")
    parser.add_argument("--pairs", type=int, default=20000, help="how many of its first lines")
    parser.add_argument("--sets", nargs="*", help="names of sets; all if not given")
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="further parameters of the methods")
    parser.add_argument("--no-before", action="store_true", help="leave out the encoder as it was")
    parser.add_argument("--save", type=Path, help="folder for the last model")
    parser.add_argument("--json", type=Path, help="add a JSON object a row to this file")
    args = parser.parse_args()
    set_threads(args.threads)
    given: dict[str, Any] = {k: json.loads(v) for k, v in (s.split("=", 1) for s in args.set)}
    print("| set | pairs | method | before | after | precision | recall | wall s | CPU s |", flush=True)
    print("|---|---|---|---|---|---|---|---|---|")
    for task in sets(args.data, args.train, args.pairs):
        if args.sets and task.name not in args.sets:
            continue
        bitext = Bitext.build([p[0] for p in task.pairs], [p[1] for p in task.pairs])
        gold = Bitext(bitext.table.slice(0, len(task.gold)))
        for name in args.methods:
            method = build(registry.find(name, task="words.align"), {"steps": args.steps, "batch": args.batch, **given})
            before = None
            if not args.no_before:
                before = AER(samples=0).score(replace(method, steps=0).fit(bitext).align(gold), task.gold).value
            wall, cpu = time.perf_counter(), time.process_time()
            model = method.fit(bitext)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            after = AER(samples=0).score(model.align(gold), task.gold)
            row = {
                "set": task.name, "pairs": len(bitext), "method": name, "before": before, "after": after.value,
                "precision": after.parts["precision"], "recall": after.parts["recall"], "wall_s": wall, "cpu_s": cpu,
                "given": {"steps": args.steps, "batch": args.batch, **given},
            }  # fmt: skip
            shown = [f"{row[k]:.3f}" if row[k] is not None else "" for k in ("before", "after", "precision", "recall")]
            print(
                f"| {task.name} | {len(bitext)} | {name} | {' | '.join(shown)} | {wall:.0f} | {cpu:.0f} |", flush=True
            )
            if args.json is not None:
                with args.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            if args.save is not None:
                model.save(args.save)


if __name__ == "__main__":
    main()
