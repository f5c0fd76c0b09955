"""Reproduces the figures in the README: `python dev.py bench`."""
