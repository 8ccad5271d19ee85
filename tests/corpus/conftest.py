"""Fixtures of the corpus tests."""

from __future__ import annotations

import json

import pytest

from polyalign.core.progress import event_log


@pytest.fixture
def notes(tmp_path_factory):
    """What the code under test has told the user so far."""
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    with event_log(path):
        yield lambda: [e["message"] for e in map(json.loads, path.open(encoding="utf-8")) if e["event"] == "note"]
