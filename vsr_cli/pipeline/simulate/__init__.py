"""Simulated runs into files."""
