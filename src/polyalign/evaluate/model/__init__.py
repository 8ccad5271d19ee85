"""A model measured by many metrics over a folder of parallel texts."""
