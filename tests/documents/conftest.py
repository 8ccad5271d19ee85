"""The fake encoder in the place of every other."""

from __future__ import annotations

import pytest

from polyalign.documents import embedded
from tests.documents.fake import Fake


@pytest.fixture
def fake(monkeypatch):
    """Any encoder's name means the fake one, which keeps no cache."""
    monkeypatch.setenv("POLYALIGN_CACHE", "off")
    monkeypatch.setattr(embedded, "named_encoder", lambda name: Fake())
