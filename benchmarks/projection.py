"""Label projection: exact-match F1 of spans carried along gold links, argmax's and auto's, by every shape.

    python benchmarks/projection.py --data DATA --json projection.jsonl

Spans are drawn from the gold links: one to four source words, the first and the last linked, whose target words are one
stretch that has no link from outside the span; up to three a sentence that do not overlap (seed 1). All links count, possible ones
too. A span is right if its target words are exactly those. `auto+` and `argmax+` are all links more probable than .05.

    python benchmarks/projection.py --data DATA --markers

measures which label EasyProject gives to which marked span, with a translator that replaces words one by one by what argmax links
them to most: with the order of spans kept or reversed, pairs of markers kept or a fifth of them lost, and spans translated alone or not.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import words
from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.words.auto import Auto
from polyalign.words.projection.easyproject import EasyProject
from polyalign.words.projection.links import ByLinks
from polyalign.words.projection.spans import Labelled, Projection, Span
from polyalign.words.similarity.argmax import Argmax

SHAPES = {
    "hull": ByLinks(shape="hull"),
    "run, gap 0": ByLinks(shape="run", gap=0),
    "run, gap 1": ByLinks(shape="run", gap=1),
    "run, gap 2": ByLinks(shape="run", gap=2),
    "optimal": ByLinks(shape="optimal"),
    "optimal, all words linked": ByLinks(shape="optimal", min_linked=1.0),
}


def spans_of(gold: Links, lengths: list[int], seed: int = 1) -> tuple[list[list[Span]], list[list[Span]]]:
    """Source spans, and the target spans that gold links give them."""
    rng = random.Random(seed)
    src: list[list[Span]] = []
    tgt: list[list[Span]] = []
    for k, n in enumerate(lengths):
        pairs = gold.pairs(k)
        found = []
        for a in range(n):
            for b in range(a + 1, min(n, a + 4) + 1):
                at = sorted({j for i, j in pairs if a <= i < b})
                ends = {i for i, _ in pairs}
                whole = bool(at) and at[-1] - at[0] + 1 == len(at) and {a, b - 1} <= ends
                if whole and all(a <= i < b for i, j in pairs if j in set(at)):
                    found.append(((a, b), (at[0], at[-1] + 1)))
        rng.shuffle(found)
        kept: list[tuple[tuple[int, int], tuple[int, int]]] = []
        for s, t in found:
            if len(kept) < 3 and all(s[1] <= o[0] or o[1] <= s[0] for o, _ in kept):
                kept.append((s, t))
        kept.sort()
        labels = [rng.choice("ABC") for _ in kept]
        src.append([Span(*s, x) for (s, _), x in zip(kept, labels, strict=True)])
        tgt.append([Span(*t, x) for (_, t), x in zip(kept, labels, strict=True)])
    return src, tgt


def f1(got: Projection, expected: list[list[Span]]) -> tuple[float, float, float]:
    """Precision, recall and F1 of exact spans."""
    n, m = sum(map(len, got.labels)), sum(map(len, expected))
    right = sum(len(set(a) & set(b)) for a, b in zip(got.labels, expected, strict=True))
    return right / max(n, 1), right / max(m, 1), 2 * right / max(n + m, 1)


def words_of(task: words.Task, links: Links) -> Callable[[list[str]], list[str]]:
    """A translator that replaces each word by what it is linked to most."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for k, (src, tgt) in enumerate((s.split(), t.split()) for s, t in task.pairs):
        for i, j in links.pairs(k):
            counts[src[i]][tgt[j]] += 1
    best = {word: c.most_common(1)[0][0] for word, c in counts.items()}
    return lambda texts: [" ".join(best.get(w, w) for w in text.split()) for text in texts]


def reverse(text: str, rng: random.Random, lost: float) -> str:
    """The marked pieces of a text in reverse order, some without their markers."""
    rest, pieces = [[]], []
    for word in text.split():
        if word == "[":
            pieces.append([word])
        elif pieces and pieces[-1][-1] != "]":
            pieces[-1].append(word)
            rest += [[]] if word == "]" else []
        else:
            rest[-1].append(word)
    kept = [p[1:-1] if rng.random() < lost else p for p in reversed(pieces)]
    return " ".join(w for r, p in zip(rest, [*kept, []], strict=True) for w in r + p)


def markers(data: Path) -> None:
    method = EasyProject()
    for task in tasks(data):
        bitext = Bitext.build([s for s, _ in task.pairs], [t for _, t in task.pairs])
        translate = words_of(task, Argmax().fit(bitext).align(bitext))
        tokens = bitext.tokens("src")
        spans = spans_of(task.gold, [len(w) for w in tokens])[0]
        # Labels that differ, so that each is to be told from the others; brackets of the text would not be markers.
        sentences = [
            Labelled.of_words(w, [s._replace(label=str(x)) for x, s in enumerate(found)])
            for w, found in zip(tokens, spans, strict=True)
            if not set("[]") & set("".join(w) + translate([" ".join(w)])[0])
        ]
        plain = translate(method.mark(sentences))
        expected, _ = method.read(sentences, [t.replace("[ ", "[").replace(" ]", "]") for t in plain], translate)
        right = [{(s.label, e.text[s.start : s.end]) for s in e.spans} for e in expected]
        n = sum(len(s.spans) for s in sentences)
        for how, lost in (("kept", 0.0), ("reversed", 0.0), ("reversed", 0.2)):
            rng = random.Random(1)
            texts = [t if how == "kept" else reverse(t, rng, lost) for t in plain]
            for alone in (True, False):
                out, got = method.read(sentences, texts, translate if alone else None)
                hits = sum(
                    len({(s.label, o.text[s.start : s.end]) for s in o.spans} & r)
                    for o, r in zip(out, right, strict=True)
                )
                carried = n - len(got.lost)
                print(
                    task.name,
                    how,
                    lost,
                    "alone" if alone else "-",
                    f"{hits / carried:.3f}",
                    f"{hits / n:.3f}",
                    sep="\t",
                    flush=True,
                )


def tasks(data: Path) -> Iterator[words.Task]:
    yield from (words.awesome(data, n) for n in ("enfr", "roen"))
    yield from words.dermit(data, None, [])
    yield from (words.xlwa(data, x) for x in ("da", "es", "hu", "ru", "sl"))
    yield words.binary(data, "wa-en-sv-swedish", "en-sv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markers", action="store_true")
    args = parser.parse_args()
    if args.markers:
        markers(args.data)
        return
    rows = []
    for task in tasks(args.data):
        bitext = Bitext.build([s for s, _ in task.pairs], [t for _, t in task.pairs])
        links = {"gold": task.gold}
        for name, method in (("argmax", Argmax()), ("auto", Auto())):
            links[name], posteriors = method.fit(bitext).align_once(bitext)
            links[name + "+"] = posteriors.links("posterior", 0.05)
        src, tgt = spans_of(task.gold, [len(w) for w in bitext.tokens("src")])
        for name, of in links.items():
            for shape, method in SHAPES.items():
                p, r, f = f1(method.project(bitext, of, src), tgt)
                rows.append(
                    {
                        "task": task.name,
                        "spans": sum(map(len, src)),
                        "links": name,
                        "shape": shape,
                        "precision": p,
                        "recall": r,
                        "f1": f,
                    }
                )
                print(*(f"{v:.3f}" if isinstance(v, float) else v for v in rows[-1].values()), sep="\t", flush=True)
    if args.json:
        args.json.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
