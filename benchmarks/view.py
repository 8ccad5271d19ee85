"""How fast `polyalign view` is: a bitext of so many pairs with links is opened, its pages and pairs asked for.

    python benchmarks/view.py --pairs 1000000

Opening is measured in a process of its own, as a person would start it, after the tables have been made once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.view.index import Index

ASKED = ("/", "/pairs", "/documents", "/agreement")
#: Words of the made-up text: a rare one, the most frequent one, two that follow each other, a beginning.
SEARCHED = {"a rare word": "w40000", "a frequent word": "w1", "a phrase": "w1 w2", "a beginning": "w400*"}
CHILD = """
import json, sys, time
began, cpu = time.perf_counter(), time.process_time()
from pathlib import Path
from starlette.testclient import TestClient
from polyalign.core.langs import name
from polyalign.view.app import make_app
from polyalign.view.edits import Edits
from polyalign.view.page import View
from polyalign.view.source import Opened
imported, imported_cpu = time.perf_counter(), time.process_time()
path = Path(sys.argv[1])
opened = Opened.at(path)
source = opened.source(opened.units()[0])
len(source.documents); [name(tag) for tag in source.langs]
client = TestClient(make_app(View(opened, Edits(path.with_suffix(".jsonl")), "me")), base_url="http://127.0.0.1")
ready, ready_cpu = time.perf_counter(), time.process_time()
told = {}
def ask(named, address):
    times = []
    for _ in range(4):
        start, cpu = time.perf_counter(), time.process_time()
        assert client.get(address).status_code == 200
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    told[named] = [times[0][0], *map(min, zip(*times[1:]))]
for address in json.loads(sys.argv[2]):
    ask(address, address)
n = len(source)
for k, row in enumerate((0, n // 3, n - 1)):
    ask(f"pair {row:,}", f"/api/pair?row={row}")
ask("least certain pair", "/api/pair?order=least")
ask("the next of them", "/api/pair?order=least&go=next&todo=1&row=%d" % source.row(0, least=True))
ask("document, last", "/api/document?doc=%d" % (len(source.documents) - 1))
ask("its texts", "/api/document/texts?doc=%d&src=0&src_end=5&tgt=0&tgt_end=5" % (len(source.documents) - 1))
for named, phrase in json.loads(sys.argv[3]).items():
    ask(f"concordance, {named}", "/concordance?q=" + phrase)
ask("concordance, far behind", "/concordance?q=w1&from=90000")
ask("lexicon, whole", "/lexicon")
ask("lexicon, a word", "/lexicon?q=w40000")
# What is mapped from files can be dropped at any time; the rest is the program's own.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
own, mapped = (int(status[k].split()[0]) / 1024 for k in ("RssAnon", "RssFile"))
print(json.dumps({"imports": imported - began, "imports_cpu": imported_cpu - cpu, "open": ready - imported, "open_cpu": ready_cpu - imported_cpu, "asked": told, "own": own, "mapped": mapped}))
"""


def made_up(n: int, folder: Path, seed: int = 1) -> Path:
    """A run's published form: a bitext of n pairs of about 20 words, 100 a document, with links and probabilities, and a lexicon."""
    random = np.random.default_rng(seed)
    words = np.asarray([f"w{k}" for k in range(50_000)])
    unit = "deu_Latn-eng_Latn"
    step = folder / "work" / "links" / f"{unit}-0"
    step.mkdir(parents=True)
    pairs_file = links_file = None
    for start in range(0, n, 65_536):
        size = min(65_536, n - start)
        lengths = random.integers(8, 33, size)
        sides = []
        for _ in range(2):
            text = [
                " ".join(row)
                for row in np.split(words[random.zipf(1.3, lengths.sum()) % 50_000], np.cumsum(lengths)[:-1])
            ]
            sides.append(text)
        bitext = Bitext.build(
            *sides, langs=("deu_Latn", "eng_Latn"), ids=[f"d{k // 100}/{k % 100}" for k in range(start, start + size)],
            columns={"doc": [f"d{k // 100}" for k in range(start, start + size)], "score.align": pa.array(random.random(size), pa.float32())},
        )  # fmt: skip
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        diagonal = np.concatenate([np.arange(k) for k in lengths])
        links = Links(offsets, diagonal, diagonal, random.uniform(0.2, 1, len(diagonal)).astype(np.float32))
        if pairs_file is None:
            pairs_file = pq.ParquetWriter(step / "bitext.parquet", bitext.table.schema, compression="zstd")
            links_file = pq.ParquetWriter(step / "links.parquet", links.to_table().schema, compression="zstd")
        pairs_file.write_table(bitext.table)
        links_file.write_table(links.to_table())
    pairs_file.close()
    links_file.close()
    entries = min(n, 500_000)
    both = {side: words[random.integers(0, 50_000, entries)] for side in ("src", "tgt")}
    shares = {name: random.random(entries) for name in ("p_tgt_given_src", "p_src_given_tgt", "significance")}
    lexicon = folder / "work" / "lexicon" / f"{unit}-0"
    lexicon.mkdir(parents=True)
    pq.write_table(
        pa.table({**both, "count": random.zipf(1.3, entries) % 10_000, **shares}), lexicon / "lexicon.parquet"
    )
    made = [("links", "words.align/hmm", "links"), ("lexicon", "words.lexicon/relative-frequency", "lexicon")]
    steps = [
        {"step": step, "unit": unit, "method": method, "gives": gives, "folder": f"work/{step}/{unit}-0"}
        for step, method, gives in made
    ]
    (folder / "run.json").write_text(json.dumps({"pairs": [unit], "steps": steps}))
    (folder / "events.jsonl").write_text("")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = made_up(given.pairs, Path(folder) / "run")
        size = sum(p.stat().st_size for p in run.rglob("*.parquet")) / 1e6
        from polyalign.view.source import Opened

        start, cpu = time.perf_counter(), time.process_time()
        opened = Opened.at(run)
        source = opened.source(opened.units()[0])
        tables = sum(p.stat().st_size for p in source.folder.iterdir()) / 1e6
        print(f"{given.pairs:,} pairs, {size:,.0f} MB of Parquet: tables made once in {time.perf_counter() - start:.1f} s "
              f"({time.process_time() - cpu:.1f} s CPU), {tables:,.0f} MB on disk")  # fmt: skip
        start, cpu = time.perf_counter(), time.process_time()
        texts = ((batch["src"].to_pylist(), batch["tgt"].to_pylist()) for batch in source.table)
        index = Index.build(source.folder / "index.sqlite", texts, total=given.pairs)
        print(f"index made once in {time.perf_counter() - start:.1f} s ({time.process_time() - cpu:.1f} s CPU), "
              f"{index.path.stat().st_size / 1e6:,.0f} MB on disk")  # fmt: skip
        for phrase in SEARCHED.values():
            print(f"{phrase}: {index.find(phrase, side='src')[0]:,} pairs")
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(run), json.dumps(ASKED), json.dumps(SEARCHED)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stderr)
        told = json.loads(done.stdout.splitlines()[-1])
        print(
            f"imports {told['imports']:.2f} s ({told['imports_cpu']:.2f} CPU), opened in {told['open']:.2f} s ({told['open_cpu']:.2f} CPU)"
        )
        print(f"memory: {told['own']:.0f} MB its own, {told['mapped']:.0f} MB mapped from files")
        print(f"{'asked for':<28}{'first':>10}{'again':>10}{'CPU':>10}")
        for name, times in told["asked"].items():
            print(f"{name:<28}" + "".join(f"{t * 1000:>7.0f} ms" for t in times))


if __name__ == "__main__":
    main()
