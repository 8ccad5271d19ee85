"""Vocabulary extension beside other tools."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from polyalign.models.vocabulary.extend.added import Added
from polyalign.models.vocabulary.extend.bpe import BPE
from polyalign.models.vocabulary.pieces import pieces_of, rebuilt
from polyalign.models.vocabulary.reachable import unreachable
from tests.models import tiny
from tests.models.vocabulary.test_extend import ROMANSH

pytestmark = pytest.mark.peer


def unchanged(base, made):
    return sum(base(t)["input_ids"] == made(t)["input_ids"] for t in tiny.TEXT) / len(tiny.TEXT)


def tokens(made):
    return sum(len(made(t)["input_ids"]) for t in ROMANSH)


def second_tokenizer(base):
    """The tokenizers library's own training on the new language, with the base's pre-tokenizer."""
    from tokenizers import Tokenizer, pre_tokenizers, trainers

    content = pieces_of(base).content
    backend = Tokenizer.from_str(
        json.dumps({**content, "model": {**content["model"], "vocab": {}, "merges": []}, "added_tokens": []})
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        ROMANSH, trainers.BpeTrainer(vocab_size=356, initial_alphabet=alphabet, show_progress=False)
    )
    return json.loads(backend.to_str())["model"]


def test_merges_of_a_second_tokenizer_leave_pieces_dead_and_ours_none():
    base = tiny.byte_level()
    pieces = pieces_of(base)
    model = pieces.content["model"]
    merges = [m for m in second_tokenizer(base)["merges"] if m not in model["merges"]]
    new = [t for t in dict.fromkeys(a + b for a, b in merges) if t not in model["vocab"]]
    vocabulary = {**model["vocab"], **{t: len(base) + k for k, t in enumerate(new)}}
    spliced = rebuilt(
        base, {**pieces.content, "model": {**model, "vocab": vocabulary, "merges": model["merges"] + merges}}
    )
    ours = BPE(pieces=len(new), minimum_count=2).fit(base, ROMANSH)
    dead = [len(unreachable(pieces_of(t), range(len(base), len(t)))) for t in (spliced, ours)]
    assert dead[0] > dead[1] == 0
    assert tokens(ours) <= tokens(spliced)


def test_added_tokens_of_transformers_change_other_text_and_save_less():
    base = tiny.byte_level()
    ours, theirs = (
        BPE(pieces=60, minimum_count=3).fit(base, ROMANSH),
        Added(pieces=60, minimum_count=3).fit(base, ROMANSH),
    )
    assert tokens(ours) < tokens(theirs) < tokens(base)
    assert unchanged(base, ours) >= unchanged(base, theirs)


def test_skeletoken_reads_ours_and_segments_it_alike():
    skeletoken = pytest.importorskip("skeletoken")
    ours = BPE(pieces=60, minimum_count=3).fit(tiny.byte_level(), ROMANSH)
    read = skeletoken.TokenizerModel.from_string(ours.backend_tokenizer.to_str()).to_tokenizer()
    for text in [*ROMANSH, *tiny.TEXT]:
        assert read.encode(text).ids == ours(text)["input_ids"]
