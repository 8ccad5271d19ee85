"""How many bytes languages take in UTF-8 and by morphemes, and what else brings scripts together.

    python benchmarks/scripts.py [--data FOLDER] [--seeds 1 2 3] [--models FOLDER...]

MYTE is learnt on NTREX, 1,997 sentences of each language, and measured on PUD, 1,000 that translate each other. Where
words come from is judged among Latin-script languages of Tatoeba, words held out. Romanised text is measured by how many tokens
SmolLM2's and Gemma's tokenizers make of it, if their folders are given.
"""

from __future__ import annotations

import argparse
import random
import time
import unicodedata
from pathlib import Path

import regex

from polyalign.models.vocabulary.script.characters import Characters
from polyalign.models.vocabulary.script.myte import Myte
from polyalign.models.vocabulary.script.origins import Origins
from polyalign.models.vocabulary.script.romanise import Romanise, _edges

LANGS = {
    "eng_Latn": ("src.eng", "en"), "deu_Latn": ("ref.deu", "de"), "tur_Latn": ("ref.tur", "tr"), "arb_Arab": ("ref.arb", "ar"),
    "hin_Deva": ("ref.hin", "hi"), "cmn_Hans": ("ref.zho-CN", "zh"),
}  # fmt: skip


def lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text(encoding="utf-8-sig").splitlines()


def myte(data: Path, seeds: list[int]) -> None:
    """Bytes in UTF-8 and by morphemes, and what a language takes against English."""
    train = {lang: lines(data / f"ps-ntrex/newstest2019-{name}.txt") for lang, (name, _) in LANGS.items()}
    test = {lang: lines(data / f"ps-pud/{name}.txt") for lang, (_, name) in LANGS.items()}
    utf8 = {lang: sum(len(x.encode()) for x in some) for lang, some in test.items()}
    for weight in ("types", "log", "tokens"):
        for seed in seeds:
            start = time.process_time()
            code = Myte(weight=weight, seed=seed).fit(train)  # type: ignore[arg-type]
            took = time.process_time() - start
            sizes = {lang: sum(len(code.encode(x)) for x in some) for lang, some in test.items()}
            kept = all(code.decode(code.encode(x)) == x for some in test.values() for x in some)
            tokenizer = code.tokenizer()
            ids = {
                lang: [tokenizer(x, add_special_tokens=False)["input_ids"] for x in some[:200]]
                for lang, some in test.items()
            }
            alike = all(
                bytes(k - 3 for k in i) == code.encode(x) and tokenizer.decode(i) == x
                for lang, some in test.items()
                for i, x in zip(ids[lang], some[:200], strict=True)
            )
            print(
                f"\nweight {weight}, seed {seed}: {len(code.codes):,} morphemes, {took:.0f} CPU s, lossless {kept}, MyT5Tokenizer alike {alike}"
            )
            print("| | UTF-8 | MYTE | | to English, UTF-8 | to English, MYTE |\n|---|---|---|---|---|---|")
            for lang in LANGS:
                a, b, e = utf8[lang], sizes[lang], "eng_Latn"
                print(f"| {lang} | {a:,} | {b:,} | {b / a:.2f} | {a / utf8[e]:.2f} | {b / sizes[e]:.2f} |")


def origins(data: Path, seeds: list[int]) -> None:
    """Words of five languages told apart by their letters, a fifth of them held out."""
    names = ("deu", "swh", "tur", "fin", "eus")
    words: dict[str, str] = {}
    for name in names:
        for line in lines(data / f"ps-tatoeba/tatoeba.{name}-eng.{name}"):
            for word in regex.findall(r"\p{L}{2,}", line.lower()):
                words.setdefault(word, name)
    for seed in seeds:
        order = sorted(words)
        random.Random(seed).shuffle(order)
        held = order[: len(order) // 5]
        model = Origins.of({w: words[w] for w in order[len(held) :]})
        right = sum(model(w) == words[w] for w in held)
        print(f"origins, seed {seed}: {right / len(held):.3f} of {len(held):,} words right, of {len(names)} languages")


def tokens(data: Path, models: list[str]) -> None:
    """Tokens of text as it is and romanised."""
    from transformers import AutoTokenizer

    # uroman takes seconds to load.
    Romanise()("мир")
    print("| | | tokens | romanised | | thousand characters a CPU second |\n|---|---|---|---|---|---|")
    for name in models:
        _edges.cache_clear()
        tokenizer = AutoTokenizer.from_pretrained(name)
        for lang in ("hin_Deva", "arb_Arab"):
            some = lines(data / f"ps-pud/{LANGS[lang][1]}.txt")[:300]
            start = time.process_time()
            roman = [Romanise(lang=lang)(x) for x in some]
            took = time.process_time() - start
            a, b = (sum(len(tokenizer(x, add_special_tokens=False)["input_ids"]) for x in t) for t in (some, roman))
            print(
                f"| {Path(name).name} | {lang} | {a:,} | {b:,} | {b / a:.2f} | {sum(map(len, some)) / took / 1000:.0f} |"
            )


def characters(data: Path) -> None:
    """Lines that come back the same from another script."""
    hindi = [unicodedata.normalize("NFC", x) for x in lines(data / "ps-pud/hi.txt")]
    for into in ("Beng", "Telu", "Taml"):
        same = sum(Characters(into).lossless(x, "Deva") for x in hindi)  # type: ignore[arg-type]
        print(f"characters: Hindi in {into} and back: {same:,} of {len(hindi):,} lines the same")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--models", nargs="*", default=[])
    given = parser.parse_args()
    origins(given.data, given.seeds)
    characters(given.data)
    if given.models:
        tokens(given.data, given.models)
    myte(given.data, given.seeds)


if __name__ == "__main__":
    main()
