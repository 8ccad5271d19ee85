"""Retrieval across mapped spaces: methods with one verb, ``retrieve(src, tgt, k) -> scores, rows``."""
