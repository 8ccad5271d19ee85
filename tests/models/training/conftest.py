"""Tiny models that are trained, and what they are trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyalign.models.language_model import LanguageModel, read_model
from polyalign.models.training.objective import Data
from tests.models.tiny import TEXT, llama
from tests.models.training.tiny_masked import masked as bert
from tests.models.training.tiny_masked import planted

for needed in ("torch", "transformers", "accelerate"):
    pytest.importorskip(needed)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory) -> Path:
    return llama(tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture(scope="session")
def tiny_untied(tmp_path_factory) -> Path:
    return llama(tmp_path_factory.mktemp("models") / "untied", tied=False)


@pytest.fixture
def causal(tiny_llama: Path) -> LanguageModel:
    """Two layers of random weights; the head is the embeddings."""
    return read_model(str(tiny_llama))


@pytest.fixture
def untied(tiny_untied: Path) -> LanguageModel:
    return read_model(str(tiny_untied))


@pytest.fixture
def masked(tmp_path: Path) -> LanguageModel:
    return read_model(str(bert(tmp_path / "bert")), kind="masked")


@pytest.fixture
def documents() -> Data:
    """A new language and one to replay."""
    return Data({"roh_Latn": TEXT[:3], "deu_Latn": TEXT[3:4]}, lang="roh_Latn")


@pytest.fixture
def pairs() -> Data:
    """Sentences of words, each translated word by word, with links and documents of both languages."""
    return planted()
