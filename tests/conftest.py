"""Fixtures that every level's tests share."""

from __future__ import annotations

import os
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
