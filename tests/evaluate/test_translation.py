"""Translation quality: sacrebleu's own numbers, and intervals that hold them."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.evaluate.translation import Translation

pytest.importorskip("sacrebleu")

METRICS = ("bleu", "chrf", "chrf++", "ter")
WORDS = "the a cat dog sat ran on in mat house , . not red Blue".split()


def texts(n=40, seed=1):
    rng = np.random.default_rng(seed)
    refs = [[" ".join(rng.choice(WORDS, rng.integers(3, 15))) for _ in range(n)] for _ in range(2)]
    hyp = []
    for ref in refs[0]:
        words = ref.split()
        words[int(rng.integers(len(words)))] = "hat"
        hyp.append(" ".join(words if rng.random() < 0.7 else words[::-1]))
    return hyp, refs


def theirs(metric, hyp, refs, **settings):
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    if metric == "bleu":
        return BLEU(**settings).corpus_score(hyp, refs).score
    if metric == "ter":
        return TER(case_sensitive=True).corpus_score(hyp, refs).score
    return CHRF(word_order=2 if metric == "chrf++" else 0).corpus_score(hyp, refs).score


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("references", [1, 2])
def test_equals_sacrebleu(metric, references):
    hyp, refs = texts()
    score = Translation(metric=metric, samples=0).score(hyp, refs[:references])
    assert score.value == theirs(metric, hyp, refs[:references])
    assert score.ci == (score.value, score.value)


@pytest.mark.parametrize("tokenize", ["intl", "char", "none", "zh"])
def test_words_are_split_as_asked(tokenize):
    hyp, refs = texts()
    score = Translation(metric="bleu", tokenize=tokenize, samples=0).score(hyp, refs)
    assert score.value == theirs("bleu", hyp, refs, tokenize=tokenize)
    assert f"tok:{tokenize}" in score.signature


@pytest.mark.parametrize("metric", METRICS)
def test_intervals_hold_the_value(metric):
    score = Translation(metric=metric, samples=200).score(*texts())
    assert score.ci[0] < score.value < score.ci[1]
    assert score.n == 40


def test_the_signature_carries_theirs():
    score = Translation(metric="bleu", samples=0).score(*texts())
    assert score.signature.startswith(
        "metric:bleu|samples:0|seed:1|sacrebleu:nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|"
    )


@pytest.mark.parametrize(("metric", "best"), [("bleu", 100), ("chrf", 100), ("chrf++", 100), ("ter", 0)])
def test_a_perfect_translation(metric, best):
    refs = texts()[1]
    assert Translation(metric=metric, samples=0).score(refs[0], refs[:1]).value == pytest.approx(best)


def test_case_can_be_ignored():
    for metric in METRICS:
        low, high = (Translation(metric=metric, lowercase=x, samples=0).score(["A BLUE CAT sat on it"], [["a blue cat sat on it"]]).value for x in (False, True))  # fmt: skip
        assert abs(low - high) > 1


def test_empty_translations_count():
    assert Translation(metric="chrf", samples=0).score(["", "cat"], [["dog", "cat"]]).value < 100


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="found 0 translations and 1 sets of references"):
        Translation().score([], [[]])
    with pytest.raises(DataError, match="found 1 translations and 0 sets"):
        Translation().score(["a"], [])
    with pytest.raises(DataError, match="found 2 translations and 1 references in set 2, expected as many"):
        Translation().score(["a", "b"], [["a", "b"], ["a"]])
    with pytest.raises(ConfigError, match="tokenize = '13b': sacrebleu has no such tokenizer; it has 13a"):
        Translation(metric="bleu", tokenize="13b").score(["a"], [["a"]])


def test_a_tokenizer_that_is_not_installed(monkeypatch):
    from sacrebleu.metrics import bleu

    def absent(name):
        raise RuntimeError("Please install mecab\nand more")

    monkeypatch.setattr(bleu, "_get_tokenizer", absent)
    with pytest.raises(ConfigError, match=r"sacrebleu cannot use it here \(Please install mecab\)"):
        Translation(metric="bleu", tokenize="ja-mecab").score(["a"], [["a"]])


def test_without_sacrebleu(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sacrebleu"):
            raise ImportError
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"needs sacrebleu; install with: pip install 'polyalign\[metrics\]'"):
        Translation().score(["a"], [["a"]])


def test_settings_that_make_no_sense():
    with pytest.raises(ValueError, match="only bleu takes it, chrf splits words in one way"):
        Translation(metric="chrf", tokenize="13a")
    with pytest.raises(ValueError, match="samples must not be negative"):
        Translation(samples=-1)
