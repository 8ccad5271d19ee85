"""CW2V: rows as mixtures of old rows, the mixture learnt from text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, I64
from polyalign.core.progress import track
from polyalign.core.rng import generator
from polyalign.core.space import unit
from polyalign.encoders.neighbours import nearest
from polyalign.encoders.torch_load import limit_threads
from polyalign.models.language_model import LanguageModel
from polyalign.models.vocabulary.change import Change
from polyalign.models.vocabulary.rows.constituents import Constituents
from polyalign.models.vocabulary.rows.evidence import NOTHING, Evidence
from polyalign.models.vocabulary.rows.method import Norm, matrices_of, mixed, sparse


@dataclass(frozen=True, slots=True)
class CW2V:
    """Fill the rows of new pieces with mixtures of old rows that are learnt from text by constrained word2vec (CW2V).

    A new row is ``e(p) = sum_q softmax(A[p])_q E[q]``, which is within the convex hull of the old ones whatever A is; the head's
    likewise by its own B. Skip-gram with negative samples learns A and B on texts of the new language: next to each other
    ``log s(e(p) u(c)) + sum_n log s(-e(p) u(n))``, old rows staying as they are. It begins near the mean of constituents.
    Evidence: texts.

    **Differs:** each piece is a mixture of a few candidates, its constituents and the old pieces whose rows are most like their mean,
    where the released code has every old row for every piece (two billion weights for 31,000 pieces); rows are taken about
    their mean for the products, because what they all have in common is most of their length; tied matrices share one A.

    Args:
        candidates: Old pieces that a new one may be a mixture of.
        start: How much less each other candidate weighs than a constituent at first, as a logarithm.
        window: Pieces on either side that count as neighbours.
        negatives: Pieces drawn as wrong answers for each right one, by their frequency to the power of 3/4.
        pairs: Neighbours learnt from, drawn from the texts.
        batch: Of them at once.
        learning_rate: Adam's.
        seed: Of what is drawn.
        norm: The length of a new row: its own, parts (the mean length of the rows it is of), or all (of all old rows).

    Raises:
        ValueError: A parameter out of range.

    Complexity: O(pairs (candidates + negatives) d).

    References: mundra2024empirical, mikolov2013distributed
    """

    candidates: int = 16
    start: float = 4.0
    window: int = 1
    negatives: int = 5
    pairs: int = 1_000_000
    batch: int = 4096
    learning_rate: float = 1e-3
    seed: int = 1
    norm: Norm = "own"

    def __post_init__(self) -> None:
        for name in ("candidates", "window", "negatives", "pairs", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, found {self.learning_rate}")
        if self.start < 0 or self.seed < 0:
            raise ValueError(f"start and seed must not be negative, found {self.start} and {self.seed}")

    def fit(self, base: LanguageModel, change: Change, evidence: Evidence = NOTHING) -> list[F32]:
        """Make the rows of a new vocabulary; as of `Mixture.fit`.

        Raises:
            DataError: There are no texts, or no new piece beside another in them.
        """
        matrices = matrices_of(base)
        start = Constituents().fit(base, change)
        if not len(change.new):
            return start
        centre, context = _neighbours(change, evidence.texts, self)
        chosen = [_candidates(change, m, s, self) for m, s in zip(matrices, start, strict=True)]
        logits = self._learnt(change, start, matrices, chosen, centre, context)
        out = []
        for matrix, (columns, _), weight in zip(matrices, chosen, logits, strict=True):
            rows = np.repeat(np.arange(len(columns)), columns.shape[1])
            weights = sparse(weight.ravel(), rows, columns.ravel(), (len(columns), len(matrix)))
            out.append(change.placed(matrix, mixed(weights, matrix, self.norm)))
        return out

    def _learnt(
        self,
        change: Change,
        start: list[F32],
        matrices: list[F32],
        chosen: list[tuple[I64, F32]],
        centre: I64,
        context: I64,
    ) -> list[F32]:
        """The weights of each candidate of each new piece, for each matrix, shape (k, candidates)."""
        import torch

        limit_threads()
        tables, old, means = (
            [torch.from_numpy(x) for x in some] for some in (start, matrices, [m.mean(axis=0) for m in matrices])
        )
        columns = [torch.from_numpy(c) for c, _ in chosen]
        logits = [torch.nn.Parameter(torch.from_numpy(begin)) for _, begin in chosen]
        place = torch.full((len(change.kept),), -1, dtype=torch.long)
        place[torch.tensor(change.new.tolist())] = torch.arange(len(change.new))

        def rows(side: int, ids: Any) -> Any:
            unique, back = ids.unique(return_inverse=True)
            k = place[unique]
            out = tables[side][unique]
            out[k >= 0] = torch.einsum(
                "nc,ncd->nd", logits[side][k[k >= 0]].softmax(1), old[side][columns[side][k[k >= 0]]]
            )
            # Not by an index, whose gradients several threads add in any order.
            return torch.nn.functional.embedding(back, out - means[side])

        draws = generator(self.seed, "cw2v")
        noise = np.cumsum(np.bincount(context, minlength=len(change.kept)) ** 0.75)
        optimizer = torch.optim.Adam(logits, lr=self.learning_rate)
        order = draws.permutation(len(centre))[: self.pairs]
        with track("cw2v", total=len(order), unit="pairs") as progress:
            for at in range(0, len(order), self.batch):
                some = order[at : at + self.batch]
                wrong = np.searchsorted(noise, draws.random((len(some), self.negatives)) * noise[-1], side="right")
                left = rows(0, torch.from_numpy(centre[some]))
                other = torch.from_numpy(np.concatenate([context[some][:, None], wrong], axis=1))
                right = rows(-1, other.ravel()).reshape(*other.shape, -1)
                scores = torch.einsum("nd,nmd->nm", left, right)
                scores = torch.cat([scores[:, :1], -scores[:, 1:]], dim=1)
                loss = -torch.nn.functional.logsigmoid(scores).sum(1).mean()
                optimizer.zero_grad()
                torch.autograd.backward([loss])
                optimizer.step()
                progress.advance(len(some))
        return [x.detach().softmax(1).numpy() for x in logits]


def _neighbours(change: Change, texts: Sequence[str], method: CW2V) -> tuple[I64, I64]:
    """Neighbouring pieces of which one at least is new: all the first ones, and all the second ones, both ways round."""
    found = change.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    new = np.zeros(len(change.kept), np.bool_)
    new[change.new] = True
    sides: list[tuple[I64, I64]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for row in found:
        ids = np.array(row, np.int64)
        for i in range(1, method.window + 1):
            a, b = ids[:-i], ids[i:]
            of = new[a] | new[b]
            sides += [(a[of], b[of]), (b[of], a[of])]
    centre, context = (np.concatenate(x) for x in zip(*sides, strict=True))
    if not len(centre):
        raise DataError(
            "models.rows/cw2v: found no new piece beside another in the texts, expected text of the new language; give some, "
            "or use models.rows/constituents"
        )
    return centre, context


def _candidates(change: Change, matrix: F32, start: F32, method: CW2V) -> tuple[I64, F32]:
    """Old pieces for each new one, its constituents first, and the logarithms of their weights at first, shape (k, candidates)."""
    mean = matrix.mean(axis=0)
    count = min(method.candidates, len(matrix))
    near = nearest(unit(start[change.new] - mean), unit(matrix - mean), min(2 * count, len(matrix)))[1]
    rows = np.zeros((len(near), count), np.int64)
    weights = np.full(rows.shape, -method.start, np.float32)
    for k, (parts, others) in enumerate(zip(change.constituents, near, strict=True)):
        times = Counter(parts.tolist())
        rows[k] = [*times, *(q for q in others.tolist() if q not in times)][:count]
        own = list(times.values())[:count]
        weights[k, : len(own)] = np.log(own)
    return rows, weights
