"""Ten minutes of training: a small English model learns Romansh from press releases, German and English replayed.

Each variant and seed is a process of its own, which appends a line to runs/teach.jsonl; without --variant the table of all
lines is printed, each figure with PPMd's on the same bytes beside it::

    python benchmarks/teach.py --model SMOLLM2 --variant full --seed 1
    python benchmarks/teach.py

Bits per byte are of 28 windows of at most 600 bytes each, spread over Romansh and German press releases of 2021 and over
English sentences of Tatoeba that are not trained on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from dermit_text import documents, english
from polyalign.core import params, registry
from polyalign.encoders.likelihood import Likelihood
from polyalign.evaluate.bits_per_byte import BitsPerByte
from polyalign.models.language_model import LanguageModel, read_model, with_rows, write_model
from polyalign.models.training.objective import Data
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.evidence import Evidence

OUT = Path("runs/teach.jsonl")
MARK = "<|endoftext|>"
LANGS = ("roh_Latn", "deu_Latn", "eng_Latn")
#: What a variant changes of the usual: extended by 2,000 pieces, all weights, a quarter of the rows replayed.
VARIANTS = {
    "before": {},
    "rows": {"pieces": 2000},
    "full": {"pieces": 2000, "train": {}},
    "base tokenizer": {"train": {}},
    "no replay": {"pieces": 2000, "train": {"replay": 0.0}},
    "constant rate": {"pieces": 2000, "train": {"decay": "constant"}},
    "lora": {"pieces": 2000, "train": {"weights": {"use": "lora", "rank": 16}, "learning_rate": 1e-3}},
    "embeddings first": {"pieces": 2000, "train": {"weights": {"use": "embeddings-first"}}},
}
USUAL = {"batch": 4, "length": 128, "rates": {"deu_Latn": 2, "eng_Latn": 1}, "mark": MARK, "save_every": 0}


def texts(kilobytes: int) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Documents to learn from, the newest Romansh ones up to a size, and text to measure on."""
    newest: list[str] = []
    for text in reversed(documents("roh_Latn")):
        if sum(len(t.encode()) for t in newest) >= 1000 * kilobytes:
            break
        newest.append(text)
    sentences = english()
    train = {
        "roh_Latn": newest,
        "deu_Latn": documents("deu_Latn")[-400:],
        "eng_Latn": ["\n".join(sentences[a : a + 20]) for a in range(1000, len(sentences), 20)],
    }
    test = {lang: "\n".join(documents(lang, 2021, 2021)) for lang in ("roh_Latn", "deu_Latn")}
    return train, {**test, "eng_Latn": "\n".join(sentences[:1000])}


def extended(made: LanguageModel, pieces: int) -> tuple[LanguageModel, np.ndarray]:
    """The model with further pieces for Romansh, and their numbers."""
    learnt = documents("roh_Latn")
    tokenizer = params.build(registry.find("models.extend/bpe"), {"pieces": pieces}).fit(made.tokenizer, learnt)
    change = Change.between(made.tokenizer, tokenizer)
    rows = params.build(registry.find("models.rows/constituents")).fit(made, change, Evidence(texts=learnt))
    return with_rows(made, tokenizer, rows), change.new


def measure(made: LanguageModel, test: dict[str, str], seen: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    metric = BitsPerByte(windows=28, samples=0)
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        write_model(made, Path(folder) / "model")
        model = Likelihood(str(Path(folder) / "model"), start=MARK)
        for lang in LANGS:
            train = "\n".join(seen[lang]) if lang == "roh_Latn" else ""
            score = metric.measure(model, test[lang], train=train)
            out[lang] = {"model": score["bits_per_byte"].value, "ppmd": score["compressor"].value}
    return out


def one(model: str, variant: str, seed: int, kilobytes: int, more: dict) -> None:
    settings = VARIANTS[variant]
    train, test = texts(kilobytes)
    made = read_model(model)
    new = None
    if "pieces" in settings:
        made, new = extended(made, settings["pieces"])
    line = {
        "variant": variant,
        "seed": seed,
        "kilobytes": kilobytes,
        "more": more,
        "steps": 0,
        "cpu_s": 0.0,
        "wall_s": 0.0,
    }
    if "train" in settings:
        given = {**USUAL, **settings["train"], "seed": seed, **more}
        # As many steps as go through the Romansh documents once.
        tokens = sum(len(made.tokenizer(t)["input_ids"]) + 1 for t in train["roh_Latn"])
        share = 1 - given.get("replay", 0.25)
        line["steps"] = given["steps"] = given.get(
            "steps", round(tokens / share / given["batch"] / (given["length"] - 1))
        )
        began, wall = time.process_time(), time.perf_counter()
        made = params.build(registry.find("models.train/objectives"), given).fit(
            made, Data(train, lang="roh_Latn"), new=new
        )
        line |= {"cpu_s": time.process_time() - began, "wall_s": time.perf_counter() - wall}
    line["bits"] = measure(made, test, train)
    OUT.parent.mkdir(exist_ok=True)
    with open(OUT, "a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line))


def table() -> None:
    lines = [json.loads(x) for x in OUT.read_text(encoding="utf-8").splitlines()]
    print("| variant | kB | seeds | steps | Romansh | PPMd | German | PPMd | English | PPMd | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    keys = dict.fromkeys((x["variant"], x["kilobytes"], json.dumps(x["more"])) for x in lines)
    for key in keys:
        some = [x for x in lines if (x["variant"], x["kilobytes"], json.dumps(x["more"])) == key]

        def shown(lang: str, of: str, some: list[dict] = some) -> str:
            values = [x["bits"][lang][of] for x in some]
            return f"{np.mean(values):.3f}" + (
                f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 and of == "model" else ""
            )

        cells = [shown(lang, of) for lang in LANGS for of in ("model", "ppmd")]
        name = key[0] + ("" if key[2] == "{}" else f" {key[2]}")
        print(
            f"| {name} | {key[1]} | {len(some)} | {some[0]['steps']} | {' | '.join(cells)} | {np.mean([x['cpu_s'] for x in some]):.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="Folder of SmolLM2-135M-Instruct, or its name on the hub.")
    parser.add_argument("--variant", choices=VARIANTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--kilobytes", type=int, default=120, help="Of Romansh to learn from; PPMd learns from the same."
    )
    parser.add_argument("--set", type=json.loads, default={}, help="Further parameters of the training, as JSON.")
    given = parser.parse_args()
    if given.variant:
        one(given.model, given.variant, given.seed, given.kilobytes, given.set)
    else:
        table()


if __name__ == "__main__":
    main()
