"""The FastAPI peer, written as in its tutorials and complete enough for a comparison."""
