"""Sentence alignment: quality, seconds and memory beside the galechurch package on the same documents.

``python benchmarks/sentences.py [--data DIR] [--json]``. Seconds are a second call's, with kernels compiled;
CPU seconds tell more than wall seconds on a busy machine. Peak memory is that of a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from measure import measure
from polyalign.core.beads import IndexBead, parse_vecalign
from polyalign.core.document import Document
from polyalign.core.errors import PolyalignError
from polyalign.core.files import read_lines
from polyalign.evaluate.sentences import SentenceAlignment
from polyalign.sentences.gale_church import GaleChurch
from polyalign.sentences.lexical import Lexical

Gold = list[list[IndexBead]]
Corpus = tuple[list[Document], list[Document], Gold]
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
    }


def peer(src: Sequence[Document], tgt: Sequence[Document]) -> Gold:
    """The galechurch package's beads."""
    import galechurch

    out: Gold = []
    for s, t in zip(src, tgt, strict=True):
        beads = galechurch.align(s.sentences, t.sentences).beads
        out.append(
            [(tuple(range(b.source_start, b.source_end)), tuple(range(b.target_start, b.target_end))) for b in beads]
        )
    return out


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


ALIGNERS: dict[str, Callable[[Sequence[Document], Sequence[Document]], Gold]] = {
    "galechurch": peer,
    "gale-church": lambda s, t: [b.to_indices() for b in GaleChurch().align(s, t)],
    "lexical": lambda s, t: [b.to_indices() for b in Lexical().align(s, t)],
}


def synthetic(kind: str) -> Corpus:
    """Texts of made-up words for speed: many documents of 10-100 sentences, or one long one."""
    draw = np.random.default_rng(1)
    dictionary = draw.permutation(20000)
    sizes = draw.integers(10, 101, 500) if kind == "many" else [int(kind)]
    src, tgt = [], []
    for n in sizes:
        words = [draw.zipf(1.3, int(draw.integers(5, 25))) % 20000 for _ in range(n)]
        src.append(document([" ".join(f"a{w:x}" for w in s) for s in words]))
        tgt.append(document([" ".join(f"x{dictionary[w]:x}" for w in s) for s in words if draw.random() > 0.02]))
    return src, tgt, []


def rows(data: Path) -> Iterator[dict[str, object]]:
    """All measurements, each as soon as it is made."""
    for name, load in corpora(data).items():
        try:
            src, tgt, gold = load()
        except (OSError, PolyalignError) as error:
            print(f"skipped {name}: {error}", file=sys.stderr)
            continue
        for method, align in ALIGNERS.items():
            align(src, tgt)
            wall, cpu = time.perf_counter(), time.process_time()
            hyp = align(src, tgt)
            cost = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
            score = SentenceAlignment().score(hyp, gold)
            yield {"data": name, "method": method, "strict_f1": score.value, "ci": list(score.ci), "lax_f1": score.parts["lax_f1"], **cost}  # fmt: skip
    for kind in ("many", "5000", "40000"):
        src, tgt, _ = synthetic(kind)
        pairs = sum(map(len, src))
        for method, align in ALIGNERS.items():
            if kind == "40000" and method == "galechurch":
                continue  # it refuses: more than 50 million cells
            align(src[:2], tgt[:2])
            wall, cpu = time.perf_counter(), time.process_time()
            align(src, tgt)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            process = measure([sys.executable, __file__, "--alone", method, kind])
            yield {"data": f"synthetic {kind}", "method": method, "pairs": pairs, "pairs_per_s": pairs / wall, "pairs_per_cpu_s": pairs / cpu, "wall_s": wall, "cpu_s": cpu, "peak_mb": float(process.stdout)}  # fmt: skip


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--alone",
        nargs=2,
        metavar=("METHOD", "KIND"),
        help="align a synthetic text and print the process's peak memory in MB",
    )
    options = parser.parse_args()
    if options.alone:
        src, tgt, _ = synthetic(options.alone[1])
        ALIGNERS[options.alone[0]](src, tgt)
        # Not the parent's measure of its child: that starts from the parent's own size.
        status = Path("/proc/self/status").read_text()
        print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
        return
    for row in rows(options.data):
        print(json.dumps(row) if options.json else table_row(row), flush=True)


def table_row(row: Mapping[str, Any]) -> str:
    """A row of a Markdown table: quality and CPU seconds, or pairs a CPU second and memory."""
    head = f"| {row['data']:36} | {row['method']:11} |"
    if "strict_f1" in row:
        low, high = row["ci"]
        return f"{head} strict {row['strict_f1']:.3f} ({low:.3f}-{high:.3f}) | lax {row['lax_f1']:.3f} | {row['cpu_s']:.2f} CPU s |"
    return f"{head} {row['pairs_per_cpu_s']:,.0f} pairs a CPU second | {row['pairs_per_s']:,.0f} a second | {row['peak_mb']:.0f} MB |"


if __name__ == "__main__":
    main()
