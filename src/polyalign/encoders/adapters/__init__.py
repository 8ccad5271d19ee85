"""Adapters on a transformer, apart from it: what they are made of, and how they are attached."""
