"""Encoders tuned so that sentences, or words, that mean the same in two languages have the same vectors."""
