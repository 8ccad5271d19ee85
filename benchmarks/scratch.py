"""AER and CPU seconds of the aligners trained from scratch, and of those that read a translation model.

    python benchmarks/scratch.py --train dermit.fa --sizes 5000 20000
    python benchmarks/scratch.py --model gemma-3-270m.gguf --only en-fr --first 100

The first trains mirror-align and mask-align, and gibbs beside them, on each gold set's own text and on so much German-Romansh text
(see benchmarks/words.py for --train). The second aligns the first pairs of the gold sets by attention and by leave-out. CPU
seconds are those of this process on one thread, without imports, compiling and loading a model.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from polyalign.core.bitext import Bitext
from polyalign.core.jit import set_threads
from polyalign.evaluate.aer import AER
from polyalign.words.gibbs.method import Gibbs
from polyalign.words.scratch.mask_align import MaskAlign
from polyalign.words.scratch.mirror_align import MirrorAlign
from polyalign.words.translation.attention import Attention
from polyalign.words.translation.scores import LeaveOut
from words import Task, awesome, binary, dermit, xlwa

LANGS = {"en": "eng_Latn", "fr": "fra_Latn", "ro": "ron_Latn", "es": "spa_Latn", "hu": "hun_Latn", "deu": "deu_Latn"}


def bitext_of(task: Task) -> Bitext:
    src, _, tgt = task.name.removeprefix("xl-wa ").split()[0].partition("-")
    langs = LANGS.get(src, "und"), LANGS.get(tgt, "roh_Latn")
    return Bitext.build([p[0] for p in task.pairs], [p[1] for p in task.pairs], langs=langs)


def run(task: Task, method: Any) -> None:
    bitext, gold = bitext_of(task), len(task.gold)
    some = Bitext(bitext.table.slice(0, gold))
    start = time.process_time()
    model = method.fit(bitext)
    fitted = time.process_time()
    links = model.align(some)
    score = AER(samples=0).score(links, task.gold)
    parts = " | ".join(f"{x:.3f}" for x in (score.value, score.parts["precision"], score.parts["recall"]))
    rate = gold / (time.process_time() - fitted)
    name = type(method).__name__
    print(f"| {task.name} | {len(task.pairs)} | {name} | {parts} | {fitted - start:.1f} | {rate:.3g} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--train", type=Path, help="German-Romansh bitext")
    parser.add_argument("--sizes", type=int, nargs="*", default=[5000, 20000])
    parser.add_argument("--model", help="translation model: align by it, instead of training")
    parser.add_argument("--methods", nargs="*", help="of mirror mask gibbs, or attention leave-out")
    parser.add_argument("--first", type=int, default=100, help="pairs aligned by a translation model")
    parser.add_argument("--only", default="", help="run the tasks whose name contains this")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    set_threads(1)
    tasks = [
        *(awesome(args.data, name) for name in ("enfr", "roen")),
        xlwa(args.data, "hu"),
        binary(args.data, "wa-en-es-es_golden", "en-es golden"),
        *dermit(args.data, args.train, args.sizes if args.train and not args.model else []),
    ]
    if args.model:
        kinds: dict[str, Any] = {
            "attention": Attention(args.model, device="cpu"),
            "leave-out": LeaveOut(args.model, device="cpu"),
        }
        tasks = [Task(t.name, t.pairs[: args.first], t.gold.take(range(min(len(t.gold), args.first)))) for t in tasks]
        kinds["attention"].translators()
    else:
        kinds = {"mirror": MirrorAlign(device="cpu"), "mask": MaskAlign(device="cpu"), "gibbs": Gibbs()}
    print(
        "| set | pairs | method | AER | precision | recall | training CPU s | pairs a CPU s |\n|---|---|---|---|---|---|---|---|"
    )
    for task in tasks:
        if args.only in task.name:
            for name in args.methods or kinds:
                run(task, kinds[name])


if __name__ == "__main__":
    main()
