"""Sentence alignment: quality, calibration, seconds and memory, beside vecalign and the galechurch package.

``python benchmarks/sentences.py [--data DIR] [--json] [--only WORD] [--methods NAME,NAME]``. Seconds are a second
call's, with kernels compiled and vectors cached (encoding is a row of its own, of use if they were not); CPU seconds
tell more than wall seconds on a busy machine. Peak memory is that of a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from measure import measure
from polyalign.core.beads import Beads, IndexBead, parse_vecalign
from polyalign.core.document import Document
from polyalign.core.errors import PolyalignError
from polyalign.core.files import read_lines
from polyalign.core.jit import F32
from polyalign.encoders.named import named_encoder
from polyalign.evaluate.sentences import SentenceAlignment
from polyalign.sentences.beads import BeadAligner
from polyalign.sentences.gale_church import GaleChurch
from polyalign.sentences.lexical import Lexical
from polyalign.sentences.vecalign import Vecalign

Gold = list[list[IndexBead]]
Corpus = tuple[list[Document], list[Document], Gold]
Aligner = Callable[[Sequence[Document], Sequence[Document]], Sequence[Beads]]
NOVELS = ("AlicesAdventuresInWonderland EN-FR", "Candide EN-EL", "Candide EN-ES", "Candide EN-FR", "VingtMilleLieuesSousLesMers EN-FR")  # fmt: skip


def document(lines: Sequence[str]) -> Document:
    """A document of one paragraph, a sentence a line, empty ones kept as gold counts them."""
    return Document("", tuple(x.strip() for x in lines), np.zeros(len(lines), np.int32))


def alpine(folder: Path, names: Sequence[str]) -> Corpus:
    """Text+Berg, German-French."""
    sides = [[document(list(read_lines(folder / f"{n}.{x}"))) for n in names] for x in ("de", "fr")]
    return sides[0], sides[1], [parse_vecalign(read_lines(folder / f"{n}.defr"), n) for n in names]


def novel(folder: Path, name: str) -> Corpus:
    """TransRead."""
    title, pair = name.split()
    src, tgt = pair.lower().split("-")
    base = folder / f"{title}_{pair}" / title
    texts = [document(list(read_lines(base.with_suffix(f".{x}")))) for x in (src, tgt)]
    return [texts[0]], [texts[1]], [parse_vecalign(read_lines(base.with_suffix(f".{src}{tgt}")), name)]


def hungarian(folder: Path) -> Corpus:
    """hunalign's hand-made ladder: beads lie between its rungs."""
    texts = [
        document((folder / name).read_bytes().decode(code).split("\n")[:-1])
        for name, code in (("hu.sen", "iso-8859-2"), ("en.sen", "iso-8859-1"))
    ]
    rungs = [tuple(int(x) for x in line.split()[:2]) for line in read_lines(folder / "hand.ladder")]
    rungs = [r for r in rungs if r[0] <= len(texts[0]) and r[1] <= len(texts[1])]
    gold = [(tuple(range(a, c)), tuple(range(b, d))) for (a, b), (c, d) in zip(rungs, rungs[1:], strict=False)]
    return [texts[0]], [texts[1]], [[b for b in gold if b[0] or b[1]]]


def bible(folder: Path) -> Corpus:
    """Genesis and Exodus, English-Chinese: the sentences of one verse make a bead."""
    verses: dict[str, tuple[list[int], list[int]]] = {}
    for side, lang in enumerate(("en", "zh")):
        for k, verse in enumerate(read_lines(folder / f"Gen-Exo.{lang}.verse")):
            verses.setdefault(verse, ([], []))[side].append(k)
    texts = [document(list(read_lines(folder / f"Gen-Exo.{lang}"))) for lang in ("en", "zh")]
    return [texts[0]], [texts[1]], [[(tuple(a), tuple(b)) for a, b in verses.values()]]


def maligna(path: Path) -> Corpus:
    """A reference alignment of mALIGNa."""
    sides: tuple[list[str], list[str]] = ([], [])
    gold: list[IndexBead] = []
    for bead in ElementTree.parse(path).getroot():
        ranges = []
        for side, tag in zip(sides, ("sourcelist", "targetlist"), strict=True):
            found = [x.text or "" for x in bead.findall(f"{tag}/segment")]
            ranges.append(tuple(range(len(side), len(side) + len(found))))
            side.extend(found)
        gold.append((ranges[0], ranges[1]))
    return [document(sides[0])], [document(sides[1])], [gold]


def joined(corpus: Corpus) -> Corpus:
    """All documents of a corpus as one."""
    texts: tuple[list[str], list[str]] = ([], [])
    gold: list[IndexBead] = []
    for src, tgt, beads in zip(*corpus, strict=True):
        a, c = map(len, texts)
        gold += [(tuple(a + i for i in s), tuple(c + j for j in t)) for s, t in beads]
        texts[0].extend(src.sentences)
        texts[1].extend(tgt.sentences)
    return [document(texts[0])], [document(texts[1])], [gold]


def gap(corpus: Corpus, where: str, count: int) -> Corpus:
    """A corpus whose translation lacks so many sentences."""
    return without(corpus, 0 if where == "the start" else (len(corpus[1][0]) - count) // 2, count)


def corpora(data: Path) -> dict[str, Callable[[], Corpus]]:
    """Loaders by name."""
    berg = data / "sa-bleualign-defr"
    return {
        "Text+Berg dev": lambda: alpine(berg, ["dev"]),
        "Text+Berg test0-2": lambda: alpine(berg, ["test0", "test1", "test2"]),
        **{n: lambda n=n: novel(data / "sa-transread-novels", n) for n in NOVELS},
        "dtm HU-EN": lambda: hungarian(data / "sa-hunalign" / "dtm"),
        "GPL EN-PL": lambda: maligna(data / "sa-maligna" / "gpl.al"),
        "Stallman EN-PL": lambda: maligna(data / "sa-maligna" / "stallman-ch1.al"),
        "Bible EN-ZH": lambda: bible(data / "sa-bertalign-bible-zhen"),
        **{
            f"{n} -{c} from {w}": lambda n=n, w=w, c=c: gap(novel(data / "sa-transread-novels", n), w, c)
            for n in ("Candide EN-FR", "Candide EN-ES")
            for w, c in (("the middle", 400), ("the start", 500))
        },
        "Text+Berg test0-2 joined": lambda: joined(alpine(berg, ["test0", "test1", "test2"])),
        "Text+Berg all joined": lambda: joined(alpine(berg, ["test0", "test1", "test2", "dev"])),
        **{
            f"Text+Berg all joined -{c} from {w}": lambda w=w, c=c: gap(
                joined(alpine(berg, ["test0", "test1", "test2", "dev"])), w, c
            )
            for w in ("the middle", "the start")
            for c in (100, 200, 400, 600)
        },
    }


def peer(src: Sequence[Document], tgt: Sequence[Document]) -> list[Beads]:
    """The galechurch package's beads."""
    import galechurch

    pairs = zip(src, tgt, strict=True)
    found = [galechurch.align(s.sentences, t.sentences).beads for s, t in pairs]
    return [Beads.from_cuts([(0, 0), *((b.source_end, b.target_end) for b in beads)]) for beads in found]


def without(corpus: Corpus, start: int, count: int) -> Corpus:
    """The corpus with a run of target sentences gone from its first document, and from its gold."""
    text, gold = corpus[1][0].sentences, corpus[2][0]
    gone = range(start, start + count)
    beads: list[IndexBead] = []
    for src, tgt in gold:
        left = tuple(j if j < start else j - count for j in tgt if j not in gone)
        if tgt and not left:
            beads += [((i,), ()) for i in src]
        elif src or left:
            beads.append((src, left))
    return corpus[0][:1], [document(text[:start] + text[start + count :])], [beads]


ALIGNERS: dict[str, Aligner] = {
    "galechurch": peer,
    "gale-church": lambda s, t: GaleChurch().align(s, t),
    "lexical": lambda s, t: Lexical().align(s, t),
    "vecalign": lambda s, t: Vecalign().align(s, t),
    "vecalign pooled": lambda s, t: Vecalign(runs="pool").align(s, t),
    "beads no words": lambda s, t: BeadAligner(words=0.0).align(s, t),
    "beads": lambda s, t: BeadAligner().align(s, t),
}
#: Methods whose scores are probabilities.
SURE = ("lexical", "beads no words", "beads")


def calibration(beads: Sequence[Beads], gold: Gold) -> float:
    """Expected calibration error: of ten bins of scores, the mean distance between score and share of right beads."""
    score = np.concatenate([b.score for b in beads])
    right = np.array([x in g for b, g in zip(beads, map(frozenset, gold), strict=True) for x in b.to_indices()])
    place = np.minimum((score * 10).astype(int), 9)
    return float(sum(abs((score - right)[place == k].sum()) for k in range(10)) / len(score))


def synthetic(kind: str) -> Corpus:
    """Texts of made-up words for speed: many documents of 10-100 sentences, or one long one; some sentences missing."""
    draw = np.random.default_rng(1)
    dictionary = draw.permutation(20000)
    sizes = draw.integers(10, 101, 500) if kind == "many" else [int(kind)]
    src, tgt, gold = [], [], []
    for n in sizes:
        words = [draw.zipf(1.3, int(draw.integers(5, 25))) % 20000 for _ in range(n)]
        src.append(document([" ".join(f"a{w:x}" for w in s) for s in words]))
        kept = np.flatnonzero(draw.random(n) > 0.02)
        tgt.append(document([" ".join(f"x{dictionary[w]:x}" for w in words[i]) for i in kept]))
        gold.append([((int(i),), (j,)) for j, i in enumerate(kept)])
    return src, tgt, gold


def planted(corpus: Corpus) -> tuple[F32, F32]:
    """Vectors of a synthetic corpus: one of its own for each source sentence, and like it for its counterpart."""
    draw = np.random.default_rng(2)
    total = sum(map(len, corpus[0]))
    vectors = draw.normal(size=(total, 384)).astype(np.float32)
    start = np.cumsum([0, *map(len, corpus[0])])
    kept = np.array([start[k] + s[0] for k, beads in enumerate(corpus[2]) for s, _ in beads])
    other = vectors[kept] + draw.normal(size=(len(kept), 384)).astype(np.float32)
    for rows in (vectors, other):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors, other


def quality(data: Path, methods: Sequence[str], only: str) -> Iterator[dict[str, object]]:
    """Quality and seconds on gold data, each as soon as it is measured."""
    for name, load in corpora(data).items():
        if only not in name:
            continue
        try:
            src, tgt, gold = load()
        except (OSError, PolyalignError) as error:
            print(f"skipped {name}: {error}", file=sys.stderr)
            continue
        if any(m.startswith(("beads", "vecalign")) for m in methods):
            cpu = time.process_time()
            named_encoder("e5").encode([s for d in (*src, *tgt) for s in d.sentences])
            yield {"data": name, "method": "encoding", "cpu_s": time.process_time() - cpu}
        for method in methods:
            align = ALIGNERS[method]
            align(src, tgt)
            wall, cpu = time.perf_counter(), time.process_time()
            hyp = align(src, tgt)
            cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            score = SentenceAlignment().score([b.to_indices() for b in hyp], gold)
            row = {"data": name, "method": method, "strict_f1": score.value, "ci": list(score.ci), "lax_f1": score.parts["lax_f1"], **cost}  # fmt: skip
            yield {**row, "calibration_error": calibration(hyp, gold)} if method in SURE else row


def speed(methods: Sequence[str]) -> Iterator[dict[str, object]]:
    """Seconds and memory on synthetic texts; of `beads` after encoding."""
    for kind in ("many", "1000", "5000", "10000", "40000", "100000"):
        for method in methods:
            if method.startswith("vecalign") or (
                method == "galechurch" and int(kind if kind != "many" else 0) >= 10000
            ):
                continue  # galechurch refuses: more than 50 million cells
            process = measure([sys.executable, __file__, "--alone", method, kind])
            pairs, wall, cpu, peak, before = json.loads(process.stdout.splitlines()[-1])
            yield {"data": f"synthetic {kind}", "method": method, "pairs": pairs, "pairs_per_s": pairs / wall, "pairs_per_cpu_s": pairs / cpu, "wall_s": wall, "cpu_s": cpu, "peak_mb": peak, "before_mb": before}  # fmt: skip


def peak() -> float:
    """Most memory the process held so far, in MB."""
    # Not the parent's measure of its child: that starts from the parent's own size.
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def alone(method: str, kind: str) -> list[float]:
    """Pairs, wall and CPU seconds, peak memory in MB, and peak memory before of one synthetic text."""
    corpus = synthetic(kind)
    src, tgt, _ = corpus
    if method.startswith("beads"):
        aligner, vectors, small = (
            BeadAligner(words=0.0) if "no words" in method else BeadAligner(),
            planted(corpus),
            synthetic("200"),
        )
        aligner.align_vectors(*small[:2], planted(small))
    else:
        ALIGNERS[method](*synthetic("200")[:2])
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    if method.startswith("beads"):
        aligner.align_vectors(src, tgt, vectors)
    else:
        ALIGNERS[method](src, tgt)
    return [sum(map(len, src)), time.perf_counter() - wall, time.process_time() - cpu, peak(), before]


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="data whose name holds this word; speed: synthetic texts alone")
    parser.add_argument("--methods", default="galechurch,gale-church,lexical,vecalign pooled,beads no words,beads")
    parser.add_argument("--alone", nargs=2, metavar=("METHOD", "KIND"), help="measure one method on one synthetic text")
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(alone(*options.alone)))
        return
    methods = options.methods.split(",")
    parts = [] if options.only == "speed" else [quality(options.data, methods, options.only)]
    parts += [speed(methods)] if options.only in ("", "speed") else []
    for row in chain.from_iterable(parts):
        print(json.dumps(row) if options.json else table_row(row), flush=True)


def table_row(row: Mapping[str, Any]) -> str:
    """A row of a Markdown table: quality and CPU seconds, or pairs a CPU second and memory."""
    head = f"| {row['data']:40} | {row['method']:15} |"
    if "strict_f1" in row:
        low, high = row["ci"]
        sure = f"{row['calibration_error']:.3f}" if "calibration_error" in row else "-"
        return f"{head} strict {row['strict_f1']:.3f} ({low:.3f}-{high:.3f}) | lax {row['lax_f1']:.3f} | {row['cpu_s']:.2f} CPU s | calibration error {sure} |"
    if "pairs" not in row:
        return f"{head} {row['cpu_s']:.2f} CPU s |"
    return f"{head} {row['pairs_per_cpu_s']:,.0f} pairs a CPU second | {row['pairs_per_s']:,.0f} a second | {row['peak_mb']:.0f} MB, {row['peak_mb'] - row['before_mb']:.0f} of it by aligning |"


if __name__ == "__main__":
    main()
