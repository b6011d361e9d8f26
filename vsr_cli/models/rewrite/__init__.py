"""Exact faster forms of layers, made when a network is loaded."""
