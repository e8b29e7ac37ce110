"""Tokens, sealing at rest, and key rotation. Imports neither Flask nor a database."""
