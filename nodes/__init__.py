"""Thin nodes: each turns its widgets into a request, calls io_utils once, and returns the result."""
