"""The FastAPI peer: what its tutorials teach, complete enough to compare myapi with."""
