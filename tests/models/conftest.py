"""A tiny encoder to tune, and text of which it can learn something in no time."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyalign.core.bitext import Bitext
from tests.encoders.conftest import bert  # noqa: F401

SRC = ["the cat sat", "a red house", "the dog runs", "blue sky and sun", "under the tree", "not at the mat"]
TGT = ["猫 sat er", "ein rotes haus", "der hund", "blau und sky", "er unter", "not mat to"]


@pytest.fixture(scope="session")
def tiny(bert: Path) -> Path:  # noqa: F811
    """Four layers of random weights, 32 positions."""
    return bert


@pytest.fixture
def encoder(tiny: Path):
    from polyalign.encoders.transformer import Transformer

    return Transformer(str(tiny), device="cpu")


@pytest.fixture
def bitext() -> Bitext:
    return Bitext.build(SRC, TGT)
