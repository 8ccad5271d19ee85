"""How a method of each task is run on stored results: the methods know nothing of files."""
