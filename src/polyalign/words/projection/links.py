"""Labels carried along word links."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.links import Links
from polyalign.words.gold import check_links
from polyalign.words.projection.spans import Fragment, Outcome, Projection, Span, words_of

NOTHING = "covers no word"
NO_LINK = "no link"
FEW = "too few words linked"
CONFLICT = "conflict"
APART = "split apart"


@dataclass(frozen=True, slots=True)
class ByLinks:
    r"""Carry labels along word links, to the target words that correspond best to those of the span.

    With p(i, j) the probability of a link, a span S and a stretch T of target words have in common
    $c(S, T) = \sum_{i \in S, j \in T} p(i, j)$. What `shape` says is chosen among the stretches:

    - ``optimal``: the T with the highest $2 c(S, T) - \sum_{j \in T} \sum_{i \notin S} p(i, j)$, which is what lies inside
      less what leads out of it from either side
    - ``hull``: from the first linked word to the last
    - ``run``: the longest run of linked words, gaps of up to `gap` words filled

    A span's score is $2 c(S, T) / (\sum_{i \in S} p(i, \cdot) + \sum_{j \in T} p(\cdot, j))$: 1 if all links of both
    are between them. Where two spans want the same words the higher score has them, and the other
    takes what is best without them. What is not carried is in the result, with the reason: `no link`, `too few words linked`,
    `split apart` (more than `min_inside` allows lies elsewhere), `conflict`, `covers no word`.

    **Differs:** the paper carries brackets of noun phrases over, of which `hull` is the nearest here; `optimal`, scores and the rule for
    conflicts are this implementation's.

    Args:
        shape: How linked words become a span.
        threshold: Links less probable are not used; those without a probability count as certain.
        gap: Words without a link that a ``run`` may have between two linked ones.
        min_linked: Share of a span's words that has to have a link into the target span.
        min_inside: Share of a span's links, by probability, that has to lie in the target span.
        overlaps: Whether target spans may have words in common: ``source`` where their source spans have, ``never``, ``any``.

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(links + s h) a sentence, of s spans whose links reach over h target words.

    References: yarowsky2001inducing

    Example:
        >>> bitext = Bitext.build(["Anna wohnt in Berlin"], ["in Berlin lives Anna"])
        >>> links = Links.from_pairs([[(0, 3), (1, 2), (2, 0), (3, 1)]])
        >>> ByLinks().project(bitext, links, [[Span(0, 1, "PER"), Span(2, 4, "LOC")]]).labels
        [[Span(start=0, end=2, label='LOC', more=(), id=''), Span(start=3, end=4, label='PER', more=(), id='')]]
    """

    shape: Literal["optimal", "hull", "run"] = "optimal"
    threshold: float = 0.0
    gap: int = 1
    min_linked: float = 0.0
    min_inside: float = 0.5
    overlaps: Literal["source", "never", "any"] = "source"

    def __post_init__(self) -> None:
        for name in ("threshold", "min_linked", "min_inside"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")
        if self.gap < 0:
            raise ValueError(f"gap must not be negative, got {self.gap}")

    def project(
        self, bitext: Bitext, links: Links, labels: Sequence[Sequence[Span]], *, where: str = "links"
    ) -> Projection:
        """Find every source span's target span.

        Args:
            bitext: n sentence pairs.
            links: Their word links, with probabilities or without.
            labels: The spans of each source sentence, in words.
            where: The file the links are from, for messages.

        Returns:
            What became of each span, in words of the target.

        Raises:
            DataError: Other numbers of sentences, or a link or span of words that are not there.
        """
        if not len(bitext) == len(links) == len(labels):
            raise DataError(
                f"projection: found {len(links):,} sentences of links and {len(labels):,} of labels, expected {len(bitext):,} "
                "as the bitext has pairs; each needs an entry for every pair, empty ones too"
            )
        lengths = [np.array([len(w) for w in words_of(bitext, side)], np.int64) for side in ("src", "tgt")]
        check_links(links, lengths, where)
        links = links if links.prob is None else links.surer(self.threshold)
        outcomes: list[Outcome] = []
        for k, spans in enumerate(labels):
            if spans:
                given = [Span(*s) for s in spans]
                _check(given, int(lengths[0][k]), k)
                outcomes += [Outcome(k, *o) for o in self._sentence(_Sentence.of(links, k), given)]
        return Projection(len(bitext), tuple(outcomes))

    def _sentence(self, sentence: _Sentence, spans: Sequence[Span]) -> Iterator[tuple[Span, Span | None, float, str]]:
        members = [frozenset(s.inside()) for s in spans]
        first = [self._find(sentence, m, frozenset()) for m in members]
        taken: dict[int, _Found] = {}
        for x in sorted(range(len(spans)), key=lambda x: (-first[x].score, x)):
            found = first[x]
            if not found.reason:
                blocked = frozenset(
                    j
                    for y, other in taken.items()
                    if self.overlaps == "never" or (self.overlaps == "source" and members[x].isdisjoint(members[y]))
                    for j in range(*other.words)
                )
                if self.overlaps != "any" and not blocked.isdisjoint(range(*found.words)):
                    found = self._find(sentence, members[x], blocked)
                    found = found if not found.reason else found._replace(reason=CONFLICT)
            first[x] = found
            if not found.reason:
                taken[x] = found
        for span, (words, score, reason) in zip(spans, first, strict=True):
            target = None if reason else Span(*words, span.label, (), span.id)
            yield span, target, 0.0 if reason else score, reason

    def _find(self, sentence: _Sentence, members: frozenset[int], blocked: frozenset[int]) -> _Found:
        """The target words of one span, none of them blocked."""
        inside: dict[int, float] = defaultdict(float)
        mass = 0.0
        for i in sorted(members):
            for j, p in sentence.of_src.get(i, ()):
                inside[j] += p
                mass += p
        if not members or not inside:
            return _Found((0, 0), 0.0, NO_LINK if members else NOTHING)
        a, b = self._stretch(sentence, {j: p for j, p in inside.items() if j not in blocked}, blocked)
        common = sum(inside.get(j, 0.0) for j in range(a, b))
        if a == b or common < self.min_inside * mass:
            return _Found((0, 0), 0.0, APART)
        linked = sum(any(a <= j < b for j, _ in sentence.of_src.get(i, ())) for i in members)
        score = 2 * common / (mass + sum(sentence.mass.get(j, 0.0) for j in range(a, b)))
        return _Found((a, b), score, FEW if linked < self.min_linked * len(members) else "")

    def _stretch(self, sentence: _Sentence, inside: dict[int, float], blocked: frozenset[int]) -> Fragment:
        """Where the target span starts and ends; empty if there is none."""
        at = sorted(inside)
        if not at:
            return 0, 0
        whole = at[0], at[-1] + 1
        if self.shape == "hull":
            return (0, 0) if not blocked.isdisjoint(range(*whole)) else whole
        if self.shape == "run":
            runs = [[at[0]]]
            for before, j in pairwise(at):
                if j - before - 1 > self.gap or not blocked.isdisjoint(range(before, j)):
                    runs.append([])
                runs[-1].append(j)
            longest = max(runs, key=lambda run: (len(run), sum(inside[j] for j in run), -run[0]))
            return longest[0], longest[-1] + 1
        # The stretch with the highest sum, beginning and ending with a linked word; of equal ones the shortest.
        best, found = -np.inf, (0, 0)
        sum_, start = -np.inf, 0
        for j in range(*whole):
            if j in blocked:
                sum_ = -np.inf
                continue
            if j in inside and sum_ <= 0:
                sum_, start = 0.0, j
            sum_ += 3 * inside.get(j, 0.0) - sentence.mass.get(j, 0.0)
            if j in inside and sum_ > best:
                best, found = sum_, (start, j + 1)
        return found


class _Found(NamedTuple):
    words: Fragment
    score: float
    reason: str


class _Sentence(NamedTuple):
    """The links of a sentence pair: those of each source word, and the sum of each target word's."""

    of_src: dict[int, list[tuple[int, float]]]
    mass: dict[int, float]

    @classmethod
    def of(cls, links: Links, k: int) -> _Sentence:
        a, b = links.offsets[k : k + 2].tolist()
        of_src: dict[int, list[tuple[int, float]]] = defaultdict(list)
        mass: dict[int, float] = defaultdict(float)
        probs = [1.0] * (b - a) if links.prob is None else links.prob[a:b].tolist()
        for i, j, p in zip(links.src[a:b].tolist(), links.tgt[a:b].tolist(), probs, strict=True):
            if p > 0:
                of_src[i].append((j, p))
                mass[j] += p
        return cls(of_src, mass)


def _check(spans: Sequence[Span], words: int, k: int) -> None:
    for span in spans:
        if not all(0 <= a <= b <= words for a, b in span.fragments):
            raise DataError(
                f"labels of sentence {k + 1}: found {span.label} over the words {span.start} to {span.last} (from 0, the end not "
                f"included) of {words} words; labels count the words that the bitext has"
            )
