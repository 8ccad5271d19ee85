"""Corpus: read and write every format people have; select."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
