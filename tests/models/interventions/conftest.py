"""A tiny encoder."""

from __future__ import annotations

from tests.encoders.conftest import bert  # noqa: F401
