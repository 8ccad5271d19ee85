"""IndicSBERT's recipe: inference first, then similarity, both on texts that were translated into many languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.files import read_lines
from polyalign.core.jit import I64
from polyalign.core.rng import generator
from polyalign.encoders.contrast import alike, infonce
from polyalign.encoders.encoder import Encoder
from polyalign.encoders.tune import Model, model_of
from polyalign.models.encoders.method import Takes, Tuning, above, at_least
from polyalign.models.encoders.text import Text, drawn
from polyalign.models.encoders.training import steps_of, train

#: Premise, what follows from it, and what contradicts it (or nothing).
Triple = tuple[str, str, str]
#: Two texts and how similar they are, from 0 to 1.
Rated = tuple[str, str, float]
LABELS = ("entailment", "neutral", "contradiction")


@dataclass(frozen=True, slots=True)
class IndicSBERT(Tuning):
    """Tune an encoder in two stages on judged pairs of sentences in many languages: inference, then similarity.

    First each premise is to find what follows from it among the hypotheses of the batch, those that contradict premises
    included (InfoNCE, multiple negatives ranking); then the cosine of two texts is to be their similarity,
    ``mean (cos(a, b) - similarity)^2``. The paper's texts are SNLI's, MultiNLI's and STSb's, translated by machine into each
    language and mixed: a line may have one language on one side and another on the other.

    Args:
        temperature: What cosines are divided by in the first stage.
        similarity_steps: Batches of the second stage; `steps` are the first's. 0 for no second stage.

    Raises:
        ValueError: A parameter out of range.

    Complexity: A step costs about three times the encoding of its texts.

    References: deode2023indicsbert, reimers2019sentence, oord2018representation
    """

    takes: ClassVar[Takes] = "judgements"

    temperature: float = 0.05
    similarity_steps: int = 100

    def __post_init__(self) -> None:
        Tuning.__post_init__(self)
        above(self, "temperature")
        at_least(self, 0, "similarity_steps")

    def fit(
        self, encoder: Encoder, triples: Sequence[Triple], rated: Sequence[Rated], *, work: Path | None = None
    ) -> Model:
        """Tune a copy of an encoder's model.

        Args:
            encoder: e5 or a transformer.
            triples: Premises with hypotheses, as `read_triples` reads them.
            rated: Rated pairs, as `read_rated` reads them.
            work: Folder of the checkpoints; none for no checkpoints.

        Returns:
            The tuned model.

        Raises:
            DataError: Fewer than two triples, or two rated pairs with a second stage; or a checkpoint cannot be written.
            ConfigError: The encoder cannot be tuned, a loss is no number, or memory is short.
            MissingExtraError: Torch, transformers or accelerate is not installed.
        """
        for what, found in (("triples", len(triples)), ("rated pairs", len(rated) if self.similarity_steps else 2)):
            if found < 2:
                raise DataError(f"tune: found {found} {what}, expected two at least; give more")
        made = model_of(encoder)
        self._infer(encoder, made, triples, work)
        if self.similarity_steps:
            before = [t for x in triples for t in x]
            replace(self, steps=self.similarity_steps)._rate(encoder, made, rated, before, work)
        return made

    def _infer(self, encoder: Encoder, made: Model, triples: Sequence[Triple], work: Path | None) -> None:
        sides = [Text.read(made, [x[k] for x in triples], self.max_tokens) for k in range(3)]
        against = np.array([bool(x[2].strip()) for x in triples], np.bool_)
        batches = drawn(_lengths(sides[:2]), self.batch, steps_of(self), self.seed, "inference")

        def loss(step: int) -> Any:
            rows = batches[step]
            some = rows[against[rows]]
            more: dict[str, Any] = {}
            if len(some):
                # What contradicts one premise may be what follows from another.
                same = [[triples[a][1] == triples[b][2] for b in some] for a in rows]
                more = {"negatives": sides[2].vectors(some), "no_negatives": np.array(same, np.bool_)}
            return infonce(
                sides[0].vectors(rows), sides[1].vectors(rows), temperature=self.temperature,
                same=alike([triples[k][0] for k in rows], [triples[k][1] for k in rows]), both=False, **more,
            )  # fmt: skip

        train(self, encoder, made, loss, data=(t for x in triples for t in x), work=work, stage="inference")

    def _rate(
        self, encoder: Encoder, made: Model, rated: Sequence[Rated], before: Sequence[str], work: Path | None
    ) -> None:
        sides = [Text.read(made, [str(x[k]) for x in rated], self.max_tokens) for k in range(2)]
        wanted = np.array([x[2] for x in rated], np.float32)
        batches = drawn(_lengths(sides), self.batch, steps_of(self), self.seed, "similarity")

        def loss(step: int) -> Any:
            import torch

            rows = batches[step]
            cosine = (sides[0].vectors(rows) * sides[1].vectors(rows)).sum(dim=1)
            return (cosine - torch.from_numpy(wanted[rows]).to(cosine.device)).square().mean()

        data = (*before, *(f"{a}\t{b}\t{c}" for a, b, c in rated))
        train(self, encoder, made, loss, data=data, work=work, stage="similarity")


def _lengths(sides: Sequence[Text]) -> I64:
    return np.array([sum(map(len, ids)) for ids in zip(*(side.ids for side in sides), strict=True)], np.int64)


def _columns(path: str, wanted: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            cells = [c.strip() for c in line.split("\t")]
            if len(cells) != 3 or not cells[0] or not cells[1]:
                raise DataError(
                    f"{path} line {number}: found {len(cells)} columns, {sum(map(bool, cells))} with text, expected "
                    f"{wanted} between tabs; correct the line"
                )
            yield number, cells


def read_triples(path: str, *, seed: int = 1) -> list[Triple]:
    """Read inference pairs: premise, hypothesis, and one of entailment, neutral and contradiction, between tabs.

    Args:
        path: The file.
        seed: By which a premise's contradictions are given to what follows from it.

    Returns:
        A triple for each entailment, with one of the contradictions of the same premise if there is any.

    Raises:
        DataError: A line of another form.
    """
    follows: dict[str, list[str]] = {}
    against: dict[str, list[str]] = {}
    for number, (premise, hypothesis, label) in _columns(path, "premise, hypothesis and label"):
        if label not in LABELS:
            raise DataError(
                f"{path} line {number}: found label {label!r}, expected {', '.join(LABELS)}; correct the line"
            )
        if label != "neutral":
            (follows if label == "entailment" else against).setdefault(premise, []).append(hypothesis)
    random = generator(seed, "contradictions")
    out: list[Triple] = []
    for premise, hypotheses in follows.items():
        others = against.get(premise, [])
        for k in range(len(hypotheses)):
            out.append((premise, hypotheses[k], others[int(random.integers(len(others)))] if others else ""))
    return out


def read_rated(path: str, *, most: float = 5.0) -> list[Rated]:
    """Read rated pairs: two texts and their similarity from 0 to ``most``, between tabs; it becomes 0 to 1.

    Raises:
        DataError: A line of another form, or a rating out of range.
    """
    out: list[Rated] = []
    for number, (a, b, rating) in _columns(path, "two texts and a rating"):
        try:
            value = float(rating)
        except ValueError:
            value = np.nan
        if not 0 <= value <= most:
            raise DataError(f"{path} line {number}: found rating {rating!r}, expected 0 to {most:g}; correct the line")
        out.append((a, b, value / most))
    return out
