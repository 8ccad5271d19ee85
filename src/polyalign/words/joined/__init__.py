"""Statistics and similarity joined: what `words.align/auto` is made of."""
