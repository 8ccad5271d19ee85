"""Which language a text is in, and which script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from polyalign.core.cld2 import GUESS, detect, tag_of
from polyalign.core.langs import UNKNOWN
from polyalign.core.scripts import script_of


@dataclass(frozen=True, slots=True)
class Identified:
    """What language a text is in.

    Args:
        lang: Canonical tag such as ``roh_Latn``, or ``und``.
        confidence: From 0 to 1.
        script: ISO 15924 code of most letters; ``Zyyy`` where there are none.
    """

    lang: str
    confidence: float
    script: str


@dataclass(frozen=True, slots=True)
class CLD2:
    """Identify the language with Compact Language Detector 2, which knows Romansh too.

    CLD2 scores quadgrams (single characters in scripts that need it) under a naive Bayes model of
    some 170 languages. The confidence is the share of the text in the language it names first;
    where it calls its own answer unreliable, as it does for a few words, it is asked for its best
    guess and that share counts for half, which is about how often such a guess is right.

    The script is counted from the text, never guessed from the language, so Serbian in Latin
    letters is ``srp_Latn``.

    **Differs:** from CLD2 in what it reads (control characters and noncharacters, which make it
    fail, count as spaces; HTML is text) and in what it answers (joke languages and bare scripts
    are ``und``).

    Args:
        min_confidence: Answers below it become ``und``; the script and confidence are still told.

    Raises:
        ValueError: A minimum outside [0, 1].

    Example:
        >>> CLD2()(["Allegra, quai è ina frasa en rumantsch grischun.", "1, 2, 3"])
        [Identified(lang='roh_Latn', confidence=0.97, script='Latn'), Identified(lang='und', confidence=0.0, script='Zyyy')]

    References: sites2013cld2, uax24
    """

    min_confidence: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence must lie between 0 and 1, not {self.min_confidence}")

    def __call__(self, texts: Sequence[str]) -> list[Identified]:
        """Identify each text in O(its length).

        Args:
            texts: Texts in any language; 20 letters or more give good answers.

        Returns:
            One answer a text, in order.
        """
        return [self._identify(text) for text in texts]

    def _identify(self, text: str) -> Identified:
        script = script_of(text)
        code, share, reliable = detect(text)
        if not code:
            return Identified(UNKNOWN, 0.0, script)
        confidence = share * (1.0 if reliable else GUESS)
        if confidence < self.min_confidence:
            return Identified(UNKNOWN, confidence, script)
        lang = tag_of(code, script)
        return Identified(lang, confidence, lang.split("_")[1])
