"""Evaluate: every metric."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
