"""Beside the packages information-parity and tokenization-scorer."""

from __future__ import annotations

import numpy as np
import pytest

from polyalign.evaluate.information_parity import InformationParity
from polyalign.evaluate.tokenizer import renyi_efficiency
from tests.encoders.conftest import save_tiny

TEXTS = ["the cat sat on the mat", "a red dog runs", "blue sky"]
PIVOT = ["a dog sat in the house", "the blue cat", "the green tree and the sky"]


@pytest.mark.peer
def test_information_parity_is_that_of_the_package(tmp_path):
    peer = pytest.importorskip("information_parity")
    transformers = pytest.importorskip("transformers")
    from polyalign.encoders.likelihood import Likelihood

    folder = save_tiny(
        tmp_path / "llama", "LlamaForCausalLM", seed=2, marks=False, limit=64, hidden_size=16, num_hidden_layers=4,
        num_attention_heads=2, intermediate_size=32, max_position_embeddings=64, initializer_range=0.5, bos_token_id=2,
        eos_token_id=3,
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    theirs = peer.InformationParity(model, tokenizer, device="cpu").compute_information_parity(PIVOT, TEXTS)[0]
    ours = InformationParity(samples=0).measure(Likelihood(str(folder), device="cpu"), TEXTS, PIVOT)
    assert ours.value == pytest.approx(theirs, abs=1e-5)


@pytest.mark.peer
@pytest.mark.parametrize("order", [0.5, 1.0, 2.5, 3.0])
def test_renyi_efficiency_is_that_of_the_package(order):
    peer = pytest.importorskip("tokenization_scorer")
    rng = np.random.default_rng(1)
    ids = [rng.zipf(1.5, 30).astype(np.int32) % 50 for _ in range(20)]
    lines = [" ".join(map(str, x)) for x in ids]
    # Its own order 1 reads what it has already used up.
    given = {"metric": "shannon"} if order == 1 else {"metric": "renyi", "power": order}
    assert renyi_efficiency(ids, order) == pytest.approx(peer.score(lines, **given))
