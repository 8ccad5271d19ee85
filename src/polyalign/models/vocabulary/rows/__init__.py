"""Rows of new pieces: ways to fill the matrices of a model for pieces it has never seen."""
