"""Whether a tokenizer ever makes a piece."""

from __future__ import annotations

from collections.abc import Iterable

from polyalign.models.vocabulary.pieces import Pieces


def unreachable(pieces: Pieces, which: Iterable[int] | None = None) -> list[int]:
    """The pieces that no text is segmented into, looked at one by one.

    A piece that its own text is not segmented into is never made: of BPE because another merge comes first, of Unigram
    because its parts are more probable. Tokens outside the model are searched for in text and always found; pieces of
    single bytes are made of what no other piece has, and are not looked at.

    Args:
        pieces: The tokenizer.
        which: Ids of the pieces to look at; all by default.
    """
    out = []
    for piece in range(len(pieces.texts)) if which is None else which:
        if (
            not pieces.texts[piece]
            or pieces.added[piece]
            or (pieces.style == "sentencepiece" and pieces.is_byte(piece))
        ):
            continue
        if pieces.segment(pieces.as_bytes(piece)) != [piece]:
            out.append(piece)
    return out
