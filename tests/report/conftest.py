"""Run folders made by hand from core types, so that these tests need no other level."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.document import SENTENCES
from polyalign.core.links import Links

GERMAN = [
    "Die Regierung hat am Montag das neue Schulgesetz verabschiedet .",
    "Der Kanton unterstützt den Bau der Brücke über den Rhein .",
    "Im Winter bleibt die Strasse über den Pass geschlossen .",
    "Die Bibliothek öffnet im Herbst eine Stunde früher .",
    "Alle Kinder lernen in der Schule zwei Sprachen .",
    "Der Grosse Rat behandelt das Geschäft in der Junisession .",
    "Die Arbeiten beginnen im Frühling und dauern bis im Oktober .",
    "Das Museum zeigt alte Karten aus den Bündner Tälern .",
]
OTHER = {
    "roh_Latn": [
        "La regenza ha deliberà glindesdi la nova lescha da scola .",
        "Il chantun sustegna la construcziun da la punt sur il Rain .",
        "D' enviern resta la via sur il pass serrada .",
        "La biblioteca avra d' atun in' ura pli baud .",
        "Tut ils uffants emprendan duas linguas en scola .",
        "Il Cussegl grond tracta la fatschenta en la sessiun da zercladur .",
        "Las lavurs cumenzan la primavaira e cuzzan fin l' october .",
        "Il museum mussa cartas veglias da las vals grischunas .",
    ],
    "cmn_Hans": [
        "政府 星期一 通过 了 新 的 学校 法 。",
        "州 政府 支持 修建 莱茵河 上 的 桥 。",
        "冬天 山口 的 公路 一直 关闭 。",
        "图书馆 秋天 提前 一 个 小时 开门 。",
        "所有 孩子 在 学校 学习 两 种 语言 。",
        "大 议会 在 六月 的 会议 上 讨论 此 事 。",
        "工程 春天 开始 ， 一直 持续 到 十月 。",
        "博物馆 展出 格劳宾登 山谷 的 旧 地图 。",
    ],
    "arb_Arab": [
        "اعتمدت الحكومة يوم الاثنين قانون المدارس الجديد .",
        "يدعم الكانتون بناء الجسر فوق نهر الراين .",
        "في الشتاء يبقى الطريق عبر الممر مغلقا .",
        "تفتح المكتبة في الخريف قبل ساعة من الموعد .",
        "يتعلم جميع الأطفال في المدرسة لغتين .",
        "يناقش المجلس الكبير المسألة في دورة يونيو .",
        "تبدأ الأعمال في الربيع وتستمر حتى أكتوبر .",
        "يعرض المتحف خرائط قديمة من وديان غراوبوندن .",
    ],
}
REASONS = ["one side empty", "score below -1.2", "length ratio 3.4 over 3", "identical sides"]


class Maker:
    """Writes a run folder step by step, as the pipeline does."""

    def __init__(
        self, folder: Path, languages: tuple[str, ...], pairs: tuple[str, ...], name: str = "Valleys & <Rivers>"
    ):
        self.folder, self.languages, self.pairs, self.name = folder, languages, pairs, name
        self.steps: list[dict] = []
        self.scores: list[dict] = []
        self.events: list[dict] = [{"event": "run", "project": name}]
        folder.mkdir(parents=True, exist_ok=True)

    def step(
        self,
        step,
        unit,
        method,
        gives,
        counts,
        *,
        tables=None,
        seconds=1.0,
        peak=120.0,
        params=None,
        papers=(),
        state="fresh",
    ):
        folder = self.folder / "work" / step / f"{unit}-0123456789ab"
        folder.mkdir(parents=True)
        for name, table in (tables or {}).items():
            pq.write_table(table, folder / f"{name}.parquet", row_group_size=64)
        self.steps.append(
            {"step": step, "unit": unit, "method": method, "papers": list(papers), "gives": gives, "params": params or {},
             "folder": folder.relative_to(self.folder).as_posix(), "counts": counts}
        )  # fmt: skip
        if state == "stored":
            self.events.insert(
                0, {"event": "finished", "step": step, "unit": unit, "seconds": seconds, "peak_mb": peak}
            )
            self.events.append({"event": "stored", "step": step, "unit": unit})
        else:
            self.events.append({"event": "finished", "step": step, "unit": unit, "seconds": seconds, "peak_mb": peak})

    def publish(self, unit: str, table: pa.Table) -> None:
        (self.folder / "bitext").mkdir(exist_ok=True)
        pq.write_table(table, self.folder / "bitext" / f"{unit}.parquet", row_group_size=64)

    def write(self) -> Path:
        summary = {
            "name": self.name,
            "file": "project.toml",
            "version": "0.1.0",
            "languages": list(self.languages),
            "pairs": list(self.pairs),
            "seed": 7,
            "steps": self.steps,
        }
        (self.folder / "run.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
        (self.folder / "scores.json").write_text(json.dumps(self.scores), encoding="utf-8")
        lines = [json.dumps(e, ensure_ascii=False) for e in self.events]
        (self.folder / "events.jsonl").write_text(
            "\n".join(['{"event": "fin', *lines, '{"event": "done"}']) + "\n", encoding="utf-8"
        )
        return self.folder


def aligned(pair: str, docs: int = 12) -> tuple[pa.Table, pa.Table, dict[str, int]]:
    """A bitext as the sentence aligner leaves it, its sentences, and its bead types."""
    rng = np.random.default_rng(sum(map(ord, pair)))
    tag = pair.split("-")[1]
    glue = "" if tag == "cmn_Hans" else " "
    columns: dict[str, list] = {
        n: [] for n in ("id", "doc", "src", "tgt", "score.align", "src_start", "src_end", "tgt_start", "tgt_end")
    }
    sentences: dict[str, list] = {n: [] for n in SENTENCES.names}
    types: dict[str, int] = {}
    for d in range(docs):
        at, texts = [0, 0], ([], [])
        for k in range(18):
            a, b = ((1, 1), (1, 2), (2, 1), (1, 0), (0, 1), (2, 2))[
                rng.choice(6, p=[0.78, 0.08, 0.06, 0.04, 0.03, 0.01])
            ]
            first = int(rng.integers(0, 7))
            sides = ([GERMAN[(first + i) % 8] for i in range(a)], [OTHER[tag][(first + i) % 8] for i in range(b)])
            types[f"{a}-{b}"] = types.get(f"{a}-{b}", 0) + 1
            columns["id"].append(f"doc{d:02d}/{k}")
            columns["doc"].append(f"doc{d:02d}")
            columns["src"].append(" ".join(sides[0]))
            columns["tgt"].append(glue.join(sides[1]))
            columns["score.align"].append(float(-rng.gamma(2.0, 0.3)))
            for s, name in enumerate(("src", "tgt")):
                columns[f"{name}_start"].append(at[s])
                at[s] += len(sides[s])
                columns[f"{name}_end"].append(at[s])
                texts[s].extend(sides[s])
        for s, lang in enumerate(pair.split("-")):
            for i, sentence in enumerate(texts[s]):
                for name, value in zip(SENTENCES.names, (f"doc{d:02d}", lang, 0, i, i + 1, sentence), strict=True):
                    sentences[name].append(value)
    typed = {"doc": pa.array(columns["doc"]), "score.align": pa.array(columns["score.align"], pa.float32())}
    typed |= {n: pa.array(columns[n], pa.int32()) for n in columns if n.endswith(("_start", "_end"))}
    bitext = Bitext.build(
        columns["src"], columns["tgt"], langs=tuple(pair.split("-")), ids=columns["id"], columns=typed
    )
    return bitext.table, pa.table(sentences, schema=SENTENCES), dict(sorted(types.items(), key=lambda kv: -kv[1]))


def linked(bitext: Bitext, seed: int) -> Links:
    """Links near the diagonal, with probabilities."""
    rng = np.random.default_rng(seed)
    pairs = []
    for src, tgt in zip(bitext.tokens("src"), bitext.tokens("tgt"), strict=True):
        m, n = len(src), len(tgt)
        found = {
            (i, min(n - 1, max(0, round(i * n / max(1, m)) + int(rng.choice(3, p=[0.1, 0.8, 0.1])) - 1)))
            for i in range(m)
            if n and rng.random() < 0.85
        }
        pairs.append(found)
    links = Links.from_pairs(pairs)
    return Links(links.offsets, links.src, links.tgt, rng.uniform(0.2, 1, len(links.src)).astype(np.float32))


def lexicon(bitext: Bitext) -> pa.Table:
    """Word pairs with counts, some without a letter."""
    rng = np.random.default_rng(3)
    src = sorted({w for s in bitext.tokens("src") for w in s})
    tgt = sorted({w for s in bitext.tokens("tgt") for w in s})
    pairs = [(s, t) for s in src for t in rng.choice(tgt, 4, replace=False)]
    n = len(pairs)
    return pa.table(
        {
            "src": [s for s, _ in pairs],
            "tgt": [str(t) for _, t in pairs],
            "count": pa.array(rng.integers(1, 90, n), pa.int64()),
            "p_tgt_given_src": pa.array(rng.uniform(0, 1, n), pa.float32()),
            "p_src_given_tgt": pa.array(rng.uniform(0, 1, n), pa.float32()),
            "significance": pa.array(rng.exponential(20, n), pa.float32()),
        }
    )


def make_run(folder: Path, *, docs: int = 12) -> Path:
    """A whole run: three pairs, Latin, Chinese and Arabic script, gold for the first."""
    pairs = ("deu_Latn-roh_Latn", "deu_Latn-cmn_Hans", "deu_Latn-arb_Arab")
    run = Maker(folder, ("deu_Latn", "roh_Latn", "cmn_Hans", "arb_Arab"), pairs)
    made = {pair: aligned(pair, docs) for pair in pairs}
    sentences = pa.concat_tables([m[1] for m in made.values()])
    languages = {"German": docs, "Romansh": docs, "Chinese": docs, "Arabic": docs}
    run.step(
        "documents",
        "all",
        "corpus.documents/folder",
        "documents",
        {"out": 4 * docs, "by_language": languages},
        seconds=0.2,
        params={"path": "texts"},
        state="stored",
    )
    run.step(
        "sentences",
        "all",
        "text.split/sentencex",
        "sentences",
        {"in": 4 * docs, "out": sentences.num_rows},
        tables={"sentences": sentences},
        seconds=3.1,
    )
    run.events.append({"event": "note", "message": "doc03: 2 paragraphs <b>without</b> an end mark"})
    for number, pair in enumerate(pairs):
        table, _, types = made[pair]
        run.step(
            "beads",
            pair,
            "sentences.align/lexical",
            "bitext",
            {"in": docs, "out": table.num_rows, "without_partner": 1, "beads": types},
            tables={"bitext": table},
            seconds=12.5 * (number + 1),
            peak=310.0,
            params={"passes": 3, "dictionary": "none.txt"},
            papers=("gale1993program",),
        )
        score, size = (
            table["score.align"].to_numpy(),
            (table["src_end"].to_numpy() - table["src_start"].to_numpy())
            * (table["tgt_end"].to_numpy() - table["tgt_start"].to_numpy()),
        )
        keep = (score > -1.2) & (size > 0)
        bitext = Bitext(table).select(keep)
        gone = {REASONS[0]: int((size == 0).sum()), REASONS[1]: int(((score <= -1.2) & (size > 0)).sum())}
        run.step(
            "kept",
            pair,
            "corpus.select/threshold",
            "bitext",
            {"in": table.num_rows, "out": len(bitext), "dropped": gone},
            tables={"bitext": bitext.table},
            seconds=0.4,
        )
        bitext = bitext.split_on_whitespace()
        run.step(
            "tokens",
            pair,
            "text.tokenize/words",
            "bitext",
            {"in": len(bitext), "out": len(bitext), "src_tokens": 9000, "tgt_tokens": 9100},
            tables={"bitext": bitext.table},
            seconds=2.2,
        )
        run.publish(pair, bitext.table)
        corpus = len(bitext)
        if number == 0:
            gold = Bitext.build(
                GERMAN, OTHER["roh_Latn"], langs=bitext.langs, ids=[f"gold/{i}" for i in range(8)]
            ).split_on_whitespace()
            truth = linked(gold, 5).to_pharaoh()
            truth = [line.replace("-", "p", 1) for line in truth]
            gold = gold.with_column("links", pa.array(truth, pa.string()))
            run.step("gold", pair, "corpus.bitext/moses", "bitext", {"out": 8}, tables={"bitext": gold.table})
            bitext = Bitext.concat([bitext, gold])
        links = linked(bitext, number)
        run.step(
            "links",
            pair,
            "words.align/hmm",
            "links",
            {"in": len(bitext), "out": len(bitext), "corpus": corpus, "links": len(links.src)},
            tables={"bitext": bitext.table, "links": links.to_table()},
            seconds=41.0,
            peak=1480.0,
            params={"iterations": 4, "symmetrize": "grow-diag-final-and"},
            papers=("vogel1996hmm", "och2003systematic"),
        )
        entries = lexicon(bitext)
        run.step(
            "lexicon",
            pair,
            "words.lexicon/relative-frequency",
            "lexicon",
            {"in": len(bitext), "out": entries.num_rows},
            tables={"lexicon": entries},
            seconds=1.5,
        )
    run.step("aer", pairs[0], "evaluate/aer", "score", {"in": 8, "value": 0.1874}, seconds=0.1)
    run.step("f1", pairs[0], "evaluate/sentences", "score", {"in": 12, "value": 0.8213}, seconds=0.1)
    run.scores += [
        {"step": "aer", "pair": pairs[0], "name": "aer", "value": 0.1874, "ci": [0.1641, 0.2112], "n": 300, "signature": "metric:aer|samples:1000|seed:1|version:0.1.0", "parts": {"precision": 0.8412, "recall": 0.7866, "f1": 0.8130, "links": 4100.0, "sure": 4322.0}},
        {"step": "f1", "pair": pairs[0], "name": "strict_f1", "value": 0.8213, "ci": [0.7801, 0.8622], "n": 215, "signature": "metric:sentences|version:0.1.0", "parts": {"strict_precision": 0.81, "strict_recall": 0.8329, "strict_f1": 0.8213, "lax_precision": 0.97, "lax_recall": 0.961, "lax_f1": 0.9655, "beads": 221.0}},
    ]  # fmt: skip
    order = list(dict.fromkeys(s["step"] for s in run.steps))
    run.steps.sort(key=lambda s: order.index(s["step"]))
    return run.write()


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("report") / "run")
