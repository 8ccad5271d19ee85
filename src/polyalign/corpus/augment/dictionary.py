"""Words replaced by others of a dictionary, and with them the words of the other side that correspond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from polyalign.core.errors import DataError
from polyalign.core.files import PathText
from polyalign.core.langs import UNKNOWN
from polyalign.corpus.augment.draws import Draws, check_copies, check_rates
from polyalign.corpus.augment.lexicon import Choice, Lexicon, lexicon_path, pick, read_lexicon
from polyalign.corpus.augment.rows import Edit, Row, Run, Text, augment
from polyalign.corpus.augment.words import Span, cased_like, lower


@dataclass(frozen=True, slots=True)
class Dictionary:
    r"""Replace words by synonyms or translations from a dictionary, on both sides of a pair alike.

    Each word or phrase that the dictionary of its side knows is replaced with probability `rate`, the longest entry
    first. Case is kept (``Haus`` gives ``House``, ``HAUS`` gives ``HOUSE``), and all that is no word.

    With a `bilingual` dictionary a bitext's sides are kept translations of each other: a source word w that stands for the
    target word v becomes w' only if `bilingual` has a translation v' of w', and v becomes v'. Which v that is, the column
    `links` says (one word to one word); where there is none, it is the translation of w by `bilingual`, if w and v
    occur once each. A word without such a partner stays.

    **Differs:** Fadaee and others choose where a rare word may stand by a language model, and its translation by a
    word aligner's lexicon; here a dictionary says both, and how it is filled is the user's choice.

    Args:
        src: Dictionary of the source side, or of documents: ``word<TAB>other word`` lines, a third column of probabilities or
            none; ``{src}`` and ``{tgt}`` stand for the pair's languages. Empty: words of this side are not replaced.
        tgt: The same of the target side. Not with `bilingual`, which says what the target words become.
        bilingual: Dictionary from source to target words for bitexts. Empty: each side is replaced on its own.
        rate: Probability that a known word is replaced.
        choice: Which of several entries: "sample" by probability, "uniform", "best", or only "unambiguous" words.
        min_probability: Less probable entries are left out.
        copies: Variants made of each row, at most; one that equals another is left out.
        seed: Of the random choices.

    Raises:
        ValueError: No dictionary, or a parameter out of range.

    Complexity: O(words) a row, and the dictionaries in memory.

    References: fadaee2017data

    Example:
        >>> import pathlib, tempfile
        >>> from polyalign.core.bitext import Bitext
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "synonyms.tsv"
        >>> _ = file.write_text("Haus\tGebäude\n", encoding="utf-8")
        >>> new = Dictionary(src=str(file), rate=1.0).build(Bitext.build(["Das HAUS!"], ["The house!"]))
        >>> new.src, new.tgt, new.column("augmented")
        (['Das GEBÄUDE!'], ['The house!'], ['corpus.augment/dictionary 0'])
    """

    src: PathText
    tgt: PathText = ""
    bilingual: PathText = ""
    rate: float = 0.2
    choice: Choice = "sample"
    min_probability: float = 0.0
    copies: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        if not (self.src or self.tgt):
            raise ValueError("give a dictionary: src, tgt or both")
        if self.bilingual and (self.tgt or not self.src):
            raise ValueError("bilingual goes with src, and says what becomes of the target words itself; leave tgt out")
        check_rates(rate=self.rate, min_probability=self.min_probability)
        check_copies(self.copies)

    def inputs(self, langs: Sequence[str]) -> list[Path]:
        """The dictionaries that `build` would read for those languages.

        Raises:
            DataError: One is missing.
        """
        return [lexicon_path(p, *_two(langs)) for p in (self.src, self.tgt, self.bilingual) if p]

    def build(self, run: Run) -> Run:
        """New rows of a bitext, or of documents, which have only `src`.

        Raises:
            DataError: A dictionary cannot be read, or a bitext has links without the places of its tokens.
        """
        lexica = _Lexica(self)

        def edits(row: Row, draws: Draws, copy: int) -> dict[int, list[Edit]]:
            langs = tuple(text.lang for text in row.texts)
            if self.bilingual and len(row.texts) == 2:
                return self._both(row, lexica.of(self.src, langs, 0), lexica.of(self.bilingual, langs, 0), draws)
            found = {}
            for side, path in ((0, self.src), (1, self.tgt)):
                if path and side < len(row.texts):
                    text, lexicon = row.texts[side], lexica.of(path, langs, side)
                    found[side] = [
                        Edit(*at, cased_like(text.text[slice(*at)], pick(meanings, self.choice, draws), lang=text.lang))
                        for at, meanings in lexicon.find(text.text, text.words)
                        if draws.happens(self.rate)
                    ]
            return found

        return augment(run, "dictionary", seed=self.seed, copies=self.copies, edits=edits)

    def _both(self, row: Row, own: Lexicon, bilingual: Lexicon, draws: Draws) -> dict[int, list[Edit]]:
        src, tgt = row.texts
        out: dict[int, list[Edit]] = {0: [], 1: []}
        taken: set[Span] = set()
        for at, meanings in own.find(src.text, src.words):
            # Drawn whether or not it can be, so that what one word becomes does not hang on another's partner.
            wanted, word = draws.happens(self.rate), pick(meanings, self.choice, draws)
            new = bilingual.entries.get(lower(word, src.lang))
            if not wanted or new is None:
                continue
            partner = _partner(row, at) if row.links is not None else _only_translation(src, tgt, at, bilingual)
            if partner is None or partner in taken:
                continue
            taken.add(partner)
            old = src.text[slice(*at)], tgt.text[slice(*partner)]
            out[0].append(Edit(*at, cased_like(old[0], word, lang=src.lang)))
            out[1].append(Edit(*partner, cased_like(old[1], pick(new, self.choice, draws), lang=tgt.lang)))
        return out


class _Lexica:
    """Dictionaries, each read once."""

    def __init__(self, method: Dictionary) -> None:
        self._method = method
        self._read: dict[tuple[str, str], Lexicon] = {}

    def of(self, path: str, langs: tuple[str, ...], side: int) -> Lexicon:
        found, m = lexicon_path(path, *_two(langs)), self._method
        key = str(found), langs[side]
        if key not in self._read:
            self._read[key] = read_lexicon(
                found, langs[side], min_probability=m.min_probability, unambiguous=m.choice == "unambiguous"
            )
        return self._read[key]


def _two(langs: Sequence[str]) -> tuple[str, str]:
    return (langs[0], langs[1]) if len(langs) > 1 else (langs[0], UNKNOWN)


def _partner(row: Row, at: Span) -> Span | None:
    """The one target token linked to the one source token at that place, which has no other link."""
    src, tgt = (text.tokens for text in row.texts)
    if src is None or tgt is None:
        raise DataError(
            "corpus.augment/dictionary: found links without the places of tokens, expected src_spans and tgt_spans; tokenise the bitext first"
        )
    links = row.links or ()
    mine = [(i, j) for i, j in links if i < len(src) and src[i] == at]
    if len(mine) != 1 or sum(j == mine[0][1] for _, j in links) != 1:
        return None
    return tgt[mine[0][1]]


def _only_translation(src: Text, tgt: Text, at: Span, bilingual: Lexicon) -> Span | None:
    """Where the target has the one translation of a source word, both occurring once."""
    word = lower(src.text[slice(*at)], src.lang)
    meanings = {lower(t, tgt.lang) for t, _ in bilingual.entries.get(word, ())}
    if sum(lower(src.text[a:b], src.lang) == word for a, b in src.words) > 1:
        return None
    found = [(a, b) for a, b in tgt.words if lower(tgt.text[a:b], tgt.lang) in meanings]
    return found[0] if len(found) == 1 else None
