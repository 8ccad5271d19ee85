"""Which weights of a language model are trained."""
