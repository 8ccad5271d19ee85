"""Sentences: two documents to beads."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
