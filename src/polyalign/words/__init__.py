"""Words: a bitext to links; symmetrise; lexicon."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
