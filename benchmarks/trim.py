"""A model's vocabulary cut to German, Romansh and English: what is gone, what stays, how much faster.

Counted are the DERMIT documents up to 2020 in Romansh and German and every second English sentence of Tatoeba, with --more
3 MB of English from other sets too; bits per byte are of windows of the documents of 2021 and of the other English
sentences, before and after.

    python benchmarks/trim.py MODEL [MODEL...] [--windows 28] [--first 1997] [--more]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dermit_text import DATA, documents, english
from polyalign.core.files import read_lines
from polyalign.encoders.likelihood import Likelihood
from polyalign.evaluate.bits_per_byte import BitsPerByte
from polyalign.models.language_model import LanguageModel, read_model, write_model
from polyalign.models.vocabulary.trim.corpus import Corpus
from polyalign.models.vocabulary.trim.restore import restored

#: English of other kinds.
MORE = (
    "ps-ntrex/newstest2019-src.eng.txt", "ps-pud/en.txt", "bt-iwslt15-envi/tst2012.en", "bt-multi30k/train.en.gz",
    "bt-nt-grc-en-ru/nt.eng-BSB.txt.xz", "ps-flores-v1/wikipedia.dev.si-en.en.xz",
)  # fmt: skip


def corpus(first: int, more: bool) -> list[str]:
    """The lines that are counted."""
    texts = (text for lang in ("roh_Latn", "deu_Latn") for text in documents(lang, first))
    lines = [line for text in texts for line in text.split("\n")] + english()[::2]
    return lines + [line for name in MORE if more for line in read_lines(DATA / name)]


def windows(metric: BitsPerByte) -> dict[str, list[str]]:
    """What is measured, by language."""
    held = {lang: "\n".join(documents(lang, 2021, 2021)) for lang in ("roh_Latn", "deu_Latn")}
    return {lang: metric.cut(text) for lang, text in (held | {"eng_Latn": "\n".join(english()[1::2])}).items()}


def speed(
    made: LanguageModel, lines: list[str], *, length: int = 256, rows: int = 4, times: int = 3
) -> tuple[float, float]:
    """Tokens a CPU second: forward and loss; with backward. The same text for all models."""
    import torch

    ids = made.tokenizer("\n".join(lines[:2000]), add_special_tokens=False, verbose=False)["input_ids"][: rows * length]
    batch = torch.tensor(ids).reshape(rows, length)
    took: list[list[float]] = [[], []]
    for backward in (0, 1):
        for _ in range(times):
            start = time.process_time()
            with torch.set_grad_enabled(bool(backward)):
                loss: Any = made.model(input_ids=batch, labels=batch, use_cache=False).loss
                if backward:
                    loss.backward()
            took[backward].append(time.process_time() - start)
            made.model.zero_grad(set_to_none=True)
    return batch.numel() / min(took[0]), batch.numel() / min(took[1])


def run(name: str, lines: list[str], out: Path, count: int) -> None:
    """Trim one model, measure it before and after, and give it its vocabulary back."""
    metric = BitsPerByte(windows=max(1, count), samples=0)
    texts = windows(metric) if count else {}
    made = read_model(name)
    logits = _logits(made, lines[0])
    before = speed(made, lines)
    start = time.process_time()
    small, proof = Corpus().fit(made, lines)
    took = time.process_time() - start
    write_model(small, out)
    del made, small
    small = read_model(str(out))
    after = speed(small, lines)
    sizes = [_megabytes(Path(name)), _megabytes(out)]
    print(f"\n{name}: {proof.lines:,} lines, {sum(len(x.encode()) for x in lines) / 1e6:.1f} MB, {took:.1f} CPU s")
    print(f"lines segmented as before: {proof.same:,} of {proof.lines:,}")
    print(
        f"scores of kept pieces, largest difference: {np.abs(_logits(small, lines[0]) - logits[:, proof.kept]).max():.1e}"
    )
    print("| | before | after | |\n|---|---|---|---|")
    for what, (a, b) in {"pieces": proof.pieces, "parameters": proof.parameters}.items():
        print(f"| {what} | {a:,} | {b:,} | {b / a:.1%} |")
    print(f"| megabytes on disk | {sizes[0]:.0f} | {sizes[1]:.0f} | {sizes[1] / sizes[0]:.1%} |")
    for what, a, b in zip(("forward and loss", "with backward"), before, after, strict=True):
        print(f"| tokens a CPU second, {what} | {a:.0f} | {b:.0f} | {b / a:.2f} times |")
    del small
    start_token = "<|endoftext|>" if "<|endoftext|>" in read_model(name).tokenizer.get_vocab() else ""
    for lang, some in texts.items():
        a, b = (
            metric.score(some, Likelihood(str(m), start=start_token, device="cpu").nats(some)).value
            for m in (name, out)
        )
        print(f"| bits per byte, {lang} | {a:.3f} | {b:.3f} | {b - a:+.3f} |")
    back = restored(read_model(str(out)), read_model(name))
    same = all(np.array_equal(x, y) for x, y in zip(back.matrices(), read_model(name).matrices(), strict=True))
    print(f"swapped back: {len(back.tokenizer):,} pieces, rows equal to the base's: {same}")


def _logits(made: LanguageModel, text: str) -> Any:
    import torch

    ids = torch.tensor([made.tokenizer(text, add_special_tokens=False)["input_ids"][:100]])
    with torch.inference_mode():
        return made.model(input_ids=ids).logits[0].numpy()


def _megabytes(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--windows", type=int, default=28, help="of each language for bits per byte; 0 leaves them out")
    parser.add_argument("--first", type=int, default=1997, help="first year of the documents")
    parser.add_argument("--more", action="store_true", help="count English of other sets too")
    given = parser.parse_args()
    lines = corpus(given.first, given.more)
    for name in given.models:
        with tempfile.TemporaryDirectory() as folder:
            run(name, lines, Path(folder) / "trimmed", given.windows)


if __name__ == "__main__":
    main()
