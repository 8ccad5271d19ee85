"""The figures of a language pair or language for reading: quantiles, languages, scripts, examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from polyalign.corpus.profile.profile import Group, Identify
from polyalign.corpus.profile.sketch import Sample
from polyalign.corpus.profile.texts import Texts, as_array, bytes_of, duplicates
from polyalign.kernels.wording import hash_texts

SHARES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
#: Letters from which a text's language can be told, mostly.
_LETTERS = 20
Row = dict[str, Any]


def tell_group(
    group: Group, kind: str, identify: Identify | None, scripts: Callable[[str], str] | None
) -> dict[str, Any]:
    """All figures of a language pair or language, as JSON has them."""
    sample = group.sample.table()
    names = ("src", "tgt") if len(group.langs) == 2 else ("text",)
    sides = []
    for lang, name, texts in zip(group.langs, names, group.sides, strict=True):
        told: dict[str, Any] = {"lang": lang, "side": name, **texts.told()}
        told["noise_examples"] = _examples(texts.examples, texts.noise)
        if scripts is not None:
            told["scripts"] = _scripts(texts, scripts)
        if sample is not None:
            told["repeated"] = _repeated(sample, name, texts)
            if identify is not None:
                told["identified"] = _identified(sample, name, lang, identify)
        sides.append(told)
    out: dict[str, Any] = {"langs": list(group.langs), "rows": group.rows, "sides": sides}
    if len(names) == 2:
        filled = group.rows - group.noise.get("one side empty", 0) - group.noise.get("both sides empty", 0)
        out["duplicates"] = {"exact": duplicates(group.exact, filled), "near": duplicates(group.loose, filled)}
        out["ratios"] = group.ratios.counts.tolist()
        out["noise"] = {name: number for name, number in group.noise.items() if number}
        out["noise_examples"] = _examples(group.examples, group.noise)
    if kind == "documents":
        bins, low, high = group.documents.octaves()
        number = group.documents.number()
        out["documents"] = {
            "number": number,
            "empty": group.blank_documents,
            "characters": dict(zip([f"{s:g}" for s in SHARES], group.documents.quantiles(list(SHARES)), strict=True)),
            "histogram": bins,
            "octaves": [low, high],
            "duplicates": duplicates(group.document, number - group.blank_documents),
        }
    if sample is not None:
        out["sample"] = sample.num_rows
        out["scores"] = {name: _score(group, sample, name) for name in group.scores}
        lengths = sum(pc.utf8_length(sample[n]).to_numpy().astype(np.int64) for n in names)
        out["by_length"] = _at_quantiles(sample, np.asarray(lengths, np.float64), "characters")
    return out


def _examples(held: dict[str, Sample], order: Iterable[str]) -> dict[str, list[Row]]:
    tables = {name: held[name].table() for name in order if name in held}
    return {name: table.to_pylist() for name, table in tables.items() if table is not None}


def _scripts(texts: Texts, script: Callable[[str], str]) -> dict[str, int]:
    """How many letters are of each script."""
    counts: Counter[str] = Counter()
    for point, number in texts.points.items():
        char = chr(point)
        if char.isalpha() and (name := script(char)) != "Zyyy":
            counts[name] += number
    return dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0])))


def _repeated(sample: pa.Table, name: str, texts: Texts) -> list[Row]:
    """The texts that are there most often, of those in the sample: who is there often is in it."""
    column = as_array(sample[name])
    counts = texts.exact.of(hash_texts(*bytes_of(column)))
    found: dict[str, int] = {}
    for row in np.argsort(-counts, kind="stable")[:2000].tolist():
        if counts[row] < 2 or len(found) == 8:
            break
        found.setdefault(column[row].as_py(), int(counts[row]))
    return [{"text": text, "count": count} for text, count in found.items()]


def _identified(sample: pa.Table, name: str, lang: str, identify: Identify) -> dict[str, Any]:
    """Which languages the sample's texts look like, and how many are in the one they claim."""
    texts = [t for t in sample[name].to_pylist() if sum(map(str.isalpha, t)) >= _LETTERS]
    found = [answer.lang for answer in identify(texts)]
    counts = Counter(found)
    known = len(found) - counts["und"]
    # Long enough to tell, but in the wrong language: the surest first.
    others = [(text, tag) for text, tag in zip(texts, found, strict=True) if tag not in (lang, "und")]
    return {
        "looked_at": len(texts),
        "languages": dict(sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))),
        "as_stated": None if lang == "und" else counts[lang],
        "interval": None if lang == "und" or not known else list(wilson(counts[lang], known)),
        "known": known,
        "others": [{"text": t, "lang": tag} for t, tag in sorted(others, key=lambda o: (-len(o[0]), o[0]))[:6]],
    }


def wilson(hits: int, number: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson's).

    Example:
        >>> [round(x, 3) for x in wilson(9, 10)]
        [0.596, 0.982]
    """
    share = hits / number
    middle = share + z * z / (2 * number)
    width = z * float(np.sqrt(share * (1 - share) / number + z * z / (4 * number * number)))
    whole = 1 + z * z / number
    return max(0.0, (middle - width) / whole), min(1.0, (middle + width) / whole)


def _score(group: Group, sample: pa.Table, name: str) -> dict[str, Any]:
    score = group.scores[name]
    out: dict[str, Any] = {"number": score.number, "missing": score.missing}
    if not score.number or name not in sample.column_names:
        return out
    values = sample[name].to_numpy().astype(np.float64)
    there = values[~np.isnan(values)]
    if not len(there):
        return out
    quantiles = np.quantile(there, SHARES)
    quantiles[0], quantiles[-1] = score.low, score.high
    low, high = (float(x) for x in (score.low, score.high))
    out["mean"] = score.total / score.number
    out["quantiles"] = {f"{s:g}": float(q) for s, q in zip(SHARES, quantiles.tolist(), strict=True)}
    bins = np.histogram(there, 48, (low, high if high > low else low + 1))[0]
    out["histogram"] = bins.tolist()
    out["rows"] = _at_quantiles(sample, values, name)
    return out


def _at_quantiles(sample: pa.Table, values: Any, name: str) -> list[Row]:
    """Two rows of the sample around each quantile of something, with its value and the quantile."""
    there = np.flatnonzero(~np.isnan(values))
    order = there[np.argsort(values[there], kind="stable")]
    out: list[Row] = []
    seen: set[int] = set()
    for share in SHARES:
        middle = share * (len(order) - 1)
        for place in (int(np.floor(middle)), min(int(np.floor(middle)) + 1, len(order) - 1)):
            row = int(order[place])
            if row not in seen:
                seen.add(row)
                out.append({"quantile": share, "value": float(values[row]), **sample.slice(row, 1).to_pylist()[0]})
    return out
