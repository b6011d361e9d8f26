"""Clips beside each other in one file."""
