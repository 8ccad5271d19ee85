"""What is in a corpus: counts, distributions, duplicates, noise and samples, in one pass and bounded memory."""
