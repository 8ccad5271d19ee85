"""A tiny encoder to tune, and text of which it can learn something in no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyalign.core.bitext import Bitext
from tests.encoders.conftest import save_tiny

SRC = ["the cat sat", "a red house", "the dog runs", "blue sky and sun", "under the tree", "not at the mat"]
TGT = ["猫 sat er", "ein rotes haus", "der hund", "blau und sky", "er unter", "not mat to"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four layers of random weights, 32 positions."""
    return save_tiny(
        tmp_path_factory.mktemp("models") / "bert", "BertModel", seed=1, marks=True, limit=32,
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, initializer_range=0.5,
    )  # fmt: skip


@pytest.fixture
def encoder(tiny: Path):
    from polyalign.encoders.transformer import Transformer

    return Transformer(str(tiny), device="cpu")


@pytest.fixture
def bitext() -> Bitext:
    return Bitext.build(SRC, TGT)
