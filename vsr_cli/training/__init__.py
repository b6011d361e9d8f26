"""Pairs in, weights out."""
