"""Words replaced by other inflected forms, from a table of paradigms or by suffix rules learnt from words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from polyalign.core.errors import DataError
from polyalign.core.files import PathText, read_lines
from polyalign.corpus.augment.draws import Draws, check_copies, check_rates
from polyalign.corpus.augment.rows import Edit, Row, Run, augment
from polyalign.corpus.augment.words import cased_like, lower

#: A stem with more endings than this is the beginning of many words, and none of them.
_MOST_ENDINGS = 40
#: Letters of the stem that a rule may look at, and how many times a rule must have been seen.
_CONTEXT, _SUPPORT = 2, 5


@dataclass(frozen=True, slots=True, eq=False)
class Paradigms:
    """Inflected forms that are known, and rules for words that are not.

    Args:
        forms: The other forms of a word, in lower case, as they are written.
        rules: For an ending (of the word and up to two letters before it) the endings that may take its place, with the
            share of words for which that was right.
        words: All words known.
        min_stem: Letters a word keeps at least.
    """

    forms: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, tuple[tuple[str, float], ...]]
    words: frozenset[str]
    min_stem: int

    def variants(self, word: str, *, confidence: float, attested: bool) -> list[str]:
        """The other forms of a word.

        Args:
            word: In lower case.
            confidence: Least share of words for which a rule was right, if a rule is asked.
            attested: Whether a rule may only make words that are known.

        Returns:
            The forms that are known of it; if there are none, what the rules of its longest ending make of it, or, if they
            may only make known words, those of the longest ending that make one.
        """
        if word in self.forms:
            return list(self.forms[word])
        if len(word) < self.min_stem:
            return []
        for length in range(len(word), -1, -1):
            if not (rules := self.rules.get(word[len(word) - length :])):
                continue
            made = [word[: len(word) - length] + new for new, share in rules if share >= confidence]
            kept = [w for w in made if w.startswith(word[: self.min_stem]) and (not attested or w in self.words)]
            if kept or (made and not attested):
                return kept
        return []


@dataclass(frozen=True, slots=True)
class Morphology:
    r"""Replace words by other inflected forms of theirs, known from a table or made by learnt suffix rules.

    From a table of paradigms (UniMorph: lemma, form, features) a known word gets any other form of its lemma. For others,
    rules ``x -> y`` are learnt from every pair of a lemma and a form with a common beginning of `min_stem` letters or more: x and y
    are what follows it, with 0, 1 and 2 letters of it before. A rule's confidence is the share of words ending in x for which it was
    right; the longest ending for which there are rules decides.

    From a mere word list, the pairs are all words that share a beginning and end in `max_suffix` letters or fewer after
    it, and a rule's confidence is the share of words in x that have a partner in y: this finds inflection and
    derivation alike, and only where endings differ (no ``man``, ``men``).

    The other side of a bitext stays as it is, so number or case may no longer agree with it: made for robust encoders and
    for word forms that a corpus lacks, not for exact translation.

    Args:
        forms: The file: ``lemma<TAB>form<TAB>features``; or one word a line, further columns are not read; or a lexicon with
            the heading `words.lexicon` writes, of which the column of `side` is read.
        side: Which side of a bitext; documents have one, for which a lexicon's `src` is read.
        rate: Probability that a word with other forms is replaced.
        confidence: Least confidence of a rule.
        attested: Whether rules may only make words that the file has.
        max_suffix: Longest ending, in letters, that is exchanged.
        min_stem: Letters of a word that stay, at least.
        copies: Variants made of each row, at most; one that equals another is left out.
        seed: Of the random choices.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(words of the file times max_suffix) to learn, O(letters) a word of text.

    References: kirov2018unimorph

    Example:
        >>> import pathlib, tempfile
        >>> from polyalign.core.bitext import Bitext
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "eng"
        >>> _ = file.write_text("walk\twalked\tV;PST\nwalk\twalking\tV;V.PTCP;PRS\n", encoding="utf-8")
        >>> Morphology(forms=str(file), rate=1.0, seed=2).build(Bitext.build(["We Walked."], ["Wir gingen."])).src
        ['We Walking.']
    """

    forms: PathText
    side: Literal["src", "tgt"] = "src"
    rate: float = 0.2
    confidence: float = 0.2
    attested: bool = True
    max_suffix: int = 4
    min_stem: int = 3
    copies: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        check_rates(rate=self.rate, confidence=self.confidence)
        check_copies(self.copies)
        if not (1 <= self.max_suffix <= 20 and 1 <= self.min_stem <= 20):
            raise ValueError(
                f"max_suffix and min_stem must be from 1 to 20, found {self.max_suffix} and {self.min_stem}"
            )

    def inputs(self, langs: Sequence[str]) -> list[Path]:
        """The file that `build` would read."""
        return [Path(self.forms)]

    def learn(self, lang: str = "und") -> Paradigms:
        """The paradigms and rules of the file.

        Raises:
            DataError: It cannot be read, or has no word.
        """
        forms, words = _read(self.forms, self.side, lang)
        if not words:
            raise DataError(f"{self.forms}: found no word, expected one a line or lemma<TAB>form<TAB>features")
        if forms:
            return _of_table(forms, words, self.min_stem, self.max_suffix, lang)
        return _of_words(words, self.min_stem, self.max_suffix)

    def build(self, run: Run) -> Run:
        """New rows of a bitext or of documents.

        Raises:
            DataError: As `learn`.
        """
        learnt: dict[str, Paradigms] = {}

        def edits(row: Row, draws: Draws, copy: int) -> dict[int, list[Edit]]:
            side = 1 if self.side == "tgt" and len(row.texts) == 2 else 0
            text = row.texts[side]
            if text.lang not in learnt:
                learnt[text.lang] = self.learn(text.lang)
            out = []
            for a, b in text.words:
                old = text.text[a:b]
                if not draws.happens(self.rate) or not old.isalpha():
                    continue
                made = learnt[text.lang].variants(
                    lower(old, text.lang), confidence=self.confidence, attested=self.attested
                )
                if made:
                    out.append(Edit(a, b, cased_like(old, draws.one(made), lang=text.lang)))
            return {side: out}

        return augment(run, "morphology", seed=self.seed, copies=self.copies, edits=edits)


def _read(path: str, side: str, lang: str) -> tuple[dict[str, list[str]], set[str]]:
    """The forms of each lemma, if the file has any, and all its words in lower case."""
    forms: dict[str, list[str]] = defaultdict(list)
    words: set[str] = set()
    column = 0
    for number, line in enumerate(read_lines(path), 1):
        cells = line.split("\t")
        if number == 1 and {"src", "tgt"} <= set(cells):
            column = cells.index(side)
            continue
        if len(cells) == 3 and column == 0 and cells[1].strip() and not cells[2].strip()[:1].isdigit():
            lemma, form = cells[0].strip(), cells[1].strip()
            if " " not in form and lemma:
                forms[lemma] += [w for w in (lemma, form) if w not in forms[lemma] and " " not in w]
                words |= {lower(w, lang) for w in forms[lemma]}
        elif len(cells) > column and (word := cells[column].strip()) and " " not in word:
            words.add(lower(word, lang))
    return dict(forms), words


def _of_table(
    forms: Mapping[str, Sequence[str]], words: Iterable[str], min_stem: int, max_suffix: int, lang: str
) -> Paradigms:
    others: dict[str, dict[str, None]] = defaultdict(dict)
    pairs: list[tuple[str, str]] = []
    for lemma, known in forms.items():
        for word in known:
            others[lower(word, lang)] |= dict.fromkeys(w for w in known if lower(w, lang) != lower(word, lang))
            a, b = lower(lemma, lang), lower(word, lang)
            pairs += [(a, b), (b, a)] if a != b else []
    seen: Counter[str] = Counter()
    right: dict[str, Counter[str]] = defaultdict(Counter)
    for old in {a for a, _ in pairs}:
        for length in range(max_suffix + _CONTEXT + 1):
            if length <= len(old):
                seen[old[len(old) - length :]] += 1
    for old, new in dict.fromkeys(pairs):
        stem = next((k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        if stem < min_stem or max(len(old), len(new)) - stem > max_suffix:
            continue
        for context in range(min(_CONTEXT, stem) + 1):
            right[old[stem - context :]][new[stem - context :]] += 1
    return Paradigms({w: tuple(o) for w, o in others.items() if o}, _shares(right, seen), frozenset(words), min_stem)


def _of_words(words: Iterable[str], min_stem: int, max_suffix: int) -> Paradigms:
    known = sorted(w for w in words if w.isalpha())
    endings: dict[str, list[str]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for word in known:
        for length in range(min(max_suffix, len(word) - min_stem) + 1):
            endings[word[: len(word) - length]].append(word[len(word) - length :])
            seen[word[len(word) - length :]] += 1
    right: dict[str, Counter[str]] = defaultdict(Counter)
    for found in endings.values():
        if 1 < len(found) <= _MOST_ENDINGS:
            for old in found:
                for new in found:
                    # Only where the stem is all that they share: walked and walks by -ed and -s, not by -ked and -ks.
                    if old != new and (not old or not new or old[0] != new[0]):
                        right[old][new] += 1
    return Paradigms({}, _shares(right, seen), frozenset(known), min_stem)


def _shares(right: Mapping[str, Counter[str]], seen: Counter[str]) -> dict[str, tuple[tuple[str, float], ...]]:
    """Every rule seen often enough, with the share of words that it was right for, surest first."""
    out = {}
    for old, news in right.items():
        kept = [(new, count / max(seen[old], count)) for new, count in news.items() if count >= _SUPPORT]
        if kept:
            out[old] = tuple(sorted(kept, key=lambda r: (-r[1], r[0])))
    return out
