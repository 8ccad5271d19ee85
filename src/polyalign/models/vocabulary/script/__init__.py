"""Text brought into another script, or into other bytes, so that languages share more."""
