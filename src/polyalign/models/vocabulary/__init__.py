"""The pieces of a language model: measured, extended, trimmed, and given rows."""
