"""Colour spaces, and pixels converted from one to another."""
