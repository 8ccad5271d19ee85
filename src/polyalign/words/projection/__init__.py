"""Projection: labels of spans of one language's text carried to the other's, and the files they are kept in."""
