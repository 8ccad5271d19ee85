"""Words replaced by their translations into other languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN, normalise
from polyalign.corpus.augment.draws import Draws, check_copies, check_rates
from polyalign.corpus.augment.lexicon import Choice, Lexicon, lexicon_path, pick, read_lexicon
from polyalign.corpus.augment.rows import Edit, Row, Run, Text, augment
from polyalign.corpus.augment.words import Span, cased_like

Found = tuple[Span, tuple[tuple[str, float], ...]]


@dataclass(frozen=True, slots=True)
class CodeSwitch:
    r"""Mix languages within a text: words replaced by their translations into one or several languages.

    Of the texts a share `sentence_rate` is switched, of the words in them that a lexicon knows a share `word_rate`. Each is
    replaced by one of its translations into a language drawn from `into`: for every word by itself, for each run of
    words, or for the whole text. Case and all that is no word are kept; entries of several words are replaced
    as one, the longest first.

    **Differs:** CoSDA-ML also draws sentences, words, languages and translations in turn, each word by itself
    (``level = "word"``, ``choice = "uniform"``); it does so anew while a
    model trains, here once for each of `copies`.
    With ``level = "phrase"`` a run begins at a known word with the probability that makes the expected share `word_rate`, and
    ends after `max_run` known words at most.

    Args:
        lexicon: Files of ``word<TAB>translation``, a third column of probabilities or none, or what `words.lexicon` wrote;
            ``{src}`` stands for the text's language and ``{tgt}`` for the one switched to.
        into: The languages switched to; a text's own is passed over.
        side: Which side of a bitext is switched; documents have one.
        sentence_rate: Probability that a text is switched.
        word_rate: Probability that a known word of such a text is.
        level: What has one language: each "word", each "phrase", or the "sentence", the whole text.
        max_run: Most known words in a run, drawn from 1 up to it, with ``level = "phrase"``.
        choice: Which of several translations: "uniform", "sample" by probability, "best", or only "unambiguous" words.
        min_probability: Less probable translations are left out.
        copies: Variants made of each row, at most; one that equals another is left out.
        seed: Of the random choices.

    Raises:
        ValueError: No language, one that is none, or a parameter out of range.

    Complexity: O(words times languages) a row, and the lexica in memory.

    References: qin2020cosda

    Example:
        >>> import pathlib, tempfile
        >>> from polyalign.core.bitext import Bitext
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "en-de.tsv").write_text("house\tHaus\nold\talt\n", encoding="utf-8")
        >>> pairs = Bitext.build(["An OLD house."], ["Une vieille maison."], langs=("eng_Latn", "fra_Latn"))
        >>> method = CodeSwitch(lexicon=str(folder / "{src}-{tgt}.tsv"), into=("de",), word_rate=1.0)
        >>> method.build(pairs).src
        ['An ALT Haus.']
    """

    lexicon: PathText
    into: tuple[str, ...]
    side: Literal["src", "tgt", "both"] = "src"
    sentence_rate: float = 1.0
    word_rate: float = 0.3
    level: Literal["word", "phrase", "sentence"] = "word"
    max_run: int = 4
    choice: Choice = "uniform"
    min_probability: float = 0.0
    copies: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.into:
            raise ValueError("into names no language; name those to switch to")
        check_rates(sentence_rate=self.sentence_rate, word_rate=self.word_rate, min_probability=self.min_probability)
        check_copies(self.copies)
        if self.max_run < 1:
            raise ValueError(f"max_run must be 1 or more, found {self.max_run}")

    def inputs(self, langs: Sequence[str]) -> list[Path]:
        """The lexica that `build` would read for texts of those languages.

        Raises:
            DataError: One is missing.
        """
        own = {"src": langs[:1], "tgt": langs[1:2], "both": langs[:2]}[self.side]
        return [lexicon_path(self.lexicon, lang, to) for lang in own for to in self._into(lang)]

    def _into(self, lang: str) -> list[str]:
        return [tag for tag in dict.fromkeys(normalise(t) for t in self.into) if tag != lang]

    def build(self, run: Run) -> Run:
        """New rows of a bitext or of documents.

        Raises:
            DataError: A lexicon is missing or cannot be read, or a text's language is unknown.
        """
        read: dict[tuple[str, str], Lexicon] = {}

        def lexica(lang: str) -> dict[str, Lexicon]:
            if lang == UNKNOWN:
                raise DataError(
                    "corpus.augment/code-switch: found a text of unknown language, expected one for which there is a lexicon; name the languages"
                )
            for to in self._into(lang):
                if (lang, to) not in read:
                    read[lang, to] = read_lexicon(
                        lexicon_path(self.lexicon, lang, to), lang,
                        min_probability=self.min_probability, unambiguous=self.choice == "unambiguous",
                    )  # fmt: skip
            return {to: read[lang, to] for to in self._into(lang)}

        def edits(row: Row, draws: Draws, copy: int) -> dict[int, list[Edit]]:
            wanted = {"src": (0,), "tgt": (1,), "both": (0, 1)}[self.side] if len(row.texts) == 2 else (0,)
            return {k: self._edits(row.texts[k], lexica(row.texts[k].lang), draws) for k in wanted}

        return augment(run, "code-switch", seed=self.seed, copies=self.copies, edits=edits)

    def _edits(self, text: Text, lexica: dict[str, Lexicon], draws: Draws) -> list[Edit]:
        if not lexica or not draws.happens(self.sentence_rate):
            return []
        words = text.words
        found = {to: lexicon.find(text.text, words) for to, lexicon in lexica.items()}
        if self.level == "sentence":
            to = draws.one(list(found))
            chosen = [(item, to) for item in found[to] if draws.happens(self.word_rate)]
        else:
            chosen = self._spread(found, draws)
        return [
            Edit(*at, cased_like(text.text[slice(*at)], pick(meanings, self.choice, draws), lang=to))
            for (at, meanings), to in chosen
        ]

    def _spread(self, found: dict[str, list[Found]], draws: Draws) -> list[tuple[Found, str]]:
        """From the left, entries to be switched and into what."""
        entries = {to: {at[0]: (at, meanings) for at, meanings in items} for to, items in found.items()}
        # A run of r words at a share p of them begins at a word that is in none with p / (r - p (r - 1)).
        mean = (1 + self.max_run) / 2 if self.level == "phrase" else 1.0
        begins = self.word_rate / (mean - self.word_rate * (mean - 1))
        chosen: list[tuple[Found, str]] = []
        end, left, to = 0, 0, ""
        for place in sorted({start for items in entries.values() for start in items}):
            if place < end:
                continue
            if left == 0 and draws.happens(begins):
                to = draws.one([t for t in entries if place in entries[t]])
                left = 1 + int(draws.number() * self.max_run) if self.level == "phrase" else 1
            if left and (item := entries[to].get(place)):
                chosen.append((item, to))
                end, left = item[0][1], left - 1
        return chosen
