"""Thresholds from a language's own text: what is usual in a good sample of it says what to ask for, without tuning by hand."""
