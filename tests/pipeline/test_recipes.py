"""The recipes that come with the package, each run from end to end on a small corpus of its kind."""

from __future__ import annotations

import json
import random
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import polyalign
from polyalign.corpus.reference.tail import Tail
from polyalign.corpus.score.compression import Compression
from polyalign.corpus.score.language import Language
from polyalign.corpus.score.lengths import WordLength
from polyalign.corpus.score.letters import Noise
from polyalign.corpus.score.repetition import DuplicateNgrams, TopNgram
from polyalign.corpus.score.runs import score_runs
from polyalign.pipeline.project import read_project
from polyalign.pipeline.run import run

PACKAGE = Path(polyalign.__file__).parent
SAMPLE = PACKAGE / "sample" / "documents"


@pytest.fixture
def recipe(tmp_path):
    """Runs a recipe on what is in its folder, some of its words replaced as a user would; gives the run's folder."""

    def ran(name, **replaced):
        text = (PACKAGE / "examples" / f"{name}.toml").read_text(encoding="utf-8")
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / f"{name}.toml"
        file.write_text(text, encoding="utf-8")
        return run(read_project(file))

    return ran


def bitext(folder, pair):
    return pq.read_table(folder / "bitext" / f"{pair}.parquet").to_pylist()


def sample(lang):
    return {p.name.split(".")[0]: p.read_text(encoding="utf-8") for p in sorted(SAMPLE.glob(f"*.{lang}.txt"))}


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def clock(seconds):
    return f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{seconds % 60:06.3f}".replace(".", ",")


def srt(cues):
    return "\n".join(f"{k}\n{clock(a)} --> {clock(b)}\n{text}\n" for k, (a, b, text) in enumerate(cues, 1))


NAMES = ("Anna", "Paul", "Maria", "Otto", "Rosa")
PHRASES = (
    ("where are you going tonight?", "wohin gehst du heute Abend?"),
    ("I have been waiting here for hours.", "ich warte hier schon seit Stunden."),
    ("the door was open when we came.", "die Tür war offen, als wir kamen."),
    ("nobody told me anything about it.", "mir hat niemand etwas davon gesagt."),
    ("we should leave before it gets dark.", "wir sollten gehen, bevor es dunkel wird."),
    ("that is not what she meant.", "das hat sie nicht gemeint."),
    ("look at the light over there!", "schau mal, das Licht dort drüben!"),
    ("I will be back in the morning.", "ich bin am Morgen wieder zurück."),
)


def test_subtitles(recipe, tmp_path):
    rng, at, cues = random.Random(3), 10.0, []
    for _ in range(120):
        (en, de), name = rng.choice(PHRASES), rng.choice(NAMES)
        cues.append((at, at + rng.uniform(1, 3), f"{name},\n{en}", f"{name}, {de}"))
        at += rng.uniform(3.5, 12)
    write(tmp_path / "subtitles/film.en.srt", srt([(a, b, en) for a, b, en, _ in cues]))
    # The other version begins later, runs at another speed, and lacks ten cues; one is not translated.
    other = [(a * 25 / 24 + 21, b * 25 / 24 + 21, de) for k, (a, b, _, de) in enumerate(cues) if not 40 <= k < 50]
    other[5] = (*other[5][:2], cues[5][2])
    write(tmp_path / "subtitles/film.de.srt", srt(other))
    done = recipe("subtitles")
    rows = bitext(done, "eng_Latn-deu_Latn")
    want = {(" ".join(en.split()), de) for k, (_, _, en, de) in enumerate(cues) if not 40 <= k < 50 and k != 5}
    got = {(" ".join(row["src"].split()), row["tgt"]) for row in rows}
    assert len(got) == len(rows)
    assert len(got & want) >= 0.95 * len(want)
    assert len(got - want) <= 1
    assert rows[0]["src_mark"] == f"{clock(cues[0][0])} --> {clock(cues[0][1])}".replace(",", ".")
    assert (done / "bitext" / "eng_Latn-deu_Latn.tmx").exists()
    assert (done / "bitext" / "eng_Latn-deu_Latn.tsv").exists()


def page(text):
    title, *rest = text.strip().split("\n")
    body = "".join(f"<p>{part.strip()}</p>" for part in "\n".join(rest).split("\n\n") if part.strip())
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><nav>Home | Help</nav><article><h1>{title}</h1>{body}</article></body></html>"


def test_articles(recipe, tmp_path):
    for lang, tag in (("eng_Latn", "en"), ("spa_Latn", "es")):
        for name, text in sample(lang).items():
            write(tmp_path / f"articles/{name}.{tag}.html", page(text))
    done = recipe("articles", **{'"pt"': '"es"'})
    rows = bitext(done, "eng_Latn-spa_Latn")
    assert len(rows) > 100
    assert {row["doc"] for row in rows} == set(sample("eng_Latn"))
    tmx = (done / "bitext" / "eng_Latn-spa_Latn.tmx").read_text(encoding="utf-8")
    assert tmx.count("<tu ") == len(rows)


def test_abstracts(recipe, tmp_path):
    other = sample("eng_Latn")
    records = [
        {"id": name, "resumo": " ".join(text.split()), "abstract": " ".join(other[name].split())}
        for name, text in sample("spa_Latn").items()
    ]
    # A record with the English abstract twice gives nothing.
    records.append({"id": "twice", "resumo": records[0]["abstract"], "abstract": records[0]["abstract"]})
    write(tmp_path / "theses.jsonl", "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
    done = recipe("abstracts", **{'"pt"': '"es"', "por_Latn": "spa_Latn"})
    docs = {row["doc"] for row in bitext(done, "spa_Latn-eng_Latn")}
    assert len(docs) >= 10
    assert "twice" not in docs
    assert (done / "bitext" / "spa_Latn-eng_Latn.tmx").exists()


PO = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\nLanguage: {lang}\\n"

msgid "Open file"
msgstr "{open}"

msgid "%d files copied in %d seconds"
msgstr "{copied}"

msgid "Untranslated message"
msgstr "Untranslated message"

msgid "Page 12"
msgstr "{page}"
"""


def test_strings(recipe, tmp_path):
    german = {"open": "Datei öffnen", "copied": "%d Dateien in %d Sekunden kopiert", "page": "Seite 13"}
    french = {"open": "Ouvrir un fichier", "copied": "%d fichiers copiés en %d secondes", "page": "Page n° 12"}
    write(tmp_path / "po/de.po", PO.format(lang="de", **german))
    write(tmp_path / "po/fr.po", PO.format(lang="fr", **french))
    done = recipe("strings")
    assert [r["tgt"] for r in bitext(done, "eng_Latn-deu_Latn")] == [german["open"], german["copied"]]
    assert [r["tgt"] for r in bitext(done, "eng_Latn-fra_Latn")] == list(french.values())
    assert (done / "bitext" / "eng_Latn-fra_Latn.tsv").exists()


def test_rephrase(recipe, tmp_path):
    for lang, tag in (("eng_Latn", "en"), ("deu_Latn", "de")):
        for name, text in sample(lang).items():
            write(tmp_path / f"documents/{name}.{tag}.txt", text)
    done = recipe("rephrase")
    rows = [
        json.loads(x) for x in (done / "bitext" / "deu_Latn-eng_Latn.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(rows) >= 5
    for row in rows:
        sizes = row["src_end"] - row["src_start"], row["tgt_end"] - row["tgt_start"]
        assert sorted(sizes) == [1, 2]
        assert row["complex"] == ("src" if sizes[0] == 1 else "tgt")
    # With the other side translated (here by a bold translator), the pairs are in one language.
    given = "".join(f"{row['augmented'].split(' ', 1)[1]}\tThe same. In English.\n" for row in rows)
    write(tmp_path / "en.tsv", given)
    done = recipe(
        "rephrase", **{'"corpus.augment/split-rephrase"': '"corpus.augment/split-rephrase"\ntranslations = "en.tsv"'}
    )
    again = [
        json.loads(x) for x in (done / "bitext" / "deu_Latn-eng_Latn.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(again) == len(rows)
    assert all("The same. In English." in (row["src"], row["tgt"]) for row in again)


def test_incidental(recipe, tmp_path):
    rng = random.Random(5)

    def said():
        (en, de), (more, mehr), name = rng.choice(PHRASES), rng.choice(PHRASES), rng.choice(NAMES)
        return f"{name}, {de[:-1]}, und {mehr}", f"{name}, {en[:-1]}, and {more}"

    planted = set()
    for k in range(40):
        pairs = [said() for _ in range(5)]
        planted |= set(pairs)
        mixed = ("\n".join(f"{d} / {e}" for d, e in pairs), "\n\n".join(f"{d}\n\n{e}" for d, e in pairs))[k % 2]
        text = "\n\n".join(
            [" ".join(said()[0] for _ in range(6)), "* * *", mixed, "* * *", " ".join(said()[1] for _ in range(3))]
        )
        write(tmp_path / f"texts/{k}.de.txt", text)
    done = recipe("incidental")
    got = {(row["src"], row["tgt"]) for row in bitext(done, "deu_Latn-eng_Latn")}
    assert len(got & planted) / len(got) > 0.95
    assert len(got & planted) / len(planted) > 0.9


def test_augment(recipe, tmp_path):
    pairs = [(f"The old house {k} stands here.", f"Das alte Haus {k} steht hier.") for k in range(30)]
    write(tmp_path / "bitext.en-de.tsv", "".join(f"{a}\t{b}\n" for a, b in pairs))
    write(tmp_path / "lexica/en-fr.tsv", "house\tmaison\nold\tvieux\n")
    write(tmp_path / "lexica/en-de.tsv", "house\tHaus\nhere\thier\n")
    stems = ("stand", "walk", "house", "play", "talk", "jump")
    write(tmp_path / "words.en.txt", "".join(f"{s}\n{s}s\n" for s in stems))
    done = recipe("augment")
    rows = bitext(done, "eng_Latn-deu_Latn")
    kinds = [row["augmented"] and row["augmented"].split(" ")[0] for row in rows]
    assert kinds[:30] == [None] * 30
    assert kinds.count("corpus.augment/code-switch") > 15
    assert kinds.count("corpus.augment/morphology") > 3
    by_id = {row["id"]: row for row in rows}
    for row in rows[30:]:
        origin = by_id[row["augmented"].split(" ", 1)[1]]
        assert row["tgt"] == origin["tgt"]
        assert row["src"] != origin["src"]


def test_texts(recipe, tmp_path):
    langs = {"de": "deu_Latn", "it": "ita_Latn", "rm": "roh_Latn"}
    rng = random.Random(5)
    words = {
        "de": "die Regierung hat heute neue Straßen und Brücken für den ganzen Kanton bewilligt weil viele Leute täglich dort fahren".split(),
        "it": "il governo ha approvato oggi nuove strade e ponti per tutto il cantone perché molte persone passano ogni giorno di qui".split(),
        "rm": "la regenza ha approvà oz novas vias e novs punts per l'entir chantun perquai che bleras persunas passan mintga di qua".split(),
    }
    texts = {lang: [" ".join(rng.choices(words[lang], k=60)) + "." for _ in range(60)] for lang in langs}
    for lang, tag in langs.items():
        good = pa.table({"doc": [str(k) for k in range(40)], "lang": [tag] * 40, "text": texts[lang][:40]})
        methods = {
            "language": Language(),
            "top_ngram": TopNgram(),
            "duplicate_ngrams": DuplicateNgrams(),
            "word_length": WordLength(),
            "noise": Noise(),
            "compression": Compression(),
        }
        (tmp_path / "thresholds").mkdir(exist_ok=True)
        Tail(share=0.0).learn(list(score_runs([good], methods))).save(tmp_path / f"thresholds/{tag}.toml")
        for k, text in enumerate(texts[lang][40:]):
            write(tmp_path / f"texts/{lang}/{k}.txt", text)
        write(tmp_path / f"texts/{lang}/again.txt", texts[lang][40])
        write(tmp_path / f"texts/{lang}/repeats.txt", "buy now " * 100)
        write(tmp_path / f"texts/{lang}/broken.txt", texts[lang][41].replace("a", "Ã¤"))
    done = recipe("texts")
    rows = [json.loads(line) for line in (done / "documents/documents.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = {(row["lang"], row["source"].rsplit("/")[-1]) for row in rows}
    assert not {name for _, name in kept} & {"repeats.txt", "broken.txt"}
    for tag in langs.values():
        assert ((tag, "0.txt") in kept) != ((tag, "again.txt") in kept)
        assert sum(lang == tag for lang, _ in kept) >= 15


LINKED = """
[project]
languages = ["en", "de"]

[[step]]
id = "pairs"
use = "corpus.bitext/tsv"
path = "bitext.tsv"

[[step]]
id = "tokens"
use = "text.tokenize/words"

[[step]]
id = "links"
use = "words.align/ibm1"

[[step]]
id = "replaced"
use = "corpus.augment/dictionary"
in = "links"
src = "synonyms.tsv"
bilingual = "en-de.tsv"
rate = 1.0
"""


def test_words_that_are_linked_are_replaced_together(tmp_path):
    things, homes = (("house", "Haus"), ("tree", "Baum"), ("ship", "Schiff")), (("here", "hier"), ("there", "dort"))
    pairs = [(f"the {a} is {c}", f"das {b} ist {d}") for a, b in things for c, d in homes] * 4
    write(tmp_path / "bitext.tsv", "".join(f"{a}\t{b}\n" for a, b in pairs))
    write(tmp_path / "synonyms.tsv", "ship\tboat\n")
    write(tmp_path / "en-de.tsv", "boat\tBoot\n")  # not what a ship is: that, the links say
    write(tmp_path / "p.toml", LINKED)
    rows = bitext(run(read_project(tmp_path / "p.toml")), "eng_Latn-deu_Latn")
    assert {(r["src"], r["tgt"]) for r in rows} == {(f"the boat is {c}", f"das Boot ist {d}") for c, d in homes}
    assert all(r["augmented"].startswith("corpus.augment/dictionary ") for r in rows)


def test_documents_are_augmented_too(tmp_path):
    write(tmp_path / "texts/a.en.txt", "The house.\n")
    write(tmp_path / "texts/a.de.txt", "Das Haus.\n")
    write(tmp_path / "en-fr.tsv", "house\tmaison\n")
    write(tmp_path / "de-fr.tsv", "haus\tmaison\n")
    step = '[project]\nlanguages = ["en", "de"]\n[[step]]\nid = "documents"\nuse = "corpus.documents/folder"\npath = "texts"\n'
    step += '[[step]]\nid = "mixed"\nuse = "corpus.augment/code-switch"\nlexicon = "{src}-{tgt}.tsv"\ninto = ["fr"]\nword_rate = 1.0\n'
    step += '[[step]]\nid = "sentences"\nuse = "text.split/lines"\n[[step]]\nid = "beads"\nuse = "sentences.align/gale-church"\n'
    write(tmp_path / "p.toml", step)
    rows = bitext(run(read_project(tmp_path / "p.toml")), "eng_Latn-deu_Latn")
    assert [(r["doc"], r["src"], r["tgt"]) for r in rows] == [("a~code-switch.1.0", "The maison.", "Das Maison.")]


def test_every_recipe_is_run_here_or_elsewhere():
    here = {name[5:] for name in globals() if name.startswith("test_")}
    elsewhere = {"documents", "bitext", "dermit"}  # by hand, and in the tests of the pipeline
    recipes = {p.stem for p in (PACKAGE / "examples").glob("*.toml")}
    assert recipes <= here | elsewhere
    for path in (PACKAGE / "examples").glob("*.toml"):
        tomllib.loads(path.read_text(encoding="utf-8"))
