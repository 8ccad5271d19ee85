"""What the measures of models before and after they were taught a language come to, in words."""

from __future__ import annotations

from polyalign.evaluate.compared import Told, language

#: Windows below which an interval by resampling them is too narrow.
ENOUGH = 10


def verdict(told: Told) -> Told:
    """Whether it helped, as a word and as sentences.

    Args:
        told: What `Teaching.measure` gives, without it.

    Returns:
        ``helped`` is "yes", "yes, at a price", "no" or "cannot be told" (also with too little text); ``said`` are sentences.
    """
    names = [model["name"] for model in told["models"]]
    new, bits = language(told["new"]), told["bits_per_byte"]
    if len(names) < 2:
        return {"helped": "cannot be told", "said": ["There is one model only, and nothing to compare it with."]}
    said, lost, most = [], [], f"the tolerance of {told['tolerance']:g}"
    if told["new"] in bits:
        held = bits[told["new"]]
        change, (before, *_, after) = held["changes"][-1], [cell["value"] for cell in held["cells"]]
        helped = "yes" if change["ci"][1] < 0 else "no" if change["ci"][0] > 0 else "cannot be told"
        if change["n"] < ENOUGH:
            helped = "cannot be told"
            said.append(f"There are {change['n']} windows of {new} only, too few for an interval; hold out more text.")
        said.append(
            f"{names[-1]} needs {after:.2f} bits for a byte of {new}, {names[0]} {before:.2f}: {_by(change, 2)}."
        )
        yard, seen = held["compressor"]["value"], told["text"][told["new"]]["seen_bytes"]
        than = f"a compressor that has seen {seen / 1000:,.0f} kB" if seen else "a compressor that has seen nothing"
        said.append(
            f"That is {abs(after / yard - 1):.0%} {'less' if after < yard else 'more'} than {than} ({yard:.2f})."
        )
        for lang in told["known"]:
            changed = bits[lang]["changes"][-1]
            if changed["value"] > told["tolerance"] and changed["ci"][0] > 0:
                lost.append(lang)
        if told["known"]:
            listed = ", ".join(f"{language(x)} {_by(bits[x]['changes'][-1], 2)}" for x in told["known"])
            over = any(bits[x]["changes"][-1]["value"] > told["tolerance"] for x in told["known"])
            rest = "" if lost else f"; what is beyond {most} may be chance" if over else f"; nothing beyond {most}"
            said.append(f"What it knew before: {listed}{rest}.")
    else:
        changes = [pair["mexa"]["changes"][-1] for pair in told["alignment"]]
        better, worse = sum(c["ci"][0] > 0 for c in changes), sum(c["ci"][1] < 0 for c in changes)
        helped = "yes" if better > worse else "no" if worse > better else "cannot be told"
    for pair in told["alignment"]:
        said.append(f"MEXA of {language(pair['src'])} and {language(pair['tgt'])}: {_from_to(pair['mexa'], 3)}.")
    for way in told["translation"]:
        said.append(f"chrF {language(way['src'])} to {language(way['tgt'])}: {_from_to(way, 1)}; the source as it is has {way['copied']['value']:.1f}.")  # fmt: skip
    return {"helped": "yes, at a price" if helped == "yes" and lost else helped, "said": said}


def _from_to(held: Told, places: int) -> str:
    values = [held["cells"][0]["value"], held["cells"][-1]["value"]]
    return f"{values[0]:.{places}f}, then {values[1]:.{places}f}, {_by(held['changes'][-1], places)}"


def _by(change: Told, places: int) -> str:
    low, high = change["ci"]
    return f"{change['value']:+.{places}f} ({low:+.{places}f} to {high:+.{places}f})"
