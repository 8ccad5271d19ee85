"""Alignment extracted from translation models."""
