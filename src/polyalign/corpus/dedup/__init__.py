"""Deduplication: which rows say the same, as columns; deciding is another step's."""
