"""Text: raw strings to clean strings, languages, sentences and words."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = []
