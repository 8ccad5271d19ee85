"""Models: encoders and language models taught to treat languages alike."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
