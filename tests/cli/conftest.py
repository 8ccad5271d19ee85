"""A command line called in a folder of its own."""

from __future__ import annotations

import pytest

from polyalign.cli import main as entry


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Run a command line in an empty folder; (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        status = entry._run([str(a) for a in args])
        out = capsys.readouterr()
        return status, out.out, out.err

    return run
