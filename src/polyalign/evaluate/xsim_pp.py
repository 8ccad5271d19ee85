"""Retrieval among hard negatives: English sentences changed in one number, name or negation (xsim++)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I64
from polyalign.core.rng import generator
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.encoders.centre import shifts
from polyalign.encoders.margin import best, mean_cosine
from polyalign.encoders.neighbours import nearest_both
from polyalign.evaluate.parallel_vectors import check_pairs
from polyalign.evaluate.ratios import check_samples

Kind: TypeAlias = Literal["number", "negation", "entity"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_SMALL = "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand million billion".split()
_NUMBER = re.compile(rf"(?<![\w.,])\d+(?:[.,]\d+)*(?![\w])|\b(?:{'|'.join(_SMALL)})\b", re.I)
#: In lower case or at the beginning of a sentence, as AM and WAS may be something else.
_VERB = "|".join(f"[{v[0].upper()}{v[0]}]{v[1:]}" for v in
    "am is are was were can could will would shall should must may might has had does did".split())  # fmt: skip
_NOT = re.compile(rf"(?P<verb>\b(?:{_VERB}|[Dd]o))(?:\s+not\b|n['’]t\b)|\b[Cc]an(?:not|['’]t)\b")
_WITHOUT = re.compile(rf"\b(?:{_VERB})\b(?!['’]|\s+(?:not|no|never)\b)")
_WORD = r"[A-Z][\w-]*(?:['’][A-Z][\w-]*)?"
#: Capitalised words behind another word that does not end a sentence: names, mostly.
_NAME = re.compile(rf"(?<=[a-z,;] )(?!I\b){_WORD}(?: {_WORD})*")


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Sentences that almost say the same as others and are wrong.

    Args:
        texts: m sentences.
        owners: The sentence that each was made of, shape (m,).
        kinds: How each was made, an index into number, negation, entity, shape (m,).
    """

    texts: list[str]
    owners: I64
    kinds: I64


@dataclass(frozen=True, slots=True)
class XsimPP:
    """Measure vectors by similarity search among English sentences and such as differ from them in one detail.

    Each source sentence takes the candidate with the best margin, of all English sentences and all that `negatives` made of
    them; the error rate is the share that is not its own translation. Lower is better. A number is put in place of
    another, a name in place of one from another sentence, a negation put in or taken out.

    **Differs:** from xsim++, which changes more words (antonyms by a thesaurus, entities by a tagger); figures can be
    compared with each other, not with published ones. Numbers are those written in digits or as one of twenty words,
    names are capitalised words inside a sentence, negation is ``not`` behind an auxiliary verb. Where a sentence
    has none of these it has no negative.

    Args:
        number: Negatives of a sentence by a changed number, at most.
        negation: By a negation put in or taken out, at most.
        entity: By a changed name, at most.
        margin: What a cosine is measured by; absolute is the cosine itself.
        neighbours: Nearest neighbours that the means are taken over.
        candidates: Nearest neighbours that the answer is chosen from.
        centre: Whether to subtract each language's mean vector; that of English is over the sentences as they are.
        samples: Resamples of the bootstrap over source sentences; 0 for no interval.
        seed: Of the changes and of the resampling.

    Raises:
        ValueError: A number is out of range.

    References: chen2023xsim, artetxe2019margin, libovicky2020language, efron1979bootstrap

    Example:
        >>> XsimPP(entity=0).negatives(["There were 20 people.", "He can not."]).texts[1:]
        ['There were not 20 people.', 'He can.']
    """

    number: int = 2
    negation: int = 1
    entity: int = 2
    margin: Literal["ratio", "distance", "absolute"] = "ratio"
    neighbours: int = 4
    candidates: int = 16
    centre: bool = True
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("number", "negation", "entity"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        for name in ("neighbours", "candidates"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        check_samples(self.samples)

    def negatives(self, texts: Sequence[str]) -> Negatives:
        """Change English sentences.

        Args:
            texts: n English sentences.

        Returns:
            The changed ones, none of which is among the texts.

        Complexity: O(characters).
        """
        random = generator(self.seed, "negatives")
        names = [[m.group() for m in _NAME.finditer(t)] for t in texts]
        every = sorted({name for some in names for name in some})
        known, out = set(texts), Negatives([], np.zeros(0, np.int64), np.zeros(0, np.int64))
        rows: list[tuple[int, int]] = []
        for i, text in enumerate(texts):
            of_kind = (_numbers(text, random), _negations(text), _entities(text, names[i], every, random))
            for kind, (made, most) in enumerate(zip(of_kind, (self.number, self.negation, self.entity), strict=True)):
                room = most
                for changed in made:
                    if not room:
                        break
                    if changed not in known:
                        known.add(changed)
                        out.texts.append(changed)
                        rows.append((i, kind))
                        room -= 1
        at = np.array(rows, np.int64).reshape(-1, 2)
        return Negatives(out.texts, at[:, 0], at[:, 1])

    def score(self, src: F32, tgt: F32, negatives: F32, made: Negatives) -> Score:
        """Score vectors of which row i of one side translates row i of the other.

        Args:
            src: Vectors of the sentences of another language, shape (n, d).
            tgt: Vectors of the English ones, shape (n, d).
            negatives: Vectors of the changed ones, shape (m, d).
            made: What they were made of.

        Returns:
            The error rate with a 95 % interval; its parts are the shares that took another sentence, and a negative by a
            number, a negation or a name; how many sentences have a negative and how many negatives there are.

        Raises:
            DataError: Vectors that do not go together.

        Complexity: O(n (n + m) d).
        """
        check_pairs("evaluate/xsim-pp", src, tgt, 1, same_width=True)
        n, m = len(src), len(made.texts)
        if negatives.shape != (m, src.shape[1]):
            raise DataError(
                f"evaluate/xsim-pp: found vectors of shape {negatives.shape} for {m} negatives, expected one for each negative, as "
                f"long as the others, {src.shape[1]}"
            )
        x, pool = unit(src), unit(np.concatenate([tgt, negatives]))
        if self.centre:
            # The same shift for the negatives as for what they were made of.
            of_src, of_tgt = shifts([side.mean(axis=0, dtype=np.float64) for side in (x, pool[:n])], [n, n])
            x, pool = unit(x - of_src), unit(pool - of_tgt)
        near = nearest_both(x, pool, max(self.neighbours, self.candidates))
        means = [mean_cosine(cosines[:, : self.neighbours]) for cosines, _ in near]
        found, _ = best(near[0], means[0], means[1], self.margin, self.candidates)
        # 0 for the right one, 1 for another sentence, 2 and on for a negative's kind.
        took = np.concatenate([np.ones(n, np.int64), 2 + made.kinds])[found]
        took[found == np.arange(n)] = 0
        items = np.concatenate([np.ones((n, 1)), took[:, None] == np.arange(1, 2 + len(KINDS))], axis=1)
        shares = items[:, 1:].mean(axis=0)
        return Score.of(
            "xsim++ error rate",
            items,
            _rate,
            signature(
                metric="xsim-pp",
                number=self.number,
                negation=self.negation,
                entity=self.entity,
                margin=self.margin,
                neighbours=self.neighbours,
                candidates=self.candidates,
                centre=self.centre,
                sentences=n,
                negatives=m,
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                "other_sentence": float(shares[0]),
                **{kind: float(shares[1 + k]) for k, kind in enumerate(KINDS)},
                "with_negative": len(set(made.owners.tolist())),
                "negatives": m,
            },
        )


def _numbers(text: str, random: np.random.Generator) -> Iterator[str]:
    """The sentence with one number changed, each number in turn."""
    for match in _NUMBER.finditer(text):
        was = match.group()
        if was[0].isdigit():
            # Any digit but to 0, which does not begin a number.
            digits = [k for k, c in enumerate(was) if c.isdigit()]
            at = digits[int(random.integers(len(digits)))]
            choices = [c for c in "123456789" if c != was[at]]
            now = was[:at] + choices[int(random.integers(len(choices)))] + was[at + 1 :]
        else:
            words = [w for w in _SMALL if w != was.lower()]
            now = words[int(random.integers(len(words)))]
            now = now.capitalize() if was[0].isupper() else now
        yield text[: match.start()] + now + text[match.end() :]


def _negations(text: str) -> Iterator[str]:
    """The sentence without its first negation, or with one behind its first auxiliary verb."""
    if match := _NOT.search(text):
        verb = match["verb"] or ("Can" if match.group()[0] == "C" else "can")
        yield text[: match.start()] + verb + text[match.end() :]
    elif match := _WITHOUT.search(text):
        yield text[: match.end()] + " not" + text[match.end() :]


def _entities(text: str, own: list[str], every: list[str], random: np.random.Generator) -> Iterator[str]:
    """The sentence with one name in place of another, each name in turn."""
    others = [name for name in every if name not in own]
    for match in _NAME.finditer(text) if others else ():
        yield text[: match.start()] + others[int(random.integers(len(others)))] + text[match.end() :]


def _rate(sums: F64) -> F64:
    return np.asarray(sums[..., 1:].sum(axis=-1) / sums[..., 0], np.float64)
