"""Thin shells: widgets -> values -> one call into io_utils -> result."""
