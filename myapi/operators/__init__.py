"""Operators: colleagues whom a link lets into the console, each by name."""
