"""Translation quality against references, by sacrebleu."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from polyalign.core.errors import ConfigError, DataError, MissingExtraError
from polyalign.core.jit import F64
from polyalign.core.score import Score, signature
from polyalign.evaluate.ratios import check_samples


@dataclass(frozen=True, slots=True)
class Translation:
    """Measure translations against references by BLEU, chrF, chrF++ or TER, as sacrebleu computes them.

    sacrebleu counts (n-grams, edits) sentence by sentence and computes the score of their sums; the numbers are its own to
    the last digit, and its signature is carried. Here the counts are also resampled, for an interval of 95 %.

    Args:
        metric: Which; for TER lower is better.
        tokenize: How BLEU splits words; by default as sacrebleu does, 13a. flores200 and spm need sacrebleu's own extras,
            zh, ja-mecab and ko-mecab are for their languages.
        lowercase: Whether upper and lower case are one.
        samples: Resamples of the bootstrap over sentences; 0 for no interval.
        seed: Of the resampling.

    Raises:
        ValueError: A way of splitting words for a metric other than BLEU, or a negative number of samples.

    References: papineni2002bleu, popovic2015chrf, popovic2017chrf, snover2006study, post2018call, efron1979bootstrap

    Example:
        >>> score = Translation(metric="chrf", samples=0).score(["the cat sat"], [["the cat sat"]])  # doctest: +SKIP
        >>> score.value, "nrefs:1|case:mixed" in score.signature  # doctest: +SKIP
        (100.0, True)
    """

    metric: Literal["bleu", "chrf", "chrf++", "ter"] = "chrf++"
    tokenize: str = ""
    lowercase: bool = False
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.tokenize and self.metric != "bleu":
            raise ValueError(f"tokenize = {self.tokenize!r}: only bleu takes it, {self.metric} splits words in one way")
        check_samples(self.samples)

    def score(self, hyp: Sequence[str], references: Sequence[Sequence[str]]) -> Score:
        """Score translations.

        Args:
            hyp: The translations, n of them, not tokenised.
            references: One or more sets of n references.

        Returns:
            The score from 0 to 100 (TER may be higher) with a 95 % interval.

        Raises:
            DataError: No sentences or references, or other numbers of them.
            ConfigError: sacrebleu refuses the setting.
            MissingExtraError: sacrebleu is not installed.
        """
        if not hyp or not references:
            raise DataError(
                f"evaluate/translation: found {len(hyp)} translations and {len(references)} sets of references, expected some"
            )
        for number, some in enumerate(references, 1):
            if len(some) != len(hyp):
                raise DataError(
                    f"evaluate/translation: found {len(hyp)} translations and {len(some)} references in set {number}, expected as "
                    "many; line i of one has to belong to line i of the other"
                )
        metric = self._metric()
        # What its corpus_score does, in two steps: the counts of sentences are what can be resampled.
        counts = metric._extract_corpus_statistics(list(hyp), [list(r) for r in references])
        items = np.asarray(counts, np.float64)

        def aggregate(sums: F64) -> F64:
            rows = sums.reshape(-1, sums.shape[-1])
            values = [metric._compute_score_from_stats(row.tolist()).score for row in rows]
            return np.asarray(values, np.float64).reshape(sums.shape[:-1])

        return Score.of(
            {"bleu": "BLEU", "chrf": "chrF", "chrf++": "chrF++", "ter": "TER"}[self.metric],
            items,
            aggregate,
            signature(metric=self.metric, samples=self.samples, seed=self.seed, sacrebleu=metric.get_signature()),
            samples=self.samples,
            seed=self.seed,
        )

    def _metric(self) -> Any:
        try:
            from sacrebleu.metrics.bleu import BLEU
            from sacrebleu.metrics.chrf import CHRF
            from sacrebleu.metrics.ter import TER
        except ImportError:
            raise MissingExtraError(
                "evaluate/translation: needs sacrebleu; install with: pip install 'polyalign[metrics]'"
            ) from None
        if self.metric == "ter":
            return TER(case_sensitive=not self.lowercase)
        if self.metric != "bleu":
            return CHRF(word_order=2 if self.metric == "chrf++" else 0, lowercase=self.lowercase)
        # It says in a warning what the errors below say.
        logging.getLogger("sacrebleu").setLevel(logging.ERROR)
        known = [*sorted(set(BLEU.TOKENIZERS) - {"none", "spm"}), "none"]
        if self.tokenize and self.tokenize not in BLEU.TOKENIZERS:
            raise ConfigError(
                f"evaluate/translation: tokenize = {self.tokenize!r}: sacrebleu has no such tokenizer; it has {', '.join(known)}"
            )
        try:
            return BLEU(tokenize=self.tokenize or None, lowercase=self.lowercase, force=True)
        except (ImportError, RuntimeError, OSError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ConfigError(
                f"evaluate/translation: tokenize = {self.tokenize!r}: sacrebleu cannot use it here ({reason}); install what it "
                "asks for or take 13a, intl or char"
            ) from None
