"""Tokens, sealing at rest, and the rotation of their keys. Knows no Flask and no database."""
