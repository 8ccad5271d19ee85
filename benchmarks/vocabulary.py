"""A tokenizer extended to Romansh: what text costs then, what other languages notice, whether pieces are ever used, CPU time.

Pieces are learnt from the DERMIT documents of 1997 to 2020 (15 MB) and measured on those of 2021; English sentences are Tatoeba's,
German ones are lines of the documents of 2021. For Sinhala: learnt from the dev set of FLORES v1, measured on its devtest set.

    python benchmarks/vocabulary.py MODEL... [--methods bpe splice added] [--pieces 500 2000 8000] [--sinhala]

MODEL is a model's folder, or e5.
"""

from __future__ import annotations

import argparse
import lzma
import time
from typing import Any

import numpy as np

from dermit_text import DATA, documents, english
from polyalign.core import params, registry
from polyalign.models.language_model import read_tokenizer
from polyalign.models.vocabulary.pieces import pieces_of
from polyalign.models.vocabulary.reachable import unreachable

HEADER = (
    "tokenizer", "method", "pieces", "new", "bytes/token", "fertility", "tokens saved", "English same", "German same",
    "unreachable", "round trip", "CPU s",
)  # fmt: skip


def tokenizer_of(name: str) -> Any:
    """A model's tokenizer; e5's as one of transformers."""
    if name != "e5":
        return read_tokenizer(name)
    from tokenizers import decoders
    from transformers import PreTrainedTokenizerFast

    from polyalign.encoders.e5_file import load_tokenizer, read_wheel

    backend = load_tokenizer(read_wheel())
    backend.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def ids(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Texts as pieces, without marks."""
    return tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]


def row(
    name: str, method: str, count: int, base: Any, made: Any, test: list[str], others: list[list[str]], took: float
) -> list[str]:
    """What is printed of a tokenizer."""
    before, after = ids(base, test), ids(made, test)
    tokens = [sum(map(len, x)) for x in (before, after)]
    size = sum(len(t.encode()) for t in test)
    words = sum(len(t.split()) for t in test)
    same = [f"{np.mean([a == b for a, b in zip(ids(base, t), ids(made, t), strict=True)]):.1%}" for t in others]
    back = sum(made.decode(a) == base.decode(b) for a, b in zip(after, before, strict=True))
    pieces = pieces_of(made)
    dead = len(unreachable(pieces, range(len(base), len(pieces.texts))))
    return [
        name, method, f"{count:,}", f"{len(made) - len(base):,}", f"{size / tokens[1]:.3f}", f"{tokens[1] / words:.3f}",
        f"{1 - tokens[1] / tokens[0]:.1%}", *same, f"{dead:,}", f"{back}/{len(test)}", f"{took:.1f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--methods", nargs="+", default=["bpe"])
    parser.add_argument("--pieces", nargs="+", type=int, default=[500, 2000, 8000])
    parser.add_argument("--sinhala", action="store_true")
    given = parser.parse_args()
    if given.sinhala:
        files = [DATA / "ps-flores-v1" / f"wikipedia.{part}.si-en.si.xz" for part in ("dev", "devtest")]
        train, test = (lzma.open(f, "rt", encoding="utf-8").read().splitlines() for f in files)
    else:
        train, test = documents("roh_Latn"), documents("roh_Latn", 2021, 2021)
    german = [line for text in documents("deu_Latn", 2021, 2021) for line in text.split("\n") if line]
    others = [english(), german]
    print(
        f"learnt from {sum(len(t.encode()) for t in train):,} bytes; {len(others[0]):,} English and {len(german):,} German sentences"
    )
    print("| " + " | ".join(HEADER) + " |\n" + "|---" * len(HEADER) + "|")
    for model in given.models:
        base = tokenizer_of(model)
        name = model.rstrip("/").rsplit("/", 1)[-1]
        print("| " + " | ".join(row(name, "none", 0, base, base, test, others, 0.0)) + " |", flush=True)
        for method in given.methods:
            for count in given.pieces:
                more = {"minimum_count": 3} if given.sinhala else {}
                made = params.build(registry.find(method, task="models.extend"), {"pieces": count, **more})
                if not given.sinhala and count == given.pieces[0] and model == given.models[0]:
                    made.fit(base, train[:2])  # Compiles, or reads what was compiled before.
                start = time.process_time()
                extended = made.fit(base, train)
                took = time.process_time() - start
                print(
                    "| " + " | ".join(row(name, method, count, base, extended, test, others, took)) + " |", flush=True
                )


if __name__ == "__main__":
    main()
