"""Training a language model: what it learns from, by which objectives, and which of its weights."""
