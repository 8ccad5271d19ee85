"""The metrics of a model: where each comes from, what it is called, how it is taken of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from polyalign.core.jit import F32
from polyalign.core.score import Score
from polyalign.evaluate.model.work import ALL, LeftOut, Measured, Work

Group = Literal["representation", "tokenizer", "language model"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of the table.

    Args:
        method: Its id in the registry.
        title: What it is called.
        about: What it says, in one sentence.
        better: Which values are.
        group: What of a model it is about.
        top: The largest value there can be, if there is one.
        of: Takes it of a model.
        parts: Further numbers of its score that are worth a line, and what they are called.
        default: Whether it is taken without being asked for.
    """

    method: str
    title: str
    about: str
    better: Literal["higher", "lower", "neither"]
    group: Group
    top: float | None
    of: Callable[[Work], Measured]
    parts: Mapping[str, str] = field(default_factory=dict)
    default: bool = True


def _mexa(work: Work) -> Measured:
    layers = {lang: score.items[:, 1:].mean(axis=0).tolist() for lang, score in work.mexa.items()}
    return Measured(work.mexa, layers)


def _layerwise(work: Work, method: str, **settings: Any) -> Measured:
    """A metric of two languages' vectors, in every layer; its score is of the layer that is best for all languages."""
    metric, plain = work.metric(method, **settings), work.metric(method, **{**settings, "samples": 0})
    scores, layers = {}, {}
    for lang in work.parallel.languages:
        pivot, own = work.sides(lang)
        scores[lang] = _in_layer(work, metric.score(own[work.layer], pivot[work.layer]))
        layers[lang] = [_value(plain, y, x) for x, y in zip(pivot, own, strict=True)]
    return Measured(scores, layers)


def _value(metric: Any, src: F32, tgt: F32) -> float:
    """A layer's value; none where all sentences have one vector, as the embeddings of one last token."""
    alike = any((x == x[0]).all() for x in (src, tgt))
    return float("nan") if alike else float(metric.score(src, tgt).value)


def _in_layer(work: Work, score: Score) -> Score:
    """The score with the layer in its signature."""
    return replace(score, signature=f"{score.signature}|layer:{work.layer}|pooling:{work.pooling}")


def _svcca(work: Work) -> Measured:
    # Few directions: with as many as sentences any two languages agree.
    fewest = min(len(rows) for rows in work.parallel.rows.values())
    return _layerwise(work, "evaluate/svcca", directions=max(1, fewest // 10))


def _together(work: Work, method: str) -> Measured:
    """A metric of all languages' vectors at once, in the layer that is best for all."""
    if not work.parallel.multiway:
        raise LeftOut("each language has its own sentences")
    return Measured({ALL: _in_layer(work, work.metric(method).score(work.at_layer()))})


def _tokenizer(work: Work, name: str) -> Measured:
    return Measured({lang: held[name] for lang, held in work.tokenizations.items() if name in held})


def _parity(work: Work) -> Measured:
    metric, pivot = work.metric("evaluate/information-parity"), work.nats[work.parallel.pivot]
    scores = {lang: metric.score(work.nats[lang], pivot[rows]) for lang, rows in work.parallel.rows.items()}
    return Measured(scores)


def _bits(work: Work, name: str) -> Measured:
    return Measured({lang: held[name] for lang, held in work.bits.items()})


MEASURES: dict[str, Measure] = {
    "mexa": Measure(
        "evaluate/mexa", "MEXA", "Share of sentences nearest to their own translation in both directions, mean over all layers.",
        "higher", "representation", 1.0, _mexa,
    ),
    "retrieval": Measure(
        "evaluate/retrieval", "xsim error", "Share of sentences whose best match in the other language is not their translation.",
        "lower", "representation", 1.0, lambda work: _layerwise(work, "evaluate/retrieval"),
    ),
    "anc": Measure(
        "evaluate/anc", "ANC", "Mean correlation of a neuron's values over the sentences of two languages.",
        "higher", "representation", 1.0, lambda work: _layerwise(work, "evaluate/anc"),
    ),
    "cka": Measure(
        "evaluate/cka", "CKA", "Whether sentences are like each other where their translations are, without bias.",
        "higher", "representation", 1.0, lambda work: _layerwise(work, "evaluate/cka"),
    ),
    "svcca": Measure(
        "evaluate/svcca", "SVCCA", "Mean canonical correlation of the main directions of two languages' vectors.",
        "higher", "representation", 1.0, _svcca, default=False,
    ),
    "lareqa": Measure(
        "evaluate/lareqa", "LAReQA mAP", "Mean average precision of finding all translations among all languages' sentences.",
        "higher", "representation", 1.0, lambda work: _together(work, "evaluate/lareqa"),
        {"map_of_other_languages": "without those of its own language", "strong": "strongly aligned",
         "own_share": "nearest ones in its own language", "fair_share": "the same if language did not count"},
    ),
    "language_probe": Measure(
        "evaluate/language-probe", "language probe", "Accuracy of telling a sentence's language from its vector; low is neutral.",
        "lower", "representation", 1.0, lambda work: _together(work, "evaluate/language-probe"),
        {"chance": "by guessing"},
    ),
    "neutrality": Measure(
        "evaluate/neutrality", "gain by centring", "What taking out each language's mean adds to retrieval over all pairs; of half the sentences.",
        "neither", "representation", 1.0, lambda work: _together(work, "evaluate/neutrality"),
        {"retrieval_before": "retrieval before", "retrieval_after": "retrieval after", "probe_before": "language probe before",
         "probe_after": "language probe after", "v_before": "V-measure with languages before", "v_after": "V-measure with languages after"},
    ),
    "premium": Measure(
        "evaluate/tokenizer", "token premium", "Tokens of the sentences by those of the pivot's: what the same content costs more.",
        "lower", "tokenizer", None, lambda work: _tokenizer(work, "premium"),
    ),
    "fertility": Measure(
        "evaluate/tokenizer", "fertility", "Tokens of a word; a word is what stands between white space.",
        "lower", "tokenizer", None, lambda work: _tokenizer(work, "fertility"),
    ),
    "bytes_per_token": Measure(
        "evaluate/tokenizer", "bytes a token", "Bytes of text that a token stands for.",
        "higher", "tokenizer", None, lambda work: _tokenizer(work, "bytes_per_token"),
    ),
    "information_parity": Measure(
        "evaluate/information-parity", "information parity", "How probable the model finds the pivot's sentences by how probable their translations, in nats.",
        "higher", "language model", 1.0, _parity,
    ),
    "bits_per_byte": Measure(
        "evaluate/bits-per-byte", "bits per byte", "Bits that the model needs for a byte of the text; for one language, not between languages.",
        "lower", "language model", None, lambda work: _bits(work, "bits_per_byte"),
    ),
    "compressor": Measure(
        "evaluate/bits-per-byte", "PPMd bits per byte", "The same of a compressor, once it has seen the rest of the file, up to 200 kB.",
        "lower", "language model", None, lambda work: _bits(work, "compressor"),
    ),
}  # fmt: skip
