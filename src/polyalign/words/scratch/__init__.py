"""Small neural aligners that learn from the bitext alone."""
