"""What is hidden in texts: pairs of translations within one document."""
