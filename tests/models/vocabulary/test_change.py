"""What a new tokenizer keeps of an old one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from polyalign.core.ragged import Ragged

pytest.importorskip("transformers")

from polyalign.models.vocabulary.change import Change, shared
from polyalign.models.vocabulary.pieces import byte_characters, rebuilt
from tests.models.tiny import byte_level


def grown(old, *merges, without=()):
    """The tokenizer with further merges, each of two pieces, and without some pieces that no merge makes."""
    content = json.loads(old.backend_tokenizer.to_str())
    vocabulary = content["model"]["vocab"]
    for a, b in merges:
        content["model"]["merges"].append([a, b])
        vocabulary.setdefault(a + b, max(vocabulary.values()) + 1)
    for piece in without:
        del vocabulary[piece]
    return rebuilt(old, content)


def sentencepiece(*words):
    """A tokenizer that writes spaces as U+2581 and knows single bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted({c for w in words for c in w.replace(" ", "\u2581")})
    pieces = ["<unk>", *(f"<0x{b:02X}>" for b in range(256)), *letters]
    merges = []
    for word in words:
        word = word.replace(" ", "\u2581")
        for k in range(2, len(word) + 1):
            if word[:k] not in pieces:
                pieces.append(word[:k])
                merges.append((word[: k - 1], word[k - 1]))
    model = models.BPE({p: k for k, p in enumerate(pieces)}, merges, unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(steps)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def test_a_tokenizer_and_itself():
    old = byte_level()
    change = Change.between(old, old)
    assert change.kept.tolist() == list(range(len(old)))
    assert len(change.new) == len(change.pieces) == len(change.constituents) == 0
    assert change.placed(np.eye(len(old), dtype=np.float32), np.zeros((0, len(old)), np.float32)).tolist() == (
        np.eye(len(old)).tolist()
    )


def test_new_pieces_and_what_they_are_made_of():
    old = byte_level()
    new = grown(old, ("Ġ", "z"), ("Ġz", "z"), ("Ã", "¼"))
    change = Change.between(old, new)
    assert change.new.tolist() == [len(old), len(old) + 1, len(old) + 2]
    assert change.pieces == (" z", " zz", "ü")
    vocabulary = old.get_vocab()
    made = [[vocabulary[p] for p in parts] for parts in (["Ġ", "z"], ["Ġ", "z", "z"], ["Ã", "¼"])]
    assert [r.tolist() for r in change.constituents] == made
    assert change.kept.tolist() == [*range(len(old)), -1, -1, -1]
    assert change.tokenizer is new


def test_a_piece_that_is_a_part_of_a_character():
    old = byte_level()
    # Two of the three bytes of a dash.
    change = Change.between(old, grown(old, ("â", "Ģ")))
    assert change.pieces[0].encode(errors="surrogateescape") == b"\xe2\x80"
    assert len(change.constituents[0]) == 2


def test_pieces_written_in_another_way_are_compared_by_their_bytes():
    old, new = byte_level(), sentencepiece(" the", " zz")
    change = Change.between(old, new)
    ids, back = new.get_vocab(), old.convert_ids_to_tokens
    assert back(int(change.kept[ids["\u2581the"]])) == "Ġthe"
    assert back(int(change.kept[ids["<0x61>"]])) == "a"
    assert back(int(change.kept[ids["<0xC3>"]])) == byte_characters()[0xC3]
    assert change.kept[ids["\u2581zz"]] == -1
    k = change.new.tolist().index(ids["\u2581zz"])
    assert back(change.constituents[k].tolist()) == ["Ġ", "z", "z"]
    again = Change.between(new, old)
    assert new.convert_ids_to_tokens(int(again.kept[old.get_vocab()["Ġthe"]])) == "\u2581the"


def test_ids_that_no_piece_has_get_the_mean_row():
    old = byte_level()
    content = json.loads(old.backend_tokenizer.to_str())
    vocabulary = content["model"]["vocab"]
    vocabulary["Ġzz"] = len(vocabulary) + 2
    change = Change.between(old, rebuilt(old, content))
    size = len(old)
    assert change.kept[size:].tolist() == [-1, -1, -1]
    assert change.new.tolist() == [size + 2]
    rows = np.random.default_rng(1).normal(size=(size, 3)).astype(np.float32)
    placed = change.placed(rows, np.full((1, 3), 7, np.float32))
    assert (placed[:size] == rows).all()
    np.testing.assert_allclose(placed[size : size + 2], np.tile(rows.mean(axis=0), (2, 1)), rtol=1e-5, atol=1e-6)
    assert (placed[size + 2] == 7).all()


def test_shared_pieces_are_those_that_are_kept():
    old = byte_level()
    new = grown(old, ("Ġ", "z"))
    assert shared(old, new).tolist() == Change.between(old, new).kept.tolist()


def test_a_special_token_stays_the_same_piece():
    old = byte_level()
    change = Change.between(old, grown(old, ("Ġ", "z")))
    for mark in old.all_special_tokens:
        piece = old.convert_tokens_to_ids(mark)
        assert change.kept[change.tokenizer.convert_tokens_to_ids(mark)] == piece


def test_numbers_that_do_not_fit():
    with pytest.raises(ValueError, match="1 new pieces, 0 texts and 1 rows"):
        Change(None, np.array([-1], np.int32), np.array([0], np.int32), (), Ragged.from_lists([[1]]))
