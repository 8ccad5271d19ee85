"""Iterated mining and training: mine, tune the encoder on what was mined, mine again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import PathText, read_lines
from polyalign.core.jit import F32, I64, Mask
from polyalign.core.progress import note
from polyalign.core.rng import generator
from polyalign.core.space import unit
from polyalign.encoders.centre import centre
from polyalign.encoders.named import named_encoder
from polyalign.encoders.tuned import head, mapped, write_head
from polyalign.sentences.mine import Margin, Mined

#: Fewer pairs than this teach nothing but themselves.
LEAST = 40
#: Share of held-out pairs that have to be found again.
AGAIN = 0.8

Sides = tuple[F32, F32]


@dataclass(frozen=True, slots=True)
class Criss(Margin):
    """Mine, tune the encoder contrastively on the mined pairs, and mine again, as long as that finds more.

    The first round is `sentences.mine/margin`. Each further round learns from the pairs of the one before, always from the
    encoder as it was at first, and mines with what it learnt. Tuned on itself an encoder can come to believe wrong pairs,
    so a share of the source sentences is held out, pairs of which are never learnt from. A round counts as better only if

    - of the held-out sentences' pairs, 80 % have each other as partners again: true pairs are found by another encoder
      too, chance ones mostly are not; and
    - more of these sentences have a pair than before, at the same expected share of wrong pairs, and by more than chance,
      those that gained one less those that lost theirs being more than ``sqrt(gained + lost)``.

    With a file of known translations those that are each other's best are counted instead. The first round that is not
    better is dropped and the last; so is one that would learn from fewer than 40 pairs. What each round found is told.

    On what is tuned: `head` learns a linear map of the vectors in closed form, in a second and without torch;
    `encoder` trains the transformer by its batches' contrast, which wants a GPU or patience.

    **Differs:** the paper trains a translation model and mines with its encoder. Heads trained by contrast, one for each
    language, or by canonical correlation were no better in trials. The expected share of wrong pairs is too low
    once wrong pairs have been learnt from: their margins are no independent evidence.

    Args:
        tune: What is tuned: a linear head on the vectors, or the transformer.
        rounds: Most rounds, the first included.
        held_out: Share of the source sentences that nothing is learnt from.
        clean: File of known translations, source and target separated by a tab, for the stop rule.
        shrink: For the head: how much of the identity is in the covariance of what sentences of a pair differ in.
        steps: For the encoder: batches a round.
        batch: For the encoder: pairs in a batch, each other's negatives.
        learning_rate: For the encoder: highest rate.
        temperature: For the encoder: what cosines are divided by in the loss.
        save: Folder for what was tuned; to be named as an encoder later.
        seed: Of what is held out, and of batches.

    References: tran2020cross, artetxe2019margin, ioffe2006probabilistic, oord2018representation

    Example:
        >>> vectors = np.eye(4, dtype=np.float32)
        >>> len(Criss(centre=False, rounds=1).mine(list("abcd"), list("zyxw"), vectors=(vectors, vectors)))
        4
    """

    tune: Literal["head", "encoder"] = "head"
    rounds: int = 3
    held_out: float = 0.2
    clean: PathText | None = None
    shrink: float = 0.6
    steps: int = 200
    batch: int = 32
    learning_rate: float = 2e-5
    temperature: float = 0.05
    save: PathText | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        Margin.__post_init__(self)
        for name, least in (("rounds", 1), ("steps", 1), ("batch", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, found {getattr(self, name)}")
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out must be between 0 and 1, found {self.held_out}")
        if not 0 < self.shrink <= 1:
            raise ValueError(f"shrink must be above 0 and at most 1, found {self.shrink}")
        for name in ("learning_rate", "temperature"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")

    def mine(
        self,
        src: Sequence[str],
        tgt: Sequence[str],
        *,
        vectors: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None,
        work: Path | None = None,
    ) -> Mined:
        """Mine one collection of source and one of target sentences, in rounds.

        Args:
            src: Source sentences, in any order.
            tgt: Target sentences.
            vectors: A vector for each sentence of either side, of the encoder; by default they are encoded.
            work: A folder to keep each round's shards of neighbours in. Vectors are in memory in any case.

        Returns:
            The pairs of the best round.

        Raises:
            ConfigError: Vectors are given and there are texts to encode; or the folder to save in is not empty.
            DataError: As `Margin.mine`; or the file of known translations has a line that is no pair, or no line.

        Complexity: As `Margin.mine`, times rounds; and O(p d^2 + d^3) to learn a head from p pairs.
        """
        if self.save is not None and Path(self.save).exists() and any(Path(self.save).iterdir()):
            raise ConfigError(f"save = {self.save!r}: found a folder with files in it, expected none; name another")
        if vectors is not None and (self.tune == "encoder" or self.clean is not None):
            raise ConfigError(
                "sentences.mine/criss: found vectors, and texts that the encoder itself has to read (tune = 'encoder' or "
                "clean); leave the vectors out"
            )
        return _Run(self, src, tgt, self._clean(), work).mine(vectors)

    def _clean(self) -> tuple[list[str], list[str]] | None:
        if self.clean is None:
            return None
        rows = [line.split("\t") for line in read_lines(self.clean) if line.strip()]
        wrong = next((i for i, row in enumerate(rows) if len(row) < 2 or not row[0].strip() or not row[1].strip()), -1)
        if wrong >= 0 or not rows:
            found = f"no pair in row {wrong}" if rows else "no line"
            raise DataError(f"{self.clean}: found {found}, expected source and target with a tab between them")
        return [row[0].strip() for row in rows], [row[1].strip() for row in rows]


@dataclass(frozen=True, slots=True, eq=False)
class _Round:
    """What a round found: its pairs, and of each held-out item its partner above the threshold and its best; -1 for none."""

    mined: Mined
    partner: I64
    best: I64


class _Run:
    """One call of `Criss.mine`."""

    def __init__(
        self,
        method: Criss,
        src: Sequence[str],
        tgt: Sequence[str],
        clean: tuple[list[str], list[str]] | None,
        work: Path | None,
    ) -> None:
        self.method, self.texts, self.clean, self.work = method, ([*src], [*tgt]), clean, work
        # A threshold of the user's holds for the last round: margins change their scale as the encoder is tuned.
        self.margin = Margin(**{f.name: getattr(method, f.name) for f in dataclasses.fields(Margin)})
        self.free = dataclasses.replace(self.margin, threshold=None)
        self.held: Mask = generator(method.seed, "criss").random(len(src)) < method.held_out

    def mine(self, given: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None) -> Mined:
        method = self.method
        first = sides = self._first(given)
        now = self._look(first, 1)
        said = [self._said(1, now)]
        kept: Any = None
        for number in range(2, method.rounds + 1):
            learnt = np.flatnonzero(~self.held[now.mined.src])
            if len(learnt) < LEAST:
                note(f"criss: {len(learnt)} pairs to learn from, fewer than {LEAST}; stopped after round {number - 1}")
                break
            tuned, state = self._tuned(first, now.mined, learnt)
            then, now = now, self._look(tuned, number)
            said.append(self._said(number, now))
            if reason := _no_better(then, now):
                now = then
                note(f"criss: round {number} is no better ({reason}); kept round {number - 1}")
                break
            sides, kept = tuned, state
        if method.save is not None:
            self._save(kept, said)
        return now.mined if method.threshold is None else self._margin(self.margin, sides)

    def _first(self, given: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None) -> Sides:
        """Vectors as the encoder gives them, the known translations' after the others."""
        if given is None:
            return self._encoded(named_encoder(self.method.encoder))
        out = []
        for name, side, texts in zip(("src", "tgt"), given, self.texts, strict=True):
            if side.ndim != 2 or len(side) != len(texts):
                raise DataError(
                    f"sentences.mine/criss: found {name} vectors of shape {side.shape} for {len(texts)} sentences, "
                    "expected one row for each; encode the same lines"
                )
            rows = np.array(side, np.float32)
            # An empty line may have any vector; it is to count for nothing.
            rows[[not t.strip() for t in texts]] = 0
            out.append(unit(rows))
        return out[0], out[1]

    def _encoded(self, encoder: Any) -> Sides:
        known = self.clean or ([], [])
        sides = [
            encoder.encode([t.strip() for t in texts] + more, label=f"encode {name}")
            for name, texts, more in zip(("src", "tgt"), self.texts, known, strict=True)
        ]
        return sides[0], sides[1]

    def _look(self, sides: Sides, number: int) -> _Round:
        """What vectors find, of all sentences and of those that are held out."""
        found = self._margin(self.free, sides, number)
        mutual = dataclasses.replace(self.free, select="intersection", threshold=-np.inf)
        n, m = (len(side) for side in self.texts)
        if self.clean is None:
            best = self._margin(mutual, sides, number)
            return _Round(found, _partners(found, n)[self.held], _partners(best, n)[self.held])
        a, b = centre(*sides) if self.method.centre else sides
        known = dataclasses.replace(mutual, copies=True, centre=False).mine(*self.clean, vectors=(a[n:], b[m:]))
        partner = _partners(known, len(self.clean[0]))
        right = np.where(partner == np.arange(len(partner)), partner, -1)
        return _Round(found, right, right)

    def _margin(self, margin: Margin, sides: Sides, number: int = 0) -> Mined:
        n, m = (len(side) for side in self.texts)
        work = None if self.work is None else self.work / f"round-{number}"
        return margin.mine(*self.texts, vectors=(sides[0][:n], sides[1][:m]), work=work)

    def _tuned(self, first: Sides, found: Mined, learnt: npt.NDArray[Any]) -> tuple[Sides, Any]:
        """Vectors tuned on pairs, and what made them."""
        method, src, tgt = self.method, found.src[learnt], found.tgt[learnt]
        if method.tune == "encoder":
            from polyalign.encoders.tune import tune

            model = tune(
                named_encoder(method.encoder),
                [self.texts[0][i].strip() for i in src.tolist()],
                [self.texts[1][j].strip() for j in tgt.tolist()],
                steps=method.steps,
                batch=method.batch,
                learning_rate=method.learning_rate,
                temperature=method.temperature,
                seed=method.seed,
            )
            return self._encoded(model), model
        a, b = centre(*first) if method.centre else first
        matrix = head(a[src], b[tgt], shrink=method.shrink)
        nothing = np.zeros(a.shape[1], np.float32)
        mean = np.mean([x[x.any(axis=1)].mean(axis=0) for x in first], axis=0) if method.centre else nothing
        return (mapped(a, nothing, matrix), mapped(b, nothing, matrix)), (mean, matrix)

    def _said(self, number: int, now: _Round) -> dict[str, Any]:
        what = "held-out sentences" if self.clean is None else "known translations"
        of, some = len(now.partner), int((now.partner >= 0).sum())
        note(f"criss: round {number}: {len(now.mined)} pairs; {some} of {of} {what} have a partner")
        return {"round": number, "pairs": len(now.mined), "held_out": of, "with_partner": some}

    def _save(self, kept: Any, said: list[dict[str, Any]]) -> None:
        method, folder = self.method, Path(self.method.save or "")
        if kept is None:
            note(f"criss: nothing was tuned that is better than {method.encoder}; nothing is saved in {folder}")
        elif method.tune == "encoder":
            kept.write(folder)
            prefix = f":prefix={kept.prefix}" if kept.prefix else ""
            note(f"criss: saved the tuned encoder; name it as: '{folder}{prefix}'")
        else:
            mean, matrix = kept
            write_head(folder, method.encoder, mean, matrix, {"rounds": said})
            note(f"criss: saved the tuned head; name it as: tuned:model={folder}")


def _partners(found: Mined, n: int) -> I64:
    out = np.full(n, -1, np.int64)
    out[found.src] = found.tgt
    return out


def _no_better(then: _Round, now: _Round) -> str:
    """Why a round is not better than the one before; empty if it is."""
    had, has = then.partner >= 0, now.partner >= 0
    again = int((now.best[had] == then.partner[had]).sum())
    if again < AGAIN * had.sum():
        return f"of {int(had.sum())} held-out pairs {again} were found again: they are mostly chance"
    gained, lost = int((has & ~had).sum()), int((had & ~has).sum())
    return (
        ""
        if gained - lost > np.sqrt(gained + lost)
        else f"{gained} of what is held out gained a partner, {lost} lost theirs"
    )
