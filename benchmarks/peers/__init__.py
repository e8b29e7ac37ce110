"""What others would pick, to measure myapi against. None of it is part of myapi."""
