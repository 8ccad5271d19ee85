"""Which pieces a tokenizer has to keep so that some of them are made as before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from polyalign.core.jit import Mask
from polyalign.core.scripts import SCRIPTS, script_of
from polyalign.models.vocabulary.pieces import BYTE, SPACE, Pieces, byte_characters, parts

_PLACEHOLDER = re.compile(r"\W*(unused|reserved|placeholder)\w*?\d+\W*|\W*\w*reserved_special_token_\d+\W*")


def needed(pieces: Pieces, used: Mask, *, scripts: frozenset[str] = frozenset(), placeholders: bool = False) -> Mask:
    """What has to stay so that text made of the used pieces is segmented as before.

    Beside those pieces: marks (special tokens, what the chat template and the post-processor name), bytes, white space,
    single characters of some scripts and of none, and what the kind of model needs. BPE needs the steps by which a
    piece is put together; which those are does not depend on what stands around it, since each step joins two parts of the
    piece, and of those the tokenizer always takes the one of the lowest rank. Unigram needs the piece of the lowest score,
    by which an unknown character is scored.

    Args:
        pieces: The tokenizer's.
        used: What the text is made of, shape (v,).
        scripts: Scripts, ISO 15924, all of whose single characters stay; as `spread` finds them.
        placeholders: Keep special tokens without a use, such as ``<unused7>``.

    Returns:
        Shape (v,).

    Complexity: O(v + merges + letters of the kept pieces squared).
    """
    kept = used.copy()
    kept[_marks(pieces, placeholders)] = True
    alphabet = scripts | {""}
    for piece, text in enumerate(pieces.texts):
        if not kept[piece] and text and not pieces.added[piece]:
            kept[piece] = _basic(pieces, text, alphabet)
        elif pieces.added[piece] and not text.strip():
            kept[piece] = True
    if pieces.model == "BPE":
        merges = ranks(pieces.content)
        model = pieces.content["model"]
        prefix, suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""
        for piece in np.flatnonzero(kept & ~pieces.added).tolist():
            for part in derivation(pieces.texts[piece], merges, prefix, suffix):
                # Bytes, by whose numbers unknown characters are written, are not put together.
                if part in model["vocab"]:
                    kept[model["vocab"][part]] = True
    elif pieces.model == "Unigram":
        scores = [score for _, score in pieces.content["model"]["vocab"]]
        kept[int(np.argmin(scores))] = True
    kept &= np.array([bool(text) for text in pieces.texts])
    return kept


def _marks(pieces: Pieces, placeholders: bool) -> list[int]:
    """Special tokens, and whatever the tokenizer's settings name."""
    content, tokenizer = pieces.content, pieces.tokenizer
    named = {getattr(tokenizer, f"{mark}_token") for mark in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")}
    named.add(content["model"].get("unk_token"))
    for step in parts(content["post_processor"]):
        named |= set(step.get("special_tokens", {})) | {step[end][0] for end in ("sep", "cls") if end in step}
    if content.get("padding"):
        named.add(content["padding"]["pad_token"])
    template = tokenizer.chat_template or ""
    if isinstance(template, dict):
        template = " ".join(template.values())
    unknown = content["model"].get("unk_id")
    special = pieces.special
    out = [] if unknown is None else [int(unknown)]
    for piece, text in enumerate(pieces.texts):
        idle = _PLACEHOLDER.fullmatch(text) is not None
        wanted = placeholders if idle else bool(special[piece])
        if text and (wanted or text in named or (pieces.added[piece] and text in template)):
            out.append(piece)
    return out


def _basic(pieces: Pieces, text: str, alphabet: frozenset[str]) -> bool:
    """Whether a piece is a byte, white space, or a single character of a script that is kept whole."""
    if pieces.style == "byte-level":
        return len(text) == 1 or not text.strip("".join(byte_characters()[b] for b in b" \t\n\r"))
    if BYTE.fullmatch(text) or not text.strip(SPACE + " \t\n\r"):
        return True
    bare = text.removeprefix("##") if pieces.style == "wordpiece" else text.removeprefix(SPACE)
    suffix = pieces.content["model"].get("end_of_word_suffix") or ""
    bare = bare.removesuffix(suffix) if suffix else bare
    return len(bare) == 1 and script(bare) in alphabet


@lru_cache(maxsize=65536)
def script(character: str) -> str:
    """The script of a letter; nothing for what is in none, such as digits and punctuation."""
    found = script_of(character)
    return found if found in SCRIPTS else ""


def spread(texts: list[str], least: float) -> frozenset[str]:
    """The scripts that a share of the letters of a text are in, at least.

    Example:
        >>> sorted(spread(["abc def", "где"], 0.3)), sorted(spread(["abc def", "где"], 0.4))
        (['Cyrl', 'Latn'], ['Latn'])
    """
    letters: Counter[str] = Counter()
    for text in texts:
        letters.update(text)
    counts: Counter[str] = Counter()
    for character, n in letters.items():
        counts[script(character)] += n
    del counts[""]
    total = sum(counts.values())
    return frozenset(s for s, n in counts.items() if n >= least * total)


def ranks(content: dict[str, Any]) -> dict[tuple[str, str], int]:
    """The merges of a BPE model by their two parts; the first is made first."""
    out: dict[tuple[str, str], int] = {}
    for rank, (left, right) in enumerate(content["model"]["merges"]):
        out[left, right] = rank
    return out


def derivation(text: str, merges: dict[tuple[str, str], int], prefix: str = "", suffix: str = "") -> Iterator[str]:
    """Every piece there is on the way from single characters to a text, by the merges of lowest rank, the leftmost first.

    Example:
        >>> list(derivation("abc", {("b", "c"): 0, ("a", "bc"): 1, ("a", "b"): 2}))
        ['a', 'b', 'c', 'bc', 'abc']
    """
    bare = text.removeprefix(prefix)
    body = bare.removesuffix(suffix)
    symbols = [prefix + c for c in body]
    if not symbols:
        return
    if len(bare) == len(text):
        symbols[0] = symbols[0].removeprefix(prefix)
    if len(body) < len(bare):
        symbols[-1] += suffix
    yield from symbols
    while True:
        found = min(
            (
                (merges.get(pair, -1), k)
                for k, pair in enumerate(zip(symbols, symbols[1:], strict=False))
                if pair in merges
            ),
            default=None,
        )
        if found is None:
            return
        k = found[1]
        symbols[k : k + 2] = [symbols[k] + symbols[k + 1].removeprefix(prefix)]
        yield symbols[k]


def tokens_of(tokenizer: Any, lines: list[str], at_once: int = 1000) -> Iterator[list[list[int]]]:
    """The ids of lines, some lines at a time, without marks."""
    for start in range(0, len(lines), at_once):
        some = lines[start : start + at_once]
        yield tokenizer(some, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
