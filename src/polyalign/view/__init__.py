"""A local web page to look at alignments, to search them and to correct them."""
