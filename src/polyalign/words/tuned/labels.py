"""Which words of a batch are taken for translations of each other, and how far the encoder is from saying so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from polyalign.core.bitext import Bitext
from polyalign.core.errors import DataError
from polyalign.core.jit import I64
from polyalign.core.links import Links
from polyalign.words.gold import check_links, read_gold, word_counts
from polyalign.words.pharaoh import read_links
from polyalign.words.similarity.matrix import of_words
from polyalign.words.tuned.training import Batch, Pairs, both

if TYPE_CHECKING:
    from polyalign.words.tuned.method import ByTuning, TunedEncoder

#: How a link is rewarded: by its probability, or by the logarithm of it.
Reward = Literal["log", "linear"]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Links that are learned from.

    Args:
        method: Whose own links they are if there are no others.
        links: Of the bitext; None for the method's own.
    """

    method: ByTuning
    links: Links | None

    @classmethod
    def of(cls, method: ByTuning, bitext: Bitext) -> tuple[Labels, Bitext]:
        """What a method learns from, and the sentence pairs these links are of.

        Raises:
            DataError: A file cannot be read, or is of other text.
        """
        if method.gold:
            bitext, links = read_gold(method.gold, method.gold_text, bitext)
            return cls(method, links), bitext
        if method.links:
            links = read_links(method.links)
            if len(links) != len(bitext):
                raise DataError(
                    f"{method.links}: found {len(links):,} lines, but the bitext has {len(bitext):,} sentence pairs; give a "
                    "line of links for each"
                )
            check_links(links, word_counts(bitext), method.links)
            return cls(method, links), bitext
        if method.labels == "self":
            return cls(method, None), bitext
        from polyalign.words.statistical import Statistical

        return cls(method, Statistical(seed=method.seed).fit(bitext).align(bitext)), bitext

    def cells(self, batch: Batch, cosine: Any) -> Any:
        """1 where a source and a target row of a pair are linked, shape (b, n, m); of pieces if all their words' are.

        Args:
            batch: The batch.
            cosine: Its similarities.
        """
        import torch

        out = np.zeros(tuple(cosine.shape), np.float32)
        there = both(batch).cpu().numpy()
        similar = None if self.links is not None else cosine.detach().float().cpu().numpy()
        for r, k in enumerate(batch.pairs.tolist()):
            x, y = batch.src.word[r], batch.tgt.word[r]
            linked = np.zeros((int(x.max()) + 1, int(y.max()) + 1), np.float32)
            if self.links is not None:
                at = slice(*self.links.offsets[k : k + 2].tolist())
                # Words of which the encoder knows no piece may be the last ones.
                inside = (self.links.src[at] < linked.shape[0]) & (self.links.tgt[at] < linked.shape[1])
                linked[self.links.src[at][inside], self.links.tgt[at][inside]] = 1
            else:
                linked = self._own(similar[r], there[r], x, y, linked.shape)  # type: ignore[index]
            out[r, : len(x), : len(y)] = linked[x][:, y]
        return torch.from_numpy(out * there).to(cosine.device)

    def _own(self, cosine: Any, there: Any, x: I64, y: I64, shape: tuple[int, int]) -> Any:
        """What the method decides for, of words."""
        i, j = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
        p = self.method.decide(np.ascontiguousarray(cosine[i[:, None], j]))
        return of_words(p, x[i], y[j], *shape).any(axis=0).astype(np.float32)


def material(method: ByTuning, tuned: TunedEncoder, bitext: Bitext) -> tuple[Labels, Pairs] | None:
    """What a method learns from, and the sentence pairs as tokens; None if there are none to tune on.

    Raises:
        ConfigError: The encoder's tokenizer does not say where a token is in the text.
        DataError: A file of links cannot be read, or is of other text.
    """
    labels, text = Labels.of(method, bitext)
    if not len(text):
        return None
    pairs = method.usable(Pairs.read(tuned.network, tuned.made.prefix, text, method.level, method.max_tokens))
    return (labels, pairs) if len(pairs.use) else None


def self_training(cosine: Any, linked: Any, there: Any, temperature: float, reward: Reward) -> Any:
    """How far softmaxes over either side are from the links.

    linear: ``-mean_pairs(sum A P / n + sum A P' / m)``, P and P' being the softmax over target and source rows; log: the
    cross entropy of P and P' with the links of each linked row, which share it equally.

    Args:
        cosine: Shape (b, n, m).
        linked: A, shape (b, n, m).
        there: Which cells there are.
        temperature: What cosines are divided by.
        reward: Which of both.

    References: dou2021awesome
    """
    import torch

    logits = (cosine / temperature).masked_fill(~there, -1e4)
    total = cosine.new_zeros(())
    for d in (2, 1):
        if reward == "log":
            weight = linked / linked.sum(dim=d, keepdim=True).clamp(min=1)
            total = total - (torch.log_softmax(logits, d) * weight).sum() / linked.any(dim=d).sum().clamp(min=1)
        else:
            rows = there.any(dim=d).sum(dim=1).clamp(min=1)
            total = total - ((torch.softmax(logits, d) * linked).sum(dim=(1, 2)) / rows).mean()
    return total


def consistency(cosine: Any, there: Any, temperature: float) -> Any:
    """How little both softmaxes agree: ``-mean_pairs(trace(P P'^T) / min(n, m))``.

    References: dou2021awesome
    """
    import torch

    logits = (cosine / temperature).masked_fill(~there, -1e4)
    agreed = (torch.softmax(logits, 2) * torch.softmax(logits, 1) * there).sum(dim=(1, 2))
    least = torch.minimum(there.any(dim=2).sum(dim=1), there.any(dim=1).sum(dim=1)).clamp(min=1)
    return -(agreed / least).mean()
