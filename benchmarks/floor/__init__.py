"""Minimal apps, to measure the cost of the server itself."""
