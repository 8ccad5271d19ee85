"""Joint alignment beside pairwise alignment: documents with known n-way truth, the sample's gold, DERMIT.

``python benchmarks/multiway.py [--data DIR] [--aligner lexical] [--price 0.5]``. The documents with known truth are NTREX's, whose
lines are merged with the next, cut in two, or left out at random in each language. `strict` and `link` F1 are
means over language pairs; `n-way` is against the smallest segments that no sentence of any language crosses.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

import polyalign
from polyalign.core import params, registry
from polyalign.core.beads import IndexBead, parse_vecalign
from polyalign.core.document import Document
from polyalign.core.files import read_lines
from polyalign.core.langs import normalise
from polyalign.evaluate.sentences import SentenceAlignment
from polyalign.sentences.multiway import Joint

Versions = dict[str, list[Document]]
Owners = list[dict[str, list[set[int]]]]
SETS = (("eng deu fin", 0.05, 0.05), ("eng deu fin tur vie", 0.05, 0.05), ("eng deu fin tur vie", 0.1, 0.05))


def document(name: str, sentences: Sequence[str]) -> Document:
    """A document of one paragraph."""
    return Document(name, tuple(sentences), np.zeros(len(sentences), np.int32))


def corrupted(folder: Path, langs: Sequence[str], change: float, drop: float, seed: int = 1) -> tuple[Versions, Owners]:
    """NTREX's documents with lines merged, cut and left out; the lines that each sentence is of."""
    rng = np.random.default_rng(seed)
    names = {x: "newstest2019-src.eng.txt" if x == "eng" else f"newstest2019-ref.{x}.txt" for x in langs}
    text = {x: list(read_lines(folder / name)) for x, name in names.items()}
    documents: dict[str, list[int]] = {}
    for line, name in enumerate(read_lines(folder / "DOCUMENT_IDS.tsv")):
        documents.setdefault(name, []).append(line)
    versions: Versions = {x: [] for x in langs}
    owners: Owners = []
    for name, lines in documents.items():
        owners.append({})
        for lang in langs:
            sentences: list[str] = []
            own: list[set[int]] = []
            for line in lines:
                words = text[lang][line].split(" ")
                draw = rng.random(3)
                if draw[0] < drop:
                    continue
                if draw[1] < change and own and len(own[-1]) < 3:
                    sentences[-1] += " " + text[lang][line]
                    own[-1].add(line)
                elif draw[2] < change and len(words) > 8:
                    stops = [k for k in range(3, len(words) - 3) if words[k - 1][-1:] in ",;:.!?"] or [len(words) // 2]
                    at = stops[rng.integers(len(stops))]
                    sentences += [" ".join(words[:at]), " ".join(words[at:])]
                    own += [{line}, {line}]
                else:
                    sentences.append(text[lang][line])
                    own.append({line})
            versions[lang].append(document(name, sentences))
            owners[-1][lang] = own
    return versions, owners


def segments(own: dict[str, list[set[int]]], langs: Sequence[str]) -> list[tuple[tuple[int, ...], ...]]:
    """The smallest segments of these languages that no sentence crosses: lines that share a sentence are together."""
    parent: dict[int, int] = {}

    def root(line: int) -> int:
        while parent.setdefault(line, line) != line:
            line = parent[line]
        return line

    for lang in langs:
        for lines in own[lang]:
            first, *rest = sorted(lines)
            for line in rest:
                parent[root(line)] = root(first)
    groups: dict[int, list[list[int]]] = {}
    for number, lang in enumerate(langs):
        for sentence, lines in enumerate(own[lang]):
            groups.setdefault(root(min(lines)), [[] for _ in langs])[number].append(sentence)
    return [tuple(tuple(side) for side in group) for group in groups.values()]


def link_f1(hyp: Sequence[Sequence[IndexBead]], gold: Sequence[Sequence[IndexBead]]) -> float:
    """F1 over pairs of sentences that share a bead."""
    counts = np.zeros(3)
    for h, g in zip(hyp, gold, strict=True):
        found, there = ({(i, j) for src, tgt in beads for i in src for j in tgt} for beads in (h, g))
        counts += len(found & there), len(found), len(there)
    return float(2 * counts[0] / max(1.0, counts[1] + counts[2]))


def with_truth(folder: Path, joint: Joint) -> Iterator[str]:
    """Both ways of aligning on documents with known truth."""
    aligner = params.build(registry.find(joint.aligner, task="sentences.align"), joint.aligner_options)
    metric = SentenceAlignment(samples=0)
    for names, change, drop in SETS:
        langs = names.split()
        versions, owners = corrupted(folder, langs, change, drop)
        start = time.process_time()
        together = joint.align(versions)
        seconds = time.process_time() - start
        rows = []
        for a, b in combinations(langs, 2):
            gold = [segments(own, (a, b)) for own in owners]
            nway = [[(s[langs.index(a)], s[langs.index(b)]) for s in segments(own, langs)] for own in owners]
            nway = [[bead for bead in beads if any(bead)] for beads in nway]
            direct = [beads.to_indices() for beads in aligner.align(versions[a], versions[b])]
            fine = [m.project(a, b).to_indices() for m in together]
            whole = [m.select(langs).project(a, b).to_indices() for m in together]
            rows.append(
                [f(hyp, ref) for hyp, ref in ((direct, gold), (fine, gold), (direct, nway), (whole, nway))
                 for f in (lambda h, g: metric.score(h, g).value, link_f1)]
            )  # fmt: skip
        d, dl, j, jl, dn, dnl, jn, jnl = np.mean(rows, axis=0)
        yield (
            f"NTREX {names}, {change:g} merged, {change:g} cut, {drop:g} gone: strict pairwise {d:.4f} joint {j:.4f}; "
            f"link {dl:.4f} {jl:.4f}; n-way strict {dn:.4f} {jn:.4f}; n-way link {dnl:.4f} {jnl:.4f}; {seconds:.1f} s"
        )


def sample(joint: Joint) -> Iterator[str]:
    """The sample's five languages, split as the sample's project splits them."""
    splitter = params.build(registry.find("text.split/sentencex"), {})
    folder = Path(polyalign.__file__).parent / "sample"
    names = sorted({path.name.split(".")[0] for path in (folder / "documents").iterdir()})
    versions: Versions = {}
    for lang in ("eng_Latn", "deu_Latn", "spa_Latn", "rus_Cyrl", "cmn_Hans"):
        versions[lang] = []
        for name in names:
            path = folder / "documents" / f"{name}.{lang}.txt"
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            spans = splitter(text, lang)
            lines = tuple(text[a:b] for a, b in spans.spans.tolist())
            versions[lang].append(Document(name, lines, spans.paragraphs))
    aligner = params.build(registry.find(joint.aligner, task="sentences.align"), joint.aligner_options)
    together, metric = joint.align(versions), SentenceAlignment(samples=0)
    for tgt in ("deu_Latn", "rus_Cyrl"):
        gold = {d: folder / "gold" / "sentences" / f"{name}.eng_Latn-{tgt}" for d, name in enumerate(names)}
        gold = {d: path for d, path in gold.items() if path.exists()}
        beads = [parse_vecalign(read_lines(path), str(path)) for path in gold.values()]
        direct = aligner.align([versions["eng_Latn"][d] for d in gold], [versions[tgt][d] for d in gold])
        one = metric.score([b.to_indices() for b in direct], beads).value
        fine = metric.score([together[d].project("eng_Latn", tgt).to_indices() for d in gold], beads).value
        whole = [together[d].select(together[d].langs).project("eng_Latn", tgt).to_indices() for d in gold]
        yield f"sample eng_Latn-{tgt}: strict pairwise {one:.4f} joint {fine:.4f} (n-way segments {metric.score(whole, beads).value:.4f})"


def dermit(folder: Path, joint: Joint, count: int = 80) -> Iterator[str]:
    """German, Romansh and Italian press releases: how far views and direct alignments agree."""
    splitter = params.build(registry.find("text.split/sentencex"), {})
    with lzma.open(next(folder.glob("*.jsonl.xz")), "rt", encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if all(row[x] for x in ("de", "rm", "it"))][:count]
    langs = {x: normalise(x) for x in ("de", "rm", "it")}
    versions: Versions = {lang: [] for lang in langs.values()}
    for row in rows:
        for short, lang in langs.items():
            spans = splitter(row[short], lang).spans.tolist()
            versions[lang].append(document(row["id"], [row[short][a:b] for a, b in spans]))
    aligner = params.build(registry.find(joint.aligner, task="sentences.align"), joint.aligner_options)
    together = joint.align(versions)
    direct = {
        p: [b.to_indices() for b in aligner.align(versions[p[0]], versions[p[1]])] for p in combinations(versions, 2)
    }
    for (a, b), beads in direct.items():
        fine = [m.project(a, b).to_indices() for m in together]
        whole = [m.select(m.langs).project(a, b).to_indices() for m in together]
        yield f"DERMIT {a}-{b}: link F1 to the direct alignment {link_f1(fine, beads):.4f}, of n-way segments {link_f1(whole, beads):.4f}"


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--aligner", default="lexical")
    parser.add_argument("--price", type=float, default=0.5)
    args = parser.parse_args()
    joint = Joint(aligner=args.aligner, price=args.price)
    for lines in (sample(joint), dermit(args.data / "doc-dermit", joint), with_truth(args.data / "ps-ntrex", joint)):
        for line in lines:
            print(line, flush=True)


if __name__ == "__main__":
    main()
