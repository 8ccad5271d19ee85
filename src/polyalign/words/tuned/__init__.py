"""Aligners by similarity whose encoder is tuned on the bitext first."""
