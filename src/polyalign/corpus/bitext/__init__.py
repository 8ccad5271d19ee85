"""Readers of sentence pairs: a file to a bitext."""
