"""Presets of scores and thresholds for kinds of text, as data.

``opusfilter`` has the defaults of OpusFilter 3.3.1 for its filters of the same names. Where others differ from them the
reason stands beside the value: Gopher's rules (rae2021scaling), FineWeb2's (penedo2025fineweb2), or the share of clean
pairs that a value costs, measured on Multi30k and DERMIT (press releases). They are to begin with: look at what `polyalign clean --rejects` puts aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Preset:
    """Scores and the least value of each.

    Args:
        about: What it is for, in one sentence.
        scores: A method of ``corpus.score`` and its parameters by the name of the score.
        minimum: The least value by the name of the score; a score of single texts must be met by both sides.
    """

    about: str
    scores: Mapping[str, tuple[str, Mapping[str, Any]]]
    minimum: Mapping[str, float]


#: A method, its parameters, and the least value.
_Rule: TypeAlias = tuple[str, Mapping[str, Any], float]


def _preset(about: str, **rules: _Rule) -> Preset:
    scores = {name: (method, params) for name, (method, params, _) in rules.items()}
    return Preset(about, scores, {name: least for name, (_, _, least) in rules.items()})


_NOISE: _Rule = ("noise", {}, 0.995)
_LANGUAGE: _Rule = (
    "language",
    {"letters": 15, "learn": True},
    0.3,
)  # the least confidence that FineWeb2 accepts of any language
_PAIR: _Rule = ("language-pair", {"letters": 15}, 0.0)  # more in each other's language than in their own: swapped
_COPY: _Rule = ("copy", {}, 0.2)  # OpusFilter: 0.1; half-translated pairs go too
_NUMBERS: _Rule = ("digits", {"both": True}, 0.3)
_ENDS: _Rule = ("terminal-punctuation", {}, -2.0)  # OpusFilter
_REPEATS: _Rule = ("repeats", {}, -1.0)  # OpusFilter: two repetitions and more
_WORD: _Rule = ("longest-word", {}, -39.0)  # OpusFilter
_Z: _Rule = ("length-z", {}, -3.5)  # what a Gaussian shows 1999 times of 2000

PRESETS: dict[str, Preset] = {
    "opusfilter": _preset(
        "OpusFilter's default filters and thresholds, those of its filters that need no model but CLD2.",
        length=("length", {"least": 1, "most": 100}, 1.0),
        length_ratio=("length-ratio", {"unit": "words"}, 0.33333337),
        longest_word=_WORD,
        word_length=("word-length", {"least": 2, "most": 20}, 1.0),
        alphabet=("alphabet", {}, 0.75),
        script=("script", {}, 1.0),
        terminal_punctuation=_ENDS,
        nonzero_numerals=("nonzero-numerals", {}, 0.5),
        repeats=("repeats", {}, -1.0),
        language=("language", {"best_effort": False}, 0.005),
    ),
    "web": _preset(
        "Pairs or documents from web pages: strict about language, noise, repetition and addresses.",
        length=("length", {"least": 2, "most": 150}, 1.0),
        length_z=_Z,
        longest_word=_WORD,
        alphabet=("alphabet", {}, 0.6),
        script=("script", {}, 0.9),
        noise=_NOISE,
        urls=("urls", {}, 0.7),
        repeats=_REPEATS,
        top_2=("top-ngram", {"n": 2, "least_words": 50}, 0.8),  # Gopher, of documents
        duplicate_5=("duplicate-ngrams", {"n": 5, "least_words": 50}, 0.85),  # Gopher, of documents
        copy=_COPY,
        digits=_NUMBERS,
        terminal_punctuation=_ENDS,
        language=_LANGUAGE,
        language_pair=_PAIR,
    ),
    "subtitles": _preset(
        "Subtitles: short lines, so language only where it is told, and no rule about sentence ends.",
        length=("length", {"least": 1, "most": 60}, 1.0),
        length_z=("length-z", {}, -4.0),  # free translations: subtitles are made to fit the time
        alphabet=("alphabet", {}, 0.4),  # "42!" is a line
        script=("script", {}, 0.8),
        noise=_NOISE,
        urls=("urls", {}, 0.9),
        repeats=("repeats", {}, -3.0),  # "No, no, no!"
        copy=("copy", {}, 0.01),  # names and cries are alike in all languages: only copies go
        language_pair=("language-pair", {"letters": 10}, -0.2),
    ),
    "press": _preset(
        "Press releases and news: whole sentences, many names and numbers.",
        length=("length", {"least": 3, "most": 120}, 1.0),
        length_z=_Z,
        longest_word=_WORD,
        alphabet=("alphabet", {}, 0.6),
        script=("script", {}, 0.95),
        noise=_NOISE,
        repeats=_REPEATS,
        copy=_COPY,
        digits=_NUMBERS,
        terminal_punctuation=_ENDS,
        language=_LANGUAGE,
        language_pair=_PAIR,
    ),
    "theses": _preset(
        "Theses, abstracts and articles: long sentences, formulae, foreign terms and references.",
        length=("length", {"least": 3, "most": 200}, 1.0),
        length_z=_Z,
        longest_word=("longest-word", {}, -60.0),  # names of substances
        alphabet=("alphabet", {}, 0.5),
        script=("script", {}, 0.8),  # Greek letters in formulae
        noise=("noise", {"mixed": False}, 0.99),
        repeats=_REPEATS,
        copy=_COPY,
        digits=_NUMBERS,
        terminal_punctuation=("terminal-punctuation", {}, -2.5),  # abbreviations
        language=_LANGUAGE,
        language_pair=_PAIR,
    ),
    "parliament": _preset(
        "Parliamentary debates and laws: long sentences and lists, numbers that must agree.",
        length=("length", {"least": 2, "most": 200}, 1.0),
        length_z=_Z,
        longest_word=_WORD,
        alphabet=("alphabet", {}, 0.5),
        script=("script", {}, 0.95),
        noise=_NOISE,
        repeats=_REPEATS,
        copy=_COPY,
        digits=("digits", {"both": True}, 0.5),
        language=_LANGUAGE,
        language_pair=_PAIR,
    ),
}
