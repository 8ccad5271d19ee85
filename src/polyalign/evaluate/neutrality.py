"""Language neutrality: what vectors keep of their language, before and after its mean is taken out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from polyalign.core.errors import DataError
from polyalign.core.jit import F32, F64, I64
from polyalign.core.rng import generator
from polyalign.core.score import Score, signature
from polyalign.core.space import unit
from polyalign.encoders.neighbours import nearest_both
from polyalign.evaluate.language_probe import LanguageProbe, Probe
from polyalign.evaluate.parallel_vectors import check_parallel
from polyalign.evaluate.ratios import check_samples

#: Steps that k-means takes at most, and how often it begins anew.
STEPS, STARTS = 50, 5


@dataclass(frozen=True, slots=True)
class Neutrality:
    """Measure how neutral vectors are to the language of a sentence, as they are and with each language's mean taken out.

    Three measures: a probe that tells the language (`evaluate/language-probe`; lower is more neutral), retrieval of the
    translation by cosine among the other language's sentences, over all pairs of languages and directions (higher is),
    and the V-measure between languages and as many clusters of the vectors (lower is). The value is the gain in
    retrieval.

    **Differs:** the paper centres by the mean over any text of a language; here it is that of one half of the sentences,
    and all is measured on the other half, so that no sentence is centred by itself. Its V-measure is that of the
    languages' centroids with language families, `family_v_measure`, which has no meaning once they are centred.

    Args:
        probe: The probe's kind.
        folds: The probe's folds.
        samples: Resamples of the bootstrap over sentences with their translations; 0 for no interval.
        seed: Of the halves, the folds, the clusters' first centres and the resampling.

    Raises:
        ValueError: A number is out of range.

    References: libovicky2020language, rosenberg2007vmeasure, efron1979bootstrap

    Example:
        >>> x = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
        >>> score = Neutrality(samples=0).score({"deu_Latn": x - 9, "eng_Latn": x + 9})
        >>> score.parts["probe_before"], round(score.parts["v_before"], 6), score.parts["retrieval_after"] > 0.5
        (1.0, 1.0, True)
    """

    probe: Probe = "centroid"
    folds: int = 5
    samples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2, found {self.folds}")
        check_samples(self.samples)

    def score(self, vectors: Mapping[str, F32]) -> Score:
        """Score one layer's vectors of parallel sentences.

        Args:
            vectors: By language, shape (n, d); row i says the same in each.

        Returns:
            What centring adds to the retrieval accuracy, with a 95 % interval; its parts are ``probe``, ``retrieval``
            and ``v``, each ``_before`` and ``_after``, and ``chance`` for the probe.

        Raises:
            DataError: Fewer than two languages, other shapes in one of them, or fewer than two sentences a fold.
            MissingExtraError: The logistic probe without scikit-learn.

        Complexity: O(L^2 n^2 d) for L languages.
        """
        check_parallel("evaluate/neutrality", vectors, 2 * self.folds)
        whole = np.stack([unit(x) for x in vectors.values()])
        languages, n, d = whole.shape
        order = generator(self.seed, "halves").permutation(n)
        known, asked = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
        before = whole[:, asked]
        shifted = before - whole[:, known].mean(axis=1, keepdims=True)
        after = unit(shifted.reshape(-1, d)).reshape(before.shape)
        probe = LanguageProbe(self.probe, self.folds, samples=0, seed=self.seed)
        columns = [np.full(len(asked), float(languages)), np.full(len(asked), float(languages * (languages - 1)))]
        columns += [probe.told(x).sum(axis=0) for x in (before, after)]
        columns += [_retrieved(x) for x in (before, after)]
        items = np.stack(columns, axis=1).astype(np.float64)
        sums = items.sum(axis=0)
        labels = np.repeat(np.arange(languages), len(asked))
        v = [v_measure(labels, clusters(x.reshape(-1, d), languages, self.seed)) for x in (before, after)]
        return Score.of(
            "retrieval gained by centring",
            items,
            _gain,
            signature(
                metric="neutrality",
                probe=self.probe,
                folds=self.folds,
                languages=languages,
                sentences=len(items),
                samples=self.samples,
                seed=self.seed,
            ),
            samples=self.samples,
            seed=self.seed,
            parts={
                "probe_before": float(sums[2] / sums[0]),
                "probe_after": float(sums[3] / sums[0]),
                "retrieval_before": float(sums[4] / sums[1]),
                "retrieval_after": float(sums[5] / sums[1]),
                "v_before": v[0],
                "v_after": v[1],
                "chance": 1 / languages,
            },
        )


def v_measure(labels: I64, found: I64) -> float:
    """The harmonic mean of how pure clusters are and how whole the labels are in them, from 0 to 1.

    With entropies H, homogeneity is ``1 - H(label | cluster) / H(label)``, completeness
    ``1 - H(cluster | label) / H(cluster)``; either is 1 where there is nothing to be told apart.

    Args:
        labels: What each item is, shape (n,), from 0.
        found: The cluster of each item, shape (n,), from 0.

    Returns:
        The V-measure.

    References: rosenberg2007vmeasure

    Example:
        >>> v_measure(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])), v_measure(np.array([0, 1]), np.array([0, 0]))
        (1.0, 0.0)
    """
    joint = np.zeros((labels.max() + 1, found.max() + 1))
    np.add.at(joint, (labels, found), 1 / len(labels))
    of_labels, of_found, of_both = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0)), _entropy(joint)
    shared = of_labels + of_found - of_both
    homogeneity = shared / of_labels if of_labels > 0 else 1.0
    completeness = shared / of_found if of_found > 0 else 1.0
    return 2 * homogeneity * completeness / max(homogeneity + completeness, 1e-300)


def family_v_measure(vectors: Mapping[str, F32], families: Mapping[str, str]) -> float:
    """The V-measure between language families and as many clusters of the languages' mean vectors.

    Clusters are joined by the mean cosine distance of their members.

    Args:
        vectors: By language, shape (n, d), not centred.
        families: The family of each language.

    Returns:
        From 0 to 1, the higher the more the vectors say of how languages are related.

    Raises:
        DataError: A language without a family, or fewer than three languages.

    References: libovicky2020language, rosenberg2007vmeasure
    """
    lacking = [lang for lang in vectors if lang not in families]
    if lacking or len(vectors) < 3:
        raise DataError(
            f"evaluate/neutrality: found {len(vectors)} languages, without a family: {', '.join(lacking) or 'none'}; expected three "
            "languages at least, and the family of each"
        )
    from scipy.cluster.hierarchy import fcluster, linkage

    names = sorted({families[lang] for lang in vectors})
    means = unit(np.stack([unit(x).mean(axis=0) for x in vectors.values()]))
    joined = fcluster(linkage(means, "average", "cosine"), len(names), "maxclust")
    return v_measure(np.array([names.index(families[lang]) for lang in vectors]), np.asarray(joined, np.int64) - 1)


def clusters(x: F32, k: int, seed: int) -> I64:
    """The cluster of each unit vector by spherical k-means, the best of some random starts, shape (n,)."""
    random = generator(seed, "clusters")
    best, out = -np.inf, np.zeros(len(x), np.int64)
    for _ in range(STARTS):
        centres = x[random.choice(len(x), k, replace=False)]
        found = np.full(len(x), -1, np.int64)
        for _ in range(STEPS):
            cosines = x @ centres.T
            now = cosines.argmax(axis=1)
            if (now == found).all():
                break
            found = now
            sums = np.zeros_like(centres)
            np.add.at(sums, found, x)
            # A cluster that has lost all stays where it was.
            centres = np.where(sums.any(axis=1, keepdims=True), unit(sums), centres)
        total = float(cosines.max(axis=1).sum(dtype=np.float64))
        if total > best:
            best, out = total, found
    return out


def _retrieved(vectors: F32) -> I64:
    """How many of its translations each row finds among the rows of their languages, shape (n,)."""
    n = vectors.shape[1]
    right = np.zeros(n, np.int64)
    for a, b in combinations(vectors, 2):
        for _, rows in nearest_both(a, b, 1):
            right += rows[:, 0] == np.arange(n)
    return right


def _entropy(p: F64) -> float:
    some = p[p > 0]
    return float(-(some * np.log(some)).sum())


def _gain(sums: F64) -> F64:
    return np.asarray((sums[..., 5] - sums[..., 4]) / sums[..., 1], np.float64)
