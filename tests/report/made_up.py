"""A measurement of models that was never made, in the shape that `evaluate model --json` gives."""

from __future__ import annotations

import numpy as np

TAGS = ("deu_Latn", "hin_Deva", "arb_Arab", "cmn_Hans", "fin_Latn", "swh_Latn")
SAID = {
    "eng_Latn": "The bridge over the river was closed for a second week.",
    "deu_Latn": "Die Brücke über den Fluss blieb eine zweite Woche gesperrt.",
    "hin_Deva": "नदी पर बना पुल दूसरे सप्ताह भी बंद रहा।",
    "arb_Arab": "ظل الجسر فوق النهر مغلقا للأسبوع الثاني.",
    "cmn_Hans": "河上的大桥第二周仍然关闭，居民们不得不绕行很远的路才能到达对岸的市场和学校。",
    "fin_Latn": "Joen ylittävä silta oli suljettuna toista viikkoa.",
    "swh_Latn": "Daraja juu ya mto lilifungwa kwa wiki ya pili.",
}


def made_up(models=("e5", "SmolLM2-135M"), tags=TAGS, n=40, seed=3):
    """Two models, six languages; every part of the shape filled."""
    random = np.random.default_rng(seed)
    every = ("eng_Latn", *tags)

    def cell(value, wide=0.06, signature="metric:made-up|version:0"):
        return {
            "value": value,
            "ci": [value - wide, value + wide],
            "n": n,
            "signature": signature,
            "parts": {"chance": 0.25},
        }

    told = {
        "polyalign": "0.1.0",
        "parallel": {"folder": "ntrex", "sentences": n, "multiway": True},
        "pivot": "eng_Latn",
        "languages": list(tags),
        "metrics": {
            "mexa": {"title": "MEXA", "about": "Sentences whose translation is nearest, mean over layers.", "better": "higher", "group": "representation", "top": 1.0, "method": "evaluate/mexa", "papers": [], "parts": {}},
            "retrieval": {"title": "xsim error", "about": "Sentences that find another than their translation.", "better": "lower", "group": "representation", "top": 1.0, "method": "evaluate/retrieval", "papers": ["artetxe2019massively"], "parts": {}},
            "parity": {"title": "tokens against the pivot", "about": "Tokens of a text, by those of the pivot's.", "better": "lower", "group": "tokenizer", "top": None, "method": "evaluate/tokenizer", "papers": [], "parts": {}},
            "bits_per_byte": {"title": "bits per byte", "about": "Negative log-likelihood.", "better": "lower", "group": "language model", "top": None, "method": "evaluate/bits-per-byte", "papers": [], "parts": {}},
            "neutrality": {"title": "language probe", "about": "Accuracy.", "better": "lower", "group": "representation", "top": 1.0, "method": "evaluate/neutrality", "papers": [], "parts": {"chance": "by guessing"}},
        },
        "models": [],
        "differences": [],
        "texts": {t: [f"{SAID[t]} ({i})" if t in SAID else f"{t} {i}" for i in range(n)] for t in every},
    }  # fmt: skip
    for m, name in enumerate(models):
        depth = (12, 30, 18)[m % 3]
        level = {t: max(0.02, 0.95 - 0.35 * m - 0.11 * k) for k, t in enumerate(tags)}
        curve = np.sin(np.linspace(0.2, 2.6, depth + 1))
        meaning = random.normal(size=(n, 2))
        pairs = [[None if a == b else round(0.9 * level.get(a, 1) * level.get(b, 1), 3) for b in every] for a in every]
        points = {
            t: (meaning + 0.3 * random.normal(size=(n, 2)) + 3 * m * random.normal(size=2)).round(3).tolist()
            for t in every
        }
        told["models"].append(
            {
                "model": name,
                "pivot": "eng_Latn",
                "languages": list(tags),
                "depth": depth,
                "layer": depth // 2,
                "metrics": {
                    "mexa": {t: cell(v * 0.7) for t, v in level.items()},
                    "retrieval": {t: cell(1 - v, 0.03) for t, v in level.items()},
                    "parity": {t: cell(1.1 + 0.3 * k * (1 + m), 0.05) for k, t in enumerate(tags)},
                    **({"bits_per_byte": {t: cell(0.9 + 0.2 * k) for k, t in enumerate(tags)}} if m else {}),
                    "neutrality": {"all": cell(0.9 - 0.2 * m)},
                },
                "layers": {
                    "mexa": {t: (v * curve).round(4).tolist() for t, v in level.items()},
                    "retrieval": {t: (1 - v * curve).round(4).tolist() for t, v in level.items()},
                },
                "pairs": {"mexa": pairs, "bias": [[round(1 / len(every), 3)] * len(every)] * len(every)},
                "map": {
                    "as it is": {"points": points, "explained": [0.31, 0.12]},
                    "centred": {"points": {t: (0.5 * np.array(p)).tolist() for t, p in points.items()}, "explained": [0.2, 0.1]},
                },
                "notes": [] if m else ["bits_per_byte: left out, e5 is no causal language model"],
            }
        )  # fmt: skip
    for t in tags if len(models) > 1 else ():
        told["differences"].append(
            {"models": list(models[:2]), "metric": "mexa", "language": t, "value": -0.24, "ci": [-0.31, -0.17], "n": n}
        )
    return told
