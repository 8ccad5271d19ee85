"""Spaces: words or sentences as vectors, maps from one space to another, and retrieval across them."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
