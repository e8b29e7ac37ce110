"""The start in development: the address, what is printed, and the server of `dev.py`."""
