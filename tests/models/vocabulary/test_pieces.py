from __future__ import annotations

import json

import pytest

from polyalign.core.errors import ConfigError

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.models.vocabulary.pieces import byte_characters, pieces_of, rebuilt
from polyalign.models.vocabulary.reachable import unreachable
from tests.models import tiny
from tests.models.vocabulary.test_trim import sentencepiece_bpe, unigram, wordpiece

KINDS = {"byte-level": tiny.byte_level, "sentencepiece": sentencepiece_bpe, "wordpiece": wordpiece}
NASTY = "the mat ✓🏔️ \u00a0 አማርኛ 345"


def test_byte_characters_are_those_of_the_tokenizers_library():
    from tokenizers import pre_tokenizers

    assert set(byte_characters()) == set(pre_tokenizers.ByteLevel.alphabet())
    assert byte_characters()[0xC3] == "Ã"


@pytest.mark.parametrize("style", KINDS)
def test_pieces_end_to_end_are_the_text(style):
    tokenizer = KINDS[style]()
    pieces = pieces_of(tokenizer)
    assert pieces.style == style
    text = "the cat sat" if style == "wordpiece" else NASTY
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert b"".join(pieces.as_bytes(i) for i in ids).decode().strip() == text


@pytest.mark.parametrize("make", [tiny.byte_level, sentencepiece_bpe, unigram, wordpiece])
def test_a_piece_is_written_and_segmented_as_itself(make):
    pieces = pieces_of(make())
    dead = set(unreachable(pieces))
    for piece, text in enumerate(pieces.texts):
        if not pieces.added[piece] and not pieces.is_byte(piece):
            content = pieces.as_bytes(piece)
            assert pieces.written(content) == text
            assert (pieces.segment(content) == [piece]) == (piece not in dead)


def test_parts_of_characters_become_bytes():
    pieces = pieces_of(sentencepiece_bpe())
    content = b" the" + "አ".encode()[:2]
    assert [pieces.texts[i] for i in pieces.segment(content)][-2:] == ["<0xE1>", "<0x8A>"]
    assert pieces.written(content) is None
    unknown = pieces_of(unigram())
    assert [unknown.texts[i] for i in unknown.segment(b"\xe1")] == ["<unk>"]


def test_rebuilt_keeps_marks_template_and_settings():
    base = tiny.byte_level()
    base.model_max_length = 77
    content = pieces_of(base).content
    before = json.dumps(content)
    content["model"]["vocab"]["new"] = len(base)
    out = rebuilt(base, content)
    assert len(out) == len(base) + 1
    assert (out.chat_template, out.bos_token_id, out.model_max_length) == (base.chat_template, base.bos_token_id, 77)
    assert json.dumps(pieces_of(base).content) == before


def test_errors():
    base = tiny.byte_level()
    content = pieces_of(base).content
    content["model"]["merges"].append(["no", "such"])
    with pytest.raises(ConfigError, match="the changed tokenizer cannot be read"):
        rebuilt(base, content)

    class Odd:
        name_or_path = "odd"

        class backend_tokenizer:
            @staticmethod
            def to_str():
                return '{"model": {"type": "Odd"}}'

    with pytest.raises(ConfigError, match="odd: its model is 'Odd', expected BPE"):
        pieces_of(Odd())
