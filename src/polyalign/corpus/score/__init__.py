"""Scores of pairs and of single texts, each a column: higher is better, and `select` decides."""

from __future__ import annotations

from polyalign.core.registry import Row

_HERE = "polyalign.corpus.score"
METHODS: list[Row] = [
    Row("corpus.score/length", f"{_HERE}.lengths:Length", papers=("aulamo2020opusfilter",)),
    Row("corpus.score/length-ratio", f"{_HERE}.length_ratio:LengthRatio", papers=("aulamo2020opusfilter",)),
    Row("corpus.score/length-z", f"{_HERE}.length_ratio:LengthZ", papers=("gale1993program",)),
    Row("corpus.score/longest-word", f"{_HERE}.lengths:LongestWord", papers=("aulamo2020opusfilter",)),
    Row("corpus.score/word-length", f"{_HERE}.lengths:WordLength", papers=("aulamo2020opusfilter", "rae2021scaling")),
    Row("corpus.score/alphabet", f"{_HERE}.letters:Alphabet", papers=("aulamo2020opusfilter",)),
    Row("corpus.score/script", f"{_HERE}.letters:Script", papers=("aulamo2020opusfilter", "uax24")),
    Row("corpus.score/noise", f"{_HERE}.letters:Noise"),
    Row("corpus.score/digits", f"{_HERE}.digits:Digits"),
    Row("corpus.score/nonzero-numerals", f"{_HERE}.digits:NonzeroNumerals", papers=("vazquez2019university", "aulamo2020opusfilter")),
    Row("corpus.score/punctuation", f"{_HERE}.punctuation:Punctuation"),
    Row("corpus.score/terminal-punctuation", f"{_HERE}.punctuation:TerminalPunctuation", papers=("vazquez2019university", "aulamo2020opusfilter")),
    Row("corpus.score/copy", f"{_HERE}.untranslated:Copy", papers=("levenshtein1966binary", "myers1999fast", "aulamo2020opusfilter")),
    Row("corpus.score/repeats", f"{_HERE}.repetition:Repeats", papers=("aulamo2020opusfilter",)),
    Row("corpus.score/top-ngram", f"{_HERE}.repetition:TopNgram", papers=("rae2021scaling",)),
    Row("corpus.score/duplicate-ngrams", f"{_HERE}.repetition:DuplicateNgrams", papers=("rae2021scaling",)),
    Row("corpus.score/compression", f"{_HERE}.compression:Compression"),
    Row("corpus.score/bullets", f"{_HERE}.lines:Bullets", papers=("rae2021scaling",)),
    Row("corpus.score/ellipses", f"{_HERE}.lines:Ellipses", papers=("rae2021scaling",)),
    Row("corpus.score/urls", f"{_HERE}.lines:Urls"),
    Row("corpus.score/language", f"{_HERE}.language:Language", papers=("sites2013cld2", "aulamo2020opusfilter")),
    Row("corpus.score/language-pair", f"{_HERE}.language:LanguagePair", papers=("sites2013cld2",)),
    Row("corpus.score/stop-words", f"{_HERE}.word_lists:StopWords", papers=("rae2021scaling", "penedo2025fineweb2")),
    Row("corpus.score/word-list", f"{_HERE}.word_lists:WordList"),
    Row("corpus.score/pii", f"{_HERE}.pii:PII", papers=("penedo2025fineweb2",)),
    Row("corpus.score/perplexity", f"{_HERE}.perplexity:Perplexity", papers=("kneser1995improved", "chen1999empirical")),
    Row("corpus.score/kenlm", f"{_HERE}.perplexity:Kenlm", papers=("heafield2011kenlm",)),
    Row("corpus.score/direction", f"{_HERE}.perplexity:Direction", papers=("kurokawa2009automatic", "lembersky2012language")),
    Row("corpus.score/lexicon", f"{_HERE}.lexicon:Lexicon", papers=("munteanu2005improving",)),
    Row("corpus.score/links", f"{_HERE}.columns:Links"),
    Row("corpus.score/ways", f"{_HERE}.columns:Ways", papers=("thompson2024shocking",)),
    Row("corpus.score/similarity", f"{_HERE}.similarity:Similarity", papers=("reimers2019sentence", "artetxe2019margin")),
]  # fmt: skip
