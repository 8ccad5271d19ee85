"""What a command line must do when it refuses."""

from __future__ import annotations


def fails(result, *parts):
    status, out, err = result
    assert status == 2, (status, out, err)
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err
    for part in parts:
        assert part in err, err
