"""The floor: what the server costs with next to nothing on it."""
