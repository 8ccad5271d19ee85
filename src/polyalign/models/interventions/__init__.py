"""Changes to what a language model computes, without training it."""
