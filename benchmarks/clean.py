"""Cleaning: what is found of noise planted at known rates, and speed and memory beside OpusFilter on the same filters.

    nice -n 10 python benchmarks/clean.py [--data DIR] [--part noise equal speed] [--opusfilter BIN] [--pairs N]
    [--rounds N] [--json FILE]

noise: pairs of Multi30k, DERMIT and MAFAND of five words and more on both sides are halved; from the first half scores learn
what they must (length ratio, a lexicon by IBM 1 from two thirds of it and its threshold, which costs 2 % of the rest, a
classifier), the second is spoiled: 3 % of its pairs in each of ten ways. Recall is the share of a kind
that goes; precision the share of planted pairs among those that the filters meant for the kind reject, alone.
equal: each filter's decisions beside OpusFilter's on the same pairs. speed: whole processes, the same ten filters on N
pairs, Multi30k repeated with noise, in turns with OpusFilter, one core and two; "peak MB" is of the largest process (resident),
"all processes MB" what all hold together (PSS: a page that processes share is counted once).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from measure import Measured, measure
from polyalign.core.bitext import Bitext
from polyalign.core.files import read_lines, write_lines
from polyalign.core.rng import generator
from polyalign.corpus.score.runs import fitted, score_runs
from polyalign.corpus.select.classifier import Classifier
from polyalign.corpus.select.clean import plan
from polyalign.corpus.select.corrupt import mojibake
from polyalign.corpus.select.quantile import Quantile
from polyalign.pipeline.artefacts import lexicon_lines
from polyalign.words.ibm1 import IBM1
from polyalign.words.lexicon import RelativeFrequency
from scale import family

ROOT = Path(__file__).resolve().parents[1]
CLEAN = [sys.executable, "-c", "from polyalign.cli.clean import command; command.main(prog_name='polyalign clean')"]
KINDS = ("swapped", "wrong language", "copied", "mojibake", "truncated", "repetition", "boilerplate", "shuffled", "neighbour", "replaced")  # fmt: skip
#: The scores whose filters are meant for a kind.
MEANT = {
    "swapped": ("language", "language_pair"),
    "wrong language": ("language", "language_pair"),
    "copied": ("copy", "language", "language_pair"),
    "mojibake": ("noise",),
    "truncated": ("length_z",),
    "repetition": ("repeats", "top_2", "duplicate_5"),
    "boilerplate": ("alphabet", "urls", "repeats", "noise", "longest_word", "length"),
    "shuffled": ("lexicon",),
    "neighbour": ("lexicon",),
    "replaced": ("lexicon",),
}
RATE = 0.03
BOILERPLATE = (
    "Home | About | Contact | Login | » {}",
    "© 2009-2021 {} * * * ++ >>> [1] [2] [3] [4]",
    "--------- {} ---------",
    "http://www.example.org/{}/index.php?id=12 http://www.example.org/",
    "12.03.2011 14:22 | 3.204 x | #{}",
)
OPUSFILTER = """[
 {LengthFilter: {min_length: 1, max_length: 100}}, {LengthRatioFilter: {threshold: 3}}, {LongWordFilter: {threshold: 40}},
 {AverageWordLengthFilter: {min_length: 2, max_length: 20}}, {AlphabetRatioFilter: {threshold: 0.75}},
 {CharacterScoreFilter: {scripts: [Latin, Latin], thresholds: [1, 1]}}, {TerminalPunctuationFilter: {threshold: -2}},
 {NonZeroNumeralsFilter: {threshold: 0.5}}, {RepetitionFilter: {threshold: 2, min_length: 3, max_length: 100}},
 {Cld2Filter: {languages: [de, en]}}]"""
STEP = """common: {{output_directory: {folder}, default_n_jobs: {jobs}}}
steps: [{{type: filter, parameters: {{inputs: [{src}, {tgt}], outputs: [kept.de, kept.en], filters: {filters}}}}}]
"""
PEER = """import json, sys, yaml
from opusfilter import filters
src, tgt, spec, out = sys.argv[1:]
pairs = list(zip(*([line.rstrip("\\n") for line in open(p, encoding="utf-8", newline="\\n")] for p in (src, tgt))))
found = {}
for entry in yaml.safe_load(spec):
    (name, given), = entry.items()
    found[name] = [bool(x) for x in getattr(filters, name)(**given).decisions(pairs)]
json.dump(found, open(out, "w"))"""
SAME = {
    "LengthFilter": ("length",), "LengthRatioFilter": ("length_ratio",), "LongWordFilter": ("longest_word",),
    "AverageWordLengthFilter": ("word_length",), "AlphabetRatioFilter": ("alphabet",), "CharacterScoreFilter": ("script",),
    "TerminalPunctuationFilter": ("terminal_punctuation",), "NonZeroNumeralsFilter": ("nonzero_numerals",),
    "RepetitionFilter": ("repeats",), "Cld2Filter": ("language",),
}  # fmt: skip


def lines(path: Path) -> list[str]:
    return [" ".join(line.split()) for line in read_lines(path)]


def corpora(data: Path) -> Iterator[tuple[str, Bitext, list[str]]]:
    """Each set: its name, its pairs, sentences of another language."""
    base = data / "bt-multi30k"
    de, en, fr = (lines(base / f"train.{lang}.gz")[:12_000] for lang in ("de", "en", "fr"))
    yield "multi30k de-en", Bitext.build(de, en, langs=("deu_Latn", "eng_Latn")), fr
    kept = ROOT / "runs/bench-dermit/work/kept"
    roh, ita = (sorted(kept.glob(f"deu_Latn-{lang}-*/bitext.parquet")) for lang in ("roh_Latn", "ita_Latn"))
    if roh and ita:
        table = pq.read_table(roh[0], columns=["src", "tgt"])
        table = table.take(generator(1, "dermit").permutation(table.num_rows)[:12_000])
        src, tgt = (table[name].to_pylist() for name in ("src", "tgt"))
        other = pq.read_table(ita[0], columns=["tgt"])["tgt"].slice(0, 5000).to_pylist()
        yield "dermit de-rm", Bitext.build(src, tgt, langs=("deu_Latn", "roh_Latn")), other
    en, hau, fr = (
        [line for part in ("train", "dev", "test") for line in lines(data / "bt-mafand" / f"{pair}/{part}.{lang}.xz")]
        for pair, lang in (("en-hau", "en"), ("en-hau", "hau"), ("fr-wol", "fr"))
    )
    yield "mafand en-hau", Bitext.build(en, hau, langs=("eng_Latn", "hau_Latn")), fr


def spoil(
    kind: str, at: int, src: Sequence[str], tgt: Sequence[str], other: Sequence[str], random: Any
) -> tuple[str, str]:
    """One pair spoiled in one way."""
    s, t = src[at], tgt[at]
    words = t.split()
    if kind == "swapped":
        return t, s
    if kind == "wrong language":
        return s, other[random.integers(len(other))]
    if kind == "copied":
        return (s, s) if random.random() < 0.5 else (t, t)
    if kind == "mojibake":
        return (mojibake(s), t) if mojibake(s) != s else (s, mojibake(t))
    if kind == "truncated":
        return s, " ".join(words[: max(1, len(words) // 3)])
    if kind == "repetition":
        piece = " ".join(words[:3])
        return s, " ".join([t, *[piece] * 3])
    if kind == "boilerplate":
        text = BOILERPLATE[random.integers(len(BOILERPLATE))]
        return text.format(s.split()[0] if s.split() else "x"), text.format(words[0] if words else "x")
    if kind == "shuffled":
        return s, tgt[random.integers(len(tgt))]
    if kind == "neighbour":
        return s, tgt[(at + 1) % len(tgt)]
    for place in random.choice(len(words), len(words) // 2, replace=False):
        away = tgt[random.integers(len(tgt))].split() or [""]
        words[place] = away[random.integers(len(away))]
    return s, " ".join(words)


def spoiled(bitext: Bitext, other: list[str]) -> tuple[Bitext, np.ndarray]:
    """The pairs with noise, and the kind of each: 0 for none, else 1 + its place in KINDS."""
    random = generator(7, "noise")
    kind, size = np.zeros(len(bitext), np.int64), int(RATE * len(bitext))
    old, order = (bitext.src, bitext.tgt), random.permutation(len(bitext))
    src, tgt = list(old[0]), list(old[1])
    for number, name in enumerate(KINDS):
        for row in order[number * size : (number + 1) * size].tolist():
            made = spoil(name, row, *old, other, random)
            if made != (src[row], tgt[row]):
                (src[row], tgt[row]), kind[row] = made, number + 1
    return Bitext.build(src, tgt, langs=bitext.langs), kind


def lexicon_of(bitext: Bitext, path: Path) -> str:
    links = IBM1().fit(bitext).align(bitext)
    write_lines(path, lexicon_lines(RelativeFrequency(min_count=2).extract(bitext, links)))
    return str(path)


def noise(data: Path, folder: Path) -> Iterator[dict[str, Any]]:
    """Recall and precision by kind, of a preset with a lexicon and of a classifier on the same scores."""
    for name, bitext, other in corpora(data):
        # Of less than a sentence nobody can tell the language, and the press releases have many lists; and copies too.
        sentences = np.array(
            [min(len(s.split()), len(t.split())) >= 5 and s != t for s, t in zip(bitext.src, bitext.tgt, strict=True)]
        )
        bitext = bitext.select(sentences)
        order = generator(3, name).permutation(len(bitext))
        half, third = len(bitext) // 2, len(bitext) // 3
        first, rest, test = (Bitext(bitext.table.take(np.sort(rows))) for rows in np.split(order, [third, half]))
        path = lexicon_of(first, folder / f"{name.split()[0]}.tsv")
        steps = plan(("web",), (f"lexicon:path={path}:join=mean", "punctuation", "length-ratio"), (), documents=False)
        methods = fitted(steps.methods, [first])
        least = Quantile(keep={"score.lexicon": 0.98}).fit(score_runs([rest], methods)).minimum
        bad, kind = spoiled(test, [t for t in other if len(t.split()) >= 5])
        scored = next(iter(score_runs([bad], methods)))
        model = Classifier().learn(rest, methods)
        minimum = {**steps.minimum, **least}
        fails = {c: np.asarray(scored.table[c].to_numpy() < np.float32(v)) for c, v in minimum.items()}
        by_rules = np.any(list(fails.values()), axis=0)
        by_model = model.probability(scored) < 0.5
        for number, what in enumerate(KINDS, 1):
            meant = [v for c, v in fails.items() if c.split(".")[-1] in MEANT[what]]
            own = np.any(meant, axis=0)
            planted = kind == number
            yield {
                "part": "noise", "set": name, "kind": what, "planted": int(planted.sum()),
                "recall": float(by_rules[planted].mean()), "recall of its filters": float(own[planted].mean()),
                "precision of its filters": float((kind[own] > 0).mean()) if own.any() else float("nan"),
                "recall of the classifier": float(by_model[planted].mean()),
            }  # fmt: skip
        ways = {"all filters": by_rules, "classifier": by_model, "both": by_rules | by_model}
        for way, gone in ways.items():
            yield {
                "part": "noise", "set": name, "kind": way, "planted": int((kind > 0).sum()),
                "recall": float(gone[kind > 0].mean()), "precision": float((kind[gone] > 0).mean()),
                "clean pairs lost": float(gone[kind == 0].mean()),
            }  # fmt: skip


def noisy_file(data: Path, pairs: int, folder: Path) -> tuple[Path, Path]:
    """Multi30k over and over, one pair in five spoiled; one in twenty of DERMIT, in another language."""
    de, en, fr = (lines(data / f"bt-multi30k/train.{lang}.gz") for lang in ("de", "en", "fr"))
    roh = sorted((ROOT / "runs/bench-dermit/work/kept").glob("deu_Latn-roh_Latn-*/bitext.parquet"))
    press: list[tuple[str, str]] = []
    if roh:
        table = pq.read_table(roh[0], columns=["src", "tgt"]).slice(0, 50_000)
        press = list(zip(*(table[c].to_pylist() for c in ("src", "tgt")), strict=True))
    random, out = generator(1, "file"), (folder / "noisy.de", folder / "noisy.en")
    with open(out[0], "w", encoding="utf-8") as src, open(out[1], "w", encoding="utf-8") as tgt:
        draws, kinds = random.random(pairs), random.integers(0, len(KINDS), pairs)
        for n in range(pairs):
            at = n % len(de)
            s, t = de[at], en[at]
            if draws[n] < 0.2:
                s, t = spoil(KINDS[kinds[n]], at, de, en, fr, random)
            elif draws[n] < 0.25 and press:
                s, t = press[n % len(press)]
            src.write(" ".join(s.split()) + "\n")
            tgt.write(" ".join(t.split()) + "\n")
    return out


def equal(data: Path, folder: Path, peer: Path) -> Iterator[dict[str, Any]]:
    """How many decisions of each filter are OpusFilter's, on 50,000 pairs."""
    files = noisy_file(data, 50_000, folder)
    python = peer.parent / "python"
    subprocess.run([python, "-c", PEER, *files, OPUSFILTER, folder / "theirs.json"], check=True)
    theirs = json.loads((folder / "theirs.json").read_text())
    src, tgt = (path.read_text(encoding="utf-8").split("\n")[:-1] for path in files)
    steps = plan(("opusfilter",), (), (), documents=False)
    scored = next(iter(score_runs([Bitext.build(src, tgt, langs=("deu_Latn", "eng_Latn"))], steps.methods)))
    for name, scores in SAME.items():
        columns = [c for c in steps.minimum if c.split(".")[-1] in scores]
        ours = ~np.any([scored.table[c].to_numpy() < np.float32(steps.minimum[c]) for c in columns], axis=0)
        same = ours == np.array(theirs[name])
        first = np.flatnonzero(~same)[:1]
        example = f"{src[first[0]][:60]} | {tgt[first[0]][:60]}" if len(first) else ""
        yield {
            "part": "equal",
            "filter": name,
            "kept": float(ours.mean()),
            "same": float(same.mean()),
            "differs": int((~same).sum()),
            "first": example,
        }


def speed(data: Path, folder: Path, peer: Path, pairs: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Pairs a second of wall and of processor time, and peak memory; ours and the peer's in turns."""
    src, tgt = noisy_file(data, pairs, folder)
    files = [str(src.with_suffix("")), "-o", str(folder / "kept.tsv")]
    ours = [*CLEAN, *files, *"--from moses --preset opusfilter --pair de-en --no-scores --json".split()]
    for _ in range(rounds):
        for jobs in (1, 2):
            cost, held = measured([*ours, "--threads", str(jobs)])
            kept = json.loads(cost.stdout)["kept"]
            yield {"part": "speed", "tool": f"polyalign, {jobs} threads", "kept": kept, **_rates(cost, held, pairs)}
            step = STEP.format(folder=folder, jobs=jobs, src=src, tgt=tgt, filters=" ".join(OPUSFILTER.split()))
            (folder / "opusfilter.yaml").write_text(step)
            cost, held = measured([str(peer), "--overwrite", str(folder / "opusfilter.yaml")])
            with open(folder / "kept.de", encoding="utf-8") as file:
                kept = sum(1 for _ in file)
            yield {"part": "speed", "tool": f"OpusFilter, {jobs} processes", "kept": kept, **_rates(cost, held, pairs)}


def measured(command: list[str]) -> tuple[Measured, float]:
    """What a command cost, and the most MB that its processes held together, a page they share counted once (PSS)."""
    most, ended = 0.0, threading.Event()

    def look() -> None:
        nonlocal most
        while not ended.wait(0.2):
            # The first two are this process and the one that starts the command.
            most = max(most, sum(map(_pss, family(os.getpid())[2:])))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            cost = measure(command)
        finally:
            ended.set()
        looking.result()
    return cost, most


def _pss(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # it has ended
        return 0.0
    return int(text.split("\nPss:")[1].split()[0]) / 1024 if "\nPss:" in text else 0.0


def _rates(cost: Measured, held: float, pairs: int) -> dict[str, float]:
    return {
        "pairs": pairs,
        "wall s": round(cost.wall_s, 1),
        "CPU s": round(cost.cpu_s, 1),
        "pairs/s": round(pairs / cost.wall_s),
        "pairs/CPU s": round(pairs / cost.cpu_s),
        "peak MB": round(cost.peak_mb),
        "all processes MB": round(held),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("POLYALIGN_DATA", ROOT.parent / "shared" / "data"))
    )
    parser.add_argument("--part", nargs="+", default=["noise", "equal", "speed"])
    parser.add_argument("--opusfilter", type=Path, default=Path("opusfilter"))
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1, help="how often speed is measured")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {
            "noise": lambda: noise(given.data, folder),
            "equal": lambda: equal(given.data, folder, given.opusfilter),
            "speed": lambda: speed(given.data, folder, given.opusfilter, given.pairs, given.rounds),
        }
        for part in given.part:
            for row in parts[part]():
                rows.append(row)
                print(
                    "\t".join(f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()),
                    flush=True,
                )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
