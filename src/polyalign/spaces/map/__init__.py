"""Maps from one space to another: methods with one verb, ``fit(src, tgt, seeds) -> MapPair``."""
