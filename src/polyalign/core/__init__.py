"""Core: the types, registry, store, progress and errors that every level shares; knows no method."""
