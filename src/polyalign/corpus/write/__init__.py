"""Writers of sentence pairs: a bitext to a file."""
