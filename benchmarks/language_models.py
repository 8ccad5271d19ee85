"""Tokenizers and language models beside each other: premium, information parity, bits per byte beside a compressor.

    python benchmarks/language_models.py --model SmolLM2=PATH --model Gemma=PATH --parallel ../shared/data/ps-tatoeba \
        --text romansh.txt --train romansh-1997-2021.txt --start '<|endoftext|>' --peer

``--parallel`` is a folder of pairs (``tatoeba.deu-eng.deu`` beside ``tatoeba.deu-eng.eng``) or of a file a language. ``--peer`` also
times the package information-parity on the same pairs, in turns with ours.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from polyalign.core.files import read_text
from polyalign.encoders.likelihood import Likelihood
from polyalign.evaluate.bits_per_byte import BitsPerByte
from polyalign.evaluate.information_parity import InformationParity
from polyalign.evaluate.model.parallel import read_parallel
from polyalign.evaluate.segmenter import named_segmenter
from polyalign.evaluate.tokenizer import Tokenization


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--parallel", type=Path, required=True)
    parser.add_argument("--sentences", type=int, default=60)
    parser.add_argument("--text", help="held-out text for bits per byte")
    parser.add_argument("--train", help="text that the compressor learns from")
    parser.add_argument("--train-bytes", type=int, default=120_000, help="so much of the end of it")
    parser.add_argument("--windows", type=int, default=28)
    parser.add_argument("--start", default="", help="token that texts begin with, of the first model")
    parser.add_argument("--peer", action="store_true")
    args = parser.parse_args()
    models = dict(m.split("=", 1) for m in args.model)
    parallel = read_parallel(args.parallel, sentences=args.sentences)
    pivots = {lang: [parallel.texts[parallel.pivot][i] for i in rows] for lang, rows in parallel.rows.items()}

    print(f"## Tokenizers, {args.sentences} sentences a language, pivot {parallel.pivot}")
    print("lang", *(f"{m}: premium, fertility, bytes/token, split words" for m in models), sep=" | ")
    for lang in parallel.languages:
        cells = []
        for path in models.values():
            found = Tokenization(samples=0).scores(
                named_segmenter(path), parallel.texts[lang], lang=lang, pivot=pivots[lang]
            )
            cells.append(
                ", ".join(f"{found[n].value:.2f}" for n in ("premium", "fertility", "bytes_per_token", "split_words"))
            )
        print(lang, *cells, sep=" | ", flush=True)

    for at, (name, path) in enumerate(path for path in models.items() if not path[1] == "e5"):
        reader = Likelihood(path)
        reader.nats(["a"])
        if args.text:
            text = read_text(args.text)
            train = read_text(args.train).encode()[-args.train_bytes :].decode("utf-8", "ignore") if args.train else ""
            begin = time.perf_counter()
            found = BitsPerByte(windows=args.windows).measure(
                Likelihood(path, start=args.start if at == 0 else ""), text, train=train
            )
            print(f"\n## Bits per byte, {name}, {args.text} ({time.perf_counter() - begin:.0f} s)")
            for metric, score in found.items():
                print(metric, f"{score.value:.3f} [{score.ci[0]:.3f}, {score.ci[1]:.3f}]", sep=" | ")
            print(found["gain"].signature, flush=True)
        print(f"\n## Information parity, {name}, {args.sentences} pairs")
        begin = time.perf_counter()
        for lang in parallel.languages:
            score = InformationParity().measure(reader, parallel.texts[lang], pivots[lang])
            print(lang, f"{score.value:.3f} [{score.ci[0]:.3f}, {score.ci[1]:.3f}]", sep=" | ", flush=True)
        print(f"{time.perf_counter() - begin:.0f} s")
    if args.peer:
        _peer(
            next(iter(models.values())), parallel.texts[parallel.languages[0]][:20], pivots[parallel.languages[0]][:20]
        )


def _peer(path: str, texts: list[str], pivot: list[str]) -> None:
    """Both on the same pairs, in turns, one model in memory for each."""
    from information_parity import InformationParity as Peer
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = Path(path)
    given = {"gguf_file": file.name} if file.is_file() else {}
    folder = str(file.parent if file.is_file() else file)
    tokenizer = AutoTokenizer.from_pretrained(folder, **given)
    model = AutoModelForCausalLM.from_pretrained(folder, **given).float()
    reader = Likelihood(path, start=tokenizer.bos_token)
    reader.nats(["a"])
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    values = {}
    for _ in range(3):
        begin = time.perf_counter()
        values["ours"] = InformationParity(samples=0).measure(reader, texts, pivot).value
        seconds["ours"].append(time.perf_counter() - begin)
        begin = time.perf_counter()
        values["theirs"] = float(Peer(model, tokenizer).compute_information_parity(pivot, texts)[0])
        seconds["theirs"].append(time.perf_counter() - begin)
    print("\n## Beside the package information-parity, 20 pairs")
    for who, value in values.items():
        print(who, f"{value:.6f}", f"{min(seconds[who]):.1f} s", sep=" | ")


if __name__ == "__main__":
    main()
